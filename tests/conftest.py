"""For all tests."""

from hypothesis import settings

# A shared machine is sometimes slow; that is no fault of the code under test.
settings.register_profile("auricle", deadline=None)
settings.load_profile("auricle")
