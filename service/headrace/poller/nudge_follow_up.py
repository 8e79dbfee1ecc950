"""Follows up on the nudges of one tenant: wakes feeds, and again; what no feed brings goes back to raw as told."""

import asyncio
from collections.abc import Collection
from typing import Final

from headrace.config.tenants import Account
from headrace.poller.clock import Clock
from headrace.poller.loss_ledger import LossLedger
from headrace.poller.metrics import PollerMetrics
from headrace.poller.open_nudges import OpenNudges
from headrace.poller.row_watch import RowWatch
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.state import TenantState
from headrace.records.nudge import AddressedNudge
from headrace.sdk.ids import can_be_id
from headrace.sdk.settings import PolledTenant


class NudgeFollowUp:
    """The nudges of a tenant, whose feeds `by_lead` are read by lead. `window` is the dedupe window in seconds.

    `news` is set where a feed was woken.
    """

    def __init__(
        self,
        account: Account,
        settings: PolledTenant,
        by_lead: Collection[str],
        *,
        news: asyncio.Event,
        scheduler: Scheduler,
        clock: Clock,
        state: TenantState,
        window: float,
        raw_lifetime: float,
        ledger: LossLedger,
        metrics: PollerMetrics,
    ) -> None:
        self.nudges: Final = OpenNudges(account.source, state.nudges, by_lead, window=window, raw_lifetime=raw_lifetime)
        self.ledger: Final = ledger
        self._account: Final = account
        self._labels: Final = (account.provider.name, account.name)
        self._settings: Final = settings
        self._by_lead: Final = by_lead
        self._news: Final = news
        self._scheduler: Final = scheduler
        self._clock: Final = clock
        self._state: Final = state
        self._stored: Final = asyncio.Event()
        self._stored.set()
        self._metrics: Final = metrics

    def take(self, nudge: AddressedNudge, at: int) -> None:
        """Wake what a nudge of the time `at` (ms) names.

        A nudge of people wakes nothing that was read since, and what rests after failures as well.
        """
        if nudge.hour is not None:
            self.ledger.add(nudge.hour, self._clock.now())
            return
        work = self._work(nudge)
        self._news.set()
        if nudge.partition < 0:
            read = self._state.positions.get((work.feed, work.lead or ""))
            if nudge.event is not None or read is None or read.at <= at:
                self._scheduler.forget_setback(work)
                self._scheduler.wake(work)
            return
        self.nudges.open(nudge, self._clock.now(), at, expected=self._scheduler.wake(work))

    def watch(self, work: Work) -> RowWatch:
        """Return what watches the rows of a run."""
        return RowWatch(self.nudges, self.ledger, self._account, work, clock=self._clock, stored=self._stored)

    def read(self, work: Work, began: float, since: int) -> None:
        """Note that a feed was read, whole and with success, by a run that began then, back to `since` (ms).

        Facts before that get a turn of their own.
        """
        self.nudges.read(work, began, began + self._clock.skew, since)

    def give_up(self, work: Work) -> None:
        """Expect nothing more of a lead that the platform does not know any more."""
        self.nudges.give_up(work.feed, work.lead or "")

    def look_after(self) -> list[AddressedNudge]:
        """Wake again what is open for a while; return what no read brought: its record goes back to raw.

        Where there is any, no row is looked at before `stored` is called.
        """
        now = self._clock.now()
        for nudge in self.nudges.due(now):
            if not self._scheduler.wake(self._work(nudge)):  # its feed was switched off meanwhile
                self.nudges.give_up(nudge.feed, nudge.lead or "")
            self._news.set()
        self.nudges.expire(now)
        self.ledger.expire(now)
        self._metrics.nudges(*self._labels, len(self.nudges), self.nudges.bytes)
        if (last := self.ledger.last_closed) is not None:
            self._metrics.hour(*self._labels, *last)
        vain = self.nudges.in_vain(now)
        if vain:
            self._stored.clear()
        return vain

    def stored(self) -> None:
        """Let rows be looked at again: that records go back to raw is stored."""
        self._stored.set()

    def returned(self, nudge: AddressedNudge) -> None:
        """Note that the record of a nudge is in raw again."""
        self.nudges.returned(nudge, self._clock.now())

    def _work(self, nudge: AddressedNudge) -> Work:
        lead = None if nudge.lead is None else self._settings.canonical_lead(nudge.lead)
        event = nudge.event if nudge.event and can_be_id(nudge.event) else None
        listed = lead is not None and nudge.feed in self._by_lead and nudge.partition >= 0
        if listed and not self.nudges.asks_for_event(nudge):
            event = None  # one reading of the lead's list serves all nudges of the lead
        return Work(nudge.feed, lead if nudge.feed in self._by_lead else None, event, self.nudges.around(nudge))
