"""The table of marks: 16-byte digests to what was last published, in open addressing over numpy columns.

A Python dict of ten million such ids takes over 200 bytes an id; this takes about 60 and answers a whole batch at
once. Rows are never removed one by one: what is too old leaves when the table is rebuilt.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

IMMUTABLE: Final = -1
UNKNOWN: Final = 0
KEPT: Final = 4

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
"""One mark as the `seen` topic holds it, packed, little-endian: 39 bytes."""

_COLUMNS: Final = tuple(ROW.names or ())
_LOAD: Final = 0.7
_GROWTH: Final = 1.5

Index = NDArray[np.int64]


class Mark(Struct, frozen=True, gc=False):
    """What was published of one id.

    `version` is a number, `UNKNOWN` or `IMMUTABLE`; `shape` the digest of the shape's name; `at` seconds since the
    epoch. `meanings` holds up to four 64-bit meaning digests, last published first; their lowest bit says that the
    meaning was told without a version.
    """

    version: int
    shape: int
    meanings: tuple[int, ...]
    at: int


class Marks:
    """Digests of 16 bytes to marks. Not thread-safe; lookups and inserts take whole batches."""

    def __init__(self, capacity: int = 1024) -> None:
        self._more: dict[bytes, tuple[int, ...]] = {}
        self._size = 0
        self._make(_prime(capacity))

    def __len__(self) -> int:
        return self._size

    @property
    def nbytes(self) -> int:
        """Bytes held by the columns."""
        return sum(column.nbytes for column in self._columns.values())

    def find(self, digests: Sequence[bytes]) -> dict[bytes, Mark]:
        """Give the marks of those digests that have one."""
        if not self._size or not digests:
            return {}
        lo, hi = _split(b"".join(digests))
        slots = self._probe(lo, hi, insert=False)
        hits = np.flatnonzero(slots >= 0)
        if not hits.size:
            return {}
        at_slots = slots[hits]
        values = (self._columns[name][at_slots].tolist() for name in _COLUMNS[2:])
        return {
            digests[hit]: Mark(version, shape, self._meanings(digests[hit], meaning, count), at)
            for hit, version, meaning, at, shape, count in zip(hits.tolist(), *values, strict=True)
        }

    def put(self, rows: NDArray[Any], more: Iterable[tuple[bytes, tuple[int, ...]]] = ()) -> None:
        """Insert or replace rows of dtype `ROW`, in order: of two with one digest the later wins."""
        if len(rows):
            self._reserve(len(rows))
            lo, hi = _nonzero(rows["lo"]), np.ascontiguousarray(rows["hi"])
            slots = self._probe(lo, hi, insert=True)
            for name in _COLUMNS[2:]:
                self._columns[name][slots] = rows[name]
        self._more.update(more)

    def drop_before(self, at: int) -> None:
        """Forget the marks made before `at`, in seconds since the epoch."""
        live = (self._lo != 0) & (self._columns["at"] >= at)
        if int(live.sum()) < self._size:
            self._rebuild(live, len(self._lo))

    def _meanings(self, digest: bytes, meaning: int, count: int) -> tuple[int, ...]:
        return (meaning,) if count <= 1 else (meaning, *self._more.get(digest, ())[: count - 1])

    def _make(self, capacity: int) -> None:
        self._columns: dict[str, NDArray[Any]] = {name: np.zeros(capacity, ROW[name]) for name in _COLUMNS}
        self._lo, self._hi = self._columns["lo"], self._columns["hi"]

    def _reserve(self, extra: int) -> None:
        needed = self._size + extra
        if needed > _LOAD * len(self._lo):
            capacity = max(int(len(self._lo) * _GROWTH), int(needed / _LOAD) + 1)
            self._rebuild(self._lo != 0, _prime(capacity))

    def _rebuild(self, live: NDArray[np.bool_], capacity: int) -> None:
        old = {name: column[live] for name, column in self._columns.items()}
        self._make(capacity)
        self._size = 0
        slots = self._probe(old["lo"], old["hi"], insert=True)
        for name in _COLUMNS[2:]:
            self._columns[name][slots] = old[name]
        if self._more:
            kept = self.find(list(self._more))
            self._more = {digest: more for digest, more in self._more.items() if digest in kept}

    def _probe(self, lo: NDArray[Any], hi: NDArray[Any], *, insert: bool) -> Index:
        """Give the slot of each key, or -1; with `insert`, claim free slots. Double hashing over a prime capacity."""
        capacity = np.uint64(len(self._lo))
        slot = (hi % capacity).astype(np.int64)
        step = (lo % (capacity - np.uint64(1)) + np.uint64(1)).astype(np.int64)
        result = np.full(len(lo), -1, np.int64)
        left = np.arange(len(lo))
        while left.size:
            if insert:
                self._claim(slot, lo[left], hi[left])
            here = self._lo[slot]
            match = (here == lo[left]) & (self._hi[slot] == hi[left])
            result[left[match]] = slot[match]
            go_on = ~match & (here != 0)
            left = left[go_on]
            slot = (slot[go_on] + step[left]) % len(self._lo)
        return result

    def _claim(self, slot: Index, lo: NDArray[Any], hi: NDArray[Any]) -> None:
        """Write keys into free slots; where two want one slot, the later has it and the other probes on."""
        free = np.flatnonzero(self._lo[slot] == 0)
        if free.size:
            targets = slot[free]
            self._lo[targets] = lo[free]
            self._hi[targets] = hi[free]
            self._size += len(np.unique(targets))


def pack(marks: Iterable[tuple[bytes, Mark]]) -> tuple[bytes, list[tuple[bytes, tuple[int, ...]]]]:
    """Write marks as the bytes of `ROW`s, and beside them the meanings behind the first, where there are any."""
    rows: list[tuple[int, int, int, int, int, int, int]] = []
    more: list[tuple[bytes, tuple[int, ...]]] = []
    for digest, mark in marks:
        lo = int.from_bytes(digest[:8], "little")
        hi = int.from_bytes(digest[8:], "little")
        count = len(mark.meanings)
        rows.append((lo, hi, mark.version, mark.meanings[0], mark.at, mark.shape, count))
        if count > 1:
            more.append((digest, mark.meanings[1:]))
    return np.array(rows, ROW).tobytes(), more


def unpack(data: bytes) -> NDArray[Any]:
    """Read what `pack` wrote. Raises `ValueError` where the length fits no whole rows."""
    return np.frombuffer(data, ROW)


def _split(data: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
    pairs = np.frombuffer(data, "<u8").reshape(-1, 2)
    return _nonzero(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])


def _nonzero(lo: NDArray[Any]) -> NDArray[Any]:
    """Keep 0 for free slots: a digest that begins with 64 zero bits is taken for its neighbour."""
    nonzero: NDArray[np.uint64] = np.maximum(lo, np.uint64(1))
    return nonzero


def _prime(at_least: int) -> int:
    number = at_least | 1
    while any(number % divisor == 0 for divisor in range(3, int(number**0.5) + 1, 2)):
        number += 2
    return number
