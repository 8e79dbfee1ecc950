"""The normalizer's metrics: a commit is summed up by label set first, then added; one reading costs what it shows."""

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping as Dict, Sequence
from operator import attrgetter
from typing import Final

from headrace.config.tenants import Account
from headrace.core.mapping import UNMAPPED
from headrace.core.record import ProducerRecord
from headrace.normalizer.code_notices import CodeNotices
from headrace.normalizer.commit import Commit, Decision
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.held_metrics import HeldMetrics
from headrace.normalizer.raw_lag import RawLag
from headrace.observe.metric_definitions import END_TO_END_EDGES, VISIBLE_WITHIN
from headrace.observe.registry import OTHER, Registry
from headrace.observe.tasks import TaskMetrics
from headrace.records.held import HeldRange
from headrace.records.seen import TOTALS
from headrace.sdk.provider import RawEvent, source_of
from headrace_events import Via, decode_dead_letter

UNKNOWN: Final = ("unknown", "unknown")
"""The provider and tenant of records that belong to no configured tenant."""

FATES: Final = tuple(fate for fate in TOTALS if fate != "lost")
"""The fates that a record can get; what is lost was never read."""

REASONS: Final = (
    *(
        "bad_shape",
        "bad_value",
        "internal",
        "malformed",
        "other_event",
        "too_deep",
        "too_large",
        "unnamed",
        "unwritable",
    ),
    *("held_too_long", "mapping_missing", "too_many_held"),
)
REASONS_UNKNOWN: Final = ("foreign", "held_too_long", "too_many_held", "unknown_tenant")
"""Codes of problems that dead letters are known to have, of configured tenants and of others."""

_EDGES_MS: Final = tuple(round(edge * 1000) for edge in END_TO_END_EDGES)
_VISIBLE_WITHIN_MS: Final = round(VISIBLE_WITHIN * 1000)
IN_TIME: Final = ("in_time",)
LATE: Final = ("late",)
_key: Final = attrgetter("fate", "raw.provider", "raw.tenant", "raw.via", "row.type", "row.provisional")


class NormalizerMetrics(TaskMetrics):
    """What a normalizer counts. `clock` gives seconds since the epoch."""

    def __init__(self, registry: Registry, tenants: Iterable[Account], clock: Callable[[], float] = time.time) -> None:
        super().__init__(registry, "normalizer", clock)
        self._clock: Final = clock
        self.unsure: Final[dict[int, tuple[Commit, float]]] = {}
        """The commit of a partition whose outcome is unknown, and when (monotonic) it was written: it is counted once
        the log shows that it stands, by whichever task owns the partition then."""
        self._lags: Final[dict[int, RawLag]] = {}
        self._accounts: dict[str, tuple[str, str]] = {}
        self._polling = registry.series("headrace_polling_configured")
        self._decided = registry.series("headrace_decided_total")
        self._published = registry.series("headrace_published_total")
        self._end_to_end = registry.histogram("headrace_end_to_end_seconds")
        self._webhooks = registry.series("headrace_webhooks_published_total")
        self._missed = registry.series("headrace_missed_by_discovery_total")
        self._letters = registry.capped("headrace_dead_letters_total")
        self._unmapped = registry.capped("headrace_unmapped_total")
        self._provisional = registry.capped("headrace_provisional_total")
        self._records = registry.series("headrace_records_total")
        self._gauges = {
            name: registry.series(f"headrace_{name}")
            for name in (
                *("position", "end_offset", "lag_records", "oldest_unprocessed_age_seconds"),
                *("seen_ids", "seen_bytes"),
            )
        }
        self._codes: Final = CodeNotices(registry.notices)
        self.held: Final = HeldMetrics(registry, self._name, clock)
        self._start_known()
        self.know(tenants)
        registry.before_scrape(self._read_tasks)

    def know(self, tenants: Iterable[Account]) -> None:
        """Count for these tenants from now on; what was counted of others stays."""
        before, self._accounts = self._accounts, {}
        tenants = list(tenants)
        self._codes.know(tenants)
        self._polling.values.clear()
        for account in tenants:
            labels = self._accounts[account.source] = account.provider.name, account.name
            self._polling.values[labels] = int(account.settings.is_polled)
            if account.source not in before:
                self._start_account(labels)

    def task_restored(self, partition: int, seen: Seen, seconds: float) -> None:
        """Note that a task's memory is restored; from now on `seen` is read whenever the metrics are."""
        self._lag(partition).seen = seen
        self.count_restore(seconds)

    def end_offset(self, partition: int, end: int, oldest_ms: int | None) -> None:
        """Note the end of a partition's log and when (ms) its oldest undecided record was appended, where known."""
        self._lag(partition).note_end(end, oldest_ms, self._now_ms())

    def forget(self, partition: int) -> None:
        """See TaskMetrics."""
        super().forget(partition)
        self._lags.pop(partition, None)

    def committed(self, partition: int, commit: Commit, seconds: float, now_ms: int) -> None:
        """Count a commit that became durable at `now_ms`, `seconds` after its batch was taken up."""
        self.count_commit(partition, seconds)
        self._count(commit.decisions)
        self._time(commit.decisions, now_ms)
        for letter in commit.letters:
            self._count_letter(letter)
        for source, count in commit.missed.items():
            self._missed.add(self._accounts.get(source, UNKNOWN), count)

    def _count(self, decisions: Sequence[Decision]) -> None:
        listed = False
        for (fate, *named, via, word, provisional), count in Counter(map(_key, decisions)).items():
            provider, tenant = self._accounts.get(source_of(*named), UNKNOWN)
            self._decided.add((provider, tenant, via, fate), count)
            if fate == "published":
                self._published.add((provider, tenant, word), count)
                listed = listed or provisional or word == UNMAPPED
        if listed:
            self._list_codes([d for d in decisions if d.row.provisional or d.row.type == UNMAPPED])

    def _list_codes(self, decisions: Sequence[Decision]) -> None:
        for decision in decisions:
            if decision.fate == "published":
                source, unmapped = decision.raw.source, decision.row.type == UNMAPPED
                labels = (*self._accounts.get(source, UNKNOWN), decision.code)
                self._codes.saw(source, decision.code, unmapped=unmapped)
                if unmapped:
                    self._unmapped.add(labels)
                elif decision.row.provisional:
                    self._provisional.add(labels)

    def _time(self, decisions: Sequence[Decision], now_ms: int) -> None:
        """Sort the times of receipt once and look up each edge in them, instead of each time among the edges."""
        published = [decision.raw for decision in decisions if decision.fate == "published"]
        self._count_webhooks(published, now_ms)
        received: defaultdict[str, list[int]] = defaultdict(list)
        for raw in published:
            received[raw.via].append(raw.received)
        for via, moments in received.items():
            moments.sort()
            if moments[-1] > now_ms:  # the clocks of two machines differ: nothing waits for less than no time
                moments = [min(moment, now_ms) for moment in moments]  # noqa: PLW2901  (the same, corrected)
            count = len(moments)
            cumulative = [count - bisect_left(moments, now_ms - edge) for edge in _EDGES_MS]
            self._end_to_end.merge((via,), [*cumulative, count], (count * now_ms - sum(moments)) / 1000)

    def _count_webhooks(self, published: Iterable[RawEvent], now_ms: int) -> None:
        """Count what came by webhook and for the first time: only of that its receipt says how long it took."""
        due, webhook = now_ms - _VISIBLE_WITHIN_MS, Via.WEBHOOK
        in_time = [
            raw.received >= due
            for raw in published
            if raw.via == webhook and not (raw.as_told or raw.held or raw.redriven or raw.replay)
        ]
        self._webhooks.add(IN_TIME, sum(in_time))
        self._webhooks.add(LATE, len(in_time) - sum(in_time))

    def _count_letter(self, letter: ProducerRecord) -> None:
        dead_letter = decode_dead_letter(letter.headers)
        self._letters.add((*self._accounts.get(dead_letter.source, UNKNOWN), dead_letter.problem.code))

    def _lag(self, partition: int) -> RawLag:
        if partition not in self.owned:
            self.task_state(partition, "created")
        return self._lags.setdefault(partition, RawLag())

    def _name(self, source: str) -> tuple[str, str]:
        return self._accounts.get(source, UNKNOWN)

    def owned_held(self) -> list[Dict[str, HeldRange]]:
        """Return what each partition of this process holds, by source."""
        return [lag.seen.held for lag in self._lags.values() if lag.seen is not None]

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _start_known(self) -> None:
        for via in Via:
            self._end_to_end.start(via)
            for fate in ("dead", "held"):
                self._decided.start(*UNKNOWN, via, fate)
        for visible in (IN_TIME, LATE):
            self._webhooks.start(*visible)
        for reason in (*REASONS_UNKNOWN, OTHER):
            self._letters.start(*UNKNOWN, reason)
        self.held.start(UNKNOWN)

    def _start_account(self, account: tuple[str, str]) -> None:
        for via in Via:
            for fate in FATES:
                self._decided.start(*account, via, fate)
        for reason in (*REASONS, OTHER):
            self._letters.start(*account, reason)
        for codes in (self._unmapped, self._provisional):
            codes.start(*account, OTHER)
        self._missed.start(*account)
        self.held.start(account)

    def _read_tasks(self) -> None:
        """Take the partitions as they are now; what is no longer owned is not shown."""
        for series in (self._records, *self._gauges.values()):
            series.values.clear()
        now_ms, unknown = self._now_ms(), self.kafka.unknown_seconds
        self.held.read(self.owned_held())
        for number, lag in self._lags.items():
            if lag.seen is None:
                continue
            partition, position = str(number), lag.position
            for fate, total in zip(TOTALS, lag.seen.totals, strict=True):
                self._records.values[partition, fate] = total
            end = max(lag.end, position)
            values = (
                position,
                end,
                end - position,
                max(lag.age(now_ms), unknown),
                len(lag.seen.marks),
                lag.seen.marks.nbytes,
            )
            for series, value in zip(self._gauges.values(), values, strict=True):
                series.values[partition,] = value
