"""Page through all rows of one lead, and again where they shifted while they were read.

Nothing in Retrieve holds a list still: a row that is added or deleted between two pages moves all that follow, and
there is no window to ask for. So the rows of a pass are counted against RecordCount, and a pass that does not add up is
made again. The rows of all passes count: what moved is in one of them.
"""

import contextlib
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct, field

from headrace.core.weight import weight
from headrace.providers.leadsquared import wire
from headrace.providers.leadsquared.broken_page import FAILS, BrokenPages
from headrace.providers.leadsquared.offset_detection import Listed, Offsets
from headrace.providers.leadsquared.settings import LeadActivitiesSettings
from headrace.sdk.faults import Fault, TooHeavy, Unavailable
from headrace.sdk.feed import Api, Call
from headrace.sdk.page_size import halved
from headrace.sdk.pages import Page, open_page

PATH: Final = "/v2/ProspectActivity.svc/Retrieve"
"""https://apidocs.leadsquared.com/get-activities-of-a-lead/"""
_PASSES: Final = 3
_LASTING_MS: Final = 60_000
"""After so long the same shortfall, in another turn, is one that lasts: a moment of empty pages looks like it."""
_MOST_BYTES: Final = 24 * 1024 * 1024
"""Weight of the rows of a lead that are read: some 4,000 of the largest kind. What is beyond is not read."""
_ROW_BYTES: Final = 512
"""What each row takes beside its weight: its places among the rows and the names."""
_FEWEST: Final = 25
"""As many rows as come without paging: a page of so few that is refused is refused for another reason."""
_MOST_HOLES: Final = 20
"""With more pages that fail it is the platform that does, and not a row."""
_AHEAD: Final = (1, 2)
"""Which pages behind one that fails show whether it does so alone: the one between may have its own reason."""
_ABSENT: Final = Raw(b"")
_NULL: Final = Raw(b"null")


class _LeadSquaredPage(Page, rename="pascal"):
    record_count: int | None = None
    rows: Raw = field(default=Raw(b""), name="ProspectActivities")

    def __post_init__(self) -> None:
        """Take an absent list for none where the count says so, and null only beside a count."""
        if self.rows == _ABSENT and self.record_count == 0:
            self.rows = _NULL
        elif self.rows == _NULL and self.record_count is None:
            self.rows = _ABSENT


class Shortfall(Struct, frozen=True, array_like=True):
    """So many rows are counted and not shown, and have been `since` a turn (ms by the platform's clock)."""

    rows: int
    since: int


class _Pass(Struct):
    """What one pass found: the names of the rows, and the values of RecordCount on its pages."""

    names: set[object]
    counts: set[int]
    holes: list[tuple[int, int]]
    """The pages that alone do not come: from which row on (counted from 0), and how many rows."""
    own_counts: bool = True
    """Whether every page counted just itself: then there is no total to compare with."""

    @property
    def adds_up(self) -> bool:
        return self.own_counts or self.counts == {len(self.names)}


_page: Final = msgspec.json.Decoder(_LeadSquaredPage, strict=False)
_encode: Final = msgspec.json.Encoder().encode


class LeadSquaredPager:
    """The `rows` of one lead and code, those of the first page first; `whole` if they add up.

    `begun` is when the first page came, in milliseconds by the platform's clock. `short` is what they lack in every
    pass, None where they add up or never stood still.
    """

    def __init__(
        self, api: Api, lead: str, code: int | None, settings: LeadActivitiesSettings, offsets: Offsets
    ) -> None:
        self.rows: Final[dict[bytes, None]] = {}
        self.whole = False
        self.short: Shortfall | None = None
        self.begun = 0
        self._api: Final = api
        self._offsets: Final = offsets
        self._parameter: Final = {} if code is None else {"ActivityEvent": code}
        self._query: Final = (("leadId", lead), *((("getFileURL", "true"),) if settings.file_urls else ()))
        self._size = settings.page_size
        self._weight = 0
        self.lost = self._counted = 0

    @property
    def full(self) -> bool:
        """Whether there is no room for more rows."""
        return self._weight > _MOST_BYTES

    @property
    def shortfall(self) -> str:
        """What is missing where the reading is not whole."""
        if self.lost:
            return f"{self.lost} of {self._counted} activities of a lead did not come, each for itself"
        if self.full:
            return f"a lead has more activities than there is room for: {len(self.rows)} of {self._counted} were read"
        return f"a list changed while it was read, or shows less than it counts: {len(self.rows)} of {self._counted}"

    async def read(self, before: Shortfall | None = None, *, search: bool = True) -> None:
        """Read until a pass adds up, or is as short as the one before.

        Rows of pages that fail are looked for one by one where `search` says so: `lost` are those that do not come.
        Where turns `before` were as short, the platform counts what it does not show, and it is whole. After a few
        passes, or with more rows than there is room for, it gives up, not whole. Raises `Fault`.
        """
        last: _Pass | None = None
        for _ in range(_PASSES):
            this = await self._pass_of_fitting_pages()
            self._counted = max(this.counts, default=0)
            await self._fill(this, search=search)
            if self.full or self.lost:
                return
            if this.adds_up:
                self.whole = True
                return
            if this == last and this.names:  # nothing at all of many is a fault
                self._judge(self._counted - len(this.names), before)
                return
            last = this

    def _judge(self, rows: int, before: Shortfall | None) -> None:
        self.short = before if before is not None and before.rows == rows else Shortfall(rows, self.begun)
        self.whole = self.begun - self.short.since >= _LASTING_MS

    async def _pass_of_fitting_pages(self) -> _Pass:
        while True:
            try:
                return await self._pass()
            except TooHeavy as fault:
                self._size = halved(self._size, fault, _FEWEST)

    async def _pass(self) -> _Pass:
        found = _Pass(set(), set(), [])
        pages = got = 0
        while True:
            try:
                listed = await self._listed(pages, got)
            except FAILS as fault:
                if len(found.holes) >= _MOST_HOLES:
                    raise
                await self._pass_over(fault, pages, got)
                found.holes.append((got, self._size))
                pages, got = pages + 1, got + self._size
                continue
            pages, got, known = pages + 1, got + len(listed.rows), len(found.names)
            found.names.update(map(_name, listed.rows))
            found.counts.add(listed.total)
            found.own_counts &= listed.total == len(listed.rows)
            self._add(listed.rows)
            full = len(listed.rows) == self._size
            # One full page that counts as many rows as it has may count just itself: the next one tells.
            if self.full:
                return found
            if len(found.names) == known or (got >= listed.total and not (full and listed.total == len(listed.rows))):
                return found
            if pages == 1 and not full:
                self._size = len(listed.rows)  # the platform's pages are smaller than requested

    async def _pass_over(self, fault: Fault, pages: int, got: int) -> None:
        """Return where a page fails alone. Raises the fault where others fail, `TooHeavy` where smaller ones may come.

        What follows the first page is known only where it is known what Offset means. That pages behind the end come
        without rows says nothing about the size of the first one; the others have a size that came.
        """
        may_be_large = pages == 0 and self._size > _FEWEST
        if may_be_large and isinstance(fault, Unavailable) and await self._one_comes(pages, got):
            fault = TooHeavy(str(fault))
        if pages == 0 and self._offsets.known is None:
            raise fault
        behind = await self._behind(pages, got)
        if behind is None and (may_be_large or not await self._one_comes(pages, got)):
            raise fault
        if may_be_large and not (behind and behind.rows):
            raise TooHeavy(str(fault))

    async def _behind(self, pages: int, got: int) -> Listed | None:
        """Return a page behind one that fails, None where those fail as well. Raises `Fault`."""
        for ahead in _AHEAD:
            with contextlib.suppress(*FAILS):
                return await self._listed(pages + ahead, got + ahead * self._size)
        return None

    async def _one_comes(self, pages: int, got: int) -> bool:
        """Return whether the first row of a page comes by itself. Raises `Fault`."""
        try:
            await (self._rows_at(got, 1) if pages else self._offsets.first(self._ask, 1))
        except FAILS:
            return False
        return True

    async def _fill(self, found: _Pass, *, search: bool) -> None:
        """Ask for the parts of pages that do not come. Raises `Fault`."""
        parts = BrokenPages(self._rows_at, search=search)
        for begin, count in found.holes:
            await parts.read(begin, count, begin + count if found.own_counts else max(self._counted, begin + 1))
        self.lost = parts.lost
        found.names.update(map(_name, parts.rows))
        self._add(parts.rows)

    async def _rows_at(self, place: int, count: int) -> Listed:
        """Request rows from one on that is counted from 0: a multiple of their count."""
        return await self._ask(await self._offsets.of(self._ask, place // count, place), count)

    def _add(self, rows: Sequence[bytes]) -> None:
        for row in rows:
            if row not in self.rows:
                self.rows[row] = None
                self._weight += weight(row) + _ROW_BYTES

    async def _listed(self, pages: int, rows: int) -> Listed:
        """Request the page after `pages` pages and `rows` rows."""
        if pages == 0:
            return await self._offsets.first(self._ask, self._size)
        return await self._ask(await self._offsets.of(self._ask, pages, rows), self._size)

    async def _ask(self, offset: int, size: int) -> Listed:
        paging = {"Offset": str(offset), "RowCount": str(size)}
        body = _encode({"Parameter": self._parameter, "Paging": paging})
        answer = await self._api.call(Call(path=PATH, method="POST", query=self._query, body=body))
        self.begun = self.begun or self._api.now
        page, rows = await open_page(_page, answer)
        return Listed(len(rows) if page.record_count is None else page.record_count, rows)


def _name(row: bytes) -> object:
    """Return what makes a row the same on two pages: a mirror has the id of what it mirrors."""
    try:
        key = wire.decode_activity_key(row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return row
    return key.id, str(key.event_code)
