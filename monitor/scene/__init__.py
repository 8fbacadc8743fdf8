"""Where this sounds to be."""
