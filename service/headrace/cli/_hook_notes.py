"""What `headrace feeds` says of a tenant's webhooks, as its poller found them. Pure."""

from collections.abc import Iterator
from typing import Final

from headrace.core.timestamps import from_millis
from headrace.poller.state import TenantState
from headrace.records.hooks import HookFinding, HookState

MEANING: Final[dict[HookState, str]] = {
    "missing": "is needed and not registered: headrace hooks apply",
    "gone": "was made by us and is not there any more: headrace hooks apply",
    "disabled": "is switched off at the platform",
    "elsewhere": "points to another URL than we gave it",
    "differs": "is about something else than we ordered",
}


def hook_notes(tenant: TenantState) -> Iterator[str]:
    """Yield a sentence for each webhook in trouble, without one that was made since the poller looked."""
    for one in open_findings(tenant):
        reason = f" ({one.reason})" if one.reason else ""
        since = from_millis(one.since)[: len("2026-08-08T09:00:00")].replace("T", " ")
        yield f"webhook {one.tells} {MEANING.get(one.state, one.state)}{reason}, found {since} UTC"


def open_findings(tenant: TenantState) -> Iterator[HookFinding]:
    """Yield what was found of webhooks in trouble, without those that were made since."""
    report = tenant.hook_report
    if report is not None:
        yield from (one for one in report.findings if not _made_since(tenant, one, report.at))


def _made_since(tenant: TenantState, one: HookFinding, looked: int) -> bool:
    made = (hook.made for hook in tenant.hooks.values() if hook.tells == one.tells)
    return one.state in ("missing", "gone") and max(made, default=0) > looked
