"""The embedded broker (noida-db): it speaks Kafka's protocol, but does not crash, time out or store as Kafka does."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from headrace_demo.embedded_broker import BrokerMissing, command, release
from tests.kafka.broker import ProcessBroker, Unavailable


class EmbeddedBroker(ProcessBroker):
    """The broker of the demo, which tests may hurt as well."""

    kind = "embedded"
    is_apache = False

    def __init__(self, home: Path, version: str) -> None:
        super().__init__(home)
        self.name = f"the embedded broker noida-db {version}"

    def command(self) -> Sequence[str | PathLike[str]]:
        """Return the command that runs the broker."""
        return command(self.port, self.home / "data")


def offer(home: Path) -> EmbeddedBroker:
    """Return a broker that keeps its data in `home`."""
    try:
        return EmbeddedBroker(home, release())
    except BrokerMissing as error:
        raise Unavailable(f"{error} (extra `demo`)") from None
