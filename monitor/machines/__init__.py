"""Machines that were enrolled on site: whether one sounds as it did when it was well."""
