"""Property tests draw the same examples in every run, and no busy machine fails one for being slow."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("unit", deadline=None, derandomize=True, database=None)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    """Undo what commands do to the client's logger: they run in this process."""
    client = logging.getLogger("aiokafka")
    level = client.level
    yield
    client.setLevel(level)
