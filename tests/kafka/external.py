"""A Kafka that somebody else runs, named by the environment."""

import os

from headrace_demo.probe import serves
from tests.kafka.broker import Broker, Unavailable

VARIABLE = "HEADRACE_TEST_KAFKA"


class ExternalBroker(Broker):
    """The Kafka at the bootstrap servers of `HEADRACE_TEST_KAFKA`; taken for Apache Kafka."""

    kind = "external"

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.name = f"the Kafka at {bootstrap_servers}, as {VARIABLE} says"

    def start(self) -> None:
        """Check that it serves: whoever names a Kafka wants that one, not the next best."""
        if not any(serves(server.strip()) for server in self.bootstrap_servers.split(",")):
            raise TimeoutError(f"{VARIABLE} names {self.bootstrap_servers}, where no Kafka answers")

    def close(self) -> None:
        """Leave it as it is: it is not ours."""


def offer() -> ExternalBroker:
    """Return the broker that the environment names."""
    if servers := os.environ.get(VARIABLE):
        return ExternalBroker(servers)
    raise Unavailable(f"{VARIABLE} is not set")
