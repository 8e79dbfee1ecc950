"""Scheduler of one tenant: first what was woken, then tenant feeds that are due, then the leads read longest ago. Pure.

One turn of a feed and lead at a time, for they share a cursor; times are seconds since the epoch. Nothing cleverer
pays: discovery and nudges name the leads that have news, and the sweep over all leads finds what those missed. It has
its share of the turns, however much is woken.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from math import inf
from typing import Final, TypeAlias

from msgspec import Struct

from headrace.poller.setback import Setback
from headrace.poller.sweep import Sweep
from headrace.sdk.feed import Feed

EVENTS_BY_LEAD: Final = 4
"""Events of one lead that are read one by one: where more are woken, the lead is read instead."""
MOST_WOKEN: Final = 5_000
"""Leads, and events of one feed without a lead, that are woken of one tenant. Beyond it, a lead is the next of the
sweep, a feed is due, and an event of which nobody knows the lead is left to whoever follows up on nudges."""
MOST_SETBACKS: Final = 5_000
"""Work that failed and is remembered, beside one item for each watched lead: it fails in a row no more once so many
others failed since."""
SWEEP_EVERY: Final = 4
"""Of so many turns one at least was not woken, where there is any."""


class Work(Struct, frozen=True):
    """A turn to take: of a feed, of one lead where the feed is read by lead, of one event where a nudge named it.

    `around` and `span` are those of `Turn`: such a turn reads what was long ago, and says nothing about what is new.
    """

    feed: str
    lead: str | None = None
    event: str | None = None
    around: int | None = None
    span: tuple[int, int] | None = None

    @property
    def reads_on(self) -> bool:
        """Whether its feed reads on to the platform's now, and nothing else."""
        return self.event is None and self.around is None and self.span is None


_NONE: Final = Setback()
Woken: TypeAlias = dict[tuple[str, str | None], dict[Work, None]]
"""Work by feed and lead, in the order in which these were woken."""


class Scheduler:
    """The work of one tenant that waits, pauses or runs."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds: Final = {feed.name: feed for feed in feeds}
        self._due: Final[dict[str, float]] = {}
        self._sweeps: Final = {feed.name: Sweep(feed.every) for feed in self._feeds.values() if feed.by_lead}
        self._due.update((feed.name, 0.0) for feed in self._feeds.values() if not feed.by_lead)
        self._woken_in_a_row = 0
        self._woken: Final[Woken] = {}
        self._again: Final[Woken] = {}
        self._setbacks: Final[OrderedDict[Work, Setback]] = OrderedDict()
        self._held: Final[dict[str, float]] = {}
        self.paused: Collection[str] = ()
        """The feeds of which people let no turn begin."""
        self._slots: Final[set[tuple[str, str | None]]] = set()
        self._dropped: Final[set[tuple[str, str | None]]] = set()

    @property
    def running(self) -> int:
        """How many turns have begun and not ended."""
        return len(self._slots)

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
            if (feed, lead) in self._slots:
                self._dropped.add((feed, lead))
            self._woken.pop((feed, lead), None)
            self._again.pop((feed, lead), None)
            self._setbacks.pop(Work(feed, lead), None)

    def wake(self, work: Work) -> bool:
        """Put work first in line; return False where there is no such feed, or it names neither lead nor event."""
        feed = self._feeds.get(work.feed)
        if feed is None:
            return False
        if not feed.by_lead:
            work = Work(work.feed, event=work.event, around=work.around)
        elif work.lead is None and work.event is None:
            return False
        self._wake(self._again if self._runs(work) else self._woken, work)
        return True

    def next(self, now: float, *, sweep: bool = True) -> Work | None:
        """Return the work item whose turn it is, None where there is none now; it runs until `done` or `pause`."""
        found = next(self._ready(now, sweep=sweep), None)
        if found is not None:
            woken = found in self._woken.get((found.feed, found.lead), ())
            self._woken_in_a_row = self._woken_in_a_row + 1 if woken else 0
            self._begin(found, now)
        return found

    def begin(self, work: Work, now: float) -> bool:
        """Begin the turn of one work item, whether it rests or not.

        Return False where its lead is being read, or its feed is paused.
        """
        if self._runs(work) or work.feed in self.paused:
            return False
        self._begin(work, now)
        return True

    def done(self, work: Work, now: float, *, more: bool = False) -> None:
        """Note a turn that succeeded; `more`: it has more to bring at once, behind what was woken before."""
        self._setbacks.pop(work, None)
        if work.feed in self._due and work.reads_on:
            self._due[work.feed] = now + self._feeds[work.feed].every
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

    def wait(self, now: float, *, sweep: bool = True) -> float | None:
        """Return the seconds until there may be work, None where only news bring some."""
        moments = [at for at in (self._first_woken(now),) if at is not None]
        moments += [max(due, self._from(Work(name))) for name, due in self._due.items() if not self._runs(Work(name))]
        for name, leads in self._sweeps.items() if sweep else ():
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

    def _ready(self, now: float, *, sweep: bool) -> Iterator[Work]:
        swept = [name for name in self._sweeps if sweep and self.held_until(name) <= now]
        for name, due in self._due.items():  # thousands of leads that one of these found must not keep it from finding
            failed = self.setback(Work(name)).since > 0.0  # then it has its turn like any other, or nothing else would
            if 0.0 < due < now - self._feeds[name].every and not failed and self._may(Work(name), now):
                yield Work(name)
        if self._woken and self._woken_in_a_row + 1 >= SWEEP_EVERY:
            yield from self._oldest(swept, now)
        for slot, group in self._woken.items():
            if slot not in self._slots and self.held_until(slot[0]) <= now:
                yield from (work for work in group if self._may(work, now))
        for name, due in sorted(self._due.items(), key=lambda item: item[1]):
            if due <= now and self._may(Work(name), now):
                yield Work(name)
        yield from self._oldest(swept, now)

    def _oldest(self, feeds: Sequence[str], now: float) -> Iterator[Work]:
        """Yield of each feed the lead read longest ago."""
        for feed in feeds:
            lead = self._sweeps[feed].next(now, lambda lead, feed=feed: self._may(Work(feed, lead), now))  # type: ignore[misc]
            if lead is not None:
                yield Work(feed, lead)

    def _begin(self, work: Work, now: float) -> None:
        self._slots.add((work.feed, work.lead))
        self._take(work)
        if work.lead is not None and work.around is None:
            self._sweeps[work.feed].read(work.lead, now)

    def _may(self, work: Work, now: float) -> bool:
        return not self._runs(work) and self._from(work) <= now

    def _from(self, work: Work) -> float:
        """Return the moment before which a work item may not begin."""
        return max(self.setback(work).until, self.held_until(work.feed))

    def _runs(self, work: Work) -> bool:
        return (work.feed, work.lead) in self._slots

    def _end(self, work: Work, *, again: bool) -> None:
        self._slots.discard((work.feed, work.lead))
        self._dropped.discard((work.feed, work.lead))
        for woken in self._again.pop((work.feed, work.lead), ()):
            self._wake(self._woken, woken)
        if again:
            self._wake(self._woken, work)

    def _wake(self, woken: Woken, work: Work) -> None:
        """Put work in line, merged with what is woken of its lead, or leave it to the sweep where the line is full.

        A turn around a fact is merged with none, and no sweep takes its place: its nudge wakes it again.
        """
        slot = work.feed, work.lead
        group = woken.get(slot, {})
        if work in group:
            return
        if len(group if slot in woken and work.lead is None else woken) >= MOST_WOKEN:
            self._leave_to_sweep(work)
            return
        far = {each: None for each in group if each.around is not None}
        if work.lead is not None and work.event is not None and len(group) - len(far) >= EVENTS_BY_LEAD:
            group, work = far, Work(work.feed, work.lead)
        group[work] = None
        woken[slot] = group

    def _leave_to_sweep(self, work: Work) -> None:
        if work.around is not None:
            return
        if work.feed in self._due:
            self._due[work.feed] = 0.0
        elif work.lead is not None and work.lead in self._sweeps[work.feed].leads:
            self._sweeps[work.feed].put_first(work.lead)

    def _take(self, work: Work) -> None:
        """Take work out of the line."""
        slot = work.feed, work.lead
        group = self._woken.get(slot, {})
        group.pop(work, None)
        if not group:
            self._woken.pop(slot, None)

    def _first_woken(self, now: float) -> float | None:
        """Return when the first woken work may begin, None where there is none; a moment not behind `now` is enough."""
        first: float | None = None
        for feed, lead in self._woken:
            if (feed, lead) in self._slots:
                continue
            at = self.held_until(feed)
            if at <= now:
                at = max(at, min(self.setback(work).until for work in self._woken[feed, lead]))
            if at <= now:
                return at
            first = at if first is None else min(first, at)
        return first
