"""Read what was published, and the raw record behind each event once more: what would it be today?

Nothing is read beyond where the topics end at the start, in an order that counts: `seen` first, then `events`. So what
is known of an id is never newer than the events that are compared: a replay that was ordered for an older state finds
another one, and is not published.
"""

import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

import click
import msgspec
from msgspec import Struct

from headrace.cli._progress_bar import ProgressBar
from headrace.cli._published_events import PublishedEvents
from headrace.config.tenants import Tenants
from headrace.core.timestamps import parse
from headrace.kafka.client import CALL_DEADLINE
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.offsets_since import offset_since
from headrace.normalizer.mark_table import MarkTable
from headrace.records.held import HeldRange
from headrace.records.mark import unpack
from headrace.records.replayed import keys_of
from headrace.records.seen import decode_records, is_barrier

SLACK_MS: Final = 10 * 60 * 1000
"""How much earlier than its receipt, by another clock, an event may have been written."""


class ReplayFilter(Struct, frozen=True):
    """Which events are compared: by tenant, native code, and when their records were received. None means all."""

    provider: str | None
    tenant: str | None
    codes: frozenset[str]
    since: datetime | None
    until: datetime | None

    def wants_source(self, source: str) -> bool:
        """Return whether a source is wanted."""
        provider, _, tenant = source[1:].partition("/")
        return self.provider in (None, provider) and self.tenant in (None, tenant)

    def wants(self, code: str | None, received: str) -> bool:
        """Return whether an event of a wanted source is."""
        if self.codes and code not in self.codes:
            return False
        if self.since is None and self.until is None:
            return True
        at = parse(received)
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


class _RawPlace(Struct, gc=False):
    topic: str
    partition: int
    offset: int


class _Provenance(Struct, gc=False):
    received: str
    raw: _RawPlace


class _Native(Struct, gc=False):
    code: str | None = None


class _Data(Struct, gc=False):
    native: _Native
    provenance: _Provenance


class _Published(Struct, gc=False):
    """What is needed of a published event; the rest stays bytes."""

    id: str
    source: str
    data: _Data


_decode: Final = msgspec.json.Decoder(_Published).decode


class EventReading:
    """Collects the events that are wanted. `foreign` counts those of tenants that are not configured."""

    def __init__(self, tenants: Tenants, wanted: ReplayFilter, raw: str) -> None:
        self.published: Final = PublishedEvents()
        self.foreign = 0
        self._tenants: Final = tenants
        self._wanted: Final = wanted
        self._raw: Final = raw

    def take(self, record: Record) -> None:
        """Take one record of `events`; what is no event of ours is passed over."""
        try:
            event = _decode(record.value or b"")
        except msgspec.DecodeError:
            return
        source, place = event.source, event.data.provenance.raw
        if not self._wanted.wants_source(source):
            return
        if source not in self._tenants.by_source or place.topic != self._raw:
            self.foreign += 1
            return
        wanted = self._wanted.wants(event.data.native.code, event.data.provenance.received)
        value = record.value if wanted and record.value else b""  # others may be newer versions of what is wanted
        self.published.add(place.partition, place.offset, keys_of(source, event.id), value)


async def read_published(log: Consumer, ends: dict[int, int], topic: str, reading: EventReading, since: int) -> None:
    """Read `events` to where its partitions end, from `since` (ms since the epoch) on."""
    starts: dict[int, int] = {}
    for partition, end in ends.items():
        first, _ = await log.bounds(topic, partition)
        at = await offset_since(log, topic, partition, since) if since > 0 else first
        starts[partition] = min(end if at is None else max(at, first), end)
    with ProgressBar("reading events", sum(ends.values()) - sum(starts.values())) as bar:
        for partition, end in ends.items():
            async for records, passed in stretch(log, topic, partition, starts[partition], end):
                for record in records:
                    reading.take(record)
                bar.to(bar.done + passed)


class Remembered(Struct, frozen=True):
    """What a partition of `seen` remembers: marks, and what is held, by source."""

    marks: MarkTable
    held: dict[str, HeldRange]


async def read_seen(log: Consumer, topic: str, partition: int, end: int, since: int = 0) -> Remembered:
    """Return what a partition of `seen` remembers, up to an offset; or what it notes from another one on."""
    marks, held = MarkTable(), dict[str, HeldRange]()
    first, _ = await log.bounds(topic, partition)
    async for records, _ in stretch(log, topic, partition, max(first, since), end):
        commits = [value for one in records if not is_barrier(value := one.value or b"")]
        if commits:
            found = decode_records(commits)
            marks.put(unpack(found.rows), found.more)
            held |= {one.source: one for one in found.held}
    return Remembered(marks, {source: one for source, one in held.items() if one.count})


async def stretch(
    log: Consumer, topic: str, partition: int, begin: int, end: int
) -> AsyncIterator[tuple[list[Record], int]]:
    """Yield the committed records between two offsets, group by group, each with how far that led on.

    Ends the command where it does not go on: somebody holds a transaction open.
    """
    at, moved_at = begin, time.monotonic()
    log.seek(topic, partition, begin)
    while at < end:
        records, position = await log.next(topic, partition)
        if position > at:
            yield [record for record in records if record.offset < end], min(position, end) - at
            at, moved_at = position, time.monotonic()
        elif time.monotonic() - moved_at > CALL_DEADLINE:
            raise click.ClickException(
                f"{topic}-{partition} cannot be read beyond {at} of {end}: somebody holds a transaction open; try again"
            )
