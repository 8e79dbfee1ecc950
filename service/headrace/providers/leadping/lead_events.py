"""The feed `lead-events`: the events of one lead, each as a bundle of row, detail and call."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final, Literal, TypeAlias

from headrace.providers.leadping import wire
from headrace.providers.leadping.bundles import put_together, read_event
from headrace.providers.leadping.hydrate import read_head
from headrace.providers.leadping.known_rows import was_brought
from headrace.providers.leadping.nudge import APART_MS
from headrace.providers.leadping.pager import LeadPingPager, created, rewound
from headrace.providers.leadping.settings import LeadEventsSettings
from headrace.sdk.feed import Api, Skipped, Turn, Yield

_Skipped: TypeAlias = defaultdict[Literal["outside", "unchanged", "repeated"], list[bytes]]


class LeadEventsFeed:
    """Reads one lead's list from where it stands, and hydrates what is new or changed in it."""

    name: str = wire.FEED
    by_lead: bool = True

    def __init__(self, settings: LeadEventsSettings) -> None:
        self.every = settings.every
        self.apart = APART_MS
        self._settings: Final = settings

    def rewound(self, since: int, before: bytes) -> bytes:
        """See Feed."""
        return rewound(since, before)

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read a lead, then the event that a nudge named where the list did not bring it. Raises `Fault`.

        A turn without a lead reads that event alone, and yields no cursor.
        """
        wanted = turn.event
        pager = None
        if turn.lead is not None:
            pager = LeadPingPager(turn.lead, self._settings, cursor, turn)
        while pager is not None and not pager.whole:
            skipped: _Skipped = defaultdict(list)
            rows = await pager.page(api)
            async for found in put_together(api, pager, _news(api, pager, rows, wanted, skipped)):
                if not found.is_open(pager.begun):
                    pager.keep(found.row, found.head)
                yield found.raw(api)
            wanted = None if any(_names(row, wanted) for row in rows) else wanted
            for reason, rows in skipped.items():
                yield Skipped(reason, wire.ROW, rows)
            yield pager.cursor()
        if wanted:
            for item in await read_event(api, wanted, turn.lead):
                yield item
        if pager is not None:
            pager.refuse_waiting()


def _news(
    api: Api, pager: LeadPingPager, rows: Sequence[bytes], wanted: str | None, skipped: _Skipped
) -> Iterator[bytes]:
    """Yield the rows that need hydrating, each judged by what is known when its turn comes."""
    for row in rows:
        head = read_head(row)
        reason = None if _names(row, wanted) else pager.skips(row, head)
        left = reason is None and pager.wants_news(head) and not _names(row, wanted)
        if left and was_brought(api, row, head, created(head)):
            pager.keep(row, head)
            reason = "unchanged"  # the list of all leads was faster
        if reason is None:
            yield row
        else:
            skipped[reason].append(row)


def _names(row: bytes, event: str | None) -> bool:
    head = read_head(row) if event else None
    return head is not None and head.id == event
