"""Other people's data sets, each turned into catalog rows."""
