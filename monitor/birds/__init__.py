"""Birds: is one audible (gate), and the prototypes of species that the user teaches."""
