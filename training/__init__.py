"""Trains the models that the monitor loads. Needs the `training` extra."""
