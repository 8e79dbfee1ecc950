"""A tenant on a virtual clock: scheduler, fault policy and budget as they are, before a platform that fails.

One round is made of a seed: leads, events, outages, restarts of the poller. It is judged by what was read when, what
was dropped, how many calls the platform counted in any window, and by what `headrace feeds` would have shown.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from headrace.cli._feed_rows import LATE_MS, word_of
from headrace.poller.budget import Budget, Lease, renewed, restored, written
from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.fault_policy import FaultPolicy
from headrace.poller.gone_leads import TIMES, after_gone, found_again
from headrace.poller.missing_leads import MissingLeads
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.shares import SHARES
from headrace.records.cursors import FeedState, Spending, Watched
from headrace.sdk.faults import Denied, Fault, Gone, NoRoute, Rejected, Throttled, TooHeavy, Unavailable
from headrace.sdk.limits import CallLimits
from tests.unit.test_scheduler import NOW, Named

RUNS: Final = 4
APART_SECONDS: Final = 60.0
"""Between two turns that count for dropping a lead: days are as minutes here."""
LONGEST_TURN_SECONDS: Final = 400.0
FEED: Final = "trail"
KINDS: Final[tuple[Callable[[], Fault], ...]] = (
    *(
        lambda: Gone(""),
        lambda: Gone(""),
        lambda: NoRoute(""),
        lambda: Rejected(""),
        lambda: TooHeavy(""),
        lambda: Unavailable(""),
    ),
    *(lambda: Denied(""), lambda: Throttled("", 30.0), lambda: Throttled("", None)),
)


class Outage(NamedTuple):
    """From `begin` to `end` (s) a share of the calls for these leads (None: all) fails."""

    begin: float
    end: float
    fault: Callable[[], Fault]
    leads: frozenset[str] | None
    share: float

    def meets(self, lead: str, now: float, dice: random.Random) -> Fault | None:
        """Return what a call at `now` gets from it."""
        met = self.begin <= now < self.end and (self.leads is None or lead in self.leads)
        return self.fault() if met and dice.random() < self.share else None


class Verdict(NamedTuple):
    """What was wrong with a round; empty where nothing was."""

    late: list[str]
    dropped: list[str]
    over_quota: int
    ok_while_missing: list[str]


class Round:
    """One seeded round of some hours. Times are seconds since the epoch."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        dice = self._dice
        self.every = dice.choice((60, 300, 600))
        self.leads = [f"lead-{number}" for number in range(dice.choice((1, 1, 2, 3, 5, 10, 40)))]
        self.limits = CallLimits(per_window=dice.choice((10, 60, 300)), window=dice.choice((5.0, 60.0)))
        self.end = NOW + dice.choice((0.5, 0.5, 1.0, 1.0, 4.0)) * 3600.0
        self.outages = [self._outage() for _ in range(dice.choice((0, 1, 1, 2, 3)))]
        self.restarts = self._restarts(dice.choice((0, 0, 1, 3)))
        self.nudged_every = dice.choice((0.0, 0.0, 5.0, 60.0))
        self._nudge_at = NOW
        lost = dice.sample(self.leads[1:], dice.choice((0, 0, 1, 4)) if len(self.leads) > 9 else 0)
        self.lost = {lead: dice.choice(KINDS[:7]) for lead in lost}
        """Leads that fail for good, and what each gets."""
        self.now = NOW
        self.read: dict[str, float] = {}
        self.watched = {lead: Watched(int(NOW * 1000), "people") for lead in self.leads}
        self.dropped: list[str] = []
        self.counted: deque[float] = deque()
        self.over_quota = 0
        self.ok_while_missing: list[str] = []
        self.turns = 0
        self._judged = 0.0
        self.late: list[str] = []
        self.failed: set[str] = set()
        self._spending: Spending | None = None
        self._killed = False
        self._begin()

    def _outage(self) -> Outage:
        dice = self._dice
        begin = NOW + dice.random() * (self.end - NOW) * 0.7
        length = min(dice.choice((1.0, 20.0, 60.0, 150.0, 900.0, 7200.0)), (self.end - begin) * 0.6)
        some = frozenset(dice.sample(self.leads, dice.randint(1, len(self.leads))))
        leads = dice.choice((None, None, some))
        return Outage(begin, begin + length, dice.choice(KINDS), leads, dice.choice((1.0, 1.0, 0.5)))

    def _restarts(self, count: int) -> list[float]:
        """Return when the poller begins anew: mostly, where pods roll, twice within seconds."""
        moments: list[float] = []
        for _ in range(count):
            at = NOW + self._dice.random() * (self.end - NOW) * 0.9
            moments += [at, at + self._dice.uniform(1.0, 15.0)]
        return sorted(moments)

    def _begin(self) -> None:
        """Begin a poller's life, with what was stored."""
        self.scheduler = Scheduler([Named(FEED, by_lead=True, every=self.every)])
        self.circuit = CircuitBreaker(lambda: self._dice.uniform(0.8, 1.2))
        self.policy = FaultPolicy(self.scheduler, self.circuit)
        self.missing = MissingLeads()
        self.failures = 0
        self.failed.clear()  # what a new poller has not seen, the age of its reading tells
        self.budget: Budget = restored(self.limits, self._spending)
        self.lease = Lease()
        order = sorted((self.read.get(lead, 0.0), lead) for lead in self.watched)
        self.scheduler.watch((FEED, lead, at) for at, lead in order)
        self.policy.went_well(FEED, [lead for at, lead in order[-3:] if at])
        self.running: list[tuple[float, int, Work, float, Fault | None]] = []

    def play(self) -> Verdict:
        """Play it to its end."""
        restarts = deque(self.restarts)
        while self.now < self.end:
            if restarts and self.now >= restarts[0]:
                restarts.popleft()
                self._killed = not self._killed
                if not self._killed:  # a hand-over follows a kill, after which nothing more was stored
                    self._spending = written(self.budget, Lease(until=self.now), self.now)
                self._begin()
            self._nudge()
            self._start()
            self._judge()
            self._step()
        return Verdict(self.late, self.dropped, self.over_quota, self.ok_while_missing)

    def _nudge(self) -> None:
        """Name a lead and wake it now and then, most often one that is being read or was just now."""
        if not self.nudged_every or self.now < self._nudge_at:
            return
        self._nudge_at = self.now + self._dice.uniform(0.1, 2 * self.nudged_every)
        found = f"found-{len(self.watched)}"
        newest = sorted(self.watched, key=lambda lead: self.read.get(lead, 0.0))[-2:]
        named = self._dice.choice([*newest, *(work.lead for _, _, work, _, _ in self.running if work.lead), found])
        if named == found and len(self.watched) < 60:
            self.leads.append(named)
            self.watched[named] = Watched(int(self.now * 1000), "feed")
        self.scheduler.watch([(FEED, named, self.read.get(named, 0.0))])
        self.scheduler.wake(Work(FEED, named, self._dice.choice((None, "event"))))

    def _start(self) -> None:
        """Begin as many turns as may begin now."""
        while len(self.running) < RUNS and self.budget.wait(self.now) == 0.0:
            if not self.lease.covers(self.now):
                self.lease = renewed(self.limits, self.now)
                self._spending = written(self.budget, self.lease, self.now)
            work = self.policy.next(self.now)
            if work is None:
                return
            self.turns += 1
            self.lease.use()
            self.budget.start(self.now)
            self._count()
            lead = work.lead or ""
            faults = (outage.meets(lead, self.now, self._dice) for outage in self.outages)
            fault = next((fault for fault in faults if fault is not None), None)
            if fault is None and lead in self.lost:
                fault = self.lost[lead]()
            long = fault is None and self._dice.random() < 0.002
            ends = self.now + (self._dice.uniform(60.0, LONGEST_TURN_SECONDS) if long else self._dice.uniform(0.1, 2.0))
            heapq.heappush(self.running, (ends, self.turns, work, self.now, fault))

    def _count(self) -> None:
        """Count a call as the platform does."""
        while self.counted and self.counted[0] <= self.now - self.limits.window:
            self.counted.popleft()
        self.counted.append(self.now)
        self.over_quota += len(self.counted) > self.limits.per_window

    def _step(self) -> None:
        """Go on to the next moment: a turn ends, or one may begin."""
        wait = self.policy.wait(self.now)
        budget = self.budget.wait(self.now)
        moments = [self.now + max(wait or 0.0, budget or 0.0, 0.01)] if wait is not None and budget is not None else []
        if len(self.running) == RUNS:
            moments.clear()
        moments += [self.running[0][0]] if self.running else []
        self.now = min([*moments, self.now + 30.0])
        while self.running and self.running[0][0] <= self.now:
            _, _, work, began, fault = heapq.heappop(self.running)
            self.budget.end(self.now)
            self._end(work, began, fault)

    def _end(self, work: Work, began: float, fault: Fault | None) -> None:
        lead = work.lead or ""
        self.scheduler.spent(work, 1)
        if fault is None:
            self.policy.succeeded(work, self.now, more=False)
            self.missing.read(work)
            self.failures = 0
            self.read[lead] = max(began, self.read.get(lead, 0.0))
            self.failed.discard(lead)
            if lead in self.watched:
                self.watched[lead] = found_again(self.watched[lead])
            return
        if isinstance(fault, Throttled):
            self.budget.hold(self.now + (fault.wait or 10.0))
            self._spending = written(self.budget, self.lease, self.now)
        treatment = self.policy.failed(work, fault, self.now, began)
        self.missing.failed(work, self.now)
        self.failures += 1
        self.failed.add(lead)
        if treatment.alone and isinstance(fault, Gone) and lead in self.watched:
            after = after_gone(self.watched[lead], self.now, APART_SECONDS)
            if after is None:
                self.scheduler.drop(lead)
                self.missing.drop(lead)
                del self.watched[lead]
                self.dropped += [] if self._may_go(lead) else [lead]
                self.leads.remove(lead)
                self.failed.discard(lead)
            else:
                self.watched[lead] = after

    def since(self, lead: str) -> float:
        """Return since when something of a lead may be unread."""
        known = self.watched.get(lead)
        return self.read.get(lead, known.added / 1000 if known else NOW)

    def _word(self) -> str:
        state = FeedState(
            succeeded=int(max(self.read.values(), default=0.0) * 1000),
            failures=self.failures,
            missing=self.missing.of(FEED).leads,
        )
        since = min((self.since(lead) for lead in self.watched), default=0.0)
        return word_of(
            state,
            int(self.now * 1000),
            parked=bool(self.circuit.parked_since),
            never_read=sum(lead not in self.read for lead in self.watched),
            read=int(since * 1000),
            every=self.every,
            waiting=int(self.now * 1000),
        )

    def _judge(self) -> None:
        """Note where the feed is shown as ok while a lead failed last, or waits for longer than it should."""
        if self.now < self._judged + 2.0:
            return
        self._judged = self.now
        oldest = min((self.since(lead) for lead in self.leads), default=self.now)
        waits = self.now - oldest > 2 * self.every + LATE_MS / 1000 + 1
        if (waits or self.failed) and self._word() == "ok":
            self.ok_while_missing.append(f"{self.now - NOW:.0f} s: unread for {self.now - oldest:.0f} s")
        if self.now >= self.recovers():
            self.late += [lead for lead in self._alive() if self.now - self.since(lead) > self.sweep()]

    def _alive(self) -> list[str]:
        """Return the leads that can be read, and are not being read in a long turn."""
        running = {work.lead for _, _, work, _, _ in self.running}
        return [lead for lead in self.leads if lead not in self.lost and lead not in running]

    def _may_go(self, lead: str) -> bool:
        """Return whether a lead was gone while others went well for long enough to be dropped."""
        some = (outage for outage in self.outages if outage.leads is not None and lead in outage.leads)
        return lead in self.lost or any(outage.end - outage.begin >= APART_SECONDS * (TIMES - 1) for outage in some)

    def sweep(self) -> float:
        """Return how long a round through all leads may take: the pause of a lead, and the calls at this budget."""
        share = 1 / SHARES["swept"] if self.nudged_every else 1.0
        each = share * max(self.limits.window / self.limits.per_window, 2.0 / RUNS)
        return self.every + len(self.leads) * each + 60.0 + LONGEST_TURN_SECONDS

    def recovers(self) -> float:
        """Return by when all outages should be over and done with: refused credentials are tried once an hour."""
        parked = any(outage.fault is KINDS[6] for outage in self.outages)
        last = max((outage.end for outage in self.outages), default=NOW)
        taken_over = max((at for at in self.restarts), default=NOW) + 2 * self.limits.window + 30.0
        return max(last + (3600.0 * 1.2 if parked else 60.0), taken_over) + self.sweep()


def rounds(first: int, count: int) -> dict[int, Verdict]:
    """Play rounds; return those with something wrong, by seed."""
    wrong: dict[int, Verdict] = {}
    for seed in range(first, first + count):
        verdict = Round(seed).play()
        if any(verdict):
            wrong[seed] = verdict
    return wrong
