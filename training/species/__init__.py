"""Closed-set species: from labelled recordings to a classifier with a reject class."""
