"""Property tests draw the same examples in every run, and no busy machine fails one for being slow."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, derandomize=True, database=None)
settings.load_profile("unit")
