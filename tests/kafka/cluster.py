"""Three nodes of Apache Kafka with a network between them that can be cut, slowed and healed.

```
cluster.cut(1, 2)                 nothing passes between nodes 1 and 2; connections are closed and refused
cluster.isolate_from_peers(1)     node 1 is cut off from 2 and 3, not from clients
cluster.black_hole(CLIENT, 1)     what clients send to node 1 vanishes, its answers would come; connections stay
cluster.delay(2, 3, seconds=4)    what node 2 sends to node 3 comes 4 s later
cluster.heal()                    the network is whole again
cluster.kill(1), start(1), freeze(1), thaw(1)
```
"""

import socket
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, Self

from tests.kafka import ask
from tests.kafka.addresses import Addresses
from tests.kafka.broker import STARTS_WITHIN, Unavailable
from tests.kafka.network import CLIENT, Listener, Network, Party, Rule
from tests.kafka.node import Node

__all__ = ["CLIENT", "Cluster"]

NUMBERS: Final = (1, 2, 3)
CHANGES_WITHIN: Final = 60.0  # seconds, generous for a busy machine
_PAUSE: Final = 0.1


class Cluster:
    """Nodes 1, 2 and 3. `bootstrap_servers` names all three, as clients reach them."""

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        addresses = Addresses(NUMBERS)
        self.nodes = {number: Node(number, home / f"node-{number}", addresses, settings or {}) for number in NUMBERS}
        self.addresses = {number: addresses.of_client(number) for number in NUMBERS}
        self.bootstrap_servers = ",".join(self.addresses.values())
        self._network = Network(addresses.links(), home)

    def __enter__(self) -> Self:
        """Start everything and wait until each node knows all three; call it from the main thread (see `Child`)."""
        try:
            self._network.start()
            for node in self.nodes.values():
                node.spawn()
            for node in self.nodes.values():
                node.wait_until_serves()
            self.wait_until_whole()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything at once; may be called twice."""
        for node in self.nodes.values():
            node.close()
        self._network.close()

    # What happens to the network

    def cut(self, a: Party, b: Party, listener: Listener | None = None) -> None:
        """Let nothing pass between two parties any more: connections are closed and refused.

        With `listener`, only on connections to one of that kind: cut(1, 2, "controller") leaves the brokers alone.
        """
        self._network.add(Rule("cut", a, b, listener))

    def black_hole(self, sender: Party, receiver: Party, listener: Listener | None = None) -> None:
        """Let all bytes of one direction vanish, whoever opened the connection; connections stay, new ones open."""
        self._network.add(Rule("black_hole", sender, receiver, listener))

    def delay(self, sender: Party, receiver: Party, seconds: float, listener: Listener | None = None) -> None:
        """Let all bytes of one direction come later, in order; `inf` holds them back until the network heals."""
        self._network.add(Rule("delay", sender, receiver, listener, seconds))

    def isolate_from_peers(self, number: int, how: Literal["cut", "black_hole"] = "cut") -> None:
        """Part a node from the others, in both directions, but not from clients."""
        rules = [
            Rule(how, *pair) for other in self.nodes if other != number for pair in ((number, other), (other, number))
        ]
        self._network.add(*rules)

    def heal(self) -> None:
        """Make the network whole; the nodes need some seconds to find each other (`wait_until_whole`)."""
        self._network.heal()

    # What happens to the nodes

    def kill(self, number: int) -> None:
        """End a node at once (SIGKILL)."""
        self.nodes[number].kill()

    def start(self, number: int) -> None:
        """Start a node again on the same addresses and data, without waiting; call it from the main thread."""
        self.nodes[number].spawn()

    def freeze(self, number: int) -> None:
        """Stop a node in its tracks (SIGSTOP): connections stay open, nothing answers."""
        self.nodes[number].pause()

    def thaw(self, number: int) -> None:
        """Let a node go on after `freeze`."""
        self.nodes[number].resume()

    def mend(self) -> None:
        """Undo all that was done, and wait until it shows; call it from the main thread."""
        self.heal()
        for node in self.nodes.values():
            if not node.is_spawned:
                node.spawn()
            node.resume()
        self.wait_until_whole()

    # What the nodes know: each is asked past all proxies

    def leaders(self, topic: str, viewer: int) -> dict[int, int]:
        """Return the leader of each partition as one node sees it, -1 where it knows none."""
        view = ask.view(self.nodes[viewer].bootstrap_servers)
        return {number: led.leader for (name, number), led in view.partitions.items() if name == topic}

    def end_offset(self, topic: str, number: int, viewer: int, *, committed: bool = False) -> int:
        """Return where a partition ends for one node: its high watermark, or the last stable offset.

        Raise LookupError where it does not take itself for the leader.
        """
        return ask.end_offset(self.nodes[viewer].bootstrap_servers, topic, number, committed=committed)

    def active_controller(self, among: Collection[int] = NUMBERS) -> int:
        """Return the node that leads the controllers, as the first of some nodes says that is in touch with them."""
        for number in among:
            with suppress(OSError):
                return ask.active_controller(self.nodes[number].bootstrap_servers)
        raise TimeoutError(f"none of the nodes {among} reaches the controllers")

    def wait_until_whole(self, deadline: float = STARTS_WITHIN) -> None:
        """Wait until each node that runs sees all nodes alive, and every replica in sync."""
        self._wait(self._is_whole, "all nodes see all nodes, and all replicas are in sync", deadline)

    def wait_until_led_without(self, number: int, deadline: float = CHANGES_WITHIN) -> None:
        """Wait until the other nodes have taken over whatever a node led."""
        others = [other for other in self.nodes if other != number]

        def led() -> bool:
            views = [ask.view(self.nodes[other].bootstrap_servers) for other in others]
            return all(led.leader in others for view in views for led in view.partitions.values())

        self._wait(led, f"others lead what node {number} led", deadline)

    def _is_whole(self) -> bool:
        everybody = set(self.nodes)
        views = [ask.view(node.bootstrap_servers) for node in self.nodes.values()]
        return all(
            view.brokers == everybody and all(led.in_sync == everybody for led in view.partitions.values())
            for view in views
        )

    def _wait(self, happened: Callable[[], bool], what: str, deadline: float) -> None:
        end = time.monotonic() + deadline
        while True:
            with suppress(OSError):
                if happened():
                    return
            if time.monotonic() > end:
                error = TimeoutError(f"within {deadline:.0f} s not: {what}")
                for node in self.nodes.values():
                    error.add_note(node.log_tail(10))
                raise error
            time.sleep(_PAUSE)


def check() -> None:
    """Raise Unavailable with the reason if this machine cannot run a cluster (beside what `jvm.check` asks for)."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.16.0.1", 0))
        except OSError:
            raise Unavailable("only Linux has loopback addresses enough for a cluster") from None
