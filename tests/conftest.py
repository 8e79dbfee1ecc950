"""What all tests share."""

import logging
from collections.abc import Iterator

import pytest

pytest_plugins = ["tests.kafka.plugin", "tests.results"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-samples` writes what providers make of their samples, to be reviewed by reading it."""
    parser.addoption("--update-samples", action="store_true", help="write the providers' *.expected.json anew")


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    """Undo what commands do to the client's logger, where they run in this process."""
    client = logging.getLogger("aiokafka")
    level = client.level
    yield
    client.setLevel(level)
