"""Fault policy: what a fault means for the work that met it, for its feed and for its tenant. Pure.

A provider says what an answer was, no more. The rest is decided here, by what else failed of the same feed in a row,
which is: since it last brought anything. Several are `SEVERAL` leads, or all that there are.

```
the answer            one lead, or two                            several in a row
--------------------  ------------------------------------------  --------------------------------------------------
unavailable,          rests 10 s, twice as long each time, until  one turn at a time, 10 to 48 s apart; once one goes
too_heavy             its next turn in the sweep at the latest    well, what failed before is read at once
rejected, no_route    rests 10 s, then until its next turn in     as above; where it is the platform itself that
                      the sweep                                   refuses, 10 s apart
denied                as above                                    one turn at a time, 20 s to an hour apart: the
                                                                  tenant is parked
gone                  as above; dropped after seven times, 12 h   as above; nothing is dropped
                      apart, while others went well
throttled             the budget is held for as long as the platform says, or 10 s
incomplete, broken    rests as one lead does: it says nothing about the platform
append                Kafka did not take it: rests 1 to 30 s
```

Before several are taken for the platform's trouble, leads that went well last are read again, alone: where one still
goes well, the others fail for reasons of their own. Where another feed of the tenant goes well, the feed is held, not
the tenant.
"""

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from headrace.kafka.client import KafkaError
from headrace.poller.circuit_breaker import (
    FIRST_PARKING_SECONDS,
    FIRST_PAUSE_SECONDS,
    LONGEST_PARKING_SECONDS,
    LONGEST_PAUSE_SECONDS,
    CircuitBreaker,
)
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.setback import Setback
from headrace.poller.shares import KINDS, Kind
from headrace.sdk.faults import Denied, Fault, Gone, NoRoute, Rejected, Throttled, TooHeavy

SEVERAL: Final = 3
MOST_ASIDE: Final = 5_000
"""Work that is read at once when a trouble is over: the sweep comes to more than that."""
SHORTEST_WAIT_SECONDS: Final = 0.01
"""Between two looks for work that is due: others run meanwhile."""
KAFKA_REST_SECONDS: Final = 1.0
LONGEST_KAFKA_REST_SECONDS: Final = 30.0


class Treatment(Struct, frozen=True):
    """What a failed turn gets: `rest` is in seconds; `again`: it is done again then.

    `alone`: another lead of its feed went well since this one began to fail. `aside`: it waits for the platform.
    """

    code: str
    rest: float
    alone: bool = False
    aside: bool = False
    again: bool = True


class FailuresInARow(Struct):
    """What failed of a feed since it last brought anything: up to `SEVERAL` leads. Times are seconds since the epoch.

    `probes` went well before and are asked before this is `trouble` of the platform, the last one at `probed`. The feed
    was held so many `times`. What failed in trouble is set `aside`: it is read once that is over, or when nothing else
    waits.
    """

    since: float
    leads: set[str | None] = field(default_factory=set)
    aside: OrderedDict[Work, None] = field(default_factory=OrderedDict)
    probes: list[Work] | None = None
    probed: float = 0.0
    trouble: bool = False
    times: int = 0


def code_of(error: Exception) -> str:
    """Return the word for what ended a turn: one of a bounded set."""
    match error:
        case Fault():
            return error.code
        case KafkaError() | TimeoutError() | ConnectionError():
            return "append"
        case _:
            return "broken"


def sentence(error: Exception) -> str:
    """Return what happened, without anything secret: only a fault's own text is known to be clean."""
    return str(error) if isinstance(error, Fault) else type(error).__name__


class FaultPolicy:
    """Decides which turn of a tenant is next, and what follows from how one ended.

    Times are seconds since the epoch.
    """

    def __init__(self, scheduler: Scheduler, circuit: CircuitBreaker) -> None:
        self._scheduler: Final = scheduler
        self._circuit: Final = circuit
        self._rows: Final[dict[str, FailuresInARow]] = {}
        self._well: Final[dict[str, deque[str]]] = {}
        self._succeeded: Final[dict[str, float]] = {}
        self._probe: Work | None = None
        self._trial: Work | None = None

    def trouble(self, feed: str) -> bool:
        """Return whether what fails of a feed is taken for the platform's trouble."""
        row = self._rows.get(feed)
        return row is not None and row.trouble

    def went_well(self, feed: str, leads: Iterable[str]) -> None:
        """Note leads that went well in an earlier process, the last one last."""
        self._well.setdefault(feed, deque(maxlen=SEVERAL)).extend(leads)

    def next(self, now: float, kinds: Collection[Kind] = KINDS) -> Work | None:
        """Return the work whose turn it is, None where there is none now; it runs until it succeeded or failed."""
        if not self._circuit.allows(now, trying=self._trial is not None):
            return None
        work = self._next_probe(now) or self._scheduler.next(now, kinds) or self._next_aside(now)
        if self._circuit.in_doubt:
            self._trial = work
        return work

    def wait(self, now: float, kinds: Collection[Kind] = KINDS) -> float | None:
        """Return the seconds until there may be work, None where only news or the end of a turn bring some."""
        rest = self._circuit.wait(now)
        if rest or not self._circuit.allows(now, trying=self._trial is not None):
            return rest or None  # what waits need not be looked through before something may begin
        waits = [max(0.0, self._scheduler.held_until(feed) - now) for feed, row in self._rows.items() if row.aside]
        wait = self._scheduler.wait(now, kinds)
        waits += [] if wait is None else [wait]
        return max(min(waits), SHORTEST_WAIT_SECONDS) if waits else None

    def succeeded(self, work: Work, now: float, *, more: bool) -> None:
        """Note a turn that succeeded; `more`: its feed has more to bring at once."""
        self._circuit.succeeded()
        self._trial = None
        self._scheduler.done(work, now, more=more)
        if work.lead is None and self._scheduler.is_by_lead(work.feed):
            return  # an event was asked for alone: that says nothing about the lists
        self._succeeded[work.feed] = now
        self._probe = None
        if work.lead is not None:
            well = self._well.setdefault(work.feed, deque(maxlen=SEVERAL))
            if work.lead in well:
                well.remove(work.lead)
            well.append(work.lead)
        row = self._rows.pop(work.feed, None)
        if row is not None and row.trouble:
            self._scheduler.hold(work.feed, 0.0)
            for aside in row.aside:
                self._scheduler.wake(aside, "found")

    def stopped(self, work: Work, now: float) -> None:
        """Note a turn that was stopped before its end: it goes on when it may, and says nothing about the platform."""
        if work == self._trial:
            self._trial = None
        self._scheduler.done(work, now, more=True)

    def wake_now(self, work: Work) -> None:
        """Let work begin at once, whatever rests: people say that there is a reason to ask again."""
        self._scheduler.forget_setback(work)
        self._scheduler.hold(work.feed, 0.0)
        self._circuit.try_now()
        self._scheduler.wake(work)

    def failed(self, work: Work, error: Exception, now: float, began: float | None = None) -> Treatment:
        """Note a turn that failed, which had begun then; return the treatment that it got."""
        before, code = self._scheduler.setback(work), code_of(error)
        if isinstance(error, Throttled):
            treatment = Treatment(code, FIRST_PAUSE_SECONDS if error.wait is None else error.wait)
        elif code == "append":
            treatment = Treatment(code, _longer(KAFKA_REST_SECONDS, before.failures, LONGEST_KAFKA_REST_SECONDS))
        elif code in ("broken", "incomplete"):
            treatment = Treatment(code, self._own_rest(work, error, before))
        elif self._is_about_an_event(work, error):
            treatment = Treatment(code, 0.0, again=False)
        else:
            treatment = self._in_a_row(work, error, before, now, now if began is None else began)
        if work == self._trial:
            self._trial = None
        return self._rest(work, before, treatment, now)

    def _in_a_row(self, work: Work, error: Exception, before: Setback, now: float, began: float) -> Treatment:
        row = self._rows.setdefault(work.feed, FailuresInARow(now))
        if len(row.leads) < SEVERAL:
            row.leads.add(work.lead)
        row.trouble = row.trouble or self._is_trouble(work.feed, row, now, began)
        if not row.trouble:
            alone = before.failures > 0 and self._succeeded.get(work.feed, 0.0) > before.since
            return Treatment(code_of(error), self._own_rest(work, error, before), alone=alone)
        self._stop(work.feed, row, error, now)
        return Treatment(code_of(error), FIRST_PAUSE_SECONDS, aside=work != Work(work.feed))

    def _is_trouble(self, feed: str, row: FailuresInARow, now: float, began: float) -> bool:
        """Return whether a row of failures is the platform's trouble; where that is open, ask what went well before."""
        all_there_are = max(1, self._scheduler.watched(feed)) if self._scheduler.is_by_lead(feed) else 1
        if len(row.leads) < min(SEVERAL, all_there_are):
            return False
        if row.probes is None:
            row.probes = [Work(feed, lead) for lead in self._well.get(feed, ()) if lead not in row.leads]
        elif began < row.probed:
            return False  # what had begun before says nothing new
        if not row.probes:
            return True
        self._probe, row.probed = row.probes.pop(), now
        self._circuit.doubt()
        return False

    def _stop(self, feed: str, row: FailuresInARow, error: Exception, now: float) -> None:
        """Let the tenant rest, or the feed alone where others go well."""
        denied = isinstance(error, Denied)
        if any(at > row.since for name, at in self._succeeded.items() if name != feed):
            longest = LONGEST_PARKING_SECONDS if denied else LONGEST_PAUSE_SECONDS
            self._scheduler.hold(feed, now + _longer(_first(error), row.times, longest))
            row.times += 1
        elif denied:
            self._circuit.park(now)
        else:  # who answers in the platform's own form is there, and may be asked about others sooner
            self._circuit.failed(
                now, FIRST_PAUSE_SECONDS if isinstance(error, Gone | Rejected) else LONGEST_PAUSE_SECONDS
            )

    def _is_about_an_event(self, work: Work, error: Exception) -> bool:
        """Return whether a nudge's event alone was asked for, and is not there: whoever follows up on it asks again."""
        about_it = isinstance(error, Gone | Rejected | NoRoute | TooHeavy)
        return about_it and work.event is not None and work.lead is None and self._scheduler.is_by_lead(work.feed)

    def _own_rest(self, work: Work, error: Exception, before: Setback) -> float:
        """Return for how long work rests that fails for reasons of its own: what was refused twice is no blip."""
        longest = LONGEST_PAUSE_SECONDS if work.lead is None else self._scheduler.every(work.feed)
        if before.failures and isinstance(error, Gone | Rejected | NoRoute | Denied):
            return longest
        return _longer(FIRST_PAUSE_SECONDS, before.failures, longest)

    def _rest(self, work: Work, before: Setback, treatment: Treatment, now: float) -> Treatment:
        """Let work rest; what is watched no more since its turn began is not done again."""
        if not treatment.again or not self._scheduler.is_watched(work):
            self._scheduler.done(work, now)
            return replace(treatment, again=False)
        if treatment.aside:
            aside = self._rows[work.feed].aside
            if len(aside) < MOST_ASIDE:
                aside[work] = None
            self._scheduler.pause(work, Setback(now, before.failures, before.since or now))
            return treatment
        swept = treatment.rest >= self._scheduler.every(work.feed) and self._scheduler.sweeps(work)
        setback = Setback(now if swept else now + treatment.rest, before.failures + 1, before.since or now)
        self._scheduler.pause(work, setback, wake=not swept and work != Work(work.feed))
        return treatment

    def _next_probe(self, now: float) -> Work | None:
        """Begin what went well before and is asked now; None where there is none, or it is watched no more."""
        probe, self._probe = self._probe, None
        begins = probe is not None and self._scheduler.sweeps(probe) and self._scheduler.begin(probe, now)
        return probe if begins else None

    def _next_aside(self, now: float) -> Work | None:
        """Begin what failed in trouble the longest ago."""
        for feed, row in self._rows.items():
            if self._scheduler.held_until(feed) <= now:
                while row.aside:
                    work, _ = row.aside.popitem(last=False)
                    listed = work.lead is None or self._scheduler.sweeps(Work(feed, work.lead))
                    if listed and self._scheduler.begin(work, now):  # others were dropped; their nudges wake them
                        return work
        return None


def _first(error: Exception) -> float:
    return FIRST_PARKING_SECONDS if isinstance(error, Denied) else FIRST_PAUSE_SECONDS


def _longer(first: float, times: int, longest: float) -> float:
    return min(first * 2.0 ** min(times, 20), longest)
