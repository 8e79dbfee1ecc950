"""What is held, for metrics and the log: by tenant, over the partitions of this process."""

from collections.abc import Callable, Iterable, Mapping as Dict, Sequence
from typing import Final

import structlog
from msgspec import Struct

from headrace.normalizer.held import Returned
from headrace.observe.registry import Registry
from headrace.records.held import HeldRange

AGAIN_SECONDS: Final = 3600.0
"""Between two log lines about a source that is held."""

_log = structlog.get_logger()


class HeldSource(Struct):
    """What is held of one source: records, and when (ms) the oldest was appended."""

    count: int = 0
    since: int = 0


class HeldMetrics:
    """`name` gives the provider and tenant of a source, as labels show it; `clock` seconds since the epoch."""

    def __init__(self, registry: Registry, name: Callable[[str], tuple[str, str]], clock: Callable[[], float]) -> None:
        self._name: Final = name
        self._clock: Final = clock
        self._records = registry.series("headrace_held_records")
        self._age = registry.series("headrace_held_oldest_age_seconds")
        self._limit = registry.series("headrace_held_limit_seconds")
        self._returned = registry.series("headrace_held_returned_total")
        self._lost = registry.series("headrace_held_lost_total")
        self._limit.values[()] = 0
        self._logged_at: Final[dict[str, float]] = {}
        self._shown: Final[set[tuple[str, str]]] = set()

    def start(self, name: tuple[str, str]) -> None:
        """Let a tenant stand at 0 before its first use."""
        for series in (self._records, self._age, self._returned, self._lost):
            series.start(*name)

    def held_for(self, seconds: int) -> None:
        """Note for how long a record may be held."""
        self._limit.values[()] = seconds

    def count(self, returned: Returned) -> None:
        """Count records that went back to raw, and those that were lost before, each by its source."""
        for source in returned.sources:
            self._returned.add(self._name(source))
        for source, most in returned.lost.items():
            self._lost.add(self._name(source), most)

    def read(self, held: Iterable[Dict[str, HeldRange]]) -> None:
        """Show what partitions hold now, and 0 of whom they hold nothing any more."""
        for labels in self._shown:
            self._records.values[labels] = self._age.values[labels] = 0
        self._shown.clear()
        now = self._clock()
        for source, one in by_source(held).items():
            labels = self._name(source)
            self._shown.add(labels)
            self._records.values[labels] = self._records.values.get(labels, 0) + one.count
            age = max(0.0, now - one.since / 1000)
            self._age.values[labels] = max(self._age.values.get(labels, 0), age)

    def log(self, held: Sequence[Dict[str, HeldRange]]) -> None:
        """Log what is held: a source at once, and then once an hour; and when nothing of it is held any more."""
        now, found = self._clock(), by_source(held)
        for source in [source for source in self._logged_at if source not in found]:
            del self._logged_at[source]
            _log.info("held_over", source=source)
        for source, one in found.items():
            if source not in self._logged_at or now - self._logged_at[source] >= AGAIN_SECONDS:
                self._logged_at[source] = now
                age = max(0, round(now - one.since / 1000))
                _log.warning("records_held", source=source, records=one.count, oldest_age_seconds=age)


def by_source(held: Iterable[Dict[str, HeldRange]]) -> dict[str, HeldSource]:
    """Sum up what partitions hold."""
    found: dict[str, HeldSource] = {}
    for partition in held:
        for source, one in partition.items():
            known = found.setdefault(source, HeldSource(0, one.since))
            known.count += one.count
            known.since = min(known.since, one.since)
    return found
