"""One polled tenant: its turns, several at a time, and what is known of it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp
import structlog

from headrace.config.tenants import Account
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.poller.backfill_runner import BackfillRunner
from headrace.poller.backfills import feed_to_read
from headrace.poller.budget import restored
from headrace.poller.call_pace import CallPace
from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.clock import TOLERANCE_SECONDS, Clock
from headrace.poller.fault_policy import FaultPolicy
from headrace.poller.feed_status import TenantStatus
from headrace.poller.hook_watch import HookWatch
from headrace.poller.loss_holes import LossHoles
from headrace.poller.loss_ledger import LossLedger
from headrace.poller.metrics import PollerMetrics
from headrace.poller.nudge_follow_up import NudgeFollowUp
from headrace.poller.order_effects import OrderEffects
from headrace.poller.platform_client import PlatformClient
from headrace.poller.rate_limiter import limiter_of
from headrace.poller.resume import WatchedSchedule
from headrace.poller.retries import retries_of
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.shares import Kind
from headrace.poller.state import TenantState
from headrace.poller.state_writer import StateWriter
from headrace.poller.swept_turns import SweptTurns
from headrace.poller.tenant_orders import TenantOrders
from headrace.poller.turn_outcome import TurnOutcomes
from headrace.poller.turn_runner import TurnRunner
from headrace.records.cursors import CursorEntry, entry

RUNS: Final = 4
"""Feed runs of one tenant at a time."""
LONGEST_WAIT_SECONDS: Final = 30.0

_log = structlog.get_logger()


class TenantPoller:
    """The feed runs of one tenant. `state` is what is remembered of it; `writer` stores what is to be."""

    def __init__(
        self,
        account: Account,
        client: PlatformClient,
        *,
        session: aiohttp.ClientSession,
        appender: Appender,
        raw: Topic,
        letters: Topic,
        state: TenantState,
        writer: StateWriter,
        window: float,
        raw_lifetime: float,
        public_url: str | None,
        settle: float,
        metrics: PollerMetrics,
    ) -> None:
        feeds = client.feeds
        self.source: Final = account.source
        self.by_lead: Final = [feed.name for feed in feeds if feed.by_lead]
        self.clock: Final = Clock(begin=state.newest)
        self.budget: Final = restored(client.limits, state.spending)
        self._labels: Final = (account.provider.name, account.name)
        self._settings: Final = client.settings
        self._leads: Final = client.leads
        self._state: Final = state
        self._metrics: Final = metrics
        self._limiter: Final = limiter_of(
            account, client, session, budget=self.budget, clock=self.clock, writer=writer, metrics=metrics
        )
        retries = retries_of(
            account, client, self._limiter, clock=self.clock, state=state, writer=writer, metrics=metrics
        )
        self._hooks: Final = HookWatch(
            account,
            public_url,
            retries=retries,
            clock=self.clock,
            state=state,
            writer=writer,
            metrics=metrics,
        )
        self._scheduler: Final = Scheduler(feeds)
        self._pace: Final = CallPace()
        self._circuit: Final = CircuitBreaker()
        self._policy: Final = FaultPolicy(self._scheduler, self._circuit)
        self._news: Final = asyncio.Event()
        self.stopping = False
        """Whether it begins no further turn, nor carries out orders."""
        self.follow_up: Final = NudgeFollowUp(
            account,
            client.settings,
            self.by_lead,
            news=self._news,
            scheduler=self._scheduler,
            clock=self.clock,
            state=state,
            window=window,
            raw_lifetime=raw_lifetime,
            ledger=LossLedger(
                self.source, state, partitions=raw.partitions, settle=settle, window=window, now=self.clock.now()
            ),
            metrics=metrics,
        )
        self.orders: Final = TenantOrders(
            account.source,
            [feed.name for feed in feeds],
            state=state,
            now=self.clock.now,
            window=window,
            obeying=OrderEffects(
                account,
                scheduler=self._scheduler,
                policy=self._policy,
                limiter=self._limiter,
                news=self._news,
                metrics=metrics,
            ),
        )
        self.holes: Final = LossHoles(
            account.source,
            client.settings.ledger,
            feed=feed_to_read(feeds),
            ledger=self.follow_up.ledger,
            backfills=self.orders.backfills,
        )
        self._outcomes: Final = TurnOutcomes(
            account,
            named=self._leads,
            by_lead=self.by_lead,
            drop=self.drop,
            scheduler=self._scheduler,
            policy=self._policy,
            follow_up=self.follow_up,
            clock=self.clock,
            state=state,
            writer=writer,
            metrics=metrics,
        )
        self._status: Final = TenantStatus(
            account,
            [feed.name for feed in feeds],
            self.by_lead,
            scheduler=self._scheduler,
            circuit=self._circuit,
            budget=self.budget,
            clock=self.clock,
            state=state,
            writer=writer,
            metrics=metrics,
            statuses=self._outcomes.statuses,
            missing=self._outcomes.missing,
            reason=lambda: self._outcomes.reason,
            resting=self._outcomes.resting,
        )
        self._turns: Final = TurnRunner(
            account,
            {feed.name: feed for feed in feeds},
            self.by_lead,
            watch_found=self._watch_found,
            spent=self._spent,
            swept=SweptTurns(feeds, scheduler=self._scheduler, orders=self.orders, state=state, clock=self.clock),
            appender=appender,
            raw=raw,
            letters=letters,
            clock=self.clock,
            limiter=self._limiter,
            retries=retries,
            policy=self._policy,
            follow_up=self.follow_up,
            outcomes=self._outcomes,
            orders=self.orders,
            state=state,
            writer=writer,
            metrics=metrics,
        )
        self._backfills: Final = BackfillRunner(
            account,
            {feed.name: feed for feed in feeds},
            named=self._leads,
            spent=lambda calls: self._pace.count("due", calls, self.clock.now()),
            window=window,
            turns=self._turns,
            orders=self.orders,
            circuit=self._circuit,
            limits=client.limits,
            clock=self.clock,
            state=state,
            writer=writer,
            metrics=metrics,
        )
        self._watched: Final = WatchedSchedule(
            state, self._scheduler, self._policy, by_lead=self.by_lead, named=self._leads
        )

    async def run(self) -> None:
        """Go on where an earlier process ended, then run feeds, until stopped or cancelled."""
        await self._resume()
        async with asyncio.TaskGroup() as group:
            turns = [group.create_task(self._run_feeds()) for _ in range(RUNS)]
            turns.append(group.create_task(self._backfills.run()))
            beside = [group.create_task(part) for part in (self._status.run(), self._hooks.run())]
            await asyncio.wait(turns)
            for task in beside:
                task.cancel()

    def stop(self) -> None:
        """Begin no further turn; `run` ends once those in progress have."""
        self.stopping = True
        self._backfills.stop()
        self._news.set()

    def canonical_lead(self, lead: str) -> str | None:
        """Return a lead as the provider's subjects have it, None where it can be none."""
        return self._settings.canonical_lead(lead)

    def watches(self, lead: str) -> bool:
        """Return whether a lead is watched."""
        return self._watched.watches(lead)

    def watch(self, leads: Sequence[str]) -> None:
        """Watch leads from now on."""
        self._watched.watch(leads)
        self._news.set()

    def drop(self, lead: str) -> None:
        """Watch a lead no more, unless the settings name it."""
        if lead not in self._leads:
            self._scheduler.drop(lead)
            self._outcomes.drop(lead)

    def final_spending(self) -> CursorEntry:
        """Return the entry of what was really spent; no further call is made."""
        return entry(self.source, self._limiter.final_spending())

    async def _resume(self) -> None:
        """Fill the schedule with what an earlier process has stored, and show how far that was."""
        if self.clock.ahead > TOLERANCE_SECONDS:
            _log.warning("clock_behind_predecessor", source=self.source, seconds=round(self.clock.ahead, 1))
        self.orders.resume()
        await self._watched.resume()
        for feed, position in self._state.positions.whole.items():
            if position.at:
                self._metrics.fresh(*self._labels, feed, position.at / 1000 - self.clock.ahead)
        if self._state.token is not None:
            self._metrics.token(*self._labels, self._state.token.expires / 1000)

    async def _run_feeds(self) -> None:
        while (work := await self._next()) is not None:
            await self._turns.run(work)
            await self._status.update()
            self._news.set()

    async def _next(self) -> Work | None:
        """Wait for the next turn; None where there is to be none."""
        while not self.stopping:
            now = self.clock.now()
            kinds = self._pace.allowed(self.budget, now, self._scheduler.shares)
            self._news.clear()
            work = self._policy.next(now, kinds)
            if work is not None:
                return work
            waits = (self._policy.wait(now, kinds), self.budget.even_wait(now) or None, LONGEST_WAIT_SECONDS)
            try:
                async with asyncio.timeout(min(wait for wait in waits if wait is not None)):
                    await self._news.wait()
            except TimeoutError:
                continue
        return None

    def _watch_found(self, leads: Sequence[str], with_news: Mapping[str, Kind]) -> None:
        """Watch the leads that a feed came across, and read those with news soon."""
        self.watch(leads)
        for feed in self.by_lead:
            for lead, kind in with_news.items():
                self._scheduler.wake(Work(feed, lead), kind)

    def _spent(self, work: Work, calls: int) -> None:
        """Note how many calls a turn has made, before it ends."""
        kind = self._scheduler.kind_of(work)
        self._pace.count(kind, calls, self.clock.now())
        self._scheduler.spent(work, calls)
        if kind == "swept":
            self._outcomes.statuses.took(work.feed, calls)
