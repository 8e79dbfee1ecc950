"""Ask a broker whether it serves, without a client library."""

import socket
import struct
import time
from collections.abc import Callable

_METADATA = 3  # https://kafka.apache.org/protocol#protocol_api_keys
_HEADER = struct.Struct(">hhih")  # api key, version, correlation id, length of the client id (-1: none)
_PATIENCE = 1.0  # seconds for one question


def serves(bootstrap_server: str) -> bool:
    """Return whether the broker answers and knows a live broker (itself, unfenced) to send clients to."""
    host, _, port = bootstrap_server.rpartition(":")
    question = _HEADER.pack(_METADATA, 0, 1, -1) + struct.pack(">i", 0)
    try:
        with socket.create_connection((host, int(port)), timeout=_PATIENCE) as connection:
            connection.sendall(struct.pack(">i", len(question)) + question)
            with connection.makefile("rb") as answer:
                head = answer.read(12)
    except OSError:
        return False
    if len(head) < struct.calcsize(">iii"):
        return False
    _size, _correlation, brokers = struct.unpack(">iii", head)
    return bool(brokers > 0)


def wait_until_serves(bootstrap_server: str, *, deadline: float, still_possible: Callable[[], bool]) -> None:
    """Return when the broker serves; raise TimeoutError after `deadline` seconds or once it can no longer happen."""
    end = time.monotonic() + deadline
    while not serves(bootstrap_server):
        if not still_possible():
            raise TimeoutError(f"the broker at {bootstrap_server} ended before it served")
        if time.monotonic() > end:
            raise TimeoutError(f"the broker at {bootstrap_server} did not serve within {deadline:.0f} s")
        time.sleep(0.05)
