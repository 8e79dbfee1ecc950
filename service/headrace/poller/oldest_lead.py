"""When the lead was read that was read longest ago, without looking at all leads each time. Pure.

Leads are only ever read later than before, so of those that were the oldest at one look, the first that was not read
since is the oldest still: all leads are looked at again only when none of these is left, or it was long ago.
"""

import heapq
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import Final

MOST_OLDEST: Final = 5_000
"""Leads that one look at all of them remembers."""
SLICE: Final = 1_000
"""Leads that are looked at without letting others run: about two milliseconds."""
AGAIN_SECONDS: Final = 600.0
"""Time after which all leads are looked at again: a lead that comes back to the list may have been read long ago."""


class OldestLead:
    """The leads of one feed that were read longest ago; `read_at` returns when (ms) a lead was read."""

    def __init__(self, read_at: Callable[[str], int]) -> None:
        self._read_at: Final = read_at
        self._oldest: deque[tuple[int, str]] = deque()
        self._looked_at: float | None = None

    def is_due(self, leads: Collection[str], now: float) -> bool:
        """Return whether all leads have to be looked at (`look`) before `oldest` is known."""
        if self._looked_at is None or now - self._looked_at > AGAIN_SECONDS:
            return True
        return self.oldest(leads) is None and bool(leads)

    def oldest(self, leads: Collection[str]) -> int | None:
        """Return when the lead was read that was read longest ago, None where that is not known."""
        while self._oldest:
            at, lead = self._oldest[0]
            if lead in leads and self._read_at(lead) == at:
                return at
            self._oldest.popleft()
        return None

    def look(self, leads: Collection[str], now: float) -> Iterator[None]:
        """Look at all leads; others may run whenever it yields. Only a look that ends counts.

        Iterating over the leads has to bear that some come or go meanwhile.
        """
        newest_first: list[tuple[int, str]] = []
        for number, lead in enumerate(leads, 1):
            at = self._read_at(lead)
            if len(newest_first) < MOST_OLDEST:
                heapq.heappush(newest_first, (-at, lead))
            elif -at > newest_first[0][0]:
                heapq.heapreplace(newest_first, (-at, lead))
            if number % SLICE == 0:
                yield
        self._oldest = deque(sorted((-at, lead) for at, lead in newest_first))
        self._looked_at = now
