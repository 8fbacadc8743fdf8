"""Where sound comes in: ring buffer, capture, recordings, resampling, level."""
