"""What each command does: the parts put together, for a terminal."""
