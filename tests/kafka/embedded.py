"""The embedded broker (noida-db): it speaks Kafka's protocol, but does not crash, time out or store as Kafka does."""

import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from os import PathLike
from pathlib import Path

from tests.kafka.broker import ProcessBroker, Unavailable


class EmbeddedBroker(ProcessBroker):
    """The binary of noida-db itself: its Python launcher leaves the broker behind when it is killed."""

    kind = "embedded"
    is_apache = False

    def __init__(self, binary: Path, home: Path, release: str) -> None:
        super().__init__(home)
        self.name = f"the embedded broker noida-db {release}"
        self._binary = binary

    def command(self) -> Sequence[str | PathLike[str]]:
        """Return the command that runs the broker."""
        data = self.home / "data"  # without this it writes to the working directory
        return (self._binary, "start", "--only", "kafka", "--kafka-port", str(self.port), "--data-dir", data)


def offer(home: Path) -> EmbeddedBroker:
    """Return a broker that keeps its data in `home`."""
    try:
        release = version("noida-db")
    except PackageNotFoundError:
        raise Unavailable("noida-db is not installed (extra `embedded`)") from None
    binary = Path(str(files("noida_db"))) / "noida-db"
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)  # a wheel does not always carry the permission
    return EmbeddedBroker(binary, home, release)
