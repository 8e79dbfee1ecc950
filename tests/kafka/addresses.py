"""Who is reached where in a cluster: each party meets each node at a loopback address that only the two of them use.

What `a` opens to `b` goes to 127.<network>.<a>.<b>, where a proxy takes it: clients are told so by the broker, nodes by
a hosts file of their own JVM. Ports are those of the node itself, which listens at 127.0.0.1. This needs Linux, where
all of 127.0.0.0/8 is loopback.
"""

import random
import socket
from collections.abc import Mapping, Sequence
from typing import Final

from tests.kafka.network import CLIENT, Link, Listener, Party
from tests.kafka.ports import HOST, free_port

_LISTENERS: Final[tuple[Listener, ...]] = ("client", "broker", "controller")


class Addresses:
    """The addresses of one cluster of these nodes."""

    def __init__(self, nodes: Sequence[int]) -> None:
        self._nodes = nodes
        self._network = random.randint(16, 250)
        self._ports = {(node, listener): free_port() for node in nodes for listener in _LISTENERS}

    def of_client(self, node: int) -> str:
        """Return where clients reach a node, through its proxy."""
        return f"{self._host(CLIENT, node)}:{self._ports[node, 'client']}"

    def direct(self, node: int) -> str:
        """Return where the harness itself reaches a node, whatever is cut."""
        return f"{HOST}:{self._ports[node, 'client']}"

    def links(self) -> list[Link]:
        """Return all that needs a proxy."""
        found = []
        for node in self._nodes:
            for source in (CLIENT, *(other for other in self._nodes if other != node)):
                for listener in _LISTENERS:
                    if (listener == "client") == (source == CLIENT):
                        port = self._ports[node, listener]
                        found.append(Link(source, node, listener, self._host(source, node), port, HOST))
        return found

    def hosts(self, node: int) -> str:
        """Return the hosts file of a node's JVM (`jdk.net.hosts.file`): nothing else is resolved there."""
        peers = [f"{HOST if other == node else self._host(node, other)} node-{other}" for other in self._nodes]
        return "\n".join([*peers, f"{HOST} localhost", f"{HOST} {socket.gethostname()}", ""])

    def settings(self, node: int) -> Mapping[str, str]:
        """Return the lines of a node's server.properties that say who it is and where everybody is."""
        own = {listener: self._ports[node, listener] for listener in _LISTENERS}
        voters = [f"{other}@node-{other}:{self._ports[other, 'controller']}" for other in self._nodes]
        peers = f"BROKER://node-{node}:{own['broker']},CONTROLLER://node-{node}:{own['controller']}"
        return {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "controller.quorum.voters": ",".join(voters),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "BROKER",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "listeners": ",".join(f"{name.upper()}://{HOST}:{port}" for name, port in own.items()),
            "advertised.listeners": f"CLIENT://{self.of_client(node)},{peers}",
        }

    def _host(self, source: Party, target: Party) -> str:
        return f"127.{self._network}.{source}.{target}"
