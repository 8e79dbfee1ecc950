"""Free TCP ports on loopback."""

import os
import random
import socket

HOST = "127.0.0.1"

# Below what Linux (32768) and macOS (49152) hand to outgoing connections: a client that retries while its broker is
# down must not be given the broker's own port, or it ends up connected to itself.
_LOWEST, _HIGHEST = 20_000, 32_000
_SHARES = 16
_SHARE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SHARES
"""Which ports are this worker's: a broker that is down keeps its port, though nothing listens there."""
_returned: set[int] = set()  # by this process: who was given one may listen on it only later


def free_port() -> int:
    """Return a port on which nothing listens and which no outgoing connection will be given."""
    while True:
        port = random.randrange(_LOWEST + _SHARE, _HIGHEST, _SHARES)
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((HOST, port))
            except OSError:
                continue
        if port not in _returned:
            _returned.add(port)
            return port
