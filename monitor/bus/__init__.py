"""Readings, commands and audio between processes, over ZeroMQ. The only importer of zmq."""
