"""The pages of one window of the list of all leads. Pure but for the calls."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from msgspec import Raw

from headrace.providers.leadping.broken_moments import half, within
from headrace.providers.leadping.broken_rows import MOST_WAITING, refuse_outage, rows_of_moment
from headrace.providers.leadping.hydrate import read_head
from headrace.providers.leadping.list_pages import LeadPingPage, ListPages
from headrace.providers.leadping.pager import created
from headrace.providers.leadping.tenant_cursor import TenantPlan, Window, is_outside
from headrace.providers.leadping.tenant_list import page_call
from headrace.providers.leadping.tenant_span import SpanPlan
from headrace.sdk.faults import Gone, Incomplete, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import Api, Call

Plan: TypeAlias = TenantPlan | SpanPlan

_FEWEST: Final = 20
"""Rows of a page that no platform refuses for their number."""
_MOST_OUTSIDE: Final = 20
"""Pages in a row without a row of their window: a list that does not keep to it would be read to its end."""

_NO_PAGE: Final = LeadPingPage(Raw(b"[]"))


class WindowPages(ListPages):
    """The pages of one window of a list, which is cut to what comes of it."""

    whole_bundles: bool = False

    def __init__(self, path: str, window: Window, plan: Plan) -> None:
        super().__init__(plan.at.size, window.token)
        self._path: Final = path
        self.window: Final = window
        self._plan: Final = plan
        self._full: Final = plan.at.size
        self._outside = 0
        self._is_broken: Final = window.end - window.begin == 1 and window.begin in plan.broken.waiting
        if window.token is None and not self._is_broken:
            bounds = window.begin, window.end
            found = within(plan.suspect, *bounds, backwards=plan.backwards)
            window.begin, window.end = plan.broken.around(*found, backwards=plan.backwards)
            self.whole = window.begin >= window.end and bounds != (window.begin, window.end)
        self.bundles = 0
        """Rows that got a part."""

    async def page(self, api: Api) -> list[bytes]:
        """Return the rows of the next page. Raises `Fault`."""
        rows = await super().page(api)
        self._plan.at.size, self.window.token = self.size, self.token
        return rows

    async def ask(self, api: Api) -> tuple[LeadPingPage, list[bytes]]:
        """See ListPages: where a row breaks each page, all others come first."""
        if self._is_broken and self.token is None:
            return await self._moment(api, Unavailable("the list of all events brings no row"))
        while True:
            try:
                return await super().ask(api)
            except (TooHeavy, Unavailable) as fault:
                if self._plan.suspect is None:
                    await refuse_outage(api, self._path, fault)
                self._plan.suspect = self.window.begin, self.window.end
                self.size = self._full
                self.from_the_first()
                if not self._halve():
                    return await self._moment(api, fault)

    async def shrink(self, api: Api, fault: TooHeavy | Unavailable) -> None:
        """See ListPages: where a row breaks each page, the window is halved, and not the page."""
        if self._plan.suspect is not None:
            raise fault
        await super().shrink(api, fault)

    async def _moment(self, api: Api, fault: TooHeavy | Unavailable) -> tuple[LeadPingPage, list[bytes]]:
        """Return what comes of a window of one moment, which waits where it does not come. Raises `Fault`."""
        moment, broken = self.window.begin, self._plan.broken
        if not self._is_broken and len(broken.waiting) >= MOST_WAITING:
            raise fault
        try:
            found = await rows_of_moment(api, self._path, moment, self.size, fault)
        except Incomplete:
            broken.wait(moment)
            return _NO_PAGE, []
        if found is None:
            broken.leave(moment)
            return _NO_PAGE, []
        broken.come(moment)
        return found

    def _halve(self) -> bool:
        """Read the half of the window first; return False where it is one moment."""
        found = half(self.window.begin, self.window.end, backwards=self._plan.backwards)
        self.window.begin, self.window.end = found or (self.window.begin, self.window.end)
        return found is not None

    def call(self, size: int) -> Call:
        """See ListPages."""
        return page_call(self._path, self.window.begin, self.window.end, size, self.token)

    def changes(self, fault: Gone | Rejected) -> bool:
        """See ListPages: how many rows a page may have is not published."""
        if self.size <= _FEWEST or not isinstance(fault, Rejected):
            return False
        self.size = max(self.size // 2, _FEWEST)
        return True

    def begin_again(self) -> None:
        """Read a shorter window from its first page. Raises `Rejected` where it can be no shorter."""
        self.moved = self._plan.cut(self.window) or self.moved
        super().begin_again()

    def wait(self, row: bytes) -> None:
        """See PageOfRows."""
        self._plan.wait(created(read_head(row)))

    def refuse_outside(self, rows: Sequence[bytes]) -> None:
        """Raise `Unavailable` for a list that does not keep to its window, page after page."""
        far = bool(rows) and all(is_outside(created(read_head(row)), self.window) for row in rows)
        self._outside = self._outside + 1 if far else 0
        if self._outside >= _MOST_OUTSIDE:
            raise Unavailable("the list of all events does not keep to startAt and endAt: it would be read to its end")
