"""The back-fills of one tenant, and what each change of one stores. Pure: times are milliseconds since the epoch.

A back-fill of a feed that is not read by lead goes through its time piece by piece, oldest first: what a piece brought
is never read again, however often its poller dies. One of a feed by lead goes through the leads in the order of their
ids. One back-fill of a tenant is read at a time, the one that was ordered first and does not rest.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from headrace.records.cursors import CursorEntry, entry, removed
from headrace.records.order import StartBackfill
from headrace.records.ordered import Backfill
from headrace.sdk.feed import Feed, FindsLeads

DEFAULT_SHARE: Final = 0.25
"""Of the calls that a tenant's budget allows day after day: what a back-fill may make where nobody says otherwise."""
MOST_WAITING: Final = 100
"""Back-fills of a tenant that have not ended; further ones are refused."""
MOST_ENDED: Final = 50
"""Back-fills of a tenant that are remembered once they have ended."""
PIECES: Final = 20
SHORTEST_PIECE_MS: Final = 3_600_000
FORGOTTEN_STEP_MS: Final = 3_600_000
"""So much at a time is given up of what ids are remembered of no more: each time is a record."""

REFUSED: Final = "refused"
"""The code of a back-fill that was not begun: its outcome is `cancelled`."""

Span = tuple[int, int]


class Backfills:
    """Back-fills by id. `changed` is called after each change that people made."""

    def __init__(self, source: str, stored: Mapping[str, Backfill], changed: Callable[[], None]) -> None:
        self._source: Final = source
        self._found: Final = dict(stored)
        self._changed: Final = changed

    def get(self, name: str) -> Backfill | None:
        """Return a back-fill."""
        return self._found.get(name)

    @property
    def waiting(self) -> int:
        """How many have not ended."""
        return sum(not one.ended for one in self._found.values())

    def next(self, may: Callable[[str], bool], *, but: Container[str] = ()) -> tuple[str, Backfill] | None:
        """Return the one that is to be read now, of a feed that `may` be read; none of those that rest (`but`)."""
        free = ((name, one) for name, one in self._found.items() if not one.ended and name not in but)
        open_ = ((one.ordered, name) for name, one in free if may(one.feed))
        first = min(open_, default=None)
        return None if first is None else (first[1], self._found[first[1]])

    def start(self, order: StartBackfill, now: int) -> list[CursorEntry]:
        """Begin a back-fill; return what is to be stored, nothing where its id is known or too many wait."""
        if order.id in self._found or self.waiting >= MOST_WAITING:
            return []
        began = Backfill(
            feed=order.feed,
            since=order.since,
            until=order.until,
            share=order.share,
            ordered=now,
            beyond=order.beyond,
        )
        return [*self._forget_old(), self._put(order.id, began)]

    def refuse(self, order: StartBackfill, now: int, sentence: str) -> list[CursorEntry]:
        """Note that a back-fill is not begun, and why; return what is to be stored, nothing where its id is known."""
        if order.id in self._found:
            return []
        never = Backfill(
            feed=order.feed,
            since=order.since,
            until=order.until,
            share=order.share,
            ordered=now,
            ended=now,
            outcome="cancelled",
            code=REFUSED,
            sentence=sentence,
        )
        return [*self._forget_old(), self._put(order.id, never)]

    def cancel(self, name: str, now: int) -> list[CursorEntry]:
        """End a back-fill; return what is to be stored, nothing where it has ended."""
        found = self._found.get(name)
        return [self._put(name, replace(found, ended=now, outcome="cancelled"))] if found and not found.ended else []

    def go_on(self, name: str, **changes: Any) -> list[CursorEntry]:
        """Note how far one has got; return what is to be stored, nothing where it has ended meanwhile."""
        found = self._found.get(name)
        if found is None or found.ended:
            return []
        self._found[name] = replace(found, **changes)
        return [entry(self._source, self._found[name], name)]

    def _put(self, name: str, after: Backfill) -> CursorEntry:
        self._found[name] = after
        self._changed()
        return entry(self._source, after, name)

    def _forget_old(self) -> list[CursorEntry]:
        ended = sorted((one.ended, name) for name, one in self._found.items() if one.ended)
        old = [name for _, name in ended[: max(0, len(ended) + 1 - MOST_ENDED)]]
        for name in old:
            del self._found[name]
        return [removed(self._source, Backfill, name) for name in old]


def feed_to_read(feeds: Iterable[Feed]) -> Feed | None:
    """Return the feed that a back-fill reads where none is named: the first of the whole tenant that brings rows."""
    bringing = [feed for feed in feeds if not isinstance(feed, FindsLeads)]
    return min(bringing, key=lambda feed: feed.by_lead, default=None)


def forgotten_at(found: Backfill, now: int, window: int) -> int:
    """Return before when a back-fill reads nothing more at `now`, where ids are remembered for a `window`; in ms.

    It is looked at again after an hour at the earliest, and never in the midst of a piece or a lead.
    """
    if found.beyond or found.cursor or now - window <= max(found.since, found.covered, found.forgotten):
        return found.forgotten
    return min(now - window + FORGOTTEN_STEP_MS, found.until)


def piece(found: Backfill) -> Span:
    """Return the time that is read next: from the first until before the second."""
    begin = max(found.since, found.covered, found.forgotten)
    length = max(SHORTEST_PIECE_MS, -(-(found.until - found.since) // PIECES))
    return begin, min(begin + length, found.until)
