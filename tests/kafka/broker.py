"""What every kind of broker for tests can do."""

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import ClassVar, Literal

from headrace_demo.probe import wait_until_serves
from headrace_demo.process import Child
from tests.kafka.ports import HOST, free_port

Kind = Literal["external", "docker", "jvm", "embedded"]

STARTS_WITHIN = 90.0  # seconds, generous for a busy machine
STOPS_WITHIN = 30.0


class Unavailable(Exception):  # noqa: N818 - an answer, not an error
    """This kind of Kafka cannot be had here; the text says why."""


class Broker(ABC):
    """A Kafka that tests talk to."""

    kind: ClassVar[Kind]
    is_apache: ClassVar[bool] = True
    name: str  # for people: what it is, which version
    bootstrap_servers: str  # known once started

    @abstractmethod
    def start(self) -> None:
        """Return when it serves; raise TimeoutError, with the end of its log, when it does not."""

    @abstractmethod
    def close(self) -> None:
        """End it for good; may be called twice."""

    @property
    def obituary(self) -> str | None:
        """The end of its log, if it ended by itself."""
        return None


class ProcessBroker(Broker):
    """A broker that is one process of ours on loopback: it can be hurt, and comes back on the same port and data."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.bootstrap_servers = f"{HOST}:{self.port}"
        self.log = home / "broker.log"
        self._child: Child | None = None

    @abstractmethod
    def command(self) -> Sequence[str | PathLike[str]]:
        """Return the command that runs the broker in the foreground."""

    def start(self) -> None:
        """Start (again) on the same port and data, and wait until it serves."""
        self.spawn()
        self.wait_until_serves()

    def spawn(self) -> None:
        """Start (again) without waiting; call it from the main thread (see `Child`)."""
        if self._child is not None:
            raise RuntimeError(f"{self.name} is running already")
        self._child = Child(self.command(), log=self.log, cwd=self.home)

    def wait_until_serves(self) -> None:
        """Wait until it serves; from a coroutine use `asyncio.to_thread`."""
        child = self.child
        try:
            wait_until_serves(self.bootstrap_servers, deadline=STARTS_WITHIN, still_possible=lambda: child.runs)
        except TimeoutError as error:
            error.add_note(self.log_tail())
            raise

    def stop(self) -> None:
        """End it in good order (SIGTERM)."""
        self.child.terminate(STOPS_WITHIN)
        self._child = None

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self.child.kill()
        self._child = None

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open, nothing answers once this returns."""
        self.child.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it go on after `pause` (SIGCONT)."""
        self.child.signal(signal.SIGCONT)

    def close(self) -> None:
        """End it at once if it runs: its data are thrown away."""
        if self._child is not None:
            self.kill()

    @property
    def is_spawned(self) -> bool:
        """Whether it was started, and not ended by the test."""
        return self._child is not None

    @property
    def obituary(self) -> str | None:
        """The end of its log, if it ended by itself."""
        if self._child is None or self._child.runs:
            return None
        return self.log_tail()

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join([f"-- the end of the log of {self.name} --", *text.splitlines()[-lines:]])

    @property
    def child(self) -> Child:
        """The running process; raise RuntimeError if there is none."""
        if self._child is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._child
