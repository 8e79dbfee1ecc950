"""Read what there is of ids: of each topic only the partitions in which they can be.

1. An id has one partition of raw, and of seen: the marks first, by which copies are judged.
2. Its copies in raw, by their key: nothing else is decoded.
3. Its events: a translated copy tells the lead, and that the partition of events.
4. Its dead letters, which lie in the same partition as in raw.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from headrace.cli._find_query import SoughtId
from headrace.cli._id_trail import IdTrail
from headrace.cli._kafka_errors import existing_topics
from headrace.cli._letter_places import place_of
from headrace.cli._output import progress
from headrace.config import Config
from headrace.kafka.admin import Topic
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.partition_scan import ALL_TIME, PartitionRead, ScanSpan, scan
from headrace.kafka.partitioner import partitions
from headrace.kafka.positions import last_position
from headrace.normalizer.commit import CommitLimits
from headrace.normalizer.mark_table import MarkTable
from headrace.records.mark import ROW, unpack
from headrace.records.raw import place
from headrace.records.seen import decode_record, is_barrier
from headrace_events import decode, decode_dead_letter

_DAMAGED: Final = (LookupError, ValueError, RecursionError)

Trails = dict[bytes, IdTrail]
"""By the digest of their ids."""


class IdSearch(Struct):
    """What was found, what was read for it, and what a reader has to know about that."""

    trails: list[IdTrail]
    reads: list[PartitionRead]
    notes: list[str]


async def search_ids(config: Config, sought: Sequence[SoughtId], span: ScanSpan, *, everywhere: bool) -> IdSearch:
    """Look for ids. With `everywhere` all partitions are read: for ids that another number of partitions placed."""
    raw, seen, events, letters = await existing_topics(config, "raw", "seen", "events", "dead-letters")
    found = IdSearch([], [], _notes(raw, seen))
    placed = _placed(config, sought, raw, seen, everywhere=everywhere)
    async with Consumer(config.kafka) as committed, Consumer(config.kafka, committed=False) as plain:
        for partition, trails in sorted(placed.items()):
            if partition < seen.partitions:  # the number of raw alone may have been raised
                await _read_marks(committed, seen.name, partition, trails, found.reads)
            async for records in scan(plain, raw.name, partition, span, advance=advance, into=found.reads):
                for record in records:
                    if (trail := trails.get(record.key or b"")) is not None:
                        trail.take_copy(record)
            await _set_position(committed, seen, partition, trails)
            if partition < letters.partitions:
                async for records in scan(committed, letters.name, partition, span, advance=advance, into=found.reads):
                    _take_letters(records, trails)
        every = [trail for trails in placed.values() for trail in trails.values()]
        await _read_events(committed, events, every, span, found, everywhere=everywhere)
    progress("")
    found.trails = [trail for trail in every if trail.found]
    for trail in found.trails:
        trail.settle()
    return found


def _placed(
    config: Config, sought: Iterable[SoughtId], raw: Topic, seen: Topic, *, everywhere: bool
) -> dict[int, Trails]:
    lifetime = int(seen.config.get("retention.ms") or 0) // 1000
    placed: dict[int, Trails] = defaultdict(dict)
    for one in sought:
        for partition in range(raw.partitions) if everywhere else (place(one.key, raw.partitions),):
            limits = CommitLimits(topic=raw.name, partition=partition)
            if lifetime > 0:
                limits = msgspec.structs.replace(limits, lifetime=lifetime)
            placed[partition][one.key] = IdTrail(one, config.tenants, limits)
    return placed


async def _read_marks(log: Consumer, topic: str, partition: int, trails: Trails, reads: list[PartitionRead]) -> None:
    """Take the marks of ids: of all commits, because a mark may be older than the copies that are looked at."""
    async for records in scan(log, topic, partition, ALL_TIME, advance=advance, into=reads):
        for value in (record.value or b"" for record in records):
            for key in trails:
                if key in value and not is_barrier(value):
                    _take_mark(value, key, trails[key])


async def _set_position(log: Consumer, seen: Topic, partition: int, trails: Trails) -> None:
    """Note up to where the partition is decided."""
    if partition < seen.partitions:
        position = await last_position(log, seen.name, partition)
        for trail in trails.values():
            trail.position = position


def _take_mark(value: bytes, key: bytes, trail: IdTrail) -> None:
    """Take the mark that a commit holds of an id. Raises `NewerFormat`."""
    commit = decode_record(value)
    at = commit.rows.find(key)
    while at >= 0 and at % ROW.itemsize:  # the digest may stand across two rows by chance
        at = commit.rows.find(key, at + 1)
    if at < 0:
        return
    table = MarkTable()
    table.put(unpack(commit.rows[at : at + ROW.itemsize]), [pair for pair in commit.more if pair[0] == key])
    trail.take_mark(table.find([key])[key], commit.next_offset)


def _take_letters(records: Iterable[Record], trails: Trails) -> None:
    for record in records:
        trail = trails.get(record.key or b"")
        if trail is not None:
            try:
                letter = decode_dead_letter(record.headers)
            except _DAMAGED:
                continue
            trail.take_letter(place_of(record.partition, record.offset), letter)


async def _read_events(
    log: Consumer, events: Topic, trails: Iterable[IdTrail], span: ScanSpan, found: IdSearch, *, everywhere: bool
) -> None:
    """Take the events of ids: from the partition of each lead that a copy is about, or from all."""
    by_key: dict[bytes, list[IdTrail]] = defaultdict(list)
    by_source: dict[bytes, list[IdTrail]] = defaultdict(list)
    for trail in trails:
        by_source[trail.sought.source.encode()].append(trail)
        for subject in trail.subjects:
            by_key[f"{trail.sought.source}/{subject}".encode()].append(trail)
    keys = list(by_key)
    wanted = range(events.partitions) if everywhere else sorted(set(partitions(keys, events.partitions)))
    for partition in wanted:
        async for records in scan(log, events.name, partition, span, advance=advance, into=found.reads):
            for record in records:
                near = by_source.get(_header(record, "ce_source")) if everywhere else by_key.get(record.key or b"")
                for trail in near or ():
                    _take_event(record, trail, everywhere=everywhere)


def _take_event(record: Record, trail: IdTrail, *, everywhere: bool) -> None:
    if not trail.sought.is_of(_header(record, "ce_id").decode("utf-8", "replace")):
        return
    try:
        event = decode(record.value or b"")
    except _DAMAGED:
        return
    if not everywhere or event.data.provenance.raw.partition == trail.partition:
        trail.take_event(place_of(record.partition, record.offset), event, len(record.value or b""))


def _header(record: Record, name: str) -> bytes:
    return next((data or b"" for header, data in record.headers if header == name), b"")


def _notes(raw: Topic, seen: Topic) -> list[str]:
    if raw.partitions == seen.partitions:
        return []
    changed = (
        f"{raw.name} has {raw.partitions} partitions and {seen.name} {seen.partitions}: the number was changed, and "
        "ids from before lie elsewhere; --everywhere reads all partitions"
    )
    return [changed]


def advance(read: PartitionRead, at: int) -> None:
    """Show how far a partition is read."""
    progress(f"{read.topic} {read.partition}: {at - read.begin:,} of {read.end - read.begin:,} records")
