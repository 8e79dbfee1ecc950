"""The table of marks: 16-byte digests to what was last published, in open addressing over one numpy array.

A Python dict of ten million such ids takes over 200 bytes an id; this takes 56 to 84 and answers a whole batch at
once. A mark lies in one piece, so that it costs one or two misses of the cache. Where the search for a digest begins
grows with the digest: when the table is rebuilt, rows move in the order in which they lie. Rows are never removed one
by one: what is too old leaves with a rebuild.
"""

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from headrace.records.mark import REPLAYED, ROW, Mark

_WHOLE: Final = np.dtype((np.void, ROW.itemsize))
"""A row as bytes without a meaning: numpy copies these eight times as fast as rows with named fields."""
_LOAD: Final = 0.7
_GROWTH: Final = 1.5
_BLOCK: Final = 32_768
"""Rows that are put together: their temporary arrays fit the cache."""

Index = NDArray[np.int64]
Keys = NDArray[np.uint64]


class MarkTable:
    """Digests of 16 bytes to marks. Not thread-safe; lookups and inserts take whole batches."""

    def __init__(self, capacity: int = 1024) -> None:
        self._more: dict[bytes, tuple[int, ...]] = {}
        self._make(_prime(capacity))

    def __len__(self) -> int:
        return self._size

    @property
    def nbytes(self) -> int:
        """Bytes held by the table."""
        return self._table.nbytes

    def find(self, digests: Sequence[bytes]) -> dict[bytes, Mark]:
        """Return the marks of those digests that have one."""
        if not self._size or not digests:
            return {}
        lo, hi = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2).T
        slots = self._search(_nonzero(lo), hi)
        hits = np.flatnonzero(slots >= 0)
        if not hits.size:
            return {}
        rows = self._rows.take(slots[hits]).view(ROW)
        values = (rows[name].tolist() for name in ("version", "shape", "meaning", "count", "at"))
        return {
            digests[hit]: self._mark(digests[hit], version, shape, meaning, count, at)
            for hit, version, shape, meaning, count, at in zip(hits.tolist(), *values, strict=True)
        }

    def put(self, rows: NDArray[Any], more: Iterable[tuple[bytes, tuple[int, ...]]] = ()) -> None:
        """Insert or replace rows of dtype `ROW`, in order: of two with one digest the later wins."""
        deque(self.put_in_pieces(rows, more), maxlen=0)

    def put_in_pieces(self, rows: NDArray[Any], more: Iterable[tuple[bytes, tuple[int, ...]]] = ()) -> Generator[None]:
        """Do what `put` does, some milliseconds of it at a time: others may run behind each piece.

        Whoever stops amid it has put some of the rows, and loses no digest that was there.
        """
        yield from self._reserve(len(rows))
        for first in range(0, len(rows), _BLOCK):
            self._put(rows[first : first + _BLOCK])
            yield
        self._more.update(more)

    def drop_before(self, at: int) -> None:
        """Forget the marks made before `at`, in seconds since the epoch."""
        if int(((self._table["lo"] != 0) & (self._table["at"] >= at)).sum()) < self._size:
            deque(self._rebuild(len(self._table), at), maxlen=0)

    def _mark(self, digest: bytes, version: int, shape: int, meaning: int, count: int, at: int) -> Mark:  # noqa: PLR0917  (the columns)
        if count <= 1:
            return Mark(version, shape, (meaning,), at)
        more = self._more.get(digest, ())
        behind = (count & ~REPLAYED) - 1
        replayed = more[behind] if count & REPLAYED and len(more) > behind else 0
        return Mark(version, shape, (meaning, *more[:behind]), at, replayed)

    def _make(self, capacity: int) -> None:
        self._size = 0
        self._table: NDArray[Any] = np.zeros(capacity, ROW)
        self._rows: NDArray[Any] = self._table.view(_WHOLE)
        self._lo: Keys = self._table["lo"]
        self._hi: Keys = self._table["hi"]

    def _reserve(self, extra: int) -> Generator[None]:
        needed = self._size + extra
        if needed > _LOAD * len(self._table):
            yield from self._rebuild(_prime(max(int(len(self._table) * _GROWTH), int(needed / _LOAD) + 1)))

    def _rebuild(self, capacity: int, since: int = 0) -> Generator[None]:
        """Move the marks made at `since` or later to a table of another size, which takes its place in the end."""
        old, new = self._table, MarkTable(capacity)
        for first in range(0, len(old), _BLOCK):
            block = old[first : first + _BLOCK]
            live = (block["lo"] != 0) & (block["at"] >= since)
            new._put(block.view(_WHOLE)[live].view(ROW))
            yield
        self._size, self._table, self._rows, self._lo, self._hi = new._size, new._table, new._rows, new._lo, new._hi
        if self._more:
            remembered = self.find(list(self._more))
            self._more = {digest: more for digest, more in self._more.items() if digest in remembered}

    def _put(self, rows: NDArray[Any]) -> None:
        lo, hi = _nonzero(rows["lo"]), np.ascontiguousarray(rows["hi"])
        if not rows["lo"].all():
            rows = rows.copy()
            rows["lo"] = lo
        self._rows[self._search(lo, hi, insert=True)] = rows.view(_WHOLE)

    def _search(self, lo: Keys, hi: Keys, *, insert: bool = False) -> Index:
        """Return the slot of each key, or -1; with `insert`, claim free slots. Double hashing over a prime capacity."""
        capacity = len(self._table)
        slot = ((hi >> np.uint64(32)) * np.uint64(capacity) >> np.uint64(32)).astype(np.int64)
        result = np.full(len(lo), -1, np.int64)
        left = np.arange(len(lo))
        while left.size:
            here = self._lo[slot]
            free = here == 0
            if insert and free.any():
                self._claim(slot[free], lo[left[free]], hi[left[free]])
                here = self._lo[slot]
            match = (here == lo[left]) & (self._hi[slot] == hi[left])
            result[left[match]] = slot[match]
            go_on = ~(match | (here == 0))
            left = left[go_on]
            step = (lo[left] % np.uint64(capacity - 1)).astype(np.int64) + 1
            slot = (slot[go_on] + step) % capacity
        return result

    def _claim(self, slots: Index, lo: Keys, hi: Keys) -> None:
        """Write keys into free slots; where two want one slot, the later has it and the other looks on."""
        turns = np.arange(len(slots), dtype=np.uint64)
        notes = self._table["meaning"]  # whoever claims a slot writes a mark there next
        notes[slots] = turns
        first = notes[slots] == turns
        self._lo[slots[first]] = lo[first]
        self._hi[slots[first]] = hi[first]
        self._size += int(first.sum())


def _nonzero(lo: NDArray[Any]) -> NDArray[Any]:
    """Keep 0 for free slots: a digest that begins with 64 zero bits is taken for its neighbour."""
    nonzero: NDArray[np.uint64] = np.maximum(lo, np.uint64(1))
    return nonzero


def _prime(at_least: int) -> int:
    number = at_least | 1
    while any(number % divisor == 0 for divisor in range(3, int(number**0.5) + 1, 2)):
        number += 2
    return number
