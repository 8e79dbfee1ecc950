"""Read one partition between two times, whatever retention deletes meanwhile, and count what that took."""

import time
from collections.abc import AsyncGenerator, Callable
from typing import Final, TypeAlias

from aiokafka.errors import OffsetOutOfRangeError
from msgspec import Struct

from headrace.kafka.client import CALL_DEADLINE
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.offsets_since import offset_since


class PartitionRead(Struct):
    """What was read of a partition: from `begin` up to `end`; `bytes` counts keys and values, without compression.

    `log_begin` is where the partition began: what stood before it is gone. `deleted` offsets went while it was read.
    """

    topic: str
    partition: int
    begin: int = 0
    end: int = 0
    log_begin: int = 0
    records: int = 0
    bytes: int = 0
    deleted: int = 0
    seconds: float = 0.0


Advance: TypeAlias = Callable[[PartitionRead, int], None]
"""Called with what was read so far, and the offset that is reached."""


class ScanSpan(Struct, frozen=True):
    """Append times (ms since the epoch), None for the beginning or for now."""

    since: int | None = None
    until: int | None = None


ALL_TIME: Final = ScanSpan()


async def scan(
    log: Consumer, topic: str, partition: int, span: ScanSpan, *, advance: Advance, into: list[PartitionRead]
) -> AsyncGenerator[list[Record]]:
    """Yield what a partition holds, group by group, up to where it ends now; what was read is added to `into`.

    Raises `KafkaError`, and `TimeoutError` where nothing comes for `CALL_DEADLINE`.
    """
    read = PartitionRead(topic, partition)
    into.append(read)
    began = time.monotonic()
    at = await _bounds(log, read, span)
    moved_at = time.monotonic()
    log.seek(topic, partition, at)
    while at < read.end:
        try:
            records, reached = await log.next(topic, partition)
        except OffsetOutOfRangeError:
            at = await _behind_deleted(log, read, at)
            continue
        if reached > at:
            at, moved_at = reached, time.monotonic()
        elif time.monotonic() - moved_at > CALL_DEADLINE:
            raise TimeoutError(f"{topic}-{partition} was not read in time")
        records = [record for record in records if record.offset < read.end]
        read.records += len(records)
        read.bytes += sum(len(record.key or b"") + len(record.value or b"") for record in records)
        read.seconds = time.monotonic() - began
        advance(read, min(at, read.end))
        yield records


async def _bounds(log: Consumer, read: PartitionRead, span: ScanSpan) -> int:
    """Note between which offsets is read, and return the first."""
    first, end = await log.bounds(read.topic, read.partition)
    read.log_begin = read.begin = first
    read.end = end
    if span.since is not None:
        since = await offset_since(log, read.topic, read.partition, max(span.since, 0))
        read.begin = end if since is None else min(max(since, first), end)
    if span.until is not None:
        until = await offset_since(log, read.topic, read.partition, max(span.until, 0))
        read.end = end if until is None else max(min(until, end), read.begin)
    return read.begin


async def _behind_deleted(log: Consumer, read: PartitionRead, at: int) -> int:
    """Go on where the partition begins now. Raises `OffsetOutOfRangeError` where that is not why."""
    first, end = await log.bounds(read.topic, read.partition)
    if not at < first <= end:
        raise OffsetOutOfRangeError({(read.topic, read.partition): at})
    read.deleted += min(first, read.end) - at
    log.seek(read.topic, read.partition, first)
    return first
