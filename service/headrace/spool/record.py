"""What the spool keeps of one record, and the check sum by which it is known again in a damaged file. Pure."""

import zlib
from typing import Final

import msgspec
from msgspec import Struct

from headrace.core.record import Out

OVERHEAD: Final = 100
"""Bytes that a row takes beside its record, indexes included."""


class Waiting(Struct, frozen=True, gc=False):
    """A record of the spool: for `topic` ("raw", "nudges"), of `source`, received at `received` (ms).

    `id` counts what was ever put; `sound` is False where its bytes are not those that were put.
    """

    id: int
    topic: str
    source: str
    received: int
    out: Out
    sound: bool = True


class Row(Struct, frozen=True, gc=False):
    """A record as its row in the file; `reason` says why it was set aside."""

    id: int
    topic: str
    source: str
    received: int
    size: int
    reason: str | None
    check: int
    record: bytes

    @property
    def sound(self) -> bool:
        """Whether this is what was put."""
        return self.check == _sum(self.id, self.topic, self.source, self.received, self.record)

    def waiting(self) -> Waiting:
        """Give the record."""
        try:
            out = _decode(self.record)
        except msgspec.MsgspecError:
            out = Out(b"", self.record, [])
            return Waiting(self.id, self.topic, self.source, self.received, out, sound=False)
        return Waiting(self.id, self.topic, self.source, self.received, out, self.sound)


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Out).decode


def row(id: int, received: int, topic: str, source: str, record: bytes) -> Row:  # noqa: A002  (the design's word)
    """Make the row of a packed record."""
    check = _sum(id, topic, source, received, record)
    return Row(id, topic, source, received, len(record) + OVERHEAD, None, check, record)


def pack(out: Out) -> bytes:
    """Write a record down; its partition is not kept, it is placed when it is drained."""
    return _encode(out)


def _sum(id: int, topic: str, source: str, received: int, record: bytes) -> int:  # noqa: A002  (as above)
    return zlib.crc32(record, zlib.crc32(f"{id}\0{topic}\0{source}\0{received}".encode()))
