"""The orders that one tenant is under: feeds that are paused, read again from a time on, woken; back-fills.

An order is carried out when what it leaves is handed over to be stored: whatever follows from it is stored behind it,
and the position in `nudges` with it. So each order is carried out once, however often a poller dies.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from typing import Final, Protocol

import structlog
from msgspec.structs import replace

from headrace.poller.backfills import MOST_WAITING, Backfills
from headrace.poller.paced_limiter import TurnStopped
from headrace.poller.scheduler import Work
from headrace.poller.state import TenantState
from headrace.records.cursors import CursorEntry, Position, entry
from headrace.records.order import (
    CancelBackfill,
    Order,
    Pause,
    Resume,
    Rewind,
    SpentCalls,
    StartBackfill,
    Wake,
    name_of,
)
from headrace.records.ordered import EarlierRewind, FeedOrders, RewoundPosition

WHOLE: Final = ""
"""Where the name of a feed stands, the tenant as a whole."""

_log = structlog.get_logger()


class Obeying(Protocol):
    """What carries out orders of the moment."""

    def pause_feeds(self, feeds: Collection[str]) -> None:
        """Begin turns of none of these feeds, and of all others."""

    def wake_now(self, work: Work) -> None:
        """Read something at once, whether it rests or not."""

    def spend(self, calls: int, within: int) -> CursorEntry:
        """Count calls that others make; return what is to be stored."""


class TenantOrders:
    """Orders for a tenant with these `feeds`. `now` returns seconds since the epoch, `window` is in seconds."""

    def __init__(
        self,
        source: str,
        feeds: Collection[str],
        *,
        state: TenantState,
        now: Callable[[], float],
        window: float,
        obeying: Obeying,
    ) -> None:
        self.changed: Final = asyncio.Event()
        """Set after orders were carried out."""
        self.backfills: Final = Backfills(source, state.backfills, self.changed.set)
        self._source: Final = source
        self._names: Final = feeds
        self._state: Final = state
        self._now: Final = now
        self._window: Final = window
        self._obeying: Final = obeying
        self._feeds: Final = dict(state.orders)

    def resume(self) -> None:
        """Carry on with what was ordered of an earlier process."""
        self._obeying.pause_feeds(self._paused_feeds())
        for name, order in self._feeds.items():
            position = self._state.positions.get((name, ""))
            if order.woken and (position is None or position.at <= order.woken):
                self._obeying.wake_now(Work(name))

    def carry_out(self, order: Order) -> list[CursorEntry]:
        """Carry out an order; return what is to be stored, in this order and before anything else."""
        entries = list(self._carried_out(order))
        self.changed.set()
        return entries

    def is_paused(self, feed: str) -> bool:
        """Return whether a feed makes no calls."""
        return bool(self._of(WHOLE).paused or self._of(feed).paused)

    def check(self, feed: str) -> None:
        """Raise `TurnStopped` where a feed makes no calls."""
        if self.is_paused(feed):
            raise TurnStopped(feed)

    def rewind(self, feed: str, lead: str) -> FeedOrders | None:
        """Return the order by which the next turn reads again from a time on; None where none does, or it has begun.

        A lead that was never read is not read sooner for it. No turn goes back beyond the dedupe window as it is then,
        unless that is wanted.
        """
        order, position = self._of(feed), self._state.positions.get((feed, lead), None if lead else Position(b""))
        if not order.rewound or position is None or position.at > order.rewound:
            return None
        begun = self._state.rewound.get((feed, lead), RewoundPosition(0)).at
        if begun == order.rewound:
            return None
        if (earlier := order.earlier) is not None and max(position.at - 1, begun) < earlier.rewound:
            order = replace(order, since=min(order.since, earlier.since), beyond=order.beyond or earlier.beyond)
        oldest = 0 if order.beyond else int((self._now() - self._window) * 1000)
        return replace(order, since=max(order.since, oldest))

    def _carried_out(self, order: Order) -> Iterator[CursorEntry]:
        named, now = getattr(order, "feed", WHOLE), int(self._now() * 1000)
        if named != WHOLE and named not in self._names:
            yield from self._pass_over(order, named, now)
            return
        _log.info("order_taken", source=self._source, order=name_of(order), feed=named)
        match order:
            case Pause():
                yield from self._pause(named, now)
            case Resume():
                yield from self._resume(named, now)
            case Rewind():
                yield from self._read_at_once(named, now, order)
            case Wake():
                yield from self._read_at_once(named, now)
            case SpentCalls(calls=calls, within=within):
                yield self._obeying.spend(calls, within)
            case StartBackfill():
                yield from self._start(order, now)
            case CancelBackfill(id=name):
                yield from self.backfills.cancel(name, now)

    def _pass_over(self, order: Order, feed: str, now: int) -> list[CursorEntry]:
        _log.warning("order_passed_over", source=self._source, order=name_of(order), feed=feed)
        if not isinstance(order, StartBackfill):
            return []
        return self.backfills.refuse(order, now, f"the poller is set to read no {feed}")

    def _start(self, order: StartBackfill, now: int) -> list[CursorEntry]:
        if self.backfills.waiting < MOST_WAITING or self.backfills.get(order.id) is not None:
            return self.backfills.start(order, now)
        _log.warning("backfill_refused", source=self._source, id=order.id, waiting=self.backfills.waiting)
        return self.backfills.refuse(order, now, f"{MOST_WAITING} of this tenant wait already")

    def _pause(self, feed: str, now: int) -> Iterator[CursorEntry]:
        if not self._of(feed).paused:
            yield self._put(feed, replace(self._of(feed), paused=now))
        self._obeying.pause_feeds(self._paused_feeds())

    def _resume(self, feed: str, now: int) -> Iterator[CursorEntry]:
        """Let a feed go on; where the whole tenant is paused, all others stay so."""
        if feed != WHOLE and self._of(WHOLE).paused:
            for other in self._names:
                if other != feed and not self._of(other).paused:
                    yield self._put(other, replace(self._of(other), paused=now))
        for name in [name for name, order in self._feeds.items() if order.paused]:
            if feed in (WHOLE, name) or name == WHOLE:
                yield self._put(name, replace(self._of(name), paused=0))
        self._obeying.pause_feeds(self._paused_feeds())

    def _read_at_once(self, feed: str, now: int, rewind: Rewind | None = None) -> Iterator[CursorEntry]:
        for name in self._meant(feed):
            before = self._of(name)
            yield self._put(name, replace(_rewound(before, rewind, now) if rewind else before, woken=now))
            self._obeying.wake_now(Work(name))

    def _meant(self, feed: str) -> Collection[str]:
        return self._names if feed == WHOLE else (feed,)

    def _of(self, feed: str) -> FeedOrders:
        return self._feeds.get(feed, _NONE)

    def _put(self, feed: str, after: FeedOrders) -> CursorEntry:
        self._feeds[feed] = after
        return entry(self._source, after, feed)

    def _paused_feeds(self) -> list[str]:
        return [feed for feed in self._names if self.is_paused(feed)]


def _rewound(before: FeedOrders, order: Rewind, now: int) -> FeedOrders:
    """Return the orders of a feed with one more rewind; those before it are not taken back."""
    earlier = before.earlier
    if before.rewound:
        last = EarlierRewind(before.since, before.rewound, before.beyond)
        earlier = replace(
            last,
            since=min(last.since, earlier.since if earlier else last.since),
            beyond=last.beyond or (earlier is not None and earlier.beyond),
        )
    return replace(before, since=order.since, rewound=now, earlier=earlier, beyond=order.beyond)


_NONE: Final = FeedOrders()
