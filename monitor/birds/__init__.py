"""Birds: is one audible, and which."""
