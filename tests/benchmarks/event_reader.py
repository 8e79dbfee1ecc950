"""A consumer of committed events, as a process: `python -m tests.benchmarks.event_reader SERVERS TOPIC COUNT`.

It prints "reading" once it is at the end of the topic, and after `COUNT` events when each was first visible.
"""

import asyncio
import sys
import time

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from headrace_events import Event
from tests.senders import Fact, fact_of

DEADLINE_SECONDS = 300.0
FETCH_WAIT_MS = 100
"""Time that the broker may hold a fetch back when there is nothing: it answers as soon as there is."""

_event = msgspec.json.Decoder(Event).decode


async def main(servers: str, topic: str, count: int) -> list[tuple[Fact, float]]:
    """Read so many events; return the fact and the time (`time.monotonic`) of each."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, isolation_level="read_committed", fetch_max_wait_ms=FETCH_WAIT_MS
    )
    await consumer.start()
    try:
        cluster = await consumer._client.fetch_all_metadata()  # (nothing public lists partitions)
        parts = [TopicPartition(topic, part) for part in cluster.partitions_for_topic(topic)]
        consumer.assign(parts)
        await consumer.seek_to_end(*parts)
        _print(b"reading")
        seen: list[tuple[bytes, float]] = []
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(seen) < count:
                batches = await consumer.getmany(timeout_ms=1000)
                now = time.monotonic()
                seen += ((record.value, now) for records in batches.values() for record in records)
        return [(fact_of(_event(value)), at) for value, at in seen]
    finally:
        await consumer.stop()


def _print(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    _print(msgspec.json.encode(uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
