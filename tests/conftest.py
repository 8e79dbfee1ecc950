"""What all tests share."""

import pytest

pytest_plugins = ["tests.kafka.plugin", "tests.results"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-samples` writes what providers make of their samples, to be reviewed by reading it."""
    parser.addoption("--update-samples", action="store_true", help="write the providers' *.expected.json anew")
