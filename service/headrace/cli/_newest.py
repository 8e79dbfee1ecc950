"""The newest of many things that come in any order: so many at most, and no more bytes than fit memory."""

import heapq
from typing import Any, Final, Generic, TypeVar

_T = TypeVar("_T")

MOST_BYTES: Final = 64 * 1024 * 1024


class Newest(Generic[_T]):
    """Keeps the `most` newest things, fewer where these take more than `most_bytes`; of all it knows the number."""

    def __init__(self, most: int, most_bytes: int = MOST_BYTES) -> None:
        self.total = 0
        self.full = False
        """Whether something is not there that `most` has room for."""
        self._most: Final = most
        self._most_bytes: Final = most_bytes
        self._bytes = 0
        self._heap: Final[list[tuple[Any, int, int, _T]]] = []

    def take(self, at: Any, size: int, one: _T) -> None:
        """Take a thing of that time (of any kind that compares) and of so many bytes; of equal times the last wins."""
        self.total += 1
        heapq.heappush(self._heap, (at, self.total, size, one))
        self._bytes += size
        while len(self._heap) > self._most or (self._bytes > self._most_bytes and len(self._heap) > 1):
            self.full |= len(self._heap) <= self._most
            self._bytes -= heapq.heappop(self._heap)[2]

    def in_order(self) -> list[_T]:
        """Return what is there, the oldest first."""
        return [one for *_, one in sorted(self._heap, key=lambda entry: entry[:2])]

    def remark(self, what: str) -> str:
        """Return a sentence on those of `what` that are not there, with what to do; an empty text where all are."""
        if self.total == len(self._heap):
            return ""
        more = (
            f"they fill {self._most_bytes >> 20} MiB, --since and --until choose others"
            if self.full
            else "-n shows more"
        )
        return f"These are the newest {len(self._heap):,} of {self.total:,}{what}: {more}"
