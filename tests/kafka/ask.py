"""Questions to one broker about how *it* sees the cluster, without a client library, which would ask any broker."""

import socket
import struct
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final, TypeVar

_METADATA, _LIST_OFFSETS, _DESCRIBE_QUORUM = 3, 2, 55  # https://kafka.apache.org/protocol#protocol_api_keys
_PATIENCE: Final = 3.0  # seconds for one question
_LATEST: Final = -1

T = TypeVar("T")


@dataclass(frozen=True)
class Led:
    """A partition as a broker sees it: the leader's id (-1: none) and the replicas in sync."""

    leader: int
    in_sync: frozenset[int]


@dataclass(frozen=True)
class View:
    """The cluster as a broker sees it: live brokers, and each partition by topic and number."""

    brokers: frozenset[int]
    partitions: dict[tuple[str, int], Led]


def view(address: str) -> View:
    """Ask a broker for all it knows. Raise OSError where it does not answer."""
    answer = _ask(address, _METADATA, 1, struct.pack(">i", -1))
    brokers = answer.array(lambda: (answer.number("i"), answer.text(), answer.number("i"), answer.text())[0])
    answer.number("i")  # some broker: the controllers of KRaft are not told here
    partitions: dict[tuple[str, int], Led] = {}

    def partition(topic: str) -> None:
        answer.number("h")
        number, leader = answer.number("i"), answer.number("i")
        answer.array(lambda: answer.number("i"))
        partitions[topic, number] = Led(leader, frozenset(answer.array(lambda: answer.number("i"))))

    def topic() -> None:
        answer.number("h")
        name = answer.text()
        answer.number("b")
        answer.array(lambda: partition(name))

    answer.array(topic)
    return View(frozenset(brokers), partitions)


def end_offset(address: str, topic: str, partition: int, *, committed: bool = False) -> int:
    """Ask a broker where a partition ends that it believes to lead: its high watermark, or its last stable offset.

    Raise LookupError with Kafka's error code where it does not lead it, OSError where it does not answer.
    """
    name = topic.encode()
    body = struct.pack(">ibi", -1, int(committed), 1) + struct.pack(">h", len(name)) + name
    answer = _ask(address, _LIST_OFFSETS, 2, body + struct.pack(">iiq", 1, partition, _LATEST))
    answer.number("i")  # throttled for
    answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
    code, _, offset = answer.number("h"), answer.number("q"), answer.number("q")
    if code:
        raise LookupError(f"{topic}-{partition} at {address}: error {code}")
    return offset


def active_controller(address: str) -> int:
    """Ask a broker which node leads the quorum of controllers (it asks them in turn). Raise OSError."""
    name = b"__cluster_metadata"
    topics = bytes((2, len(name) + 1)) + name + bytes((2,)) + struct.pack(">i", 0) + bytes(2)
    answer = _ask(address, _DESCRIBE_QUORUM, 0, bytes(1) + topics + bytes(1))
    answer.skip(1)  # tags of the header
    if code := answer.number("h"):
        raise OSError(f"the controllers do not answer: error {code}")
    answer.skip(1 + 1 + len(name) + 1 + 4 + 2)  # one topic, its name, one partition, its number and error
    return answer.number("i")


class _Answer:
    """The body of an answer, read from front to back."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def number(self, kind: str) -> int:
        (found,) = struct.unpack_from(">" + kind, self._body, self._at)
        self._at += struct.calcsize(">" + kind)
        return int(found)

    def text(self) -> str:
        size = max(0, self.number("h"))
        self.skip(size)
        return self._body[self._at - size : self._at].decode()

    def array(self, item: Callable[[], T]) -> list[T]:
        return [item() for _ in range(self.number("i"))]

    def skip(self, size: int) -> None:
        self._at += size


def _ask(address: str, api_key: int, version: int, body: bytes) -> _Answer:
    host, _, port = address.rpartition(":")
    question = struct.pack(">hhih", api_key, version, 1, -1) + body
    with closing(socket.create_connection((host, int(port)), timeout=_PATIENCE)) as connection:
        connection.sendall(struct.pack(">i", len(question)) + question)
        with connection.makefile("rb") as stream:
            size = stream.read(4)
            answer = stream.read(int.from_bytes(size))
    if len(size) < 4 or len(answer) < int.from_bytes(size):
        raise ConnectionError(f"{address} broke off its answer")
    return _Answer(answer[4:])  # behind the correlation id
