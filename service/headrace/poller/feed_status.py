"""What `headrace feeds` shows: the state of each feed, and the standing of the tenant."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from msgspec.structs import replace

from headrace.config.tenants import Account
from headrace.poller.budget import Budget
from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.clock import Clock
from headrace.poller.fault_policy import Treatment
from headrace.poller.metrics import PollerMetrics
from headrace.poller.missing_leads import Missing
from headrace.poller.oldest_lead import OldestLead
from headrace.poller.resting_leads import RestingLeads
from headrace.poller.scheduler import Scheduler
from headrace.poller.stale_feeds import StaleFeeds
from headrace.poller.staleness_watch import StalenessWatch
from headrace.poller.state import TenantState
from headrace.poller.state_writer import StateWriter
from headrace.records.cursors import CursorEntry, FeedState, Standing, entry
from headrace_events import NoticeKind

UPDATE_EVERY_SECONDS: Final = 30.0
AVERAGED: Final = 0.01
"""What one reading of a lead counts in the average of all."""


class FeedStatuses:
    """The states of one tenant's feeds. Pure: each change returns the entry that stores it.

    Times are seconds since the epoch, in records milliseconds.
    """

    def __init__(self, source: str, state: TenantState, missing: Callable[[str], Missing]) -> None:
        self._source: Final = source
        self._feeds: Final = dict(state.feeds)
        self._missing: Final = missing
        self._unstored: Final[set[str]] = set()

    def of(self, feed: str) -> FeedState:
        """Return the state of a feed."""
        return self._feeds.get(feed, FeedState())

    def began(self, feed: str, now: float) -> None:
        """Note that a turn began."""
        before = self.of(feed)
        self._feeds[feed] = replace(before, turns=before.turns + 1, tried=int(now * 1000))

    def covered(self, feed: str, *, began: float, events: int, due: float, last: bool, unread: str = "") -> CursorEntry:
        """Note a stored cursor: `events` more were appended; the `last` one of a turn: all up to its begin is read.

        Why leads are missing stays as long as any is.
        """
        before = self.of(feed)
        missing = self._missing(feed).leads > 0
        return self._entry(
            feed,
            replace(
                before,
                events=before.events + events,
                succeeded=max(before.succeeded, int(began * 1000)) if last else before.succeeded,
                next=int(due * 1000),
                unread=unread if last else before.unread,
                failures=0,
                code=before.code if missing else "",
                sentence=before.sentence if missing else "",
            ),
        )

    def failed(self, feed: str, treatment: Treatment, sentence: str, now: float) -> CursorEntry:
        """Note a turn that failed."""
        before = self.of(feed)
        again = int((now + treatment.rest) * 1000)
        after = replace(before, next=again, failures=before.failures + 1, code=treatment.code, sentence=sentence)
        return self._entry(feed, after)

    def lacked(self, feed: str, now: float) -> None:
        """Note a row that went on without one of its parts, or was left out: it is stored with the next change."""
        before = self.of(feed)
        self._feeds[feed] = replace(before, lacking=before.lacking + 1, lacked=int(now * 1000))
        self._unstored.add(feed)

    def took(self, feed: str, calls: int) -> None:
        """Note how many calls a reading of a lead took: their average is stored with the next change."""
        before = self.of(feed)
        average = before.lead_calls + (calls - before.lead_calls) * AVERAGED if before.lead_calls else float(calls)
        self._feeds[feed] = replace(before, lead_calls=average)

    def changed(self) -> list[CursorEntry]:
        """Return the states in which something else is missing, or lacking, than was stored."""
        return [
            self._entry(feed, state)
            for feed, state in list(self._feeds.items())
            if feed in self._unstored or self._with_missing(feed, state) != state
        ]

    def _entry(self, feed: str, after: FeedState) -> CursorEntry:
        after = self._feeds[feed] = self._with_missing(feed, after)
        self._unstored.discard(feed)
        return entry(self._source, after, feed)

    def _with_missing(self, feed: str, state: FeedState) -> FeedState:
        missing = self._missing(feed)
        if not missing.leads and not state.failures:
            state = replace(state, code="", sentence="")
        return replace(state, missing=missing.leads, since=int(missing.since * 1000))


class TenantStatus:
    """The standing of one tenant: whether it is parked and why, what is left of its budget. Metrics show it as well.

    `feeds` are the names of its feeds, `by_lead` those that are read by lead; `reason` returns why a turn failed last.
    """

    def __init__(
        self,
        account: Account,
        feeds: Sequence[str],
        by_lead: Sequence[str],
        *,
        scheduler: Scheduler,
        circuit: CircuitBreaker,
        budget: Budget,
        clock: Clock,
        state: TenantState,
        writer: StateWriter,
        metrics: PollerMetrics,
        statuses: FeedStatuses,
        missing: Callable[[str], Missing],
        reason: Callable[[], str],
        resting: RestingLeads,
    ) -> None:
        self._statuses: Final = statuses
        self._missing: Final = missing
        self._reason: Final = reason
        self._resting: Final = resting
        self._source: Final = account.source
        self._labels: Final = (account.provider.name, account.name)
        self._feeds: Final = feeds
        self._by_lead: Final = by_lead
        self._scheduler: Final = scheduler
        self._circuit: Final = circuit
        self._budget: Final = budget
        self._clock: Final = clock
        self._state: Final = state
        self._writer: Final = writer
        self._metrics: Final = metrics
        self._staleness: Final = StalenessWatch(account, budget.limits, scheduler.shares, metrics)
        self._stale: Final = StaleFeeds(account, feeds, by_lead, scheduler=scheduler, metrics=metrics)
        self._standing = state.standing
        began = int(clock.now() * 1000)
        self._oldest: Final = {
            feed: OldestLead(partial(state.unread_since, feed, unnamed=began)) for feed in self._by_lead
        }

    async def run(self) -> None:
        """Update now and then, until cancelled."""
        while True:
            for feed, oldest in self._oldest.items():
                await self._show_oldest(feed, oldest)
            await self.update(always=True)
            self._stale.note(self._clock.now() - self._clock.ahead, self._reason())
            await self._writer.store(self._resting.changed(self._clock.now()))
            await asyncio.sleep(UPDATE_EVERY_SECONDS)

    async def _show_oldest(self, feed: str, oldest: OldestLead) -> None:
        """Show when the lead was read that was read longest ago; the event loop goes on between slices of leads."""
        leads, now = self._scheduler.leads(feed), self._clock.now()
        if oldest.is_due(leads, now):
            for _ in oldest.look(leads, now):
                await asyncio.sleep(0)
        read = oldest.oldest(leads)
        at = now if read is None else read / 1000
        self._metrics.fresh(*self._labels, feed, at - self._clock.ahead)

    async def update(self, *, always: bool = False) -> None:
        """Update the metrics; store the standing if the tenant is parked, or no longer so, or with `always`."""
        now, circuit = self._clock.now(), self._circuit
        left = self._budget.left(now)
        self._metrics.budget(*self._labels, left)
        for feed in self._by_lead:
            self._metrics.watched(*self._labels, self._scheduler.watched(feed))
        self._metrics.held_back(*self._labels, len(self._state.drops.held))
        self._staleness.look(
            {feed: (self._scheduler.watched(feed), self._statuses.of(feed).lead_calls) for feed in self._by_lead}
        )
        for feed in self._feeds:
            missing = self._missing(feed)
            self._metrics.missing(*self._labels, feed, missing.leads, missing.since - self._clock.ahead)
        parked, wait = int(circuit.parked_since * 1000), circuit.wait(now)
        standing = Standing(
            parked=parked,
            again=int((now + wait) * 1000) if wait else 0,
            sentence=self._reason() if wait else "",
            skew=round(self._clock.skew, 1),
            ahead=round(self._clock.ahead),
            left={span: count for span, count in left.items() if span != "window"},
        )
        self._note(parked=bool(parked))
        entries = self._statuses.changed()
        if (always and standing != self._standing) or parked != self._standing.parked:
            self._standing = standing
            self._metrics.parked(*self._labels, parked=bool(parked))
            entries.append(entry(self._source, standing))
        if entries:
            await self._writer.store(entries)

    def _note(self, *, parked: bool) -> None:
        """Note whether the tenant is parked, once its platform has answered for or against, and leads held back."""
        notices, held = self._metrics.notices, len(self._state.drops.held)
        if parked or self._circuit.answered:
            why = f"its credentials are denied: {self._reason()}"
            notices.note(NoticeKind.TENANT_PARKED, self._source, why if parked else None)
        why = f"its platform does not know {held} leads: they stay watched; check its credentials and address"
        notices.note(NoticeKind.MASS_DROP, self._source, why if held else None)
