"""A consumer of committed events, as a process: `python -m tests.benchmarks.event_reader SERVERS TOPIC COUNT FILE`.

It prints "reading" at the end of the topic, and writes to the file, after `COUNT` events, when each was visible.
"""

import asyncio
import sys
import time
from pathlib import Path

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord
from msgspec import Struct

from headrace_demo.senders import Fact, fact_of
from headrace_events import Event

DEADLINE_SECONDS = 300.0
FETCH_WAIT_MS = 100
"""Time that the broker may hold a fetch back when there is nothing: it answers as soon as there is."""

_event = msgspec.json.Decoder(Event).decode


class Sight(Struct):
    """An event: when it was read (`time.monotonic`), and what it tells of its way; `appended` in ms since the epoch."""

    fact: Fact
    at: float
    received: str
    decided: str
    appended: int
    partition: int
    offset: int
    raw: tuple[int, int]


async def main(servers: str, topic: str, count: int) -> list[Sight]:
    """Read so many events."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, isolation_level="read_committed", fetch_max_wait_ms=FETCH_WAIT_MS
    )
    await consumer.start()
    try:
        cluster = await consumer._client.fetch_all_metadata()  # (nothing public lists partitions)
        parts = [TopicPartition(topic, part) for part in cluster.partitions_for_topic(topic)]
        consumer.assign(parts)
        await consumer.seek_to_end(*parts)
        sys.stdout.write("reading\n")
        sys.stdout.flush()
        seen: list[tuple[ConsumerRecord, float]] = []
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(seen) < count:
                batches = await consumer.getmany(timeout_ms=1000)
                now = time.monotonic()
                seen += ((record, now) for records in batches.values() for record in records)
        return [_sight(record, at) for record, at in seen]
    finally:
        await consumer.stop()


def _sight(record: ConsumerRecord, at: float) -> Sight:
    event = _event(record.value)
    how = event.data.provenance
    return Sight(
        fact=fact_of(event),
        at=at,
        received=how.received,
        decided=event.recordedtime,
        appended=record.timestamp,
        partition=record.partition,
        offset=record.offset,
        raw=(how.raw.partition, how.raw.offset),
    )


if __name__ == "__main__":
    _, of, topic, count, file = sys.argv
    Path(file).write_bytes(msgspec.json.encode(uvloop.run(main(of, topic, int(count)))))
