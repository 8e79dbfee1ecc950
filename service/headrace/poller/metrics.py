"""The poller's metrics: calls by outcome, what feeds brought, and the state of the polled tenants.

What must hold, of the numbers of one process, after each turn:
- records of feeds = raw appended via poll
- turns = the count of turn durations, calls = the count of call durations
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from headrace.config.tenants import Account
from headrace.observe.registry import OTHER, Registry
from headrace.observe.tasks import TaskMetrics
from headrace.poller.answer_memory import AnswerMemory
from headrace.poller.budget import Span
from headrace.poller.hook_states import STATES as HOOK_STATES
from headrace.poller.ledger_gauges import LedgerGauges
from headrace.poller.platform_client import Unready, client_of
from headrace.records.cursors import home_partition
from headrace.records.ledger_hour import LedgerHour
from headrace.sdk.feed import Polled
from headrace_events import Via

CALLS: Final = ("ok", "denied", "gone", "no_route", "rejected", "throttled", "too_heavy", "unavailable")
"""Outcomes of calls."""
REDIRECTED: Final = "redirected"
"""Outcome of a call that goes on as another."""
TURNS: Final = (*CALLS, "append", "broken", "incomplete", "stopped")
"""Outcomes of turns: the fault that ended it, `append` where Kafka failed, `broken` for an error of ours, `stopped`
where people paused its feed."""
SKIPPED: Final = ("outside", "repeated", "too_large", "unchanged")
"""Why a row was left out."""

Labels = tuple[str, str]
"""Provider and tenant."""


class _TenantGauges(Struct):
    """What is shown of a polled tenant; times are seconds since the epoch."""

    labels: Labels
    feeds: tuple[str, ...]
    left: Mapping[Span, int]
    since: float
    fresh: dict[str, float] = {}
    allowed: dict[str, float] = {}
    succeeded: dict[str, float] = {}
    missing: dict[str, tuple[int, float]] = {}
    parked: bool = False
    watched: int = 0
    expires: float = 0.0
    skew: float = 0.0
    nudges: int = 0
    nudge_bytes: int = 0
    hour: tuple[int, LedgerHour] = (0, LedgerHour())
    paused: Collection[str] = ()
    backfills: int = 0
    hooks: Mapping[str, int] = {}
    hooks_looked: float = 0.0
    held_back: int = 0
    max_staleness: float = 0.0
    sweep: float = 0.0


class PollerMetrics(TaskMetrics):
    """What a poller counts, for the tenants that are polled. `clock` returns seconds since the epoch.

    `provider` and `tenant` are configured ones, `feed` is a feed of that provider.
    """

    def __init__(self, registry: Registry, tenants: Iterable[Account], clock: Callable[[], float] = time.time) -> None:
        super().__init__(registry, "poller", clock)
        self.answers: Final = AnswerMemory()
        """What the feed runs of this process hold of answers."""
        self._hours: Final = LedgerGauges(registry)
        self._now: Final = clock
        self._partitions = 0
        self._accounts: Final[dict[Labels, Account]] = {}
        """All that were polled at any time."""
        self._polled: dict[Labels, Account] = {}
        self._tenants: Final[dict[Labels, _TenantGauges]] = {}
        self._calls = registry.capped("headrace_calls_total")
        self._call_duration = registry.histogram("headrace_call_duration_seconds")
        self._wait = registry.histogram("headrace_budget_wait_seconds")
        self._turns = registry.capped("headrace_turns_total")
        self._turn_duration = registry.histogram("headrace_turn_duration_seconds")
        self._raw = registry.series("headrace_raw_appended_total")
        self._records = registry.series("headrace_feed_records_total")
        self._skipped = registry.capped("headrace_skipped_rows_total")
        self._gone = registry.series("headrace_leads_gone_total")
        self._incomplete = registry.series("headrace_rows_incomplete_total")
        self._returned = registry.series("headrace_nudges_returned_total")
        self._gaps = registry.series("headrace_nudge_gaps_total")
        self._unread = registry.series("headrace_topic_unread_seconds")
        self._followed: Mapping[str, Callable[[], float]] = {}
        self._left = registry.series("headrace_budget_left")
        self._by_feed = tuple(
            registry.series(f"headrace_feed_{name}")
            for name in (
                *("staleness_seconds", "staleness_limit_seconds", "last_success_timestamp_seconds"),
                *("missing_leads", "missing_since_timestamp_seconds", "paused"),
            )
        )
        self._by_tenant = tuple(
            registry.series(f"headrace_{name}")
            for name in (
                *("tenant_parked", "leads_watched", "token_expiry_timestamp_seconds", "clock_skew_seconds"),
                *("nudges_open", "nudges_bytes", "backfills_open", "hooks_looked_timestamp_seconds"),
                *("leads_held_back", "max_staleness_seconds", "sweep_seconds"),
            )
        )
        self._hooks = registry.series("headrace_hooks")
        self._answers = tuple(
            registry.series(f"headrace_answers_{name}") for name in ("bytes", "highest_bytes", "limit_bytes")
        )
        self.know(tenants)
        registry.before_scrape(self._read_tenants)

    def know(self, tenants: Iterable[Account]) -> None:
        """Count for these tenants from now on; what was counted of others stays."""
        before, self._polled = self._polled, {}
        for account in tenants:
            labels = account.provider.name, account.name
            self._returned.start(*labels)  # nudges go back of a tenant whose polling was switched off as well
            if not _is_polled(account):
                continue
            self._polled[labels] = self._accounts[labels] = account
            if before.get(labels) is not account:
                self._start_account(account)
        for labels in [labels for labels in self._tenants if self._polled.get(labels) is not before.get(labels)]:
            del self._tenants[labels]

    def spread(self, partitions: int) -> None:
        """Note over how many partitions of `cursors` the tenants are spread: a process shows those that it owns."""
        self._partitions = partitions

    def follow(self, topics: Mapping[str, Callable[[], float]]) -> None:
        """Show of each of these topics for how many seconds nobody has looked for news there."""
        self._followed = topics

    def called(self, provider: str, tenant: str, outcome: str, seconds: float) -> None:
        """Count a call by its outcome: `ok`, `REDIRECTED`, or a fault's code; `seconds` up to the end of the answer."""
        self._calls.add((provider, tenant, outcome))
        self._call_duration.observe((provider,), seconds)

    def waited(self, provider: str, tenant: str, seconds: float) -> None:  # noqa: ARG002  (by provider alone)
        """Note how long a call waited for its budget."""
        self._wait.observe((provider,), seconds)

    def appended(self, provider: str, tenant: str, feed: str, count: int) -> None:
        """Count raw events of a feed that are durable in raw."""
        self._records.add((provider, tenant, feed), count)
        self._raw.add((provider, tenant, Via.POLL), count)

    def skipped(self, provider: str, tenant: str, feed: str, reason: str, count: int) -> None:
        """Count rows left out: by the feed (`outside`, `unchanged`, `repeated`) or by us (`too_large`)."""
        self._skipped.add((provider, tenant, feed, reason), count)

    def turn(self, provider: str, tenant: str, feed: str, code: str, seconds: float) -> None:
        """Count a turn: `ok`, the code of the fault that ended it, `append` where Kafka did not take it, `broken`."""
        self._turns.add((provider, tenant, feed, code))
        self._turn_duration.observe((provider, feed), seconds)
        if code == "ok":
            self._of(provider, tenant).succeeded[feed] = self._now()

    def fresh(self, provider: str, tenant: str, feed: str, at: float) -> None:
        """Note up to when (seconds since the epoch) a feed is read: of a feed by lead, its longest unread lead."""
        self._of(provider, tenant).fresh[feed] = at

    def fresh_at(self, provider: str, tenant: str, feed: str) -> float:
        """Return up to when (seconds since the epoch) a feed is read, as far as this process knows."""
        gauges = self._of(provider, tenant)
        return gauges.fresh.get(feed, gauges.since)

    def may_be_stale(self, provider: str, tenant: str, feed: str, seconds: float) -> None:
        """Note how long ago a feed may have been read, at most."""
        self._of(provider, tenant).allowed[feed] = seconds

    def budget(self, provider: str, tenant: str, left: Mapping[Span, int]) -> None:
        """Note the calls that are left of each span."""
        self._of(provider, tenant).left = left

    def parked(self, provider: str, tenant: str, *, parked: bool) -> None:
        """Note whether a tenant is parked."""
        self._of(provider, tenant).parked = parked

    def watched(self, provider: str, tenant: str, leads: int) -> None:
        """Note how many leads are watched."""
        self._of(provider, tenant).watched = leads

    def missing(self, provider: str, tenant: str, feed: str, leads: int, since: float) -> None:
        """Note how many leads of a feed are not read as they should be, the first since then (s)."""
        self._of(provider, tenant).missing[feed] = (leads, since if leads else 0.0)

    def lead_gone(self, provider: str, tenant: str) -> None:
        """Count a lead that is watched no more because the platform does not know it."""
        self._gone.add((provider, tenant))

    def held_back(self, provider: str, tenant: str, leads: int) -> None:
        """Note how many leads are not dropped because they are too many."""
        self._of(provider, tenant).held_back = leads

    def row_incomplete(self, provider: str, tenant: str, feed: str) -> None:
        """Count a row that went on without one of its parts, which did not come in turn after turn."""
        self._incomplete.add((provider, tenant, feed))

    def nudges(self, provider: str, tenant: str, count: int, size: int) -> None:
        """Note how many nudges are open, and the bytes of all that are remembered."""
        gauges = self._of(provider, tenant)
        gauges.nudges, gauges.nudge_bytes = count, size

    def hour(self, provider: str, tenant: str, number: int, hour: LedgerHour) -> None:
        """Note the last closed hour of the loss ledger, by its number since the epoch."""
        self._of(provider, tenant).hour = (number, hour)

    def paused(self, provider: str, tenant: str, feeds: Collection[str]) -> None:
        """Note which feeds people let make no calls."""
        self._of(provider, tenant).paused = feeds

    def backfills(self, provider: str, tenant: str, count: int) -> None:
        """Note how many back-fills have not ended."""
        self._of(provider, tenant).backfills = count

    def hooks(self, provider: str, tenant: str, counts: Mapping[str, int], at: float) -> None:
        """Note how many webhooks there are by state, as the platform said at that time (s)."""
        gauges = self._of(provider, tenant)
        gauges.hooks, gauges.hooks_looked = counts, at

    def sweep(self, provider: str, tenant: str, seconds: float, within: float) -> None:
        """Note how long a round through all leads takes at most, and in which time it should be through."""
        gauges = self._of(provider, tenant)
        gauges.sweep, gauges.max_staleness = seconds, within

    def nudge_returned(self, source: str) -> None:
        """Count a record that went to raw again as told, because no feed brought what it tells."""
        _, provider, tenant = source.split("/", 2)
        self._returned.add((provider, tenant))

    def nudges_gone(self, partition: int) -> None:
        """Count that nudges for the tenants of a partition of `cursors` were gone before they were read."""
        self._gaps.add((str(partition),))

    def token(self, provider: str, tenant: str, expires: float) -> None:
        """Note when (seconds since the epoch) the access token expires."""
        self._of(provider, tenant).expires = expires

    def skew(self, provider: str, tenant: str, seconds: float) -> None:
        """Note how many seconds the platform's clock is ahead of ours."""
        self._of(provider, tenant).skew = seconds

    def forget(self, partition: int) -> None:
        """Drop what was known of a partition that is no longer owned, and of its tenants."""
        super().forget(partition)
        for labels in [labels for labels in self._tenants if self._home(labels) == partition]:
            del self._tenants[labels]

    def _of(self, provider: str, tenant: str) -> _TenantGauges:
        labels = provider, tenant
        if labels not in self._tenants:
            account = self._accounts[labels]
            self._tenants[labels] = _TenantGauges(labels, _feeds(account), _full(account), self._now())
        return self._tenants[labels]

    def _home(self, labels: Labels) -> int:
        return home_partition(self._accounts[labels].source, self._partitions)

    def _start(self, partition: str) -> None:
        super()._start(partition)
        self._gaps.start(partition)

    def _start_account(self, account: Account) -> None:
        labels = provider, _ = account.provider.name, account.name
        for outcome in (*CALLS, REDIRECTED, OTHER):
            self._calls.start(*labels, outcome)
        self._call_duration.start(provider)
        self._wait.start(provider)
        self._raw.start(*labels, Via.POLL)
        self._gone.start(*labels)
        for feed in _feeds(account):
            self._turn_duration.start(provider, feed)
            self._records.start(*labels, feed)
            self._incomplete.start(*labels, feed)
            for outcome in (*TURNS, OTHER):
                self._turns.start(*labels, feed, outcome)
            for reason in (*SKIPPED, OTHER):
                self._skipped.start(*labels, feed, reason)

    def _read_tenants(self) -> None:
        """Show the tenants that are polled here, as they are now."""
        for series in (self._left, self._hooks, *self._by_feed, *self._by_tenant):
            series.values.clear()
        self._hours.clear()
        held = self.answers
        for series, size in zip(self._answers, (held.weight, held.highest, held.limit), strict=True):
            series.values[()] = size
        for topic, unread in self._followed.items():
            self._unread.values[topic,] = round(unread(), 3)
        now = self._now()
        for tenant in self._owned():
            self._hours.show(tenant.labels, *tenant.hour)
            for span, left in tenant.left.items():
                self._left.values[*tenant.labels, span] = left
            for state in HOOK_STATES:
                self._hooks.values[*tenant.labels, state] = tenant.hooks.get(state, 0)
            for feed in tenant.feeds:
                stale = max(0.0, now - tenant.fresh.get(feed, tenant.since))
                missing = tenant.missing.get(feed, (0, 0.0))
                succeeded, allowed = tenant.succeeded.get(feed, 0), tenant.allowed.get(feed, 0)
                found = (stale, allowed, succeeded, *missing, int(feed in tenant.paused))
                for series, value in zip(self._by_feed, found, strict=True):
                    series.values[*tenant.labels, feed] = value
            gauges = (
                *(int(tenant.parked), tenant.watched, tenant.expires, tenant.skew),
                *(tenant.nudges, tenant.nudge_bytes, tenant.backfills, tenant.hooks_looked),
                *(tenant.held_back, tenant.max_staleness, tenant.sweep),
            )
            for series, value in zip(self._by_tenant, gauges, strict=True):
                series.values[tenant.labels] = value

    def _owned(self) -> Iterator[_TenantGauges]:
        if self._partitions:
            yield from (self._of(*labels) for labels in self._polled if self._home(labels) in self.owned)


def _is_polled(account: Account) -> bool:
    return account.settings.is_polled and isinstance(account.provider, Polled)


def _feeds(account: Account) -> tuple[str, ...]:
    provider = account.provider
    return tuple(feed.name for feed in provider.feeds(account.settings)) if isinstance(provider, Polled) else ()


def _full(account: Account) -> Mapping[Span, int]:
    """Return the calls that are left before the first is made; nothing where the tenant has no credentials."""
    try:
        limits = client_of(account).limits
    except Unready:
        return {}
    spans: dict[Span, int] = {"window": limits.per_window, "day": limits.per_day, "year": limits.per_year}
    return {span: most for span, most in spans.items() if most}
