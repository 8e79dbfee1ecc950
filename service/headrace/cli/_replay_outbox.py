"""Raw records that wait to be sent, on disk, partition by partition. The file has no name: it ends with the process."""

import os
import tempfile
from array import array
from collections.abc import Iterator
from typing import IO, Final

import msgspec

from headrace.cli._published_events import room_on_disk
from headrace.core.record import ProducerRecord

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[bytes, bytes, list[tuple[str, bytes]]]).decode


class Outbox:
    """Records in the order in which they were added to each partition; 16 bytes of memory for each."""

    def __init__(self) -> None:
        with room_on_disk():
            self._file: Final[IO[bytes]] = tempfile.TemporaryFile(buffering=1024 * 1024)  # noqa: SIM115  (as long as we are)
        self._end = 0
        self._places: Final[dict[int, array[int]]] = {}

    def __len__(self) -> int:
        return sum(len(places) // 2 for places in self._places.values())

    @property
    def partitions(self) -> list[int]:
        """The partitions that records are sent to."""
        return sorted(self._places)

    def add(self, partition: int, out: ProducerRecord) -> None:
        """Take a record for a partition."""
        data = _encode((out.key, out.value, out.headers))
        with room_on_disk():
            self._file.write(data)
        self._places.setdefault(partition, array("Q")).extend((self._end, len(data)))
        self._end += len(data)

    def records(self, partition: int) -> Iterator[ProducerRecord]:
        """Yield the records of a partition."""
        with room_on_disk():
            self._file.flush()
        places = self._places[partition]
        for at in range(0, len(places), 2):
            key, value, headers = _decode(os.pread(self._file.fileno(), places[at + 1], places[at]))
            yield ProducerRecord(key, value, headers)
