"""What KAFKA.md says of aiokafka and Kafka, and the program is built on: a new version must still behave so."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalOperation, KafkaConnectionError, MessageSizeTooLargeError, ProducerFenced
from aiokafka.protocol.metadata import MetadataRequest

from headrace.config import KafkaSettings
from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.kafka.consumer import Consumer
from headrace.kafka.producer import Transactions
from tests.integration.pipeline import DEADLINE, until
from tests.kafka.broker import Broker
from tests.kafka.client import create_topic, read_all
from tests.kafka.plugin import OwnKafka
from tests.kafka.proxy import END_TXN, Proxy

pytestmark = pytest.mark.apache_kafka


@asynccontextmanager
async def transactional(servers: str, name: str) -> AsyncIterator[AIOKafkaProducer]:
    """Start a transactional producer as aiokafka gives it."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id=name, transaction_timeout_ms=60_000)
    await asyncio.wait_for(producer.start(), DEADLINE)
    try:
        yield producer
    finally:
        await asyncio.wait_for(producer.stop(), DEADLINE)


async def values(servers: str, topic: str) -> list[bytes | None]:
    return [record.value for record in await read_all(servers, topic)]


async def test_fact_a_late_end_txn_commits_half_of_the_next_transaction(own_kafka: OwnKafka, prefix: str) -> None:
    """KAFKA-17754: why a producer whose commit got no answer never begins again, although the client says success."""
    broker = own_kafka()
    topic = f"{prefix}numbers"
    await create_topic(broker.bootstrap_servers, topic)
    async with (
        asyncio.timeout(DEADLINE),
        Proxy(broker) as proxy,
        transactional(proxy.bootstrap_servers, f"{prefix}w") as producer,
    ):
        stolen = proxy.steal(END_TXN)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"1")
        await producer.commit_transaction()
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"half")
        answer = await proxy.deliver(await stolen)
        assert int.from_bytes(answer[4:6]) == 0
        assert await values(broker.bootstrap_servers, topic) == [b"1", b"half"]


async def test_fact_to_fence_is_to_end_the_open_transaction_of_the_predecessor(kafka: Broker, prefix: str) -> None:
    """When `fence` returns, readers of committed records get to the very end, and the predecessor cannot go on."""
    topic, settings = f"{prefix}numbers", KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    await create_topic(kafka.bootstrap_servers, topic)
    async with transactional(kafka.bootstrap_servers, f"{prefix}w") as predecessor:
        await predecessor.begin_transaction()
        await predecessor.send_and_wait(topic, b"never")
        successor = Transactions(settings, f"{prefix}w")
        await successor.fence()
        async with Consumer(settings) as committed, Consumer(settings, committed=False) as all_records:
            assert await committed.bounds(topic, 0) == await all_records.bounds(topic, 0) == (0, 2)
        with pytest.raises(ProducerFenced):
            await asyncio.wait_for(predecessor.commit_transaction(), DEADLINE)
        await successor.close()
    assert await values(kafka.bootstrap_servers, topic) == []


async def test_fact_a_failed_send_does_not_stop_the_commit(kafka: Broker, prefix: str) -> None:
    """What was refused is missing, the rest is committed: hence every send is awaited before the commit."""
    topic, small = f"{prefix}numbers", f"{prefix}small"
    await create_topic(kafka.bootstrap_servers, topic)
    await create_topic(kafka.bootstrap_servers, small, max_message_bytes="1000")
    async with asyncio.timeout(DEADLINE), transactional(kafka.bootstrap_servers, f"{prefix}w") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"1")
        refused = await producer.send(small, b"x" * 2000)
        with pytest.raises(MessageSizeTooLargeError):
            await refused
        await producer.commit_transaction()
    assert await values(kafka.bootstrap_servers, topic) == [b"1"]


async def test_fact_a_batch_takes_a_record_over_every_limit(kafka: Broker, prefix: str) -> None:
    """Only `send` checks sizes: a batch of one record is filled and refused by the broker."""
    topic = f"{prefix}numbers"
    await create_topic(kafka.bootstrap_servers, topic, max_message_bytes="1000")
    async with asyncio.timeout(DEADLINE), transactional(kafka.bootstrap_servers, f"{prefix}w") as producer:
        await producer.begin_transaction()
        batch = producer.create_batch()
        assert batch.append(key=None, value=b"x" * 3_000_000, timestamp=None, headers=[]) is not None
        with pytest.raises(MessageSizeTooLargeError):
            await (await producer.send_batch(batch, topic, partition=0))
        await producer.abort_transaction()
        with pytest.raises(IllegalOperation):
            await producer.send(topic, b"not in a transaction")


async def test_fact_the_marker_of_a_transaction_takes_an_offset(kafka: Broker, prefix: str) -> None:
    """Behind one record the end is 2: positions are compared, never the last record's offset."""
    topic, settings = f"{prefix}numbers", KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    await create_topic(kafka.bootstrap_servers, topic)
    writer = Transactions(settings, f"{prefix}w")
    await writer.fence()
    assert await writer.write({(topic, 0): [ProducerRecord(b"k", b"v", [])]}) == {(topic, 0): 0}
    await writer.close()
    async with Consumer(settings) as log:
        log.seek(topic, 0, 0)
        found, position = await log.next(topic, 0, wait=5)
        while position < 2:
            more, position = await log.next(topic, 0)
            found += more
        assert [record.offset for record in found] == [0]


async def test_fact_records_are_stamped_by_the_broker(kafka: Broker, prefix: str) -> None:
    """With LogAppendTime a record is as old as its append: retention and marks agree whatever clients' clocks say."""
    topic = f"{prefix}numbers"
    await create_topic(kafka.bootstrap_servers, topic, message_timestamp_type="LogAppendTime")
    async with Appender(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)) as appender:
        await appender.append(topic, 0, ProducerRecord(b"k", b"v", []))
    (record,) = await read_all(kafka.bootstrap_servers, topic)
    assert record.timestamp_type == 1


async def test_fact_what_a_rebalance_listener_raises_is_swallowed(kafka: Broker, prefix: str) -> None:
    """The consumer goes on as if nothing had happened: a listener only starts and cancels tasks."""
    topic = f"{prefix}numbers"
    await create_topic(kafka.bootstrap_servers, topic)

    class Failing(ConsumerRebalanceListener):  # type: ignore[misc]  # the client ships no types
        def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
            """Do nothing."""

        def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:  # noqa: ARG002  (its signature)
            raise LookupError("nobody hears this")

    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, group_id=f"{prefix}group")
    async with asyncio.timeout(DEADLINE):
        await consumer.start()
        consumer.subscribe([topic], listener=Failing())
        await until(lambda: bool(consumer.assignment()), "the partition is assigned")
        assert await consumer.getmany(timeout_ms=100) == {}
        await consumer.stop()


def test_a_write_on_a_closed_connection_is_the_loss_of_a_connection(kafka: Broker, prefix: str) -> None:
    """On uvloop, too, where the client knew nothing of it: metadata is still renewed, and the client can be closed."""
    uvloop.run(_write_on_closed(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers), f"{prefix}any"))


async def _write_on_closed(kafka: KafkaSettings, topic: str) -> None:
    async with asyncio.timeout(DEADLINE), Appender(kafka) as appender:
        client = appender._producer.client
        for _ in range(2):  # the client connects anew in between
            await client.fetch_all_metadata()
            for connection in list(client._conns.values()):
                connection._writer.transport.abort()
                await asyncio.sleep(0)  # it is closed, and the client's reader has not run yet
                with pytest.raises(KafkaConnectionError, match="is closed"):
                    await connection.send(MetadataRequest([topic]))
        assert not client._sync_task.done()
