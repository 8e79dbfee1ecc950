"""One polled tenant: its feed runs, several at a time, and what is stored and counted of each."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import aiohttp
import structlog

from headrace.config.tenants import Account
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.poller.budget import restored
from headrace.poller.checkpoints import Checkpoints
from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.clock import TOLERANCE_SECONDS, Clock
from headrace.poller.fault_policy import SEVERAL, FaultPolicy, sentence
from headrace.poller.feed_api import FeedApi
from headrace.poller.feed_run import FeedRun
from headrace.poller.feed_status import FeedStatuses, TenantStatus
from headrace.poller.gone_leads import after_gone, found_again
from headrace.poller.metrics import PollerMetrics
from headrace.poller.missing_leads import Missing, MissingLeads
from headrace.poller.nudge_follow_up import NudgeFollowUp
from headrace.poller.part_policy import PartPolicy
from headrace.poller.platform_client import PlatformClient
from headrace.poller.rate_limiter import limiter_of
from headrace.poller.raw_writer import RawEventWriter
from headrace.poller.retries import retries_of
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.state import TenantState
from headrace.poller.state_writer import StateWriter
from headrace.records.cursors import CursorEntry, Watched, entry, removed
from headrace.sdk.faults import Gone, Incomplete

RUNS: Final = 4
"""Feed runs of one tenant at a time."""
LONGEST_WAIT_SECONDS: Final = 30.0
RESERVE: Final = 0.1
"""Share of a long budget that the sweep leaves to what is woken or due."""

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
        metrics: PollerMetrics,
    ) -> None:
        feeds = client.feeds
        self.source: Final = account.source
        self.by_lead: Final = [feed.name for feed in feeds if feed.by_lead]
        self.clock: Final = Clock(begin=state.newest)
        self.budget: Final = restored(client.limits, state.spending)
        self._account: Final = account
        self._labels: Final = (account.provider.name, account.name)
        self._settings: Final = client.settings
        self._feeds: Final = {feed.name: feed for feed in feeds}
        self._leads: Final = client.leads
        self._appender: Final = appender
        self._raw: Final = raw
        self._letters: Final = letters
        self._state: Final = state
        self._writer: Final = writer
        self._metrics: Final = metrics
        self._limiter: Final = limiter_of(
            account, client, session, budget=self.budget, clock=self.clock, writer=writer, metrics=metrics
        )
        self._retries: Final = retries_of(
            account, client, self._limiter, clock=self.clock, state=state, writer=writer, metrics=metrics
        )
        self._scheduler: Final = Scheduler(feeds)
        self._circuit: Final = CircuitBreaker()
        self._parts: Final = PartPolicy()
        self._policy: Final = FaultPolicy(self._scheduler, self._circuit)
        self._missing: Final = MissingLeads()
        self._news: Final = asyncio.Event()
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
            metrics=metrics,
        )
        self._statuses: Final = FeedStatuses(self.source, state, self._what_is_missing)
        self._status: Final = TenantStatus(
            account,
            list(self._feeds),
            self.by_lead,
            scheduler=self._scheduler,
            circuit=self._circuit,
            budget=self.budget,
            clock=self.clock,
            state=state,
            writer=writer,
            metrics=metrics,
            statuses=self._statuses,
            missing=self._what_is_missing,
        )
        self._resume()

    async def run(self) -> None:
        """Run feeds until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(RUNS):
                group.create_task(self._run_feeds())
            group.create_task(self._status.run())

    def canonical_lead(self, lead: str) -> str | None:
        """Return a lead as the provider's subjects have it, None where it can be none."""
        return self._settings.canonical_lead(lead)

    def watches(self, lead: str) -> bool:
        """Return whether a lead is watched."""
        return lead in self._state.leads or lead in self._leads

    def watch(self, leads: Sequence[str]) -> None:
        """Watch leads from now on."""
        positions = self._state.positions
        for feed in self.by_lead:
            read = ((lead, positions.get((feed, lead))) for lead in leads)
            self._scheduler.watch((feed, lead, position.at / 1000 if position else 0.0) for lead, position in read)
        self._news.set()

    def drop(self, lead: str) -> None:
        """Watch a lead no more, unless the settings name it."""
        if lead not in self._leads:
            self._scheduler.drop(lead)
            self._missing.drop(lead)

    def final_spending(self) -> CursorEntry:
        """Return the entry of what was really spent; no further call is made."""
        return entry(self.source, self._limiter.final_spending())

    def _resume(self) -> None:
        """Fill the schedule with what is remembered; what was woken and not read since is woken again."""
        positions = self._state.positions
        if self.clock.ahead > TOLERANCE_SECONDS:
            _log.warning("clock_behind_predecessor", source=self.source, seconds=round(self.clock.ahead, 1))
        for (feed, lead), position in positions.items():
            if not lead:
                self._scheduler.read_at(feed, position.at / 1000)
                if position.at:
                    self._metrics.fresh(*self._labels, feed, position.at / 1000 - self.clock.ahead)
        for feed in self.by_lead:
            read = {
                lead: positions[feed, lead].at if (feed, lead) in positions else 0
                for lead in (*self._leads, *self._state.leads)
            }
            ordered = sorted(read.items(), key=lambda item: item[1])
            self._scheduler.watch((feed, lead, at / 1000) for lead, at in ordered)
            self._policy.went_well(feed, [lead for lead, at in ordered[-SEVERAL:] if at])
            for lead, watched in self._state.leads.items():
                if watched.woken > read[lead]:
                    self._scheduler.wake(Work(feed, lead))
        if self._state.token is not None:
            self._metrics.token(*self._labels, self._state.token.expires / 1000)

    async def _run_feeds(self) -> None:
        while True:
            work = await self._next()
            await self._run_feed(work)
            self._news.set()

    async def _next(self) -> Work:
        while True:
            now, sweep = self.clock.now(), self._may_sweep()
            self._news.clear()
            work = self._policy.next(now, sweep=sweep)
            if work is not None:
                return work
            wait = self._policy.wait(now, sweep=sweep)
            try:
                async with asyncio.timeout(LONGEST_WAIT_SECONDS if wait is None else min(wait, LONGEST_WAIT_SECONDS)):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _run_feed(self, work: Work) -> None:
        began, feed = self.clock.now(), self._feeds[work.feed]
        watch = self.follow_up.watch(work)
        raw = RawEventWriter(self._appender, self._raw, self._letters, self._account.provider, watch)
        checkpoints = Checkpoints(
            self.source,
            feed,
            work,
            began=began,
            watch_leads=self._watch_found,
            by_lead=self.by_lead,
            clock=self.clock,
            state=self._state,
            raw=raw,
            watch=watch,
            statuses=self._statuses,
            writer=self._writer,
        )
        api = FeedApi(
            self._account.name,
            clock=self.clock,
            limiter=self._limiter,
            retries=self._retries,
            state=self._state,
            checkpoints=checkpoints,
            answers=self._metrics.answers.hold(),
            parts=self._parts,
            given_up=partial(self._give_up_part, work.feed),
        )
        run = FeedRun(feed, work, api, raw, checkpoints)
        self._statuses.began(feed.name, began)
        code = "ok"
        try:
            with api.answers:
                await run.run()
        except Exception as error:  # noqa: BLE001  (a broken feed stops no other: its error is logged, and it pauses)
            code = await self._fail(work, error, began)
        else:
            self._policy.succeeded(work, self.clock.now(), more=run.unfinished)
            if not run.unfinished:
                await self._read(work, began, run)
        finally:
            watch.release()
        self._count(work, code, began, raw, run)
        await self._status.update()

    def _what_is_missing(self, feed: str) -> Missing:
        """Return what is missing of a feed: all of it where that is the platform's trouble."""
        missing = self._missing.of(feed)
        if missing.leads and self._policy.trouble(feed):
            return missing._replace(leads=self._scheduler.watched(feed) if feed in self.by_lead else 1)
        return missing

    async def _read(self, work: Work, began: float, run: FeedRun) -> None:
        """Note that a feed was read to its end."""
        self._missing.read(work)
        if run.whole:
            self.follow_up.read(work, began, run.since)
        await self._writer.store(self._found_again(work))

    async def _fail(self, work: Work, error: Exception, began: float) -> str:
        now = self.clock.now()
        treatment = self._policy.failed(work, error, now, began)
        if treatment.again:
            self._missing.failed(work, now)
        reason = self._status.reason = sentence(error)
        _log.warning("turn_failed", source=self.source, feed=work.feed, code=treatment.code, reason=reason)
        if treatment.code == "broken":
            _log.error("feed_broke", source=self.source, feed=work.feed, exc_info=error)
        entries = self._found_again(work) if isinstance(error, Incomplete) else []
        if treatment.alone and isinstance(error, Gone):
            entries = self._after_gone(work, now)
        await self._writer.store([*entries, self._statuses.failed(work.feed, treatment, reason, now)])
        return treatment.code

    def _give_up_part(self, feed: str, kind: str, part: str) -> None:
        """Show that a row goes on without one of its parts, which did not come in turn after turn."""
        self._metrics.row_incomplete(*self._labels, feed)
        self._statuses.lacked(feed, self.clock.now())
        _log.warning("row_incomplete", source=self.source, feed=feed, part=kind, id=part)

    def _found_again(self, work: Work) -> list[CursorEntry]:
        """Return the entry of a lead that was gone before, and is not."""
        watched = self._state.leads.get(work.lead or "")
        return [entry(self.source, found_again(watched), work.lead or "")] if watched and watched.times else []

    def _after_gone(self, work: Work, now: float) -> list[CursorEntry]:
        """Return the entry of a lead that is gone while others go well: it is counted, and dropped in the end."""
        self.follow_up.give_up(work)
        lead = work.lead or ""
        watched = self._state.leads.get(lead)
        if watched is None or lead in self._leads:
            return []
        after = after_gone(watched, now)
        if after is not None:
            return [entry(self.source, after, lead)] if after != watched else []
        self.drop(lead)
        self._metrics.lead_gone(*self._labels)
        _log.warning("lead_dropped", source=self.source, feed=work.feed, lead=lead, times=watched.times)
        return [removed(self.source, Watched, lead)]

    def _watch_found(self, leads: Sequence[str], with_news: Sequence[str]) -> None:
        """Watch the leads that a feed came across, and read those with news soon."""
        self.watch(leads)
        for feed in self.by_lead:
            for lead in with_news:
                self._scheduler.wake(Work(feed, lead))

    def _count(self, work: Work, code: str, began: float, raw: RawEventWriter, run: FeedRun) -> None:
        labels = (*self._labels, work.feed)
        self._metrics.turn(*labels, code, self.clock.now() - began)
        self._metrics.appended(*labels, raw.appended)
        for reason, count in {**run.skipped, "too_large": raw.too_large}.items():
            if count:
                self._metrics.skipped(*labels, reason, count)
        if code == "ok" and work.around is None and work.feed not in self.by_lead:
            self._metrics.fresh(*labels, began - self.clock.ahead)

    def _may_sweep(self) -> bool:
        """Return whether there is budget to read leads that nothing named."""
        return self.budget.has_left(RESERVE, self.clock.now())
