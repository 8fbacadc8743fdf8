"""What was enrolled, in folders: files written whole or not at all, read with distrust, the audio beside them."""
