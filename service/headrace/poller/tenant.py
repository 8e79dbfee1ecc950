"""One polled tenant: whose turn it is, several turns at a time, and what is stored of each."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from headrace.config.tenants import Account
from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.context import Shared
from headrace.poller.fault_policy import Backoff, sentence
from headrace.poller.feed_run import FeedRun, Store
from headrace.poller.feed_status import FeedStatuses
from headrace.poller.platform_client import Asked
from headrace.poller.raw_writer import RawEventWriter
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.state import TenantState
from headrace.records.cursors import CursorEntry, Standing, Watched, entry, removed
from headrace.sdk.feed import Feed
from headrace.sdk.ids import can_be_id
from headrace.sdk.provider import Nudge

TURNS: Final = 4
"""Turns of one tenant at a time."""
LOOK_EVERY: Final = 30.0
RESERVE: Final = 0.1
"""Share of a long budget that the sweep leaves to what is woken or due."""

_log = structlog.get_logger()


class TenantPoller:
    """The turns of one tenant. `asked` is how its platform is asked, `kept` what is remembered, `store` makes it so."""

    def __init__(self, shared: Shared, account: Account, asked: Asked, kept: TenantState, store: Store) -> None:
        self.source: Final = account.source
        self.asked: Final = asked
        self.by_lead: Final = [feed.name for feed in asked.feeds if feed.by_lead]
        self._shared: Final = shared
        self._account: Final = account
        self._whose: Final = (account.provider.name, account.name)
        self._feeds: Final = {feed.name: feed for feed in asked.feeds}
        self._kept: Final = kept
        self._store: Final = store
        self._schedule: Final = Scheduler(asked.feeds)
        self._circuit: Final = CircuitBreaker(shared.jitter)
        self._after: Final = Backoff(self._schedule, self._circuit)
        self._states: Final = FeedStatuses(self.source, kept)
        self._standing = kept.standing
        self._why = ""
        self._began: Final = int(self._now() * 1000)
        self._news: Final = asyncio.Event()
        self._resume()

    async def run(self) -> None:
        """Take turns until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(TURNS):
                group.create_task(self._take_turns())
            group.create_task(self._look())

    def watches(self, lead: str) -> bool:
        """Say whether a lead is watched."""
        return lead in self._kept.leads or lead in self.asked.leads

    def watch(self, leads: Sequence[str]) -> None:
        """Watch leads from now on."""
        positions = self._kept.positions
        for feed in self.by_lead:
            read = ((lead, positions.get((feed, lead))) for lead in leads)
            self._schedule.watch((feed, lead, position.at / 1000 if position else 0.0) for lead, position in read)
        self._news.set()

    def drop(self, lead: str) -> None:
        """Watch a lead no more, unless the settings name it."""
        if lead not in self.asked.leads:
            self._schedule.drop(lead)

    def nudged(self, nudge: Nudge, at: int) -> None:
        """Wake what a nudge of the time `at` (ms) names, unless it was read since."""
        lead = None if nudge.lead is None else self.asked.canonical_lead(nudge.lead)
        read = self._kept.positions.get((nudge.feed, lead or "" if nudge.feed in self.by_lead else ""))
        if nudge.event is None and read is not None and read.at > at:
            return
        event = nudge.event if nudge.event and can_be_id(nudge.event) else None
        if self._schedule.wake(Work(nudge.feed, lead, event)):
            self._news.set()

    def _resume(self) -> None:
        """Fill the schedule with what is remembered; what was woken and not read since is woken again."""
        positions = self._kept.positions
        for (feed, lead), position in positions.items():
            if not lead:
                self._schedule.read_at(feed, position.at / 1000)
                if position.at:
                    self._shared.metrics.fresh(*self._whose, feed, position.at / 1000)
        for feed in self.by_lead:
            read = {
                lead: positions[feed, lead].at if (feed, lead) in positions else 0
                for lead in (*self.asked.leads, *self._kept.leads)
            }
            self._schedule.watch((feed, lead, at / 1000) for lead, at in sorted(read.items(), key=lambda told: told[1]))
            for lead, watched in self._kept.leads.items():
                if watched.woken > read[lead]:
                    self._schedule.wake(Work(feed, lead))
        if self._kept.token is not None:
            self._shared.metrics.token(*self._whose, self._kept.token.expires / 1000)

    async def _take_turns(self) -> None:
        while True:
            work = await self._next()
            await self._turn(work)
            self._news.set()

    async def _next(self) -> Work:
        while True:
            now, sweep = self._now(), self._may_sweep()
            self._news.clear()
            if self._circuit.allows(now, self._schedule.running):
                work = self._schedule.next(now, sweep=sweep)
                if work is not None:
                    return work
            # To look through all that was woken is dear, and of no use before the circuit lets something through.
            wait = self._circuit.wait(now) or self._schedule.wait(now, sweep=sweep) or LOOK_EVERY
            try:
                async with asyncio.timeout(min(wait, LOOK_EVERY)):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _turn(self, work: Work) -> None:
        began, feed = self._now(), self._feeds[work.feed]
        raw, letters = self._shared.topic("raw"), self._shared.topic("dead-letters")
        raw_writer = RawEventWriter(self._shared.appender, raw, letters, self._account.provider)
        told = 0

        def covered() -> list[CursorEntry]:
            nonlocal told
            count, told = raw_writer.appended - told, raw_writer.appended
            return [self._states.covered(feed.name, began, count, began + feed.every)]

        reading = FeedRun(
            self.source,
            feed,
            work,
            self.asked.calls,
            self._kept,
            raw_writer,
            int(began * 1000),
            self._store,
            covered,
        )
        self._states.began(feed.name, began)
        code = "ok"
        try:
            await reading.run()
        except Exception as error:  # noqa: BLE001  (one bad feed stays one: what it is is told, and it rests)
            code = await self._went_badly(work, error)
        else:
            self._after.well(work, self._now(), more=reading.unfinished)
        self._woken(reading.sighted)
        self._report(feed, reading, code, began)
        await self._tell()

    async def _went_badly(self, work: Work, error: Exception) -> str:
        now = self._now()
        treated = self._after.badly(work, error, now)
        self._why = sentence(error)
        _log.warning("turn_failed", source=self.source, feed=work.feed, code=treated.code, reason=self._why)
        if treated.code == "broken":
            _log.error("feed_broke", source=self.source, feed=work.feed, exc_info=error)
        entries = [self._states.failed(work.feed, treated, self._why, now)]
        if treated.drop and work.lead is not None:
            self._shared.metrics.lead_gone(*self._whose)
            entries.append(removed(self.source, Watched, work.lead))
        await self._store(entries)
        return treated.code

    def _woken(self, leads: Sequence[str]) -> None:
        """Watch the leads that a feed came across, and read them next."""
        self.watch(leads)
        for feed in self.by_lead:
            for lead in leads:
                self._schedule.wake(Work(feed, lead))

    def _report(self, feed: Feed, reading: FeedRun, code: str, began: float) -> None:
        metrics, raw_writer = self._shared.metrics, reading.raw_writer
        metrics.turn(*self._whose, feed.name, code, self._now() - began)
        metrics.appended(*self._whose, feed.name, raw_writer.appended)
        for reason, count in {**reading.skipped, "too_large": raw_writer.too_large}.items():
            if count:
                metrics.skipped(*self._whose, feed.name, reason, count)
        if code == "ok" and not feed.by_lead:
            metrics.fresh(*self._whose, feed.name, began)

    async def _look(self) -> None:
        """Now and then, tell how the tenant is."""
        while True:
            for feed in self.by_lead:  # all leads are looked at: too dear for every turn
                read = self._kept.longest_unread(feed, self._schedule.leads(feed), self._began)
                self._shared.metrics.fresh(*self._whose, feed, (read or int(self._now() * 1000)) / 1000)
            await self._tell(always=True)
            await asyncio.sleep(LOOK_EVERY)

    async def _tell(self, *, always: bool = False) -> None:
        """Store how the tenant as a whole is: when it is parked or not any more, and otherwise now and then."""
        now, circuit, gate = self._now(), self._circuit, self.asked.gate
        left = gate.budget.left(now)
        self._shared.metrics.budget(*self._whose, left)
        for feed in self.by_lead:
            self._shared.metrics.watched(*self._whose, self._schedule.watched(feed))
        parked = int(circuit.parked_since * 1000)
        told = Standing(
            parked=parked,
            again=int((now + circuit.wait(now)) * 1000) if circuit.wait(now) else 0,
            sentence=self._why if circuit.wait(now) else "",
            skew=round(gate.clock.skew, 1),
            left={span: count for span, count in left.items() if span != "window"},
        )
        if (always and told != self._standing) or parked != self._standing.parked:
            self._standing = told
            self._shared.metrics.parked(*self._whose, parked=bool(parked))
            await self._store([entry(self.source, told)])

    def _may_sweep(self) -> bool:
        """Say whether there is budget to read leads that nobody named."""
        limits = self.asked.gate.budget.limits
        left = self.asked.gate.budget.left(self._now())
        most = {"day": limits.per_day, "year": limits.per_year}
        return all(left[span] > RESERVE * most[span] for span in left if span != "window")

    def _now(self) -> float:
        return self.asked.gate.clock.now()
