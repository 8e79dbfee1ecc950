"""What `Offset` of Retrieve means: the reference calls it a page number, begins at "0", and goes on at "1".

It may count pages or rows, from 0 or from 1 (https://apidocs.leadsquared.com/get-activities-of-a-lead/ leaves it open).
It is found out once, by asking for two rows at Offset 0, 1 and 2. The answer is stored with the cursor, as the tenant's
fact `FACT`: a tenant that has it never detects again.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from headrace.sdk.faults import Rejected, Unavailable

FACT: Final = "offset-counts"
TWO: Final = 2
_TRIES: Final = 3


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
            return _meaning(before.rows, second.rows, third.rows)
    raise Unavailable("what Offset means could not be found out: the list changed with every look")


async def beginning(ask: Ask, size: int) -> Listed:
    """Return the page at Offset 0; an empty one where the platform begins at 1 and rejects 0."""
    try:
        return await ask(0, size)
    except Rejected:
        return Listed(0, ())


def _meaning(zero: Sequence[bytes], one: Sequence[bytes], two: Sequence[bytes]) -> Offset:
    if not zero or list(zero) == list(one):
        return Offset("rows" if two[:1] == one[1:2] else "pages", 1)
    return Offset("rows" if one[:1] == zero[1:2] else "pages", 0)
