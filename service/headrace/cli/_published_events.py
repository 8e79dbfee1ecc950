"""Published events on disk, by where their raw records stand: 48 bytes of memory for each event of one partition.

Both files have no name: they go when the process ends, however that happens.
"""

import contextlib
import os
import struct
import tempfile
from collections.abc import Iterator
from typing import IO, Any, Final

import click
import numpy as np
from numpy.typing import NDArray

ROW: Final = np.dtype(
    [
        ("partition", "<i4"),
        ("offset", "<i8"),
        ("only_lo", "<u8"),
        ("only_hi", "<u8"),
        ("base_lo", "<u8"),
        ("base_hi", "<u8"),
        ("at", "<i8"),
        ("size", "<u4"),
    ]
)
"""One event: its raw record, the two digests that its id may have, and where its bytes lie (`size` 0: not wanted)."""

_pack: Final = struct.Struct("<iq16s16sqI").pack
_BUFFER: Final = 1024 * 1024
_BLOCK: Final = 1_000_000
"""Rows that are searched for a partition at a time."""


@contextlib.contextmanager
def room_on_disk() -> Iterator[None]:
    """End the command with a sentence where a temporary file cannot be written."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(
            f"{tempfile.gettempdir()} has no room for what is compared ({error.strerror}): "
            "set TMPDIR to a directory that has, or name a shorter time"
        ) from None


class PublishedEvents:
    """Events in the order in which they are added; `wanted` counts those with their bytes."""

    def __init__(self) -> None:
        with room_on_disk():
            self._rows: Final[IO[bytes]] = tempfile.TemporaryFile(buffering=_BUFFER)  # noqa: SIM115  (as long as we are)
            self._values: Final[IO[bytes]] = tempfile.TemporaryFile(buffering=_BUFFER)  # noqa: SIM115  (as above)
        self._count = 0
        self._end = 0
        self.wanted = 0

    def add(self, partition: int, offset: int, keys: tuple[bytes, bytes], value: bytes) -> None:
        """Take an event, made of the record at `offset` of a raw partition. Without its bytes it is not wanted."""
        with room_on_disk():
            self._rows.write(_pack(partition, offset, *keys, self._end, len(value)))
            self._values.write(value)
        self._count += 1
        self._end += len(value)
        self.wanted += bool(value)

    def of(self, partition: int) -> NDArray[Any]:
        """Return the rows of a partition by their raw offsets."""
        with room_on_disk():
            self._rows.flush()
            self._values.flush()
        parts = []
        self._rows.seek(0)
        for _ in range(0, self._count, _BLOCK):
            block = np.frombuffer(self._rows.read(_BLOCK * ROW.itemsize), ROW)
            parts.append(block[block["partition"] == partition])
        rows = np.concatenate(parts) if parts else np.zeros(0, ROW)
        return rows[np.argsort(rows["offset"], kind="stable")]

    def value(self, row: Any) -> bytes:
        """Return the bytes of an event."""
        return os.pread(self._values.fileno(), int(row["size"]), int(row["at"]))
