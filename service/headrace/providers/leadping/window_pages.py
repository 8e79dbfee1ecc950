"""The pages of one window of the list of all leads. Pure but for the calls."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from headrace.providers.leadping.hydrate import read_head
from headrace.providers.leadping.list_pages import ListPages
from headrace.providers.leadping.pager import created
from headrace.providers.leadping.tenant_cursor import TenantPlan, Window, is_outside
from headrace.providers.leadping.tenant_list import page_call
from headrace.providers.leadping.tenant_span import SpanPlan
from headrace.sdk.faults import Gone, Rejected, Unavailable
from headrace.sdk.feed import Api, Call

Plan: TypeAlias = TenantPlan | SpanPlan

_FEWEST: Final = 20
"""Rows of a page that no platform refuses for their number."""
_MOST_OUTSIDE: Final = 20
"""Pages in a row without a row of their window: a list that does not keep to it would be read to its end."""


class WindowPages(ListPages):
    """The pages of one window of a list."""

    whole_bundles: bool = False

    def __init__(self, path: str, window: Window, plan: Plan) -> None:
        super().__init__(plan.at.size, window.token)
        self._path: Final = path
        self.window: Final = window
        self._plan: Final = plan
        self._outside = 0
        self.bundles = 0
        """Rows that got a part."""

    async def page(self, api: Api) -> list[bytes]:
        """Return the rows of the next page. Raises `Fault`."""
        rows = await super().page(api)
        self._plan.at.size, self.window.token = self.size, self.token
        return rows

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
