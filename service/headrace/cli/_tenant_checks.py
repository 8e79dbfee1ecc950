"""What pollers remember of a tenant, its webhooks and its receiver, as rows of `headrace check --online`. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import UNSET

from headrace.cli._check_rows import CheckRow
from headrace.cli._feed_rows import FeedRow
from headrace.cli._formatting import count, span
from headrace.cli._hook_notes import MEANING, open_findings
from headrace.cli._staleness import sentence
from headrace.config.tenants import Account
from headrace.poller.hook_list import hooks_of
from headrace.poller.hook_watch import EVERY_SECONDS
from headrace.poller.receiver_reach import Reached
from headrace.poller.state import TenantState
from headrace.records.hooks import HookReport
from headrace.sdk.faults import Fault
from headrace.sdk.hooks import HooksByHand

_LEADS: Final = "leads"
_FEEDS: Final = "feeds"
_WEBHOOKS: Final = "webhooks"
_RECEIVER: Final = "receiver"
_IN_TROUBLE: Final = ("failing", "parked")
_FRESH_MS: Final = int(2 * EVERY_SECONDS * 1000)
_NO_URL: Final = "public_url is not set"
_NO_DELIVERIES: Final = "it takes no webhooks"


def leads_row(where: str, feeds: Sequence[FeedRow]) -> CheckRow:
    """Return whether the budget is enough to read every lead in time."""
    by_lead = [feed for feed in feeds if feed.leads is not UNSET]
    for feed in by_lead:
        if feed.sweep_seconds is not UNSET and feed.max_staleness_seconds is not UNSET:
            found = f"{feed.leads:,} leads: {sentence(feed.sweep_seconds, feed.would_do, feed.max_staleness_seconds)}"
            hint = "raise budget as far as the platform allows, set a longer max_staleness, or watch fewer leads"
            return CheckRow(where, _LEADS, "fault", found, hint)
    for feed in by_lead:
        if feed.leads == 0:
            return CheckRow(where, _LEADS, "ok", "none is watched yet")
        if feed.leads is not UNSET and feed.pass_seconds is not UNSET and feed.max_staleness_seconds is not UNSET:
            took = f"a round takes {span(max(1, feed.pass_seconds))}, and may take {span(feed.max_staleness_seconds)}"
            return CheckRow(where, _LEADS, "ok", f"{count(feed.leads, 'lead')}: {took}")
    return CheckRow(where, _LEADS, "off", "no feed is read lead by lead")


def feeds_row(where: str, feeds: Sequence[FeedRow]) -> CheckRow:
    """Return how its poller gets on, as that has stored it."""
    words = Counter(feed.state for feed in feeds)
    found = ", ".join(f"{number} {word}" for word, number in words.most_common())
    bad = [feed for feed in feeds if feed.state in _IN_TROUBLE]
    if bad:
        reason = bad[0].reason or bad[0].sentence
        return CheckRow(where, _FEEDS, "fault", f"{found}: {bad[0].feed}: {reason}", "headrace feeds says more of it")
    if words.keys() <= {"ok"}:
        return CheckRow(where, _FEEDS, "ok", found)
    if words.keys() == {"paused"}:
        return CheckRow(where, _FEEDS, "off", found)
    return CheckRow(where, _FEEDS, "unknown", found, "look whether a poller runs; headrace feeds says more")


def is_looked_at(account: Account, public_url: str | None, tenant: TenantState, now: int) -> bool:
    """Return whether webhooks are to be listed now: the platform has calls for them, and no poller looked of late."""
    if not public_url or not account.settings.takes_webhooks or fresh_report(tenant, now):
        return False
    hooks = hooks_of(account, public_url)
    return hooks is not None and not isinstance(hooks, HooksByHand)


def fresh_report(tenant: TenantState, now: int) -> HookReport | None:
    """Return what a poller found when it looked last, None where that is long ago; `now` is in ms."""
    report = tenant.hook_report
    return report if report and report.at > now - _FRESH_MS else None


def webhook_rows(
    account: Account, public_url: str | None, tenant: TenantState | None, failed: Fault | None, now: int
) -> Iterator[CheckRow]:
    """Yield what is wrong with the webhooks of a tenant, as `tenant.hook_report` has it; `failed` is why it is old."""
    where = account.source[1:]
    if not public_url or not account.settings.takes_webhooks:
        yield CheckRow(where, _WEBHOOKS, "off", _NO_DELIVERIES if public_url else _NO_URL)
        return
    if isinstance(hooks_of(account, public_url), HooksByHand):
        found, hint = "they are made by hand", "headrace hooks show writes the steps; compare them with what is there"
        yield CheckRow(where, _WEBHOOKS, "unknown", found, hint)
    elif failed is not None:
        hint = "let the credentials list webhooks, or look for them at the platform"
        yield CheckRow(where, _WEBHOOKS, "fault", f"they could not be listed: {failed}", hint)
    elif tenant is None or (report := fresh_report(tenant, now)) is None:
        yield CheckRow(where, _WEBHOOKS, "unknown", "nobody has looked at them of late")
    else:
        yield from _found(where, report, tenant, now)


def receiver_row(account: Account, public_url: str | None, reached: Reached | None) -> CheckRow:
    """Return whether the receiver answers at the address that platforms are given."""
    where = account.source[1:]
    if not public_url or reached is None:
        return CheckRow(where, _RECEIVER, "off", _NO_DELIVERIES if public_url else _NO_URL)
    if reached.fault:
        return CheckRow(where, _RECEIVER, "fault", f"{public_url}: {reached.fault}", reached.next)
    found = f"{public_url} answers within {reached.seconds * 1000:,.0f} ms, as seen from here"
    return CheckRow(where, _RECEIVER, "ok", found)


def _found(where: str, report: HookReport, tenant: TenantState, now: int) -> Iterator[CheckRow]:
    findings = list(open_findings(tenant))
    for one in findings:
        meaning, _, advice = MEANING.get(one.state, one.state).partition(": ")
        reason = f" ({one.reason})" if one.reason else ""
        hint = advice or "headrace hooks show says more of it; mend it at the platform"
        yield CheckRow(where, _WEBHOOKS, "fault", f"webhook {one.tells} {meaning}{reason}", hint)
    if not findings:
        well = report.counts.get("ok", 0) + report.counts.get("foreign", 0)
        looked = span(max(0, now - report.at) // 1000, 1)
        yield CheckRow(where, _WEBHOOKS, "ok", f"{count(well, 'webhook')} as needed, looked at {looked} ago")
