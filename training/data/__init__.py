"""Recordings, their splits, and the windows made from them."""
