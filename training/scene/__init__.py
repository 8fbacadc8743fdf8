"""Acoustic scenes: a small network taught by a larger one, eight bits, and how it is measured."""
