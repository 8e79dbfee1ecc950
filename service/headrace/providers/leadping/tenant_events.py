"""The feed `tenant-events`: the events of all leads, one list for the whole tenant.

A row that lacks nothing goes on as it is, others as bundles with what they lack. What changed in place is found by
looking again: `tenant_cursor.py` says when, `tenant_books.py` what is news. The leads are watched, and not woken: what
the list shows is brought.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

from headrace.providers.leadping import wire
from headrace.providers.leadping.bundles import put_together, read_event
from headrace.providers.leadping.nudge import APART_MS
from headrace.providers.leadping.settings import LeadPingSettings
from headrace.providers.leadping.tenant_books import Books, NewsBooks, Reason, SpanBooks
from headrace.providers.leadping.tenant_cursor import TenantPlan, decoded, moved, rewound
from headrace.providers.leadping.tenant_list import LIST, UNREAD, TenantList, tenant_list
from headrace.providers.leadping.tenant_span import SpanPlan
from headrace.providers.leadping.window_pages import Plan, WindowPages
from headrace.sdk.faults import Gone, Incomplete, NoRoute, Rejected
from headrace.sdk.feed import Api, Sighting, Skipped, Turn, Yield
from headrace.sdk.http_status import no_route


class TenantEventsFeed:
    """Reads the list of all leads to the platform's now, and a part of its past again."""

    name: str = wire.TENANT_FEED
    by_lead: bool = False

    def __init__(self, settings: LeadPingSettings) -> None:
        self.every = settings.tenant_events.every
        self.apart = APART_MS
        self._organization: Final = settings.organization
        self._page_size: Final = settings.tenant_events.page_size
        self._look_back: Final = settings.tenant_events.look_back * 1000

    def rewound(self, since: int, before: bytes) -> bytes:
        """See Feed."""
        return rewound(since, before)

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read on from a cursor, or a span; of a turn that names an event no more than that. Raises `Fault`."""
        if turn.event is not None:
            for item in await read_event(api, turn.event, None):
                yield item
            return
        before = decoded(api.position(self.name, "")).shown_by
        found = await tenant_list(api, self._organization, before)
        items = self._read_on(api, cursor, found)
        if turn.span is not None or turn.around is not None:
            items = self._read_span(api, cursor, turn, found)
        async for item in items:
            yield item

    async def _read_on(self, api: Api, cursor: bytes, found: TenantList) -> AsyncIterator[Yield]:
        at = moved(decoded(cursor), found.name, whole=found.whole)
        plan = TenantPlan(at, self._look_back, self._page_size, api.now)
        books = NewsBooks(api, plan, self._look_back)
        async for item in _windows(api, found, plan, books):
            yield item
        for note in books.forgotten():
            yield note
        for item in _ended(plan, found):
            yield item

    async def _read_span(self, api: Api, cursor: bytes, turn: Turn, found: TenantList) -> AsyncIterator[Yield]:
        plan = SpanPlan(turn, cursor, self._page_size)
        async for item in _windows(api, found, plan, SpanBooks(plan)):
            yield item
        for item in _ended(plan, found):
            yield item


async def _windows(api: Api, found: TenantList, plan: Plan, books: Books) -> AsyncIterator[Yield]:
    """Read what a plan wants, page by page, each with the cursor that covers it. Raises `Fault`."""
    for window in plan.windows():
        pages = WindowPages(found.path, window, plan)
        while not pages.whole:
            try:
                rows = await pages.page(api)
            except (Gone, NoRoute, Rejected) as fault:
                api.remember(LIST, None)  # the next turn looks for it
                yield plan.cursor()
                raise no_route(str(fault)) if isinstance(fault, Gone) else fault from None
            async for item in _page(api, pages, rows, books):
                yield item
            yield plan.cursor()
            if not plan.page_read(api.now, pages.bundles):
                break


async def _page(api: Api, pages: WindowPages, rows: Sequence[bytes], books: Books) -> AsyncIterator[Yield]:
    """Yield what is news of a page, the leads that have it, what was left out, and what is known now."""
    skipped: defaultdict[Reason, list[bytes]] = defaultdict(list)
    async for found in put_together(api, pages, _news(pages, rows, books, skipped)):
        books.add(found)
        pages.bundles += found.event is not None
        yield found.raw(api)
        if found.lead:
            yield Sighting(found.lead, brought=True)
    pages.refuse_outside(rows)
    for reason, left in skipped.items():
        yield Skipped(reason, wire.ROW, left)
    for note in books.notes():
        yield note
        await asyncio.sleep(0)  # a page of unsorted rows may change the notes of a whole day


def _news(
    pages: WindowPages, rows: Sequence[bytes], books: Books, skipped: defaultdict[Reason, list[bytes]]
) -> Iterator[bytes]:
    """Yield the rows that are news, each judged by what is known when its turn comes."""
    for row in rows:
        reason = books.skips(row, pages.window)
        if reason is None:
            yield row
        else:
            skipped[reason].append(row)


def _ended(plan: Plan, found: TenantList) -> Iterator[Yield]:
    """Yield the last cursor of a turn. Raises `Incomplete` where rows wait, or their parts: there is more."""
    waits = plan.waits()
    yield plan.cursor(whole=found.whole and not waits, unread="" if found.whole else UNREAD, more=waits)
    if waits:
        raise Incomplete("some events did not come, or their detail or call")
