"""Read a list of the account in closed windows of one of its times, so that rows that move lose none.

An edit takes a row out of its window, and those behind it move up by one place: whoever pages by number misses one. So
the next page is not asked for by its number: it is the first page of what is left, from the last time that came on.
Only where a second has more rows than a page are pages numbered and counted against RecordCount, in several passes.
Where rows do not come in order, the window is made smaller until all that it holds comes on one page.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

from headrace.providers.leadsquared.offset_detection import Listed
from headrace.sdk.faults import Denied, Gone, NoRoute, Rejected, TooHeavy, Unavailable

WINDOW_MS: Final = 86_400_000
SECOND_MS: Final = 1_000
_FEWEST: Final = 25
_SHORTEST_MS: Final = 60_000
"""A smaller page of a shorter window is not asked for: where it fails, it is not its size."""
_GROWS_AFTER: Final = 8
"""So many good pages in a row, and a page or window that was made smaller is doubled."""
_PASSES: Final = 3
_MOST_ROWS: Final = 20_000
"""Rows of one second, which are held while it is read: pages are as small as they had to be made."""
REFUSED: Final = (Denied, Gone, NoRoute, Rejected, TooHeavy, Unavailable)

Ask = Callable[[int, int, int, int], Awaitable[Listed]]
"""Asks for a page: from, to (ms, both within), PageIndex from 1, PageSize."""


class Place(Struct, array_like=True):
    """Where a reading stands, in ms: all before `at` is read, and it ends at `until` (0: there is none).

    Windows of `span`, pages of `size` (0: as large as they may be) have come well so many times (`good`).
    """

    at: int = 0
    until: int = 0
    span: int = 0
    size: int = 0
    good: int = 0


class WindowReader:
    """Reads on from a place. `time_of` returns the time of a row by which windows go, `name_of` its name.

    `short` are rows that the last page counted and did not show. It was `cut` where a second has more than are read.
    """

    def __init__(
        self,
        place: Place,
        ask: Ask,
        *,
        size: int,
        time_of: Callable[[bytes], int | None],
        name_of: Callable[[bytes], object],
    ) -> None:
        self.place: Final = place
        self.short = 0
        self.cut = False
        self._ask: Final = ask
        self._most: Final = size
        self._time_of: Final = time_of
        self._name_of: Final = name_of
        self._probed = False

    @property
    def done(self) -> bool:
        """Whether there is nothing left to read."""
        return self.place.at >= self.place.until

    async def page(self) -> Sequence[bytes]:
        """Return the rows of the next page, and go on behind them. Raises `Fault`."""
        place, self.short, self.cut = self.place, 0, False
        begin, listed, end = await self._fitting()
        size = self._size
        self._grow()
        if listed.total <= len(listed.rows) < size:
            place.at = max(end, begin + 1)
            return listed.rows
        if not listed.rows:
            self.short, place.at = listed.total, max(end, begin + 1)
            return ()
        last = self._last_in_order(listed.rows)
        if last is None and end - begin > SECOND_MS:
            share = len(listed.rows) / (2 * max(listed.total, len(listed.rows)))
            place.span, place.good = max(int((end - begin) * share), SECOND_MS), 0
            return listed.rows
        last = end if last is None else min(last, end)
        if last - SECOND_MS > begin:
            place.at = last - SECOND_MS
            return listed.rows
        rows = await self._counted(begin, last, listed)
        place.at = last + SECOND_MS
        return rows

    async def comes(self, begin: int) -> bool:
        """Return whether the smallest page from there on comes. Raises `Fault` where that is not the question."""
        try:
            await self._ask(begin, min(begin + _SHORTEST_MS, max(self.place.until, begin)), 1, _FEWEST)
        except REFUSED:
            return False
        return True

    def pass_over(self) -> int:
        """Go on behind what does not come, and return where that ends."""
        self.place.at = self.place.at // SECOND_MS * SECOND_MS + _SHORTEST_MS
        self.place.span = self.place.size = self.place.good = 0
        return self.place.at

    @property
    def _size(self) -> int:
        return min(self.place.size or self._most, self._most)

    async def _fitting(self) -> tuple[int, Listed, int]:
        """Return the first page of a window that is not too much, and the window."""
        place, self._probed = self.place, False
        while True:
            begin = place.at // SECOND_MS * SECOND_MS
            end = min(begin + (place.span or WINDOW_MS), place.until)
            try:
                return begin, await self._ask(begin, end, 1, self._size), end
            except (TooHeavy, Unavailable) as fault:
                await self._make_smaller(begin, end, fault)

    async def _make_smaller(self, begin: int, end: int, fault: TooHeavy | Unavailable) -> None:
        """Halve page and window where a small one comes: in an outage none does. Raises the fault."""
        smallest = self._size <= _FEWEST and end - begin <= _SHORTEST_MS
        if smallest or not (self._probed or await self.comes(begin)):
            raise fault
        self._probed = True
        self.place.size = max(self._size // 2, _FEWEST)
        self.place.span = max((end - begin) // 2, _SHORTEST_MS)
        self.place.good = 0

    def _grow(self) -> None:
        place = self.place
        place.good = place.good + 1 if place.span or place.size else 0
        if place.good >= _GROWS_AFTER:
            place.span = 0 if place.span * 2 >= WINDOW_MS else place.span * 2
            place.size = 0 if place.size * 2 >= self._most else place.size * 2
            place.good = 0

    def _last_in_order(self, rows: Sequence[bytes]) -> int | None:
        """Return the second of the last row where rows come in order, None where they do not."""
        times = [at for at in map(self._time_of, rows) if at is not None]
        return times[-1] // SECOND_MS * SECOND_MS if times and times == sorted(times) else None

    async def _counted(self, begin: int, end: int, first: Listed) -> list[bytes]:
        """Return all rows of a window that is too short to be divided.

        No edit leads into a second that is gone: where a pass counts on every page what it found, nothing moved.
        """
        found = dict.fromkeys(first.rows)
        for _ in range(_PASSES):
            totals, names = await self._pass(begin, end + SECOND_MS - 1, found)
            if self.cut or totals == {len(names)}:
                return list(found)
        self.short = max(1, max(totals) - len(names))
        return list(found)

    async def _pass(self, begin: int, end: int, found: dict[bytes, None]) -> tuple[set[int], set[object]]:
        names: set[object] = set()
        totals: set[int] = set()
        own_counts = True
        for index in range(1, -(-_MOST_ROWS // self._size) + 1):
            listed = await self._ask(begin, end, index, self._size)
            known = len(names)
            names.update(map(self._name_of, listed.rows))
            found.update(dict.fromkeys(listed.rows))
            totals.add(listed.total)
            own_counts &= listed.total == len(listed.rows)
            full = len(listed.rows) >= self._size
            if len(names) == known or (len(names) >= listed.total and not (full and own_counts)):
                break
        else:
            self.cut = True
        return ({len(names)} if own_counts else totals), names
