"""Sound classes: noise, music, speech, speech plus noise, for the smallest of devices."""
