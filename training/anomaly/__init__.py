"""Training and measuring of what hears that a machine sounds wrong."""
