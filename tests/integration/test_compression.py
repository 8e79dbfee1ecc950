"""How records are compressed: what consumers read needs no library that their client lacks."""

import subprocess
import sys

import pytest

from headrace.config import KafkaSettings
from tests.fake_provider import Row
from tests.integration.pipeline import Pipeline, make_pipeline
from tests.integration.test_records import run_to_the_end
from tests.kafka.broker import Broker

# Without cramjam the client has gzip alone, as kafkajs has: any other codec is an error.
CONSUMER = """
import sys
sys.modules["cramjam"] = None
import asyncio
from aiokafka import AIOKafkaConsumer
async def main(servers, topic, count):
    rules = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer(topic, bootstrap_servers=servers, **rules) as consumer:
        for _ in range(int(count)):
            print(len((await asyncio.wait_for(consumer.getone(), 10)).value))
asyncio.run(main(*sys.argv[1:]))
"""
ROWS = [Row(1, 1, "one"), Row(2, 1, "x" * 5_000), Row(3, 1, "three", "bad")]


def read_with_gzip_alone(pipeline: Pipeline, name: str, count: int) -> subprocess.CompletedProcess[str]:
    """Read records of a topic with a client that has no library but Python's own."""
    servers = pipeline.config.kafka.bootstrap_servers
    command = (sys.executable, "-c", CONSUMER, servers, pipeline.topic(name), str(count))
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("name", "count"), [("events", 2), ("dead-letters", 1)])
async def test_a_client_that_has_gzip_alone_reads_what_is_for_consumers(
    kafka: Broker, prefix: str, name: str, count: int
) -> None:
    """Nothing is to be installed or configured to read events and dead letters."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await pipeline.append(ROWS)
    await run_to_the_end(pipeline)
    done = read_with_gzip_alone(pipeline, name, count)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == count


async def test_what_is_configured_is_used_for_all_topics(kafka: Broker, prefix: str) -> None:
    """Who wants zstd gets it, and a client without it says so."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1, compression="zstd")
    await pipeline.append(ROWS)
    await run_to_the_end(pipeline)
    done = read_with_gzip_alone(pipeline, "events", 2)
    assert done.returncode != 0
    assert "zstd" in done.stderr


@pytest.mark.parametrize(
    ("compression", "codecs"),
    [
        (None, {"events": "gzip", "dead-letters": "gzip", "raw": "zstd", "seen": "zstd", "cursors": "zstd"}),
        ("lz4", {"events": "lz4", "raw": "lz4"}),
        ("none", {"events": None, "raw": None}),
    ],
)
def test_the_codec_of_each_topic(compression: str | None, codecs: dict[str, str | None]) -> None:
    """Not configured, consumers get gzip and Headrace itself zstd; configured, it is one for all."""
    kafka = KafkaSettings(compression=compression)  # type: ignore[arg-type]  # one of its words
    assert {name: kafka.codec(f"headrace.{name}") for name in codecs} == codecs
