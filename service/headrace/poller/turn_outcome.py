"""What follows from how the turns of one tenant ended: what is missing, which leads are gone, what `feeds` shows."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

import structlog

from headrace.config.tenants import Account
from headrace.core.problems import without_text
from headrace.poller.clock import Clock
from headrace.poller.fault_policy import FaultPolicy, sentence
from headrace.poller.feed_run import FeedRun
from headrace.poller.feed_status import FeedStatuses
from headrace.poller.gone_leads import TIMES, after_gone, found_again, held_back
from headrace.poller.mass_drop import SPAN_SECONDS
from headrace.poller.metrics import PollerMetrics
from headrace.poller.missing_leads import Missing, MissingLeads
from headrace.poller.nudge_follow_up import NudgeFollowUp
from headrace.poller.raw_writer import RawEventWriter
from headrace.poller.resting_leads import LONGEST_SENTENCE, RestingLeads
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.state import TenantState
from headrace.poller.state_writer import StateWriter
from headrace.poller.turn_log import TurnLog
from headrace.records.cursors import CursorEntry, DroppedLead, Watched, entry, removed
from headrace.sdk.faults import Gone, Incomplete

_log = structlog.get_logger()


class TurnOutcomes:
    """Follows up on the ended turns of one tenant.

    `named` are the leads of its settings, which are never dropped; `drop` watches a lead no more; `by_lead` are the
    names of the feeds that are read by lead.
    """

    def __init__(
        self,
        account: Account,
        *,
        named: Collection[str],
        by_lead: Sequence[str],
        drop: Callable[[str], None],
        scheduler: Scheduler,
        policy: FaultPolicy,
        follow_up: NudgeFollowUp,
        clock: Clock,
        state: TenantState,
        writer: StateWriter,
        metrics: PollerMetrics,
    ) -> None:
        self.reason = ""
        """Why a turn failed last."""
        self.failing: Final = MissingLeads()
        self._warned = 0.0
        self.statuses: Final = FeedStatuses(account.source, state, self.missing)
        self.resting: Final = RestingLeads(account.source, scheduler, self.missing, state.resting.items())
        self._log: Final = TurnLog(account.source)
        self._source: Final = account.source
        self._redacts: Final = account.redactor is not None
        self._labels: Final = (account.provider.name, account.name)
        self._named: Final = named
        self._by_lead: Final = by_lead
        self._drop: Final = drop
        self._scheduler: Final = scheduler
        self._policy: Final = policy
        self._follow_up: Final = follow_up
        self._clock: Final = clock
        self._state: Final = state
        self._writer: Final = writer
        self._metrics: Final = metrics

    def missing(self, feed: str) -> Missing:
        """Return what is missing of a feed: all of it where that is the platform's trouble."""
        missing = self.failing.of(feed)
        if missing.leads and self._policy.trouble(feed):
            return missing._replace(leads=self._scheduler.watched(feed) if feed in self._by_lead else 1)
        return missing

    async def read(self, work: Work, began: float, run: FeedRun) -> None:
        """Note that a feed was read to its end."""
        self.failing.read(work)
        self.resting.read(work)
        self._log.read(work)
        if run.whole:
            self._follow_up.read(work, began, run.since)
        await self._writer.store(self._found_again(work))

    async def failed(self, work: Work, error: Exception, began: float) -> str:
        """Note that a turn failed; return the word for it."""
        now = self._clock.now()
        treatment = self._policy.failed(work, error, now, began)
        if treatment.again:
            self.failing.failed(work, now)
        reason = self.reason = sentence(error)
        self.resting.failed(work, treatment, reason, now)
        self._log.failed(work, treatment.code, reason)
        if treatment.code == "broken":
            shown = without_text(error) if self._redacts else error
            _log.error("feed_broke", source=self._source, feed=work.feed, exc_info=shown)
        entries = self._found_again(work) if isinstance(error, Incomplete) else []
        if treatment.alone and isinstance(error, Gone):
            entries = self._after_gone(work, error, now)
        await self._writer.store([*entries, self.statuses.failed(work.feed, treatment, reason, now)])
        return treatment.code

    def drop(self, lead: str) -> None:
        """Miss a lead no more."""
        self.failing.drop(lead)
        self.resting.drop(lead)

    def give_up_part(self, feed: str, kind: str, part: str) -> None:
        """Show that a row goes on without one of its parts, which did not come in turn after turn."""
        self._metrics.row_incomplete(*self._labels, feed)
        self.statuses.lacked(feed, self._clock.now())
        _log.warning("row_incomplete", source=self._source, feed=feed, part=kind, id=part)

    def count(self, work: Work, code: str, began: float, raw: RawEventWriter, run: FeedRun) -> None:
        """Count an ended turn and what it brought; `code` is `ok` or the word for its failure."""
        labels = (*self._labels, work.feed)
        self._metrics.turn(*labels, code, self._clock.now() - began)
        self._metrics.appended(*labels, raw.appended)
        for reason, count in {**run.skipped, "too_large": raw.too_large}.items():
            if count:
                self._metrics.skipped(*labels, reason, count)
        if code == "ok" and work.around is None and work.feed not in self._by_lead:
            self._metrics.fresh(*labels, began - self._clock.ahead)

    def _found_again(self, work: Work) -> list[CursorEntry]:
        """Return the entry of a lead that was gone before, and is not."""
        watched = self._state.leads.get(work.lead or "")
        return [entry(self._source, found_again(watched), work.lead or "")] if watched and watched.times else []

    def _after_gone(self, work: Work, error: Gone, now: float) -> list[CursorEntry]:
        """Return the entry of a lead that is gone while others go well: counted, in the end dropped or held back."""
        self._follow_up.give_up(work)
        lead = work.lead or ""
        watched = self._state.leads.get(lead)
        if watched is None or lead in self._named:
            return []
        after = after_gone(watched, now)
        if after is None and not self._state.drops.may_drop(lead, len(self._state.leads), now):
            after = held_back(watched, now)
            self._warn_of_mass_drop(now)
        if after is not None:
            return [entry(self._source, after, lead)] if after != watched else []
        self._drop(lead)
        self._metrics.lead_gone(*self._labels)
        _log.warning("lead_dropped", source=self._source, feed=work.feed, lead=lead, times=TIMES)
        dropped = DroppedLead(
            int(now * 1000), watched.added, watched.by, TIMES, Gone.code, sentence(error)[:LONGEST_SENTENCE]
        )
        return [removed(self._source, Watched, lead), entry(self._source, dropped, lead)]

    def _warn_of_mass_drop(self, now: float) -> None:
        if now >= self._warned + SPAN_SECONDS:
            self._warned = now
            held = len(self._state.drops.held)
            _log.error("mass_drop_stopped", source=self._source, held_back=held, watched=len(self._state.leads))
