"""What stays on disk: the event log."""
