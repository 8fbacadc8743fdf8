"""Auricle: a streaming audio monitor that listens and says when it cannot."""
