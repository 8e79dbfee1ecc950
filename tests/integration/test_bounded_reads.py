"""What one tenant writes never takes more memory than is meant for it, nor stops the others. Promise 6 on a broker."""

import asyncio
import time
from pathlib import Path

import pytest

from headrace.config import KafkaSettings
from headrace.core.record import ProducerRecord
from headrace.core.weight import weight
from headrace.kafka.appender import Appender
from headrace.kafka.bounded_reader import MOST_WEIGHT
from headrace.kafka.consumer import Consumer, Record, read
from headrace.providers.discover import discover
from headrace.records.raw import place, to_raw_record
from headrace.sdk.provider import RawEvent
from headrace_demo import senders
from headrace_events import Via
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import DEADLINE, make_pipeline, until
from tests.kafka.broker import Broker
from tests.kafka.client import create_topic

MIB = 2**20
BOMB = b'{"note":[' + b",".join([b"[]"] * 340_000) + b"]}"
"""A megabyte that takes 500 bytes in the log, and 30 MiB once it is decoded."""
GOOD = (
    b'{"ProspectActivityId":"00000000000000000000000000000007","ActivityEvent":21,"RelatedProspectId":"p1",'
    b'"CreatedOn":"2026-08-08 07:38:00"}'
)
LAW = 320 * MIB
"""What a normalizer of one partition may take, by service/docs/memory.md."""


def values() -> list[bytes]:
    """Return small records, large ones, and bombs, one after the other and in groups."""
    small, large = [b"{}"] * 500, [b'"' + b"x" * 900_000 + b'"'] * 12
    return [*small, *large, *[BOMB] * 12, *small, BOMB, *small, *large]


async def write(servers: str, topic: str, found: list[bytes]) -> None:
    async with asyncio.timeout(DEADLINE), Appender(KafkaSettings(bootstrap_servers=servers)) as appender:
        for first in range(0, len(found), 100):
            outs = (ProducerRecord(b"key", value, []) for value in found[first : first + 100])
            await asyncio.gather(*(appender.append(topic, 0, out) for out in outs))


async def test_records_are_handed_over_by_weight(kafka: Broker, prefix: str) -> None:
    """However few bytes they take in the log, no read hands over more than 8 MiB of weight; none is left out."""
    topic, wanted = f"{prefix}heavy", values()
    await create_topic(kafka.bootstrap_servers, topic, max_message_bytes="2000000")
    await write(kafka.bootstrap_servers, topic, wanted)
    groups: list[list[Record]] = []
    position = 0
    async with asyncio.timeout(DEADLINE), Consumer(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)) as log:
        log.seek(topic, 0, 0)
        while position < len(wanted):
            records, position = await log.next(topic, 0)
            groups += [records] if records else []
            assert [record.offset for record in records] == list(range(position - len(records), position))
    assert [record.value for group in groups for record in group] == wanted
    for group in groups:
        assert len(group) == 1 or sum(weight(record.value) for record in group) <= MOST_WEIGHT
    assert len(groups) < 60


@pytest.mark.parametrize("to", [3, 9, 10, 12])
async def test_a_seek_forgets_what_was_too_much(kafka: Broker, prefix: str, to: int) -> None:
    """The record that did not fit is neither read twice nor in the place of another, wherever one reads on."""
    topic = f"{prefix}seek"
    await create_topic(kafka.bootstrap_servers, topic, max_message_bytes="2000000")
    await write(kafka.bootstrap_servers, topic, [b'"%02d' % n + b"x" * 900_000 for n in range(14)])
    async with asyncio.timeout(DEADLINE), Consumer(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)) as log:
        log.seek(topic, 0, 0)
        position = 0
        while not position:
            _, position = await log.next(topic, 0)
        assert position == 9  # eight MiB
        log.seek(topic, 0, to)
        found: list[Record] = []
        while position < 14 or not found:
            records, position = await log.next(topic, 0)
            found += records
    assert [record.offset for record in found] == list(range(to, 14))


async def test_a_whole_topic_is_read_by_weight(kafka: Broker, prefix: str) -> None:
    """Commands and pollers that read all partitions get every record once, heavy ones too."""
    topic, wanted = f"{prefix}all", values()
    await create_topic(kafka.bootstrap_servers, topic, max_message_bytes="2000000")
    await write(kafka.bootstrap_servers, topic, wanted)
    async with asyncio.timeout(DEADLINE):
        settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
        assert [record.value async for record in read(settings, topic)] == wanted


async def test_promise_6_heavy_bodies_of_one_tenant_do_not_stop_the_others(
    kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    """150 bodies of a megabyte of empty lists are worked on within bounds, and what lies around them is published."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    async with asyncio.timeout(DEADLINE), Appender(pipeline.config.kafka) as appender:
        for raw in [delivery("leadping", "automation", BOMB, number) for number in range(150)] + [
            delivery("leadsquared", "webhook-activity", GOOD)
        ]:
            out = to_raw_record(discover()[raw.provider], raw)
            await appender.append(pipeline.topic("raw"), place(out.key, 1), out)
    tenants = senders.toml(senders.make("leadping"), senders.make("leadsquared"))
    settings = configuration(kafka.bootstrap_servers, prefix, tenants)
    program = Program(settings, tmp_path)
    try:
        await program.ready()

        async def all_decided() -> bool:
            return sum((await pipeline.totals()).values()) == 151

        await until(all_decided, "every record has its fate")
        assert resident(program) < LAW
        assert sum(event.startswith("activity/") for event in await pipeline.published()) == 1
    finally:
        program.stop()


def delivery(provider: str, shape: str, value: bytes, number: int = 0) -> RawEvent:
    """Return a webhook as it lies on raw; without a name of its own, the run's number is its name."""
    run = f"run-{number}" if provider == "leadping" else ""
    return RawEvent(
        provider=provider,
        tenant="acme",
        shape=shape,
        value=value,
        via=Via.WEBHOOK,
        received=time.time_ns() // 1_000_000,
        hint=run,
        delivery=run,
    )


def resident(program: Program) -> int:
    """Return the largest resident set that the process ever had, in bytes."""
    status = Path(f"/proc/{program.child.pid}/status").read_text("utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
