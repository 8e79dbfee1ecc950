"""Read the events of a lead: from its one partition of events, then the raw record of each by its coordinates."""

import contextlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from headrace.cli._find_scan import advance
from headrace.cli._kafka_errors import existing_topics
from headrace.cli._letter_places import place_of
from headrace.cli._newest import Newest
from headrace.cli._output import progress
from headrace.config import Config
from headrace.kafka.consumer import Consumer
from headrace.kafka.partition_scan import PartitionRead, ScanSpan, scan
from headrace.kafka.partitioner import partitions
from headrace.kafka.records_at import records_at
from headrace.records.raw import from_raw_record
from headrace.sdk.provider import RawEvent
from headrace_events import Event, decode

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode
_DAMAGED: Final = (LookupError, ValueError, RecursionError)


class LeadEvent(Struct):
    """An event of a lead, its place on events, and its raw record: None where that is not there (any more)."""

    place: str
    event: Event
    raw: RawEvent | None = None
    raw_bytes: int = 0

    def line(self) -> bytes:
        """Return the line of `--json`."""
        raw: dict[str, Any] | None = None
        if self.raw is not None:
            raw = msgspec.to_builtins(msgspec.structs.replace(self.raw, value=b"")) | {"bytes": self.raw_bytes}
        return _encode({"place": self.place, "event": self.event, "raw": raw})


class LeadSearch(Struct):
    """The newest events of a lead, oldest first, what was read, and a remark where there are others."""

    events: list[LeadEvent]
    remark: str
    reads: list[PartitionRead]


async def search_lead(
    config: Config, keys: Sequence[str], span: ScanSpan, most: int, *, everywhere: bool
) -> LeadSearch:
    """Return the `most` newest events with one of these keys, each with its raw record."""
    events, raw = await existing_topics(config, "events", "raw")
    wanted = {key.encode() for key in keys}
    placed = sorted(set(partitions(list(wanted), events.partitions)))
    newest = Newest[LeadEvent](most)
    found = LeadSearch([], "", [])
    async with Consumer(config.kafka) as committed:
        for partition in range(events.partitions) if everywhere else placed:
            span_of = scan(committed, events.name, partition, span, advance=advance, into=found.reads)
            async with contextlib.aclosing(span_of) as groups:
                async for record in (record async for records in groups for record in records):
                    if record.key in wanted:
                        with contextlib.suppress(msgspec.DecodeError):
                            event = decode(record.value or b"")
                            one = LeadEvent(place_of(partition, record.offset), event)
                            newest.take(record.timestamp, len(record.value or b""), one)
    found.events, found.remark = newest.in_order(), newest.remark(" events")
    async with Consumer(config.kafka, committed=False) as plain:
        await _read_raw(plain, raw.name, raw.partitions, found.events)
    progress("")
    return found


async def _read_raw(log: Consumer, topic: str, count: int, events: Sequence[LeadEvent]) -> None:
    by_place: dict[int, dict[int, list[LeadEvent]]] = defaultdict(lambda: defaultdict(list))
    for one in events:
        at = one.event.data.provenance.raw
        if at.topic == topic and 0 <= at.partition < count:
            by_place[at.partition][at.offset].append(one)
    for done, (partition, offsets) in enumerate(sorted(by_place.items())):
        progress(
            f"{topic} {partition}: coordinates of {len(offsets):,} events, partition {done + 1} of {len(by_place)}"
        )
        async with contextlib.aclosing(records_at(log, topic, partition, offsets)) as records:
            async for offset, record in records:
                if record is None:
                    continue
                with contextlib.suppress(*_DAMAGED):
                    raw = from_raw_record(record.headers, b"")
                    for one in offsets[offset]:
                        one.raw, one.raw_bytes = raw, len(record.value or b"")
