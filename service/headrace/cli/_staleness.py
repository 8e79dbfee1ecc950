"""What commands say of a maximum staleness that a budget does not keep."""

from collections.abc import Mapping

from headrace.cli._formatting import count, span
from headrace.cli._output import echo
from headrace.config.tenants import Account
from headrace.poller.max_staleness import Per, Sweeping, sweeping
from headrace.poller.state import TenantState
from headrace.records.cursors import FeedState
from headrace.sdk.feed import Polled
from headrace.sdk.limits import CallLimits
from headrace.sdk.settings import PolledTenant


def max_staleness(account: Account) -> int:
    """Return for how many seconds a lead may be unread; 0 where the tenant cannot be polled."""
    return account.settings.max_staleness if isinstance(account.settings, PolledTenant) else 0


def sweeping_of(account: Account, tenant: TenantState, limits: CallLimits, leads: int) -> Sweeping:
    """Return what a round through so many leads of a polled tenant takes."""
    feeds = account.provider.feeds(account.settings) if isinstance(account.provider, Polled) else ()
    by_lead = [feed.name for feed in feeds if feed.by_lead]
    taken = {name: (leads, tenant.feeds.get(name, FeedState()).lead_calls) for name in by_lead}
    return sweeping(taken, limits, max_staleness(account))


def sentence(seconds: int, would_do: Mapping[Per, float], within: int) -> str:
    """Return in words that a round takes longer than it may: what it takes, and how many calls would do."""
    calls = " and ".join(f"{_number(calls)} calls a {per}" for per, calls in would_do.items())
    took = f"a round through all leads takes {span(seconds)} at this budget"
    return f"max_staleness is {span(within)}, but {took}; {calls} would do"


def warn_of_staleness(account: Account, state: TenantState, limits: CallLimits, leads: int) -> None:
    """Print where so many leads are more than the maximum staleness allows."""
    found = sweeping_of(account, state, limits, leads)
    if not found.holds:
        unkept = sentence(found.seconds, found.would_do, max_staleness(account))
        echo(f"With {count(leads, 'lead')}: {unkept}.", err=True)


def _number(calls: float) -> str:
    return f"{calls:,.2f}".rstrip("0").rstrip(".") if calls % 1 else f"{calls:,.0f}"
