"""The network between the nodes of a cluster: proxies in a process of its own, and the calls that hurt them.

It is a process because it must go on while a test blocks its own event loop (a judge that reads topics, a command that
runs to its end): a proxy that stood still would look like one more fault to brokers with time-outs of seconds.

A connection goes from `source` to one listener of `target`. What is sent on it both ways is looked at by who sends it:
a rule for (1, 2) is about every byte that node 1 sends to node 2, whoever opened the connection.
"""

import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from headrace_demo.process import Child

CLIENT: Final = 0
"""The party that all clients are."""
STARTS_WITHIN: Final = 20.0
ANSWERS_WITHIN: Final = 10.0

Party: TypeAlias = int
"""`CLIENT`, or the id of a node."""
Listener: TypeAlias = Literal["client", "broker", "controller"]
Kind: TypeAlias = Literal["cut", "black_hole", "delay"]


class Link(Struct, frozen=True):
    """Where connections of `source` to a listener of `target` are taken, and where they are carried to."""

    source: Party
    target: Party
    listener: Listener
    host: str
    port: int
    target_host: str


class Rule(Struct, frozen=True):
    """What happens to all that `sender` sends to `receiver`, on connections to one listener or (None) to any.

    cut: connections between the two are closed and refused; it counts for both directions.
    black_hole: the bytes vanish, connections stay and new ones open.
    delay: the bytes come `seconds` later, in order; `inf` holds them back until the network heals.
    """

    kind: Kind
    sender: Party
    receiver: Party
    listener: Listener | None = None
    seconds: float = 0.0


class Network:
    """Runs the proxies of these links as a child process; each call returns once it holds."""

    def __init__(self, links: Sequence[Link], home: Path) -> None:
        self._links = home / "links.json"
        self._links.write_bytes(msgspec.json.encode(links))
        self._socket = home / "network.sock"
        self._log = home / "network.log"
        self._home = home
        self._child: Child | None = None
        self._rules: list[Rule] = []

    def start(self) -> None:
        """Start the process; call it from the main thread (see `Child`). Raise TimeoutError if it does not answer."""
        command = (sys.executable, "-m", "tests.kafka.proxies", self._links, self._socket)
        self._child = Child(command, log=self._log, cwd=Path(__file__).parents[2])
        end = time.monotonic() + STARTS_WITHIN
        while not self._socket.exists():
            if time.monotonic() > end or not self._child.runs:
                raise TimeoutError(f"the network did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def add(self, *rules: Rule) -> None:
        """Let rules hold beside those that hold already."""
        self._rules += rules
        self._send_rules()

    def heal(self) -> None:
        """Let no rule hold any more: what was held back goes on, connections that lost bytes are closed."""
        self._rules.clear()
        self._send_rules()

    def close(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _send_rules(self) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWERS_WITHIN)
            connection.connect(str(self._socket))
            connection.sendall(msgspec.msgpack.encode(self._rules))  # JSON has no infinity
            connection.shutdown(socket.SHUT_WR)
            if connection.recv(16) != b"done\n":
                raise RuntimeError(f"the network refuses its rules: {self._log.read_text()[-2000:]}")
