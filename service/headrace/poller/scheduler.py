"""Scheduler of one tenant: nudges, then tenant feeds that are due, then the leads that these found, then the sweep.

One turn of a feed and lead at a time, for they share a cursor; times are seconds since the epoch. Nothing cleverer
pays: discovery and nudges name the leads that have news, and the sweep over all leads finds what those missed. Each
kind of work has its share of the calls (`shares.py`), however much of another there is. Pure.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from math import inf
from typing import Final

from headrace.poller.setback import Setback
from headrace.poller.shares import KINDS, Kind, Shares
from headrace.poller.sweep import Sweep
from headrace.poller.woken import EVENTS_BY_LEAD, MOST_WOKEN, Slot, WokenWork, Work, slot_of
from headrace.sdk.feed import Feed

__all__ = ["EVENTS_BY_LEAD", "MOST_SETBACKS", "MOST_WOKEN", "Scheduler", "Work"]

MOST_SETBACKS: Final = 5_000
"""Work that failed and is remembered, beside one item for each watched lead: it fails in a row no more once so many
others failed since."""
_NONE: Final = Setback()


class Scheduler:
    """The work of one tenant that waits, pauses or runs."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds: Final = {feed.name: feed for feed in feeds}
        self._due: Final[dict[str, float]] = {}
        self._sweeps: Final = {feed.name: Sweep(feed.every) for feed in self._feeds.values() if feed.by_lead}
        self._due.update((feed.name, 0.0) for feed in self._feeds.values() if not feed.by_lead)
        self.shares: Final = Shares()
        self._woken: Final = WokenWork()
        self._again: Final = WokenWork()
        self._setbacks: Final[OrderedDict[Work, Setback]] = OrderedDict()
        self._held: Final[dict[str, float]] = {}
        self.paused: Collection[str] = ()
        """The feeds of which people let no turn begin."""
        self._running: Final[dict[Slot, Kind]] = {}
        self._dropped: Final[set[Slot]] = set()

    @property
    def running(self) -> int:
        """How many turns have begun and not ended."""
        return len(self._running)

    def read_at(self, feed: str, at: float) -> None:
        """Note when a tenant feed was last read, by an earlier process."""
        if feed in self._due:
            self._due[feed] = at + self._feeds[feed].every

    def watch(self, leads: Iterable[tuple[str, str, float]]) -> None:
        """Watch leads from now on: feed, lead, and when it was last read (0: never), the longest ago first."""
        for feed, lead, at in leads:
            self._sweeps[feed].add(lead, at)
            self._dropped.discard((feed, lead))

    def drop(self, lead: str) -> None:
        """Watch a lead no more."""
        for feed, sweep in self._sweeps.items():
            sweep.drop(lead)
            if (feed, lead) in self._running:
                self._dropped.add((feed, lead))
            self._woken.drop((feed, lead))
            self._again.drop((feed, lead))
            self._setbacks.pop(Work(feed, lead), None)

    def wake(self, work: Work, kind: Kind = "nudged") -> bool:
        """Put work in line; return False where there is no such feed, or it names neither lead nor event."""
        feed = self._feeds.get(work.feed)
        if feed is None:
            return False
        if not feed.by_lead:
            work = Work(work.feed, event=work.event, around=work.around)
        elif work.lead is None and work.event is None:
            return False
        self._wake(self._again if self._runs(work) else self._woken, work, kind)
        return True

    def next(self, now: float, kinds: Collection[Kind] = KINDS) -> Work | None:
        """Return the work item whose turn it is, None where there is none now; it runs until `done` or `pause`."""
        for kind in self.shares.order():
            found = next(self._ready(kind, now), None) if kind in kinds else None
            if found is not None:
                self._begin(found, kind, now)
                return found
        return None

    def begin(self, work: Work, now: float) -> bool:
        """Begin the turn of one work item, whether it rests or not.

        Return False where its lead is being read, or its feed is paused.
        """
        if self._runs(work) or work.feed in self.paused:
            return False
        self._begin(work, "found", now)
        return True

    def kind_of(self, work: Work) -> Kind:
        """Return as what the turn of work began."""
        return self._running[slot_of(work)]

    def spent(self, work: Work, calls: int) -> None:
        """Note how many calls a turn has made, before it ends."""
        self.shares.count(self.kind_of(work), calls)

    def done(self, work: Work, now: float, *, more: bool = False) -> None:
        """Note a turn that succeeded; `more`: it has more to bring at once, behind what was woken before."""
        self._setbacks.pop(work, None)
        if work.feed in self._due and work.reads_on:
            self._due[work.feed] = max(self._due[work.feed], now)
        self._end(work, again=more)

    def pause(self, work: Work, setback: Setback, *, wake: bool = False) -> None:
        """Note a turn that failed: the work rests until then; with `wake` it has the next turn after that."""
        self._setbacks[work] = setback
        self._setbacks.move_to_end(work)
        if len(self._setbacks) > MOST_SETBACKS + sum(len(sweep.leads) for sweep in self._sweeps.values()):
            self._setbacks.popitem(last=False)
        if work.feed in self._due and work.reads_on:
            self._due[work.feed] = setback.until
        self._end(work, again=wake)

    def setback(self, work: Work) -> Setback:
        """Return what is remembered of the failures of a work item."""
        return self._setbacks.get(work, _NONE)

    def held_until(self, feed: str) -> float:
        """Return before when no turn of a feed begins."""
        return inf if feed in self.paused else self._held.get(feed, 0.0)

    def forget_setback(self, work: Work) -> None:
        """Let work begin that rests because it failed."""
        if self._setbacks.pop(work, None) is not None and work.feed in self._due and work.reads_on:
            self._due[work.feed] = 0.0

    def hold(self, feed: str, until: float) -> None:
        """Let no turn of a feed begin before `until`."""
        self._held[feed] = until

    def wait(self, now: float, kinds: Collection[Kind] = KINDS) -> float | None:
        """Return the seconds until there may be work, None where only news bring some."""
        moments = [at for at in (self._first_woken(now, kinds),) if at is not None]
        moments += [max(due, self._from(Work(name))) for name, due in self._due.items() if not self._runs(Work(name))]
        for name, leads in self._sweeps.items() if "swept" in kinds else ():
            due = leads.due()
            if due is not None:
                moments.append(max(due, self.held_until(name)))
        return max(0.0, min(moments) - now) if moments else None

    def leads(self, feed: str) -> Collection[str]:
        """Return the leads of a feed."""
        return self._sweeps[feed].leads

    def every(self, feed: str) -> float:
        """Return for how many seconds a feed, or each of its leads, rests when nothing wakes it."""
        return self._feeds[feed].every

    def watched(self, feed: str) -> int:
        """Count the leads of a feed."""
        return len(self._sweeps[feed].leads)

    def is_by_lead(self, feed: str) -> bool:
        """Return whether a feed is read by lead."""
        return feed in self._sweeps

    def is_watched(self, work: Work) -> bool:
        """Return whether the lead of work was not dropped since its turn began, or is none that could be."""
        return (work.feed, work.lead) not in self._dropped

    def sweeps(self, work: Work) -> bool:
        """Return whether work has its turn in the sweep as well."""
        return work.reads_on and work.lead is not None and work.lead in self._sweeps[work.feed].leads

    def _ready(self, kind: Kind, now: float) -> Iterator[Work]:
        """Yield what may begin now of a kind."""
        for slot, group in self._woken.line(kind):
            if slot not in self._running and self.held_until(slot[0]) <= now:
                yield from (work for work in group if self._may(work, now))
        if kind == "due":
            for name, due in sorted(self._due.items(), key=lambda item: item[1]):
                if due <= now and self._may(Work(name), now):
                    yield Work(name)
        elif kind == "swept":
            yield from self._oldest([name for name in self._sweeps if self.held_until(name) <= now], now)

    def _oldest(self, feeds: Sequence[str], now: float) -> Iterator[Work]:
        """Yield of each feed the lead read longest ago."""
        for feed in feeds:
            lead = self._sweeps[feed].next(now, lambda lead, feed=feed: self._may(Work(feed, lead), now))  # type: ignore[misc]
            if lead is not None:
                yield Work(feed, lead)

    def _begin(self, work: Work, kind: Kind, now: float) -> None:
        self._running[slot_of(work)] = self._woken.kind(work) or kind  # the sweep may come to what was named
        self._woken.take(work)
        if work.lead is not None and work.around is None:
            self._sweeps[work.feed].read(work.lead, now)
        elif work.feed in self._due and work.reads_on:
            self._due[work.feed] = now + self._feeds[work.feed].every  # from its begin: a long turn delays no other

    def _may(self, work: Work, now: float) -> bool:
        return not self._runs(work) and self._from(work) <= now

    def _from(self, work: Work) -> float:
        """Return the moment before which a work item may not begin."""
        return max(self.setback(work).until, self.held_until(work.feed))

    def _runs(self, work: Work) -> bool:
        return slot_of(work) in self._running

    def _end(self, work: Work, *, again: bool) -> None:
        slot = slot_of(work)
        kind = self._running.pop(slot, "nudged")
        self._dropped.discard(slot)
        meanwhile = self._again.drop(slot)
        if meanwhile is not None:
            for woken in meanwhile[1]:
                self._wake(self._woken, woken, meanwhile[0])
        if again:
            self._wake(self._woken, work, kind)

    def _wake(self, woken: WokenWork, work: Work, kind: Kind) -> None:
        """Put work in line; where the line is full, a lead is the next of the sweep, and a feed is due.

        An event of which nobody knows the lead is left to whoever follows up on nudges, and so is a turn around a fact.
        """
        if woken.wake(work, kind) or work.around is not None:
            return
        if work.feed in self._due:
            self._due[work.feed] = 0.0
        elif work.lead is not None and work.lead in self._sweeps[work.feed].leads:
            self._sweeps[work.feed].put_first(work.lead)

    def _first_woken(self, now: float, kinds: Collection[Kind]) -> float | None:
        """Return when the first woken work may begin, None where there is none; a moment not behind `now` is enough."""
        first: float | None = None
        for kind in kinds:
            for (feed, lead), group in self._woken.line(kind):
                if (feed, lead) in self._running:
                    continue
                at = self.held_until(feed)
                if at <= now:
                    at = max(at, min(self.setback(work).until for work in group))
                if at <= now:
                    return at
                first = at if first is None else min(first, at)
        return first
