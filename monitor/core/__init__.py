"""Values, events, clock and the stage protocol: what every other room shares."""
