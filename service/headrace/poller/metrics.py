"""The poller's metrics: what was asked and with which outcome, what feeds brought, and how the polled tenants are.

What must hold, of the numbers of one process, after each turn:
- records of feeds = raw appended via poll
- turns = the count of turn durations, calls = the count of call durations
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from headrace.config.tenants import Account
from headrace.observe.registry import OTHER, Registry
from headrace.observe.tasks import TaskMetrics
from headrace.poller.budget import Span
from headrace.poller.platform_client import Unready, client_of
from headrace.records.cursors import home_partition
from headrace.sdk.feed import Polled
from headrace.sdk.limits import CallLimits
from headrace_events import Via

CALLS: Final = ("ok", "denied", "gone", "rejected", "throttled", "too_heavy", "unavailable")
"""What becomes of calls."""
TURNS: Final = (*CALLS, "append", "broken")
"""What becomes of turns: the fault that ended it, raw that did not take what it brought, or an error of ours."""
SKIPPED: Final = ("outside", "repeated", "too_large", "unchanged")
"""Why a row was left out."""

Whose = tuple[str, str]


class _Tenant(Struct):
    """A polled tenant and how it is; times are seconds since the epoch."""

    whose: Whose
    feeds: tuple[str, ...]
    left: Mapping[Span, int]
    since: float
    fresh: dict[str, float] = {}
    succeeded: dict[str, float] = {}
    parked: bool = False
    watched: int = 0
    expires: float = 0.0
    skew: float = 0.0


class PollerMetrics(TaskMetrics):
    """What a poller counts, for the tenants that are polled. `clock` gives seconds since the epoch."""

    def __init__(self, registry: Registry, tenants: Iterable[Account], clock: Callable[[], float] = time.time) -> None:
        super().__init__(registry, "poller", clock)
        self._now: Final = clock
        self._partitions = 0
        self._accounts: Final = {(a.provider.name, a.name): a for a in tenants if _is_polled(a)}
        self._tenants: Final[dict[Whose, _Tenant]] = {}
        self._calls = registry.capped("headrace_calls_total")
        self._call_duration = registry.histogram("headrace_call_duration_seconds")
        self._wait = registry.histogram("headrace_budget_wait_seconds")
        self._turns = registry.capped("headrace_turns_total")
        self._turn_duration = registry.histogram("headrace_turn_duration_seconds")
        self._raw = registry.series("headrace_raw_appended_total")
        self._records = registry.series("headrace_feed_records_total")
        self._skipped = registry.capped("headrace_skipped_rows_total")
        self._gone = registry.series("headrace_leads_gone_total")
        self._left = registry.series("headrace_budget_left")
        self._by_feed = tuple(
            registry.series(f"headrace_feed_{name}") for name in ("staleness_seconds", "last_success_timestamp_seconds")
        )
        self._by_tenant = tuple(
            registry.series(f"headrace_{name}")
            for name in ("tenant_parked", "leads_watched", "token_expiry_timestamp_seconds", "clock_skew_seconds")
        )
        for account in self._accounts.values():
            self._start_account(account)
        registry.before_scrape(self._read_tenants)

    def spread(self, partitions: int) -> None:
        """Note over how many partitions of cursors the tenants are spread: a process shows those that it owns."""
        self._partitions = partitions

    def called(self, provider: str, tenant: str, outcome: str, seconds: float) -> None:
        """See FeedMetrics."""
        self._calls.add((provider, tenant, outcome))
        self._call_duration.observe((provider,), seconds)

    def waited(self, provider: str, tenant: str, seconds: float) -> None:  # noqa: ARG002  (told by provider)
        """See FeedMetrics."""
        self._wait.observe((provider,), seconds)

    def appended(self, provider: str, tenant: str, feed: str, count: int) -> None:
        """See FeedMetrics."""
        self._records.add((provider, tenant, feed), count)
        self._raw.add((provider, tenant, Via.POLL), count)

    def skipped(self, provider: str, tenant: str, feed: str, reason: str, count: int) -> None:
        """See FeedMetrics."""
        self._skipped.add((provider, tenant, feed, reason), count)

    def turn(self, provider: str, tenant: str, feed: str, code: str, seconds: float) -> None:
        """See FeedMetrics."""
        self._turns.add((provider, tenant, feed, code))
        self._turn_duration.observe((provider, feed), seconds)
        if code == "ok":
            self._of(provider, tenant).succeeded[feed] = self._now()

    def fresh(self, provider: str, tenant: str, feed: str, at: float) -> None:
        """See FeedMetrics."""
        self._of(provider, tenant).fresh[feed] = at

    def budget(self, provider: str, tenant: str, left: Mapping[Span, int]) -> None:
        """See FeedMetrics."""
        self._of(provider, tenant).left = left

    def parked(self, provider: str, tenant: str, *, parked: bool) -> None:
        """See FeedMetrics."""
        self._of(provider, tenant).parked = parked

    def watched(self, provider: str, tenant: str, leads: int) -> None:
        """See FeedMetrics."""
        self._of(provider, tenant).watched = leads

    def lead_gone(self, provider: str, tenant: str) -> None:
        """See FeedMetrics."""
        self._gone.add((provider, tenant))

    def token(self, provider: str, tenant: str, expires: float) -> None:
        """See FeedMetrics."""
        self._of(provider, tenant).expires = expires

    def skew(self, provider: str, tenant: str, seconds: float) -> None:
        """See FeedMetrics."""
        self._of(provider, tenant).skew = seconds

    def restored(self, partition: int, seconds: float) -> None:  # noqa: ARG002  (told by role)
        """See polling's TaskMetrics."""
        self.count_restore(seconds)

    def committed(self, partition: int, records: int, seconds: float) -> None:  # noqa: ARG002  (commits are counted)
        """See polling's TaskMetrics."""
        self.count_commit(partition, seconds)

    def forget(self, partition: int) -> None:
        """Drop what was known of a partition that is no longer owned, and of its tenants."""
        super().forget(partition)
        for whose in [whose for whose in self._tenants if self._home(whose) == partition]:
            del self._tenants[whose]

    def _of(self, provider: str, tenant: str) -> _Tenant:
        whose = provider, tenant
        if whose not in self._tenants:
            account = self._accounts[whose]
            self._tenants[whose] = _Tenant(whose, _feeds(account), _full(account), self._now())
        return self._tenants[whose]

    def _home(self, whose: Whose) -> int:
        return home_partition("/".join(("", *whose)), self._partitions)

    def _start_account(self, account: Account) -> None:
        whose = provider, _ = account.provider.name, account.name
        for outcome in (*CALLS, OTHER):
            self._calls.start(*whose, outcome)
        self._call_duration.start(provider)
        self._wait.start(provider)
        self._raw.start(*whose, Via.POLL)
        self._gone.start(*whose)
        for feed in _feeds(account):
            self._turn_duration.start(provider, feed)
            self._records.start(*whose, feed)
            for outcome in (*TURNS, OTHER):
                self._turns.start(*whose, feed, outcome)
            for reason in (*SKIPPED, OTHER):
                self._skipped.start(*whose, feed, reason)

    def _read_tenants(self) -> None:
        """Show the tenants that are polled here, as they are now."""
        for series in (self._left, *self._by_feed, *self._by_tenant):
            series.values.clear()
        now = self._now()
        for tenant in self._owned():
            for span, left in tenant.left.items():
                self._left.values[*tenant.whose, span] = left
            for feed in tenant.feeds:
                stale = max(0.0, now - tenant.fresh.get(feed, tenant.since))
                for series, value in zip(self._by_feed, (stale, tenant.succeeded.get(feed, 0)), strict=True):
                    series.values[*tenant.whose, feed] = value
            told = int(tenant.parked), tenant.watched, tenant.expires, tenant.skew
            for series, value in zip(self._by_tenant, told, strict=True):
                series.values[tenant.whose] = value

    def _owned(self) -> Iterator[_Tenant]:
        if self._partitions:
            yield from (self._of(*whose) for whose in self._accounts if self._home(whose) in self.owned)


def _is_polled(account: Account) -> bool:
    return account.settings.polling and isinstance(account.provider, Polled)


def _feeds(account: Account) -> tuple[str, ...]:
    provider = account.provider
    return tuple(feed.name for feed in provider.feeds(account.settings)) if isinstance(provider, Polled) else ()


def _full(account: Account) -> Mapping[Span, int]:
    """Give the calls that are left where none was made; nothing where there is nobody to call."""
    try:
        _, settings, client = client_of(account)
    except Unready:
        return {}
    limits: CallLimits = settings.budget.over(client.limits)
    spans: dict[Span, int] = {"window": limits.per_window, "day": limits.per_day, "year": limits.per_year}
    return {span: most for span, most in spans.items() if most}
