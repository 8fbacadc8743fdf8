"""Readings in the formats of other programs."""
