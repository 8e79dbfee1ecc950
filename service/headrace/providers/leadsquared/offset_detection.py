"""What `Offset` of Retrieve means: the reference calls it a page number, begins at "0", and goes on at "1".

It may count pages or rows, from 0 or from 1 (https://apidocs.leadsquared.com/get-activities-of-a-lead/ leaves it open).
It is found out by asking for two rows at Offset 0, 1 and 2. What two turns have found is a fact of the tenant, which is
not asked for again for a week; until then each turn asks for itself.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from headrace.sdk.faults import Rejected, Unavailable
from headrace.sdk.feed import Api

FACT: Final = "offset-counts"
ZERO: Final = "offset-0"
"""The fact what is at Offset 0: `rows` of each lead that has any, or a refusal (`refused`)."""
EMPTY: Final = "empty-at-0"
"""The fact that a lead which counts no rows at Offset 0 counts none at 1 either."""
TWO: Final = 2
_TRIES: Final = 3
_REFUSALS: Final = 2


class Listed(NamedTuple):
    """One page: how many rows there are by its RecordCount, and the rows that came."""

    total: int
    rows: Sequence[bytes]


Ask = Callable[[int, int], Awaitable[Listed]]
"""Asks for a page: Offset, RowCount."""


class Offset(NamedTuple):
    """The unit that Offset counts, and where it begins."""

    unit: str
    first: int

    def of(self, page: int, rows: int) -> int:
        """Return the offset of a page (counted from 0) that has so many rows before it."""
        return self.first + (page if self.unit == "pages" else rows)

    def __str__(self) -> str:
        return f"{self.unit} from {self.first}"


MEANINGS: Final = {str(each): each for each in (Offset(unit, first) for unit in ("pages", "rows") for first in (0, 1))}


class Offsets:
    """What is known of Offset in one turn: the facts of the tenant, and what this turn has found out."""

    def __init__(self, api: Api) -> None:
        self._api: Final = api
        self._found: Offset | None = None

    async def first(self, ask: Ask, size: int) -> Listed:
        """Return the first page. Raises `Fault`."""
        known = self.known
        if known is not None:
            return await ask(known.of(0, 0), size)
        zero = self._api.recall(ZERO)
        if zero == "refused":
            return await ask(1, size)
        page = await beginning(ask, size)
        if page is None:
            self._api.remember(ZERO, "refused")
        elif page.rows:
            self._api.remember(ZERO, "rows")
            return page
        elif not page.total and (zero == "rows" or self._api.recall(EMPTY)):
            return page  # this lead has none
        following = await ask(1, size)
        if page is not None:
            self._compare(page, following)
        return following

    def _compare(self, zero: Listed, one: Listed) -> None:
        """Note what a lead shows that shows no rows at Offset 0."""
        if one.rows:
            self._api.remember(ZERO, None)
        if not zero.total:
            self._api.remember(EMPTY, None if one.rows or one.total else "yes")

    async def of(self, ask: Ask, page: int, rows: int) -> int:
        """Return the offset of a page (counted from 0) that has so many rows before it. Raises `Fault`."""
        known = self.known
        if known is None:
            known = self._found = await find_out(ask)
            self._api.remember(FACT, str(known))
        return known.of(page, rows)

    @property
    def known(self) -> Offset | None:
        """What Offset means, None where that is to be found out."""
        return self._found or MEANINGS.get(self._api.recall(FACT) or "")


async def find_out(ask: Ask) -> Offset:
    """Return what Offset means, found out with a list of three rows or more.

    A list that changes between two looks proves nothing, so the first page is read before and after. Raises
    `Fault`, and `Unavailable` where the list kept changing.
    """
    for _ in range(_TRIES):
        before = await beginning(ask, TWO)
        second = await ask(1, TWO)
        third = await ask(2, TWO)
        if before == await beginning(ask, TWO):
            return _meaning(before.rows if before else (), second.rows, third.rows)
    raise Unavailable("what Offset means could not be found out: the list changed with every look")


async def beginning(ask: Ask, size: int) -> Listed | None:
    """Return the page at Offset 0; None where the platform begins at 1.

    It does where it rejects 0 again and again, before and after it brings rows at 1: else it is the lead that it
    rejects, or somebody else who answers for a moment. Raises `Fault`.
    """
    for _ in range(_REFUSALS):
        try:
            return await ask(0, size)
        except Rejected as fault:
            refused = fault
    if not (await ask(1, size)).rows:
        raise refused
    try:
        return await ask(0, size)
    except Rejected:
        return None


def _meaning(zero: Sequence[bytes], one: Sequence[bytes], two: Sequence[bytes]) -> Offset:
    if not zero or list(zero) == list(one):
        return Offset("rows" if two[:1] == one[1:2] else "pages", 1)
    return Offset("rows" if one[:1] == zero[1:2] else "pages", 0)
