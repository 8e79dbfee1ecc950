"""The mark of one id, as it is packed into records of `seen`."""

import struct
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

IMMUTABLE: Final = -1
"""The version of what never changes."""
UNKNOWN: Final = 0
"""The version of what came without one."""
MOST_MEANINGS: Final = 4
"""Meanings that a mark keeps."""
ROW: Final = np.dtype(
    [
        ("lo", "<u8"),
        ("hi", "<u8"),
        ("version", "<i8"),
        ("meaning", "<u8"),
        ("at", "<u4"),
        ("shape", "<u2"),
        ("count", "u1"),
    ]
)
"""One mark as the `seen` topic and the table hold it, packed, little-endian: 39 bytes."""

REPLAYED: Final = 0x80
"""The bit of `count` that says: behind the meanings stands what was replayed last."""

_pack: Final = struct.Struct("<16sqQIHB").pack


class Mark(Struct, frozen=True, gc=False):
    """What was published of one id.

    `version` is a number, `UNKNOWN` or `IMMUTABLE`; `shape` the digest of the shape's name; `at` seconds since the
    epoch. `meanings` holds up to four 64-bit meaning digests, last published first; their lowest bit says that the
    meaning came without a version. Behind such a one there may be the digest of what any copy of it carries.
    `replayed` is the digest of the replay that was published last, 0 where none ever was.
    """

    version: int
    shape: int
    meanings: tuple[int, ...]
    at: int
    replayed: int = 0


def pack(marks: Iterable[tuple[bytes, Mark]]) -> tuple[bytes, list[tuple[bytes, tuple[int, ...]]]]:
    """Return marks as the bytes of `ROW`s, and beside them what a mark holds behind its first meaning."""
    rows: list[bytes] = []
    more: list[tuple[bytes, tuple[int, ...]]] = []
    for digest, mark in marks:
        meanings, count = mark.meanings, len(mark.meanings)
        if count == 1 and not mark.replayed:
            rows.append(_pack(digest, mark.version, meanings[0], mark.at, mark.shape, 1))
            continue
        if mark.replayed:
            meanings, count = (*meanings, mark.replayed), count | REPLAYED
        rows.append(_pack(digest, mark.version, meanings[0], mark.at, mark.shape, count))
        if len(meanings) > 1:
            more.append((digest, meanings[1:]))
    return b"".join(rows), more


def unpack(data: bytes) -> NDArray[Any]:
    """Return the rows that `pack` wrote. Raises `ValueError` where the length fits no whole rows."""
    return np.frombuffer(data, ROW)
