"""A log read by whole batches holds what the client reads of it, record by record. Promises 1 and 2 on a broker."""

import asyncio

import pytest

from headrace.config import KafkaSettings
from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.kafka.batch_consumer import BatchConsumer
from headrace.kafka.consumer import Consumer
from headrace.kafka.producer import COMPRESSED_FROM
from tests.integration.pipeline import DEADLINE
from tests.integration.test_client_facts import transactional
from tests.kafka.broker import Broker
from tests.kafka.client import create_topic

pytestmark = pytest.mark.apache_kafka

Read = list[tuple[int, bytes | None, bytes | None]]


async def write(servers: str, topic: str) -> None:
    """Write batches of one and of several records: alone, committed and aborted, two transactions open at a time."""
    async with (
        transactional(servers, f"{topic}a") as first,
        transactional(servers, f"{topic}b") as second,
        Appender(KafkaSettings(bootstrap_servers=servers)) as appender,
    ):
        for turn in range(12):
            both = (first,) if turn % 3 else (first, second)
            for producer in both:
                await producer.begin_transaction()
            for number in range(1 + turn % 4):
                for producer in both:
                    batch = producer.create_batch()
                    for each in range(1 + turn % 5):
                        batch.append(timestamp=None, key=b"%d" % turn, value=b"%d of %d" % (each, number), headers=[])
                    await (await producer.send_batch(batch, topic, partition=0))
            await appender.append(topic, 0, ProducerRecord(b"alone", b"x" * turn * COMPRESSED_FROM, []))
            for index, producer in enumerate(both):
                await (producer.abort_transaction if (turn + index) % 2 else producer.commit_transaction)()


async def by_batches(servers: str, topic: str, begin: int, end: int) -> Read:
    found: Read = []
    async with BatchConsumer(KafkaSettings(bootstrap_servers=servers)) as log:
        log.seek(topic, 0, begin)
        position = begin
        while position < end:
            records, position = await log.next_batches(topic, 0)
            found += [(record.offset, record.key, record.value) for record in records]
    return found


async def test_promise_2_whole_batches_hold_what_was_committed(kafka: Broker, prefix: str) -> None:
    """From whatever offset: nothing of an aborted transaction, no marker, nothing from before, nothing left out."""
    topic, servers, wanted = f"{prefix}log", kafka.bootstrap_servers, Read()
    await create_topic(servers, topic)
    async with asyncio.timeout(2 * DEADLINE):
        await write(servers, topic)
        async with Consumer(KafkaSettings(bootstrap_servers=servers)) as log:
            _, end = await log.bounds(topic, 0)
            log.seek(topic, 0, 0)
            position = 0
            while position < end:
                records, position = await log.next(topic, 0)
                wanted += [(record.offset, record.key, record.value) for record in records]
        assert len(wanted) > 40
        for begin in range(0, end, 7):
            assert await by_batches(servers, topic, begin, end) == [one for one in wanted if one[0] >= begin]
