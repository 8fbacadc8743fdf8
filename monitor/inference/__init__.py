"""Model bundles: what they declare, how they are checked, how they run."""
