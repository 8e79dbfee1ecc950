"""Where an event's time goes: each step from the request to the consumer, as the log of Kafka and the event tell it.

The broker notes when it appended each record, raw or published, and each marker that ends a transaction in a partition;
the event says when it was received and decided. All of it in whole milliseconds, of one clock: all run on one machine.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords
from msgspec import Struct

from headrace.config import KafkaSettings
from headrace.core.timestamps import parse
from headrace.kafka.consumer import read
from tests.benchmarks.event_reader import Sight
from tests.benchmarks.latency import WARM_SECONDS, Measured, measure
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row

STEPS: Final = (
    "sent -> received",
    "-> in raw (one append)",
    "-> decided (fetched, turn)",
    "-> in events (begun, written)",
    "-> committed (its marker)",
    "-> stable (markers of others)",
    "-> read by the consumer",
)
FETCHED_BYTES: Final = 4 * 1024 * 1024

Position = tuple[int, int]


class Batch(Struct):
    """A batch of a partition: its offsets, producer, append time (ms since the epoch), and whether it is a marker."""

    begin: int
    end: int
    producer: int
    appended: int
    marker: bool


def rows(sizes: Sizes, servers: str) -> Iterator[Row]:
    """Show the median and the 99th percentile of each step, and of all together."""
    with tempfile.TemporaryDirectory(prefix="headrace-benchmarks-") as home:
        measured = asyncio.run(measure(sizes, servers, Path(home)))
    traced = asyncio.run(_trace(servers, measured))
    for number, name in enumerate(STEPS):
        yield _row(name, [after - before for before, after in (list(pairwise(times))[number] for times in traced)])
    yield _row("sent -> read", [times[-1] - times[0] for times in traced])


def _row(name: str, took: list[float]) -> Row:
    cut = quantiles(took, n=100)
    return Row(f"trace: {name}", f"p50 {cut[49]:.0f} ms", f"p99 {cut[98]:.0f} ms")


async def _trace(servers: str, measured: Measured) -> list[list[float]]:
    """Return the times of each event, in ms since the epoch: one more than there are steps."""
    kafka = KafkaSettings(bootstrap_servers=servers)
    raw = {(r.partition, r.offset): r.timestamp async for r in read(kafka, f"{measured.prefix}raw", committed=False)}
    stable = await _stable(servers, f"{measured.prefix}events", {sight.partition for sight in measured.seen})
    first = min(measured.sent.values()) + WARM_SECONDS
    return [
        _times(sight, measured.sent[sight.fact], raw, stable[sight.partition])
        for sight in measured.seen
        if measured.sent[sight.fact] > first
    ]


def _times(
    sight: Sight, sent: float, raw: Mapping[Position, int], batches: list[tuple[Batch, int, int]]
) -> list[float]:
    of_clock = time.time() - time.monotonic()
    committed, stable = next((own, all_) for batch, own, all_ in batches if batch.begin <= sight.offset < batch.end)
    return [
        (sent + of_clock) * 1000,
        parse(sight.received).timestamp() * 1000,
        raw[sight.raw],
        parse(sight.decided).timestamp() * 1000,
        sight.appended,
        committed,
        stable,
        (sight.at + of_clock) * 1000,
    ]


async def _stable(servers: str, topic: str, partitions: set[int]) -> dict[int, list[tuple[Batch, int, int]]]:
    """Return the batches of records of each partition, with when each was committed, and when it was stable."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers)
    await consumer.start()
    try:
        await consumer._client.add_topic(topic)  # (nothing public)
        return {part: _ended(await _batches(consumer._client, topic, part)) for part in partitions}
    finally:
        await consumer.stop()


async def _batches(client: Any, topic: str, partition: int) -> list[Batch]:
    """Read all batches of a partition, markers too, which no consumer hands out."""
    found: list[Batch] = []
    while True:
        at = found[-1].end if found else 0
        node = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        request = FetchRequest(0, 0, FETCHED_BYTES, 0, [(topic, [(partition, at, FETCHED_BYTES)])])
        answer = await client.send(node, request)
        records, before = MemoryRecords(answer.topics[0][1][0][-1]), len(found)
        while records.has_next():
            batch = records.next_batch()
            if batch.base_offset >= at:
                found.append(
                    Batch(
                        begin=batch.base_offset,
                        end=batch.next_offset,
                        producer=batch.producer_id,
                        appended=batch.max_timestamp,
                        marker=batch.is_control_batch,
                    )
                )
        if len(found) == before:
            return found


def _ended(batches: list[Batch]) -> list[tuple[Batch, int, int]]:
    """Return batches of records with the time of their own marker, and of the last marker that they wait for.

    A record can be read once no transaction is open that began before it.
    """
    waiting: dict[int, list[Batch]] = {}
    own: dict[int, int] = {}
    for batch in batches:
        if batch.marker:
            own |= dict.fromkeys((each.begin for each in waiting.pop(batch.producer, [])), batch.appended)
        else:
            waiting.setdefault(batch.producer, []).append(batch)
    found, latest = [], 0
    for batch in batches:
        if not batch.marker:
            latest = max(latest, own[batch.begin])
            found.append((batch, own[batch.begin], latest))
    return found
