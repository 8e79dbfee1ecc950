"""The receiver's metrics: what came in, what was refused, and what became of the rest on its way into Kafka.

What must hold, of the numbers of one process, whenever no delivery is in progress:
- requests = deliveries + checks + refusals
- accepted records + drained = appended + spooled
- put into the spool = drained from it + waiting in it + set aside in it; these sums live in the spool itself
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from headrace.config.tenants import Account
from headrace.observe.kafka_contact import KafkaMetrics
from headrace.observe.registry import OTHER, Registry
from headrace.receiver.body_reader import Bodies
from headrace.sdk.provider import source_of
from headrace.spool import Spool
from headrace_events import Via

UNKNOWN: Final = ("unknown", "unknown")
"""The provider and tenant of requests for a webhook that is not configured."""

REFUSALS: Final = (
    *("bad_secret", "bad_signature", "no_secret", "no_signature", "stale_timestamp"),
    *("method_not_allowed", "unsupported_media_type", "encoded_body", "unknown_transfer_coding"),
    "unknown_expectation",
    *("body_too_large", "body_too_slow", "incomplete_body", "record_too_large", "too_many_records"),
    *("rate_limited", "busy", "no_room", "internal"),
)
"""Codes of problems that requests for a configured webhook are known to be refused with."""
REFUSALS_UNKNOWN: Final = (
    *("not_found", "unknown_provider", "unknown_tenant"),
    *("malformed_request", "headers_too_large", "internal"),
)
"""Those of requests without a configured tenant."""

SET_ASIDE: Final = ("damaged", "refused", "too_old")
"""Why a spool record was set aside: it is not what was put, Kafka refused it for good, or it outgrew `max_age`."""


class ReceiverMetrics:
    """What a receiver counts. `clock` gives seconds since the epoch."""

    def __init__(self, registry: Registry, tenants: Iterable[Account], clock: Callable[[], float] = time.time) -> None:
        self._clock: Final = clock
        self.notices: Final = registry.notices
        self.tracer: Final = registry.tracer
        self.kafka: Final = KafkaMetrics(registry, "receiver", clock)
        self._accounts: dict[str, tuple[str, str]] = {}
        self._spool: Spool | None = None
        self._bodies: Bodies | None = None
        self._deliveries = registry.series("headrace_deliveries_total")
        self._checks = registry.series("headrace_checks_total")
        self._refusals = registry.capped("headrace_refusals_total")
        self._last = registry.series("headrace_last_delivery_timestamp_seconds")
        self._duration = registry.histogram("headrace_delivery_duration_seconds")
        self._records = registry.series("headrace_accepted_records_total")
        self._appended = registry.series("headrace_raw_appended_total")
        self._spooled = registry.series("headrace_spooled_total")
        self._drained = registry.series("headrace_drained_total")
        self._set_aside = registry.capped("headrace_set_aside_total")
        self._damaged = registry.series("headrace_spool_damaged_total")
        self._salvaged = registry.series("headrace_spool_salvaged_total")
        self._facts = {
            name: registry.series(f"headrace_spool_{name}")
            for name in (
                *("usable", "records", "set_aside_records", "bytes", "limit_bytes", "oldest_age_seconds"),
                *("put_total", "drained_total"),
            )
        }
        self._volume = registry.series("headrace_spool_volume_missing_bytes")
        self._memory = {
            name: registry.series(f"headrace_bodies_{name}") for name in ("bytes", "highest_bytes", "limit_bytes")
        }
        self._start_known()
        self.know(tenants)
        registry.before_scrape(self._read_spool)
        registry.before_scrape(self._read_bodies)

    def know(self, tenants: Iterable[Account]) -> None:
        """Count for these tenants from now on; what was counted of others stays."""
        before, self._accounts = self._accounts, {a.source: (a.provider.name, a.name) for a in tenants}
        for source, account in before.items():
            if source not in self._accounts:
                self._last.values.pop(account, None)
        for source, account in self._accounts.items():
            if source not in before:
                self._start_account(account)

    def accepted(self, source: str, seconds: float, *, records: int = 0) -> None:
        """Count a delivery that is durable and gets its 2xx, `seconds` after its request began, and what it held."""
        at = self._accounts.get(source, UNKNOWN)
        self._deliveries.add(at)
        self._last.values[at] = self._clock()
        self._duration.observe(at[:1], seconds)
        self._records.add(at, records)

    def checked(self, source: str) -> None:
        """Count a request with nothing in it, by which a provider looks whether the webhook is there."""
        self._checks.add(self._accounts.get(source, UNKNOWN))

    def refused(self, provider: str, tenant: str, reason: str) -> None:
        """Count a refused request by the code of its problem; of a webhook that is not configured, as `UNKNOWN`."""
        known = self._accounts.get(source_of(provider, tenant), UNKNOWN)
        self._refusals.add((*known, reason))

    def appended(self, source: str, via: str, count: int = 1) -> None:
        """Count what Kafka took into raw, at once or from the spool."""
        self._appended.add((*self._accounts.get(source, UNKNOWN), via), count)

    def spooled(self, source: str, count: int = 1) -> None:
        """Count what was put into the spool."""
        self._spooled.add(self._accounts.get(source, UNKNOWN), count)

    def drained(self, count: int = 1) -> None:
        """Count what Kafka took from the spool; `appended` counts it as well."""
        self._drained.add((), count)

    def set_aside(self, reason: str, count: int = 1) -> None:
        """Count what was set aside in the spool."""
        self._set_aside.add((reason,), count)

    def volume_lacks(self, missing: int) -> None:
        """Show how many bytes the volume of the spool lacked at the start."""
        self._volume.values[()] = missing

    def show_spool(self, spool: Spool) -> None:
        """Show what a spool holds, and what became of it, at each reading."""
        self._spool = spool

    def show_bodies(self, bodies: Bodies) -> None:
        """Show what bodies take in memory, at each reading."""
        self._bodies = bodies

    def _start_account(self, account: tuple[str, str]) -> None:
        for series in (self._deliveries, self._checks, self._last, self._records, self._spooled):
            series.start(*account)
        self._appended.start(*account, Via.WEBHOOK)
        for reason in (*REFUSALS, OTHER):
            self._refusals.start(*account, reason)
        self._duration.start(account[0])

    def _start_known(self) -> None:
        self._spooled.start(*UNKNOWN)
        self._appended.start(*UNKNOWN, Via.WEBHOOK)
        for reason in (*REFUSALS_UNKNOWN, OTHER):
            self._refusals.start(*UNKNOWN, reason)
        for reason in (*SET_ASIDE, OTHER):
            self._set_aside.start(reason)
        shown = (*self._facts.values(), *self._memory.values(), self._volume)
        for series in (self._drained, self._damaged, self._salvaged, *shown):
            series.start()

    def _read_bodies(self) -> None:
        """Read what bodies take now, and took at most."""
        bodies = self._bodies
        if bodies is None:
            return
        for series, value in zip(self._memory.values(), (bodies.size, bodies.highest, bodies.limit), strict=True):
            series.values[()] = value

    def _read_spool(self) -> None:
        """Read the spool's facts, which stand in memory. put = drained + waiting + set aside, over all restarts."""
        spool = self._spool
        if spool is None:
            return
        facts, damage = spool.facts(), spool.damage
        age = 0.0 if facts.oldest is None else max(0.0, self._clock() - facts.oldest / 1000)
        values = (int(spool.usable), facts.waiting, facts.set_aside, facts.bytes, spool.limit, age)
        for series, value in zip(self._facts.values(), (*values, facts.put, facts.drained), strict=True):
            series.values[()] = value
        self._damaged.values[()], self._salvaged.values[()] = damage.times, damage.salvaged
