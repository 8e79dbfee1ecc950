"""Compare published events with what their raw records are today: partition by partition, some records at a time."""

import contextlib
import time
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from headrace.cli._diff_file import DiffFile
from headrace.cli._kafka_errors import existing_topics
from headrace.cli._progress_bar import ProgressBar
from headrace.cli._published_events import PublishedEvents
from headrace.cli._replay_findings import NOT_REMEMBERED, PAUSED, TOO_LARGE, Findings
from headrace.cli._replay_outbox import Outbox
from headrace.cli._replay_reading import SLACK_MS, EventReading, ReplayFilter, read_published, read_seen
from headrace.config import Config
from headrace.core.weight import weight
from headrace.kafka.bounded_reader import MOST_WEIGHT
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.records_at import records_at
from headrace.kafka.topic_rules import retention_ms
from headrace.normalizer.decode import DecodedRecord, decode, translate, translate_by_shape
from headrace.normalizer.mark_table import MarkTable
from headrace.normalizer.replay_change import EventChange, change_of
from headrace.records.mark import IMMUTABLE, Mark
from headrace.sdk.provider import Dropped
from headrace_events import Problem

_TOGETHER: Final = 500
"""Records that are translated together: their drafts fit the cache."""
_BLOCK: Final = 20_000
"""Keys that are looked up at a time."""


class _Limits(Struct, frozen=True):
    """Bytes of one record of events and of raw, and since when (seconds since the epoch) a mark counts."""

    event_bytes: int
    raw_bytes: int
    oldest: int


async def compare(config: Config, wanted: ReplayFilter, outbox: Outbox, diff: DiffFile) -> Findings:
    """Return what a replay would change. Its records are put into `outbox`, each difference as a line into `diff`."""
    raw, seen, events = await existing_topics(config, "raw", "seen", "events")
    event_bytes, raw_bytes = (int(topic.config["max.message.bytes"]) for topic in (events, raw))
    limits = _Limits(event_bytes, raw_bytes, int(time.time()) - retention_ms(seen) // 1000)
    async with Consumer(config.kafka) as log:
        known = {number: (await log.bounds(seen.name, number))[1] for number in range(raw.partitions)}  # before events
        async with Consumer(config.kafka, committed=False) as all_of_it:
            ends = {number: (await all_of_it.bounds(events.name, number))[1] for number in range(events.partitions)}
        reading = EventReading(config.tenants, wanted, raw.name)
        since = 0 if wanted.since is None else int(wanted.since.timestamp() * 1000) - SLACK_MS
        await read_published(log, ends, events.name, reading, since)
        comparison = _Comparison(config, reading.published, outbox, diff, limits)
        comparison.findings.foreign = reading.foreign
        with ProgressBar("comparing", reading.published.wanted) as bar:
            for partition in range(raw.partitions):
                rows = reading.published.of(partition)
                if rows["size"].any():
                    marks = (await read_seen(log, seen.name, partition, known[partition])).marks
                    rows, keys = last_versions(rows, marks)
                    await comparison.partition(log, (raw.name, partition), LastVersions(rows, keys, marks), bar)
    return comparison.findings


def last_versions(rows: NDArray[Any], marks: MarkTable) -> tuple[NDArray[Any], list[bytes]]:
    """Return the rows that are wanted, but for those that a later one of the same id replaced, and their digests.

    The digest is empty where the id is not remembered.
    """
    keys = _keys(rows, marks)
    last = {key: number for number, key in enumerate(keys) if key}
    chosen = [
        number
        for number, (key, size) in enumerate(zip(keys, rows["size"].tolist(), strict=True))
        if size and (not key or last[key] == number)
    ]
    return rows[chosen], [keys[number] for number in chosen]


def _keys(rows: NDArray[Any], marks: MarkTable) -> list[bytes]:
    """Return the digest of each row's id as it is remembered; empty where it is not."""
    found: list[bytes] = []
    for first in range(0, len(rows), _BLOCK):
        block = rows[first : first + _BLOCK]
        alone, with_versions = _digests(block, "only"), _digests(block, "base")
        never_change, change = marks.find(alone), marks.find(with_versions)
        for one, other in zip(alone, with_versions, strict=True):
            mark = never_change.get(one)
            if mark is not None and mark.version == IMMUTABLE:
                found.append(one)
            else:
                found.append(other if other in change else b"")
    return found


def _digests(rows: NDArray[Any], name: str) -> list[bytes]:
    lo, hi = rows[f"{name}_lo"].astype("<u8"), rows[f"{name}_hi"].astype("<u8")
    data = np.stack((lo, hi), axis=1).tobytes()
    return [data[at : at + 16] for at in range(0, len(data), 16)]


class LastVersions(Struct, frozen=True):
    """The events of one partition of raw: where they lie, the digests of their ids, and what is remembered."""

    rows: NDArray[Any]
    keys: list[bytes]
    marks: MarkTable


class _Comparison:
    """Compares, counts what it finds, and writes down what a replay sends."""

    def __init__(
        self, config: Config, published: PublishedEvents, outbox: Outbox, diff: DiffFile, limits: _Limits
    ) -> None:
        self.findings: Final = Findings()
        self._tenants: Final = config.tenants.unpaused()
        self._paused: Final = {account.source for account in config.tenants if account.settings.paused}
        self._published: Final = published
        self._outbox: Final = outbox
        self._diff: Final = diff
        self._limits: Final = limits

    async def partition(self, log: Consumer, at: tuple[str, int], last: LastVersions, bar: ProgressBar) -> None:
        """Compare the events whose records stand in one partition of raw."""
        by_offset = {offset: number for number, offset in enumerate(last.rows["offset"].tolist())}
        group: list[tuple[int, Record]] = []
        heavy = 0
        async with contextlib.aclosing(records_at(log, *at, by_offset)) as records:
            async for offset, record in records:
                number = by_offset.pop(offset)
                if record is None:
                    self.findings.gone += 1
                    continue
                group.append((number, record))
                heavy += weight(record.value or b"")
                if len(group) == _TOGETHER or heavy > MOST_WEIGHT:
                    self._group(last, group)
                    bar.to(bar.done + len(group))
                    group, heavy = [], 0
        self._group(last, group)
        self.findings.gone += len(by_offset)  # behind the end of raw: it was made anew

    def _group(self, last: LastVersions, group: list[tuple[int, Record]]) -> None:
        together: list[tuple[int, DecodedRecord]] = []
        for number, record in group:
            decoded = decode(record, self._tenants)
            if last.keys[number] in (b"", decoded.key):
                together.append((number, decoded))
            else:
                self.findings.gone += 1
        translate_by_shape(decoded for _, decoded in together if decoded.became is None)
        remembered = last.marks.find([decoded.key for _, decoded in together if decoded.key])
        for number, decoded in together:
            mark = remembered.get(decoded.key)
            known = mark if mark is not None and mark.at >= self._limits.oldest else None
            self._one(last.rows[number], decoded, known)

    def _one(self, row: Any, decoded: DecodedRecord, mark: Mark | None) -> None:
        became = decoded.became or translate(decoded)
        if isinstance(became, Problem):
            self.findings.dead[became.code] += 1
        elif isinstance(became, Dropped):
            self.findings.dropped[became.fate] += 1
        else:
            change = change_of(self._published.value(row), decoded, became, mark)
            if change is None:
                self.findings.same += 1
            elif change.size > self._limits.event_bytes:
                self.findings.dead["too_large"] += 1
            else:
                self._changed(row, decoded.source, change)

    def _changed(self, row: Any, source: str, change: EventChange) -> None:
        hindrance = self._hindrance(source, change)
        self.findings.change(change.old, change.new, hindrance)
        if change.record is not None and not hindrance:
            self._outbox.add(int(row["partition"]), change.record)
        raw = {"partition": int(row["partition"]), "offset": int(row["offset"])}
        self._diff.write({"publishable": not hindrance, "raw": raw, "old": change.old, "new": change.new})

    def _hindrance(self, source: str, change: EventChange) -> str:
        """Return why a change cannot be published, nothing where it can."""
        if change.record is None:
            return NOT_REMEMBERED
        if source in self._paused:
            return PAUSED
        return TOO_LARGE if change.record.size > self._limits.raw_bytes else ""
