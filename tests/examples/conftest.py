"""One topic for all examples that a worker runs, filled once."""

import secrets

import pytest

from tests.examples.feed import Published, fill
from tests.kafka.broker import Broker


@pytest.fixture(scope="session")
def published(kafka: Broker) -> Published:
    """Return a topic that the examples read and nobody writes any more."""
    return fill(kafka.bootstrap_servers, f"examples{secrets.token_hex(4)}.events")
