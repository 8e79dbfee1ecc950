"""Looks once an hour whether the webhooks of one tenant are as they should be: one call, in the tenant's budget.

What it finds is a metric, a log line once a change, and a line of `headrace feeds`. A fault here hurts no feed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from headrace.config.tenants import Account
from headrace.observe.redact import scrub
from headrace.poller.clock import Clock
from headrace.poller.hook_list import hooks_of, registered
from headrace.poller.hook_states import STATES, TROUBLE, HookRow, adopted, hook_rows
from headrace.poller.metrics import PollerMetrics
from headrace.poller.retries import Retries
from headrace.poller.state import TenantState
from headrace.poller.state_writer import StateWriter
from headrace.poller.tenant_orders import WHOLE
from headrace.records.cursors import entry
from headrace.records.hooks import HookFinding, HookReport
from headrace.sdk.faults import Fault
from headrace.sdk.feed import Call
from headrace.sdk.hooks import HookApi, HooksByHand
from headrace_events import NoticeKind

EVERY_SECONDS: Final = 3_600.0
FIRST_SECONDS: Final = 120.0
"""After a start, feeds go first."""
LONGEST_LOOK_SECONDS: Final = 300.0
"""Beyond it a look ends: the budget may be used up for hours."""
MOST_FINDINGS: Final = 200
_REASON_LENGTH: Final = 120

_log = structlog.get_logger()


class HookWatch:
    """The webhooks of one tenant; there is nothing to look at without `public_url`."""

    def __init__(
        self,
        account: Account,
        public_url: str | None,
        *,
        retries: Retries,
        clock: Clock,
        state: TenantState,
        writer: StateWriter,
        metrics: PollerMetrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source: Final = account.source
        self._labels: Final = (account.provider.name, account.name)
        self._hooks: Final[HookApi | HooksByHand | None] = hooks_of(account, public_url) if public_url else None
        self._retries: Final = retries
        self._clock: Final = clock
        self._state: Final = state
        self._writer: Final = writer
        self._metrics: Final = metrics
        self._sleep: Final = sleep

    async def run(self) -> None:
        """Look once an hour, until cancelled."""
        hooks = self._hooks
        if hooks is None or isinstance(hooks, HooksByHand):
            return
        report = self._state.hook_report
        if report is not None:
            self._show(report)
        await self._sleep(first_wait(report, self._clock.now()))
        while True:
            began = self._clock.now()
            try:
                async with asyncio.timeout(LONGEST_LOOK_SECONDS):
                    if not self._is_paused():
                        await self.look(hooks)
            except (Fault, TimeoutError) as fault:
                _log.warning("hooks_not_read", source=self._source, reason=str(fault) or "the budget is used up")
            except Exception as error:  # noqa: BLE001  (what breaks here stops no feed: it is logged)
                _log.error("hook_watch_broke", source=self._source, exc_info=error)
            await self._sleep(max(0.0, began + EVERY_SECONDS - self._clock.now()))

    async def look(self, hooks: HookApi) -> None:
        """Compare what is registered with what should be; store and show what was found. Raises `Fault`."""
        found = await registered(hooks, self._call)
        await self._writer.store(list(adopted(self._source, self._state, found, int(self._clock.now() * 1000))))
        rows = hook_rows(hooks.wanted, found, self._state.hooks)
        before = self._state.hook_report or HookReport(0)
        report = report_of(rows, before, int(self._clock.now() * 1000))
        self._log_changes(before.findings, report.findings)
        self._show(report, before)
        await self._writer.store([entry(self._source, report)])

    def _is_paused(self) -> bool:
        """Return whether people let the tenant make no calls."""
        whole = self._state.orders.get(WHOLE)
        return bool(whole and whole.paused)

    async def _call(self, call: Call) -> bytes:
        with self._metrics.answers.hold() as slot:
            return await self._retries.call(call, slot)

    def _log_changes(self, before: Sequence[HookFinding], after: Sequence[HookFinding]) -> None:
        known, now = ({(one.state, one.tells) for one in findings} for findings in (before, after))
        for one in after:
            if (one.state, one.tells) not in known:
                _log.warning("hook_in_trouble", source=self._source, hook=one.tells, state=one.state, reason=one.reason)
        troubled = {one.tells for one in after}
        for one in before:
            if (one.state, one.tells) not in now and one.tells not in troubled:
                _log.info("hook_recovered", source=self._source, hook=one.tells, state=one.state)

    def _show(self, report: HookReport, before: HookReport | None = None) -> None:
        counts: dict[str, int] = {state: report.counts.get(state, 0) for state in STATES}
        self._metrics.hooks(*self._labels, counts, report.at / 1000 - self._clock.ahead)
        found = {one.tells: f"{one.state}{f': {one.reason}' if one.reason else ''}" for one in report.findings}
        for tells in {one.tells for one in before.findings} - set(found) if before else ():
            self._metrics.notices.note(NoticeKind.HOOK_IN_TROUBLE, self._source, None, item=tells)
        for tells, why in found.items():
            self._metrics.notices.note(NoticeKind.HOOK_IN_TROUBLE, self._source, why, item=tells)


def first_wait(report: HookReport | None, now: float) -> float:
    """Return the seconds until the first look of a process: an hour after its predecessor's last one."""
    due = report.at / 1000 + EVERY_SECONDS - now if report else 0.0
    return min(max(FIRST_SECONDS, due), EVERY_SECONDS)


def report_of(rows: Sequence[HookRow], before: HookReport, now: int) -> HookReport:
    """Return what is to be remembered of a look (`now` in ms); what is as bad as it was, is so since then."""
    since = {(one.state, one.tells): one.since for one in before.findings}
    counts: dict[str, int] = {state: sum(row.state == state for row in rows) for state in STATES}
    findings = [
        HookFinding(row.state, tells := row.ordered or row.tells, since.get((row.state, tells), now), _reason(row))
        for row in rows
        if row.state in TROUBLE
    ]
    return HookReport(now, counts, tuple(findings[:MOST_FINDINGS]))


def _reason(row: HookRow) -> str:
    """Return why, in words of ours or of the platform; of a webhook that is not ours it says that alone."""
    if not row.ours and row.state == "disabled":
        return "somebody else made it"
    if row.state == "differs":
        return f"the platform made {scrub(row.tells)[:_REASON_LENGTH]}"
    return scrub(row.reason)[:_REASON_LENGTH]
