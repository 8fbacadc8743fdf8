"""The page that tells which encoder to choose: every figure of `docs/encoders.md`, by one command."""
