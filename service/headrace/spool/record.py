"""What the spool keeps of one record, and the check sum by which it is known again in a damaged file. Pure."""

import zlib
from typing import Final

import msgspec
from msgspec import Struct

from headrace.core.record import ProducerRecord
from headrace.spool.pages import disk_bytes


class Waiting(Struct, frozen=True, gc=False):
    """A record of the spool: for `topic` ("raw", "nudges"), of `source`, received at `received` (ms).

    `id` counts what was ever put; `sound` is False where its bytes are not those that were put.
    """

    id: int
    topic: str
    source: str
    received: int
    out: ProducerRecord
    sound: bool = True


class SpoolRow(Struct, frozen=True, gc=False):
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
        """Return the record."""
        try:
            out = _decode(self.record)
        except msgspec.MsgspecError:
            return self._waiting(ProducerRecord(b"", self.record, []), sound=False)
        return self._waiting(out, sound=self.sound)

    def _waiting(self, out: ProducerRecord, *, sound: bool) -> Waiting:
        return Waiting(id=self.id, topic=self.topic, source=self.source, received=self.received, out=out, sound=sound)


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(ProducerRecord).decode


def row(id: int, received: int, topic: str, source: str, record: bytes) -> SpoolRow:  # noqa: A002  (the design's word)
    """Return the row of a packed record."""
    check = _sum(id, topic, source, received, record)
    return SpoolRow(
        id=id,
        topic=topic,
        source=source,
        received=received,
        size=disk_bytes(len(record)),
        reason=None,
        check=check,
        record=record,
    )


def pack(out: ProducerRecord) -> bytes:
    """Return a record as bytes; its partition is left out, since it is placed when it is drained."""
    return _encode(out)


def _sum(id: int, topic: str, source: str, received: int, record: bytes) -> int:  # noqa: A002  (as above)
    return zlib.crc32(record, zlib.crc32(f"{id}\0{topic}\0{source}\0{received}".encode()))
