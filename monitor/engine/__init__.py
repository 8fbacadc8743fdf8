"""The wired pipeline, what drives it, what guards it and what watches it."""
