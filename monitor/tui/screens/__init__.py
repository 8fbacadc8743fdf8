"""What fills the terminal: the live screen and its help."""
