"""The embedded broker (noida-db): it speaks Kafka's protocol, but does not crash, time out or store as Kafka does."""

import os
import signal
import socket
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Final

from headrace_demo.probe import wait_until_serves
from headrace_demo.process import Child

_HOST: Final = "127.0.0.1"
_STARTS_WITHIN: Final = 90.0  # seconds, generous for a busy machine


class BrokerMissing(Exception):  # noqa: N818  (an answer, not an error)
    """The broker is not installed."""


def release() -> str:
    """Return the version that is installed. Raises `BrokerMissing`."""
    try:
        return version("noida-db")
    except PackageNotFoundError:
        raise BrokerMissing("noida-db is not installed") from None


def command(port: int, data: Path) -> Sequence[str | PathLike[str]]:
    """Return the command that runs the broker: the binary itself, as its launcher leaves it behind when killed."""
    binary = Path(str(files("noida_db"))) / "noida-db"
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)  # a wheel does not always carry the permission
    # without a folder it writes to the working directory
    return (binary, "start", "--only", "kafka", "--kafka-port", str(port), "--data-dir", data)


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as candidate:
        candidate.bind((_HOST, 0))
        port: int = candidate.getsockname()[1]
        return port


class EmbeddedBroker:
    """A broker of the demo alone, on loopback, with its data in `home`. Raises `BrokerMissing`."""

    def __init__(self, home: Path) -> None:
        self.name: Final = f"the embedded broker noida-db {release()}"
        self._home: Final = home
        self._port: Final = free_port()
        self.bootstrap_servers: Final = f"{_HOST}:{self._port}"
        self._child: Child | None = None

    def start(self) -> None:
        """Start, and wait until it serves; raise TimeoutError, with what it wrote, where it does not."""
        log = self._home / "broker.log"
        child = self._child = Child(command(self._port, self._home / "data"), log=log, cwd=self._home)
        try:
            wait_until_serves(self.bootstrap_servers, deadline=_STARTS_WITHIN, still_possible=lambda: child.runs)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{log.read_text(errors='replace')[-800:]}") from None

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause` (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it at once if it runs: its data are thrown away."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.signal(number)
