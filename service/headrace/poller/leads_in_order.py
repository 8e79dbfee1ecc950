"""The watched leads of a tenant in the order of their ids, some at a time: to sort a million would stop all else."""

import asyncio
from bisect import bisect_right
from collections.abc import Collection
from heapq import nsmallest
from itertools import chain, islice
from typing import Final

TOGETHER: Final = 1_000
"""Leads that are looked up at a time."""
SLICE: Final = 5_000
"""Leads that are looked at before others get their turn: some milliseconds."""


class LeadsInOrder:
    """Leads that are watched, and those that the settings name, as they are when they are looked up.

    Iterating over `watched` bears that some come or go meanwhile.
    """

    def __init__(self, watched: Collection[str], named: Collection[str]) -> None:
        self._watched: Final = watched
        self._named: Final = named
        self._from: str | None = None
        self._next: list[str] = []
        """The leads that follow on `_from`."""

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._watched) + sum(lead not in self._watched for lead in self._named)

    async def behind(self, lead: str) -> str | None:
        """Return the lead that follows on this one, None where it is the last; on "" follows the first."""
        at = bisect_right(self._next, lead)
        if self._from is None or lead < self._from or at == len(self._next):
            self._from, self._next, at = lead, await self._look_up(lead), 0
        return self._next[at] if at < len(self._next) else None

    async def _look_up(self, lead: str) -> list[str]:
        found: list[str] = []
        leads = chain(self._watched, self._named)
        while some := list(islice(leads, SLICE)):
            found = nsmallest(TOGETHER, {*found, *(one for one in some if one > lead)})
            await asyncio.sleep(0)
        return found
