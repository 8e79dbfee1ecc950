"""A tenant on a virtual clock: scheduler, fault policy and budget as they are, before a modelled platform.

A platform's turn is a generator: it yields before each call, is sent the time of the answer, and says what it brought.
Up to `RUNS` turns run at a time, and calls start first come, first served, as in the poller.
"""

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeAlias

import numpy as np

from headrace.poller.budget import Budget
from headrace.poller.call_pace import CallPace
from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.fault_policy import FaultPolicy
from headrace.poller.max_staleness import sweeping
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.shares import Kind
from headrace.poller.tenant import RUNS
from headrace.sdk.faults import Unavailable
from headrace.sdk.feed import Feed
from headrace.sdk.limits import CallLimits
from tests.staleness.load import DAY, Ints, Load

EPOCH: Final = 1_800_000_000.0 - 1_800_000_000.0 % DAY
"""A midnight: the budget counts days from the epoch."""
ANSWER_SECONDS: Final = (0.15, 0.45)
FAILS: Final = 0.001
"""So many calls are answered by a gateway that has no backend."""
WEBHOOKS_ARRIVE: Final = 0.97
WEBHOOK_SECONDS: Final = (60.0, 120.0)
LONGEST_STEP_SECONDS: Final = 30.0
LOOK_EVERY_SECONDS: Final = 300.0

Turn: TypeAlias = Generator[None, float, bool]
"""Yields before each call, is sent when it was answered, and returns whether there is more to bring at once."""


class Way(NamedTuple):
    """How events come: by a sweep over leads in any case, by the lists of the whole tenant, by webhooks."""

    name: str
    discovery: bool = True
    webhooks: bool = False


class World(Protocol):
    """What a platform's turns see and do."""

    @property
    def load(self) -> Load:
        """All that happens."""

    def news(self, events: Ints, at: float) -> Ints:
        """Return those of the events that happened until then and are not brought."""

    def bring(self, events: Ints, at: float) -> None:
        """Note that events are durable, unless they were before."""

    def found(self, lead: int, kind: Kind = "found") -> None:
        """Wake a lead that a list named."""


class Platform(Protocol):
    """A platform: what it allows, its feeds, and how they are read."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def limits(self) -> CallLimits:
        """What it allows."""

    @property
    def history(self) -> float:
        """For how many seconds before the model begins its rows have to be there: its lists look back so far."""

    @property
    def webhook_is_whole(self) -> bool:
        """Whether a webhook is published as it came; else it wakes a feed."""

    @property
    def shares_ids(self) -> bool:
        """Whether a webhook is known to tell what was brought before: then it wakes nothing."""

    def feeds(self, way: Way) -> list[Feed]:
        """Return the feeds that are read."""

    def turn(self, world: World, work: Work, now: float) -> Turn:
        """Take a turn that begins now."""

    def nudge(self, lead: int) -> Work:
        """Return what a webhook about a lead wakes."""


@dataclass
class _Running:
    work: Work
    began: float
    turn: Turn
    kind: Kind
    calls: int = 0


class Waits(NamedTuple):
    """The longest waits in seconds: of woken and due work for its turn, and of a lead between two readings."""

    longest: dict[str, float]
    lead: float
    never_read: int


class Model:
    """One tenant. `load` covers all times up to `end`; events before 0 are read. Times are seconds since midnight."""

    def __init__(self, platform: Platform, way: Way, load: Load, *, seed: int) -> None:
        self.load: Final = load
        self.brought: Final = np.where(load.at < 0.0, load.at, np.inf)
        self.calls: Final[Counter[str]] = Counter()
        """By kind of work."""
        self._measure_from = 0.0
        self.now = 0.0
        self._platform: Final = platform
        self._dice: Final = random.Random(seed)
        self._feeds: Final = platform.feeds(way)
        self._scheduler: Final = Scheduler(self._feeds)
        self._policy: Final = FaultPolicy(self._scheduler, CircuitBreaker(lambda: self._dice.uniform(0.8, 1.2)))
        self._budget: Final = Budget(platform.limits)
        self._pace: Final = CallPace()
        self._running: Final[list[tuple[float, int, _Running]]] = []
        self._queue: Final[deque[_Running]] = deque()
        self._turns = 0
        self._woken: Final[dict[Work, float]] = {}
        self._ready_since: Final[dict[Work, float]] = {}
        self._longest: Final[dict[str, float]] = {}
        self._read: Final = np.zeros(load.leads)
        self._never: Final = np.ones(load.leads, bool)
        self._longest_lead = 0.0
        self._webhooks: Final = deque(self._arrivals() if way.webhooks else ())
        leads = list(range(load.leads))
        self._dice.shuffle(leads)
        self._by_lead: Final = [feed.name for feed in self._feeds if feed.by_lead]
        for name in self._by_lead:
            self._scheduler.watch((name, str(lead), 0.0) for lead in leads)
        needed = sweeping(dict.fromkeys(self._by_lead, (load.leads, 0.0)), platform.limits, int(DAY))
        self._scheduler.shares.swept = needed.share
        self._ready_since.update((Work(feed.name), 0.0) for feed in self._feeds if not feed.by_lead)

    def measure(self) -> None:
        """Count calls and waits from now on, for a day."""
        self._measure_from = self.now
        self._longest_lead = 0.0
        self._longest.clear()
        self.calls.clear()

    def play(self, until: float, *, done: Callable[[], bool] = lambda: False) -> None:
        """Go on up to a moment, or until all is `done`, which is looked at now and then."""
        next_look = self.now
        while self.now < until:
            if self.now >= next_look:
                if done():
                    return
                next_look = self.now + LOOK_EVERY_SECONDS
            self._take_webhooks()
            self._begin_turns()
            self._start_calls()
            self._step(until)

    def waits(self) -> Waits:
        """Return the longest waits since `measure`."""
        unread = self.now - float(self._read.min()) if self._by_lead else 0.0
        return Waits(
            dict(self._longest), max(unread, self._longest_lead), int(self._never.sum()) if self._by_lead else 0
        )

    def news(self, events: Ints, at: float) -> Ints:
        """See World."""
        return events[(self.load.at[events] <= at) & np.isinf(self.brought[events])]

    def bring(self, events: Ints, at: float) -> None:
        """See World."""
        self.brought[events] = np.minimum(self.brought[events], at)

    def found(self, lead: int, kind: Kind = "found") -> None:
        """See World."""
        for name in self._by_lead:
            self._wake(Work(name, str(lead)), kind)

    def _arrivals(self) -> Iterator[tuple[float, int]]:
        """Return when webhooks arrive, and the events that they tell."""
        dice = np.random.default_rng(self._dice.getrandbits(32))
        events = np.flatnonzero((self.load.at >= 0.0) & (dice.random(len(self.load.at)) < WEBHOOKS_ARRIVE))
        at = self.load.at[events] + dice.uniform(*WEBHOOK_SECONDS, len(events))
        order = np.argsort(at)
        return zip(at[order].tolist(), events[order].tolist(), strict=True)

    def _take_webhooks(self) -> None:
        while self._webhooks and self._webhooks[0][0] <= self.now:
            at, event = self._webhooks.popleft()
            if self._platform.webhook_is_whole:
                self.bring(np.array([event]), at)
            elif not self._platform.shares_ids or np.isinf(self.brought[event]):
                self._wake(self._platform.nudge(int(self.load.lead[self.load.row[event]])), "nudged")

    def _wake(self, work: Work, kind: Kind) -> None:
        self._scheduler.wake(work, kind)
        self._woken.setdefault(work, self.now)

    def _kinds(self) -> tuple[Kind, ...]:
        return self._pace.allowed(self._budget, EPOCH + self.now, self._scheduler.shares)

    def _begin_turns(self) -> None:
        while len(self._running) + len(self._queue) < RUNS:
            work = self._policy.next(EPOCH + self.now, self._kinds())
            if work is None:
                return
            kind = self._began(work)
            turn = self._platform.turn(self, work, self.now)
            running = _Running(work, self.now, turn, kind)
            try:
                next(turn)
            except StopIteration as ended:
                self._ended(running, self.now, more=bool(ended.value))
            else:
                self._queue.append(running)

    def _began(self, work: Work) -> Kind:
        """Note how long work waited for its turn; return its kind."""
        kind, since = self._scheduler.kind_of(work), self._woken.pop(work, None)
        if kind == "due":
            since = self._ready_since.get(work, since)
        if since is not None and self.now >= self._measure_from:
            self._longest[kind] = max(self._longest.get(kind, 0.0), self.now - since)
        return kind

    def _start_calls(self) -> None:
        while self._queue and self._budget.wait(EPOCH + self.now) == 0.0:
            running = self._queue.popleft()
            self._budget.start(EPOCH + self.now)
            running.calls += 1
            if self.now < self._measure_from + DAY:
                self.calls[running.kind] += 1
            self._turns += 1
            heapq.heappush(self._running, (self.now + self._dice.uniform(*ANSWER_SECONDS), self._turns, running))

    def _step(self, until: float) -> None:
        """Go on to the next moment: a call is answered or may start, a turn may begin, a webhook arrives."""
        now = EPOCH + self.now
        moments = [until, self.now + LONGEST_STEP_SECONDS]
        if self._running:
            moments.append(self._running[0][0])
        if self._queue and (wait := self._budget.wait(now)) is not None:
            moments.append(self.now + wait)
        if self._webhooks:
            moments.append(self._webhooks[0][0])
        if len(self._running) + len(self._queue) < RUNS:
            wait = self._policy.wait(now, self._kinds())
            moments += [] if wait is None else [self.now + wait]
            moments.append(self.now + (self._budget.even_wait(now) or LONGEST_STEP_SECONDS))
        self.now = max(self.now + 0.001, min(moments))
        while self._running and self._running[0][0] <= self.now:
            at, _, running = heapq.heappop(self._running)
            self._budget.end(EPOCH + at)
            self._answered(running, at)

    def _answered(self, running: _Running, at: float) -> None:
        if self._dice.random() < FAILS:
            self._spent(running, at)
            self._policy.failed(running.work, Unavailable(""), EPOCH + at, EPOCH + running.began)
            return
        try:
            running.turn.send(at)
        except StopIteration as ended:
            self._ended(running, at, more=bool(ended.value))
        else:
            self._queue.append(running)

    def _spent(self, running: _Running, at: float) -> None:
        self._pace.count(running.kind, running.calls, EPOCH + at)
        self._scheduler.spent(running.work, running.calls)

    def _ended(self, running: _Running, at: float, *, more: bool) -> None:
        work = running.work
        self._spent(running, at)
        self._policy.succeeded(work, EPOCH + at, more=more)
        if work.lead is None:
            every = next(feed.every for feed in self._feeds if feed.name == work.feed)
            self._ready_since[work] = at if more else max(at, running.began + every)
            return
        lead = int(work.lead)
        if at >= self._measure_from:
            self._longest_lead = max(self._longest_lead, running.began - float(self._read[lead]))
        self._read[lead] = running.began
        self._never[lead] = False
