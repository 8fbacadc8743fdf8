"""The back-end of personalisation: a mixture comes in, a classifier of sound classes for that place goes out."""
