"""Reads without a consumer group: one partition from an offset, or all partitions of a topic."""

import math
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Self, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import ConsumerRecord

from headrace.config import KafkaSettings
from headrace.kafka.bounded_reader import FETCH_BYTES, BoundedReader
from headrace.kafka.call import call
from headrace.kafka.client import (
    ABORT_DEADLINE,
    CALL_DEADLINE,
    STOP_DEADLINE,
    client_options,
    start_client,
    stops_in_time,
)
from headrace.kafka.cluster_view import watch_leaders

__all__ = ["Consumer", "Record", "new_consumer", "offsets_of", "read", "stop_consumer"]

Record: TypeAlias = ConsumerRecord
Offsets: TypeAlias = dict[TopicPartition, int]

Passed: TypeAlias = Callable[[int, int], None]

SETTLE_DEADLINE: Final = 5.0
"""Seconds without a record after which `read` takes an open transaction for a hanging one."""

TOGETHER: Final = 2_000
"""Records that are unpacked without letting others run: some milliseconds."""

LOOK_AGAIN_SECONDS: Final = 30.0
"""Time after which partitions that had no leader are looked for again."""

_log = structlog.get_logger()


def _ignore(partition: int, offset: int) -> None:
    """Take no note of how far was read."""


def new_consumer(kafka: KafkaSettings, **more: Any) -> AIOKafkaConsumer:
    """Return a consumer, not started, that commits and resets no offsets by itself."""
    options = {
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "fetch_max_wait_ms": 50,  # a partition that was just drained waits for the fetch that is out
        "max_partition_fetch_bytes": FETCH_BYTES,
    }
    return AIOKafkaConsumer(**(options | client_options(kafka) | more))


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer; it may raise CancelledError of its own, which is not ours.

    Where that hangs (while the broker does not answer), end its fetches and connections all the same: cancelled, the
    client would leave them to go on for ever.
    """
    if await stops_in_time(consumer.stop(), STOP_DEADLINE):
        return
    for part in (consumer._fetcher, consumer._client):  # noqa: SLF001  (what stop() did not get to)
        if part is not None:
            await stops_in_time(part.close(), ABORT_DEADLINE)


async def offsets_of(consumer: AIOKafkaConsumer, topic: str, partition: int) -> tuple[int, int]:
    """Return the first offset of a partition and the one behind its last: under read_committed, the last stable one."""
    at = TopicPartition(topic, partition)
    first = await call(consumer.beginning_offsets([at]), CALL_DEADLINE)
    last = await call(consumer.end_offsets([at]), CALL_DEADLINE)
    return first[at], last[at]


class Consumer:
    """A consumer without a group: reads one partition at a time, from the offset that `seek` names."""

    def __init__(self, kafka: KafkaSettings, *, committed: bool = True) -> None:
        self._consumer = new_consumer(kafka, isolation_level=_isolation_level(committed=committed))
        self._reader = BoundedReader(self._consumer)
        self._client = self._consumer._client  # noqa: SLF001  (nothing public gives it)
        self._view = watch_leaders(self._client)
        self._looked_at: set[str] = set()

    async def __aenter__(self) -> Self:
        await start_client(self._consumer.start(), lambda: stop_consumer(self._consumer), CALL_DEADLINE)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await stop_consumer(self._consumer)

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Read one partition from an offset; any other is let go."""
        at = TopicPartition(topic, partition)
        self._consumer.assign([at])
        self._reader.seek(at, offset)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the first offset and the one behind the last: under read_committed, the last stable one.

        All brokers are asked who leads a topic when it is first asked for: one may be cut off from the others.
        """
        if topic not in self._looked_at:
            self._looked_at.add(topic)
            await call(self._client.add_topic(topic), CALL_DEADLINE)
            await call(self._view.look_around(), CALL_DEADLINE)
        return await offsets_of(self._consumer, topic, partition)

    async def bounds_of_all(self, topic: str, partitions: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Return `bounds` of several partitions, with two questions to each broker."""
        parts = [TopicPartition(topic, partition) for partition in partitions]
        await self.bounds(topic, parts[0].partition)
        first = await call(self._consumer.beginning_offsets(parts), CALL_DEADLINE)
        last = await call(self._consumer.end_offsets(parts), CALL_DEADLINE)
        return {at.partition: (first[at], last[at]) for at in parts}

    async def topic_id(self, topic: str) -> str:
        """Return the id that a topic got when it was made; empty where that is not known for certain."""
        return await call(self._view.topic_id(topic), CALL_DEADLINE)

    async def next(self, topic: str, partition: int, wait: float = 0.1) -> tuple[list[Record], int]:
        """Return what there is within `wait` seconds, and the position behind it.

        That counts the markers of transactions, which take up offsets, too.
        """
        at = TopicPartition(topic, partition)
        return await call(self._next(at, wait), CALL_DEADLINE)

    async def partitions_of(self, topic: str) -> int:
        """Count the partitions of a topic; 0 where it does not exist."""
        return len(await call(_partitions(self._consumer, topic), CALL_DEADLINE))

    async def led_partitions(self, topic: str) -> list[int]:
        """Return the partitions of a topic that have a leader."""
        found = await call(_partitions(self._consumer, topic), CALL_DEADLINE)
        return [partition for partition, led in found.items() if led]

    async def _next(self, at: TopicPartition, wait: float) -> tuple[list[Record], int]:
        return await self._reader.next([at], wait, TOGETHER), await self._reader.position(at)


async def read(
    kafka: KafkaSettings,
    topic: str,
    *,
    from_start: bool = True,
    since: int | None = None,
    until: int | None = None,
    begin: Mapping[int, int] = MappingProxyType({}),
    follow: bool = False,
    committed: bool = True,
    passed: Passed = _ignore,
    without: Callable[[Sequence[int]], None] | None = None,
) -> AsyncGenerator[Record]:
    """Yield the records of all partitions of a topic; without `follow`, up to where they end now.

    They begin where `begin` says for a partition, at the first that is no older than `since` (ms since the epoch) where
    that is given, else at the start or at the end; with `until`, they end before the first that is no older than that.
    With `follow`, where nothing came, `passed` is called with each
    partition and the offset before which all was yielded: markers of transactions have offsets, too.

    Kafka acknowledges a commit shortly before its records can be read: what is written when this is called is waited
    for, unless a transaction stays open for longer than `SETTLE_DEADLINE`: then what stands behind it is left out, and
    a warning says so.

    Partitions without a leader stop it, unless there is `without`: it is called with them, the others are read, and
    after `LOOK_AGAIN_SECONDS` this ends, so that the caller begins again. It ends where one loses its leader, too.
    """
    consumer = new_consumer(kafka, isolation_level=_isolation_level(committed=committed))
    watch_leaders(consumer._client)  # noqa: SLF001  (nothing public gives it)
    await start_client(consumer.start(), lambda: stop_consumer(consumer), CALL_DEADLINE)
    try:
        found = await call(_partitions(consumer, topic), CALL_DEADLINE)
        parts = [TopicPartition(topic, p) for p in found]
        if not parts:
            raise KafkaTimeoutError(f"there is no topic {topic}: run `headrace topics apply`")
        lasts: Callable[[], bool] = partial(bool, follow)
        if without is not None:
            left_out = [partition for partition, led in found.items() if not led]
            without(left_out)
            parts = [at for at in parts if found[at.partition]]
            end = time.monotonic() + LOOK_AGAIN_SECONDS if left_out else math.inf
            lasts = partial(_are_led, consumer, parts, end)
        ends = await _written(kafka, parts) if committed else await call(consumer.end_offsets(parts), CALL_DEADLINE)
        starts = await call(_starts(consumer, parts, ends, from_start=from_start, since=since), CALL_DEADLINE)
        if until is not None:
            ends = await call(_starts(consumer, parts, ends, from_start=True, since=until), CALL_DEADLINE)
        for part in (part for part in parts if part.partition in begin):
            starts[part] = min(max(starts[part], begin[part.partition]), ends[part])
        async for record in _records(consumer, starts, ends, lasts, follow=follow, passed=passed):
            yield record
    finally:
        await stop_consumer(consumer)


async def _records(
    consumer: AIOKafkaConsumer,
    starts: Offsets,
    ends: Offsets,
    lasts: Callable[[], bool],
    *,
    follow: bool,
    passed: Passed,
) -> AsyncGenerator[Record]:
    """Yield what stands between two offsets of each partition; with `follow` whatever comes while it `lasts`."""
    parts, reader = list(starts), BoundedReader(consumer)
    consumer.assign(parts)
    for at in parts:
        reader.seek(at, starts[at])
    left = {at for at in parts if starts[at] < ends[at]}
    moved_at = time.monotonic()
    while lasts() if follow else left and time.monotonic() - moved_at < SETTLE_DEADLINE:
        records = await call(reader.next(parts, 0.2, TOGETHER), CALL_DEADLINE)
        for record in records:
            moved_at = time.monotonic()
            if follow or record.offset < ends[TopicPartition(record.topic, record.partition)]:
                yield record
        for at in parts if follow and not records else ():
            passed(at.partition, await call(reader.position(at), CALL_DEADLINE))
        left = {at for at in left if await call(reader.position(at), CALL_DEADLINE) < ends[at]}
    for at in () if follow else left:
        _log.warning("open_transaction_not_read", topic=at.topic, partition=at.partition, end=ends[at])


def _are_led(consumer: AIOKafkaConsumer, parts: Sequence[TopicPartition], end: float) -> bool:
    """Return whether all partitions have a leader, as far as the client knows, and `end` is not over."""
    leaders = (consumer._client.cluster.leader_for_partition(at) for at in parts)  # noqa: SLF001  (nothing public tells it)
    return time.monotonic() < end and all(leader is None or leader >= 0 for leader in leaders)


async def _starts(
    consumer: AIOKafkaConsumer, parts: list[TopicPartition], ends: Offsets, *, from_start: bool, since: int | None
) -> Offsets:
    if since is not None:
        found = await consumer.offsets_for_times(dict.fromkeys(parts, since))
        return {part: found[part].offset if found.get(part) else ends[part] for part in parts}
    starts: Offsets = await consumer.beginning_offsets(parts) if from_start else dict(ends)
    return starts


async def _written(kafka: KafkaSettings, parts: list[TopicPartition]) -> Offsets:
    """Return where partitions end, whether that can be read yet or not."""
    async with Consumer(kafka, committed=False) as log:
        return {at: (await log.bounds(at.topic, at.partition))[1] for at in parts}


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> dict[int, bool]:
    """Return a topic's partitions, and whether each has a leader, without subscribing, or creating the topic."""
    cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001  (topics() throws the partitions away)
    led = cluster.available_partitions_for_topic(topic) or ()
    return {partition: partition in led for partition in sorted(cluster.partitions_for_topic(topic) or ())}


def _isolation_level(*, committed: bool) -> str:
    return "read_committed" if committed else "read_uncommitted"
