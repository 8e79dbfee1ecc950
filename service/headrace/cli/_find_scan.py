"""Read what there is of ids: of each topic only the partitions in which they can be.

1. An id has one partition of raw, and of seen: the marks first, by which copies are judged.
2. Its copies in raw, by their key: nothing else is decoded.
3. Its events: a translated copy tells the lead, and that the partition of events.
4. Its dead letters, which lie in the same partition as in raw.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from headrace.cli._find_query import SoughtId
from headrace.cli._id_trail import IdTrail
from headrace.cli._kafka_errors import existing_topics
from headrace.cli._letter_places import place_of
from headrace.cli._output import progress
from headrace.config import Config
from headrace.config.tenants import Tenants
from headrace.kafka.admin import Topic
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.partition_scan import ALL_TIME, PartitionRead, ScanSpan, scan
from headrace.kafka.partitioner import partitions
from headrace.kafka.positions import last_position
from headrace.normalizer.commit import CommitLimits
from headrace.normalizer.mark_table import MarkTable
from headrace.records.held import HeldRange
from headrace.records.mark import ROW, unpack
from headrace.records.raw import place
from headrace.records.seen import FORMAT, decode_record, is_barrier
from headrace_events import Event, decode, decode_dead_letter

_DAMAGED: Final = (LookupError, ValueError, RecursionError)


class Trails:
    """The ids that are looked for in one partition: of each that has left a trace there, the trail."""

    def __init__(self, sought: Mapping[bytes, SoughtId], tenants: Tenants, limits: CommitLimits) -> None:
        """Begin without a trail; `sought` are the ids by their digests."""
        self.sought: Final = sought
        self.held: Final[dict[str, HeldRange]] = {}
        """What `seen` says that the partition holds, by source."""
        self.found: Final[dict[bytes, IdTrail]] = {}
        self._tenants: Final = tenants
        self._limits: Final = limits

    def of(self, key: bytes) -> IdTrail | None:
        """Return the trail of a trace that was found; None where its id is not looked for here."""
        trail, sought = self.found.get(key), self.sought.get(key)
        if trail is None and sought is not None:
            trail = IdTrail(sought, self._tenants, self._limits, self.held)
            self.found[key] = trail
        return trail


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
                    if (trail := trails.of(record.key or b"")) is not None:
                        trail.take_copy(record)
            await _set_position(committed, seen, partition, trails)
            if partition < letters.partitions:
                async for records in scan(committed, letters.name, partition, span, advance=advance, into=found.reads):
                    _take_letters(records, trails)
        await _read_events(committed, events, placed, span, found, everywhere=everywhere)
    progress("")
    found.trails = [trail for trails in placed.values() for trail in trails.found.values() if trail.found]
    for trail in found.trails:
        trail.settle()
    return found


def _placed(
    config: Config, sought: Iterable[SoughtId], raw: Topic, seen: Topic, *, everywhere: bool
) -> dict[int, Trails]:
    lifetime = int(seen.config.get("retention.ms") or 0) // 1000
    limits = CommitLimits(topic=raw.name, partition=0)
    if lifetime > 0:
        limits = msgspec.structs.replace(limits, lifetime=lifetime)
    by_key = {one.key: one for one in sought}
    ids: dict[int, dict[bytes, SoughtId]] = defaultdict(dict)
    for key, one in by_key.items():
        ids[place(key, raw.partitions)][key] = one
    if everywhere:
        ids = dict.fromkeys(range(raw.partitions), by_key)
    tenants = config.tenants.unpaused()
    return {
        number: Trails(here, tenants, msgspec.structs.replace(limits, partition=number)) for number, here in ids.items()
    }


async def _read_marks(log: Consumer, topic: str, partition: int, trails: Trails, reads: list[PartitionRead]) -> None:
    """Take the marks of ids, and what is held: of all commits, because a mark may be older than its copies."""
    sources = {one.source.encode() for one in trails.sought.values()}
    async for records in scan(log, topic, partition, ALL_TIME, advance=advance, into=reads):
        for value in (record.value or b"" for record in records if not is_barrier(record.value or b"")):
            if value.startswith(bytes((FORMAT,))) and any(source in value for source in sources):
                trails.held.update((one.source, one) for one in decode_record(value).held)
            for key in trails.sought:
                if key in value:
                    _take_mark(value, key, trails)


async def _set_position(log: Consumer, seen: Topic, partition: int, trails: Trails) -> None:
    """Note up to where the partition is decided."""
    if partition < seen.partitions:
        position = await last_position(log, seen.name, partition)
        for trail in trails.found.values():
            trail.position = position


def _take_mark(value: bytes, key: bytes, trails: Trails) -> None:
    """Take the mark that a commit holds of an id. Raises `NewerFormat`."""
    commit = decode_record(value)
    at = commit.rows.find(key)
    while at >= 0 and at % ROW.itemsize:  # the digest may stand across two rows by chance
        at = commit.rows.find(key, at + 1)
    if at < 0:
        return
    table = MarkTable()
    table.put(unpack(commit.rows[at : at + ROW.itemsize]), [pair for pair in commit.more if pair[0] == key])
    if (trail := trails.of(key)) is not None:
        trail.take_mark(table.find([key])[key], commit.next_offset)


def _take_letters(records: Iterable[Record], trails: Trails) -> None:
    for record in records:
        if record.key in trails.sought:
            try:
                letter = decode_dead_letter(record.headers)
            except _DAMAGED:
                continue
            if (trail := trails.of(record.key)) is not None:
                trail.take_letter(place_of(record.partition, record.offset), letter)


async def _read_events(
    log: Consumer,
    events: Topic,
    placed: Mapping[int, Trails],
    span: ScanSpan,
    found: IdSearch,
    *,
    everywhere: bool,
) -> None:
    """Take the events of ids: from the partition of each lead that a copy is about, or from all."""
    by_key, anywhere = _wanted_events(placed, everywhere=everywhere)
    wanted = range(events.partitions) if anywhere else sorted(set(partitions(list(by_key), events.partitions)))
    for partition in wanted:
        async for records in scan(log, events.name, partition, span, advance=advance, into=found.reads):
            for record in records:
                for trail in by_key.get(record.key or b"", ()):
                    if _is_of(record, trail.sought) and (event := _event(record)) is not None:
                        trail.take_event(*event)
                for sought in anywhere.get(_header(record, "ce_source"), ()) if anywhere else ():
                    if _is_of(record, sought) and (event := _event(record)) is not None:
                        _take_event(event, sought, placed)


def _wanted_events(
    placed: Mapping[int, Trails], *, everywhere: bool
) -> tuple[dict[bytes, list[IdTrail]], dict[bytes, list[SoughtId]]]:
    """Return the trails of known leads, by the keys of their events, and the ids that any lead may have, by source."""
    by_key: dict[bytes, list[IdTrail]] = defaultdict(list)
    anywhere: dict[bytes, dict[bytes, SoughtId]] = defaultdict(dict)
    for trails in placed.values():
        for key, sought in trails.sought.items():
            trail = trails.found.get(key)
            if everywhere or (trail is not None and trail.may_be_anywhere):
                anywhere[sought.source.encode()][key] = sought
            elif trail is not None:
                for subject in trail.subjects:
                    by_key[f"{sought.source}/{subject}".encode()].append(trail)
    return dict(by_key), {source: list(ids.values()) for source, ids in anywhere.items()}


FoundRecord = tuple[str, Event, int]
"""An event with its place and the bytes of its value."""


def _event(record: Record) -> FoundRecord | None:
    try:
        event = decode(record.value or b"")
    except _DAMAGED:
        return None
    return place_of(record.partition, record.offset), event, len(record.value or b"")


def _take_event(found: FoundRecord, sought: SoughtId, placed: Mapping[int, Trails]) -> None:
    """Take an event where its raw record stands."""
    trails = placed.get(found[1].data.provenance.raw.partition)
    if trails is not None and (trail := trails.of(sought.key)) is not None:
        trail.take_event(*found)


def _is_of(record: Record, sought: SoughtId) -> bool:
    return sought.is_of(_header(record, "ce_id").decode("utf-8", "replace"))


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
