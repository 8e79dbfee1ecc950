"""Read what comes of a page that fails alone: it is split ever smaller, so that a row that breaks it costs no other.

Where Offset counts pages, a part begins at a multiple of its size: so a page is split by the factors of its size.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from headrace.providers.leadsquared.offset_detection import Listed
from headrace.sdk.faults import NoRoute, Rejected, TooHeavy, Unavailable

FAILS: Final = (NoRoute, Rejected, TooHeavy, Unavailable)
_MOST_CALLS: Final = 100
"""So many parts are asked for in one turn: a few dozen find the row of a page that breaks it."""
_FEWEST: Final = 25
"""Where the row that fails is not looked for, no smaller parts are asked for."""

Ask = Callable[[int, int], Awaitable[Listed]]
"""Asks for rows: from which on (counted from 0), and how many."""


class BrokenPages:
    """Reads parts of pages: `rows` came, `lost` did not. `search`: down to the row that fails."""

    def __init__(self, ask: Ask, *, search: bool) -> None:
        self.rows: Final[list[bytes]] = []
        self.lost = 0
        self._ask: Final = ask
        self._search: Final = search
        self._calls = 0

    async def read(self, begin: int, count: int, end: int) -> None:
        """Read the parts of a page that does not come, up to row `end`. Raises `Fault`."""
        size = count // _least_factor(count) if begin % count == 0 else 1
        if not self._search and size < _FEWEST:
            self.lost += max(0, min(count, end - begin))
            return
        for place in range(begin, min(begin + count, end), size):
            rows = await self._part(place, size)
            if rows is not None:
                self.rows.extend(rows)
            elif size > 1:
                await self.read(place, size, end)
            else:
                self.lost += min(size, end - place)

    async def _part(self, place: int, size: int) -> list[bytes] | None:
        self._calls += 1
        if self._calls > _MOST_CALLS:
            return None
        try:
            return list((await self._ask(place, size)).rows)
        except FAILS:
            return None


def _least_factor(number: int) -> int:
    return next((factor for factor in range(2, number) if number % factor == 0), number)
