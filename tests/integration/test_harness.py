"""The tests' own tools hold what they promise."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from headrace_demo.probe import serves
from tests.kafka.broker import Broker
from tests.kafka.client import create_topic, read_all
from tests.kafka.plugin import OwnKafka
from tests.kafka.proxy import END_TXN, Proxy

DEADLINE = 30.0


@asynccontextmanager
async def producer_for(bootstrap_servers: str, transactional_id: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, transactional_id=transactional_id, transaction_timeout_ms=5000
    )
    await asyncio.wait_for(producer.start(), DEADLINE)
    try:
        yield producer
    finally:
        await asyncio.wait_for(producer.stop(), DEADLINE)


async def commit(producer: AIOKafkaProducer, topic: str, *values: bytes) -> None:
    async with asyncio.timeout(DEADLINE):
        await producer.begin_transaction()
        for value in values:
            await producer.send_and_wait(topic, value)
        await producer.commit_transaction()


async def values_of(bootstrap_servers: str, topic: str) -> list[bytes | None]:
    return [record.value for record in await read_all(bootstrap_servers, topic)]


async def test_what_a_transaction_commits_is_read_and_what_it_aborts_is_not(kafka: Broker, prefix: str) -> None:
    """The shared broker keeps its transactions apart for a reader of committed records."""
    servers, topic = kafka.bootstrap_servers, f"{prefix}numbers"
    await create_topic(servers, topic)
    async with producer_for(servers, f"{prefix}writer") as producer:
        await commit(producer, topic, b"1", b"2")
        async with asyncio.timeout(DEADLINE):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"never")
            await producer.abort_transaction()
        await commit(producer, topic, b"3")
    assert await values_of(servers, topic) == [b"1", b"2", b"3"]


async def test_a_topic_that_kafka_refuses_is_an_error(kafka: Broker, prefix: str) -> None:
    """Creating a topic twice raises, although the client says nothing."""
    await create_topic(kafka.bootstrap_servers, f"{prefix}once")
    with pytest.raises(RuntimeError, match="refuses to create"):
        await create_topic(kafka.bootstrap_servers, f"{prefix}once")


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_broker_comes_back_on_its_port_with_its_data(own_kafka: OwnKafka, prefix: str, end: str) -> None:
    """What was committed before SIGTERM or SIGKILL is read after the restart, and more can be written."""
    broker = own_kafka()
    servers, topic = broker.bootstrap_servers, f"{prefix}numbers"
    await create_topic(servers, topic)
    async with producer_for(servers, f"{prefix}writer") as producer:
        await commit(producer, topic, b"before")
    getattr(broker, end)()
    assert not serves(servers)
    broker.spawn()
    await asyncio.to_thread(broker.wait_until_serves)
    async with producer_for(servers, f"{prefix}writer") as producer:
        await commit(producer, topic, b"after")
    assert await values_of(servers, topic) == [b"before", b"after"]


def test_a_paused_broker_is_silent_until_it_is_resumed(own_kafka: OwnKafka) -> None:
    """SIGSTOP keeps the port open but gives no answer, SIGCONT ends that."""
    broker = own_kafka()
    broker.pause()
    assert not serves(broker.bootstrap_servers)
    broker.resume()
    broker.wait_until_serves()


def test_a_broker_that_cannot_start_shows_why(own_kafka: OwnKafka) -> None:
    """The error of a failed start carries the end of the broker's own log."""
    with pytest.raises(TimeoutError, match="ended before it served") as failure:
        own_kafka({"process.roles": "neither"})
    assert "process.roles" in "".join(failure.value.__notes__)


def test_a_broker_that_ends_unasked_leaves_an_obituary(own_kafka: OwnKafka) -> None:
    """Only a death that nobody ordered is worth showing."""
    broker = own_kafka()
    assert broker.obituary is None
    broker.child.signal(signal.SIGTERM)
    broker.child.wait(DEADLINE)
    assert "shut down" in str(broker.obituary)
    with pytest.raises(TimeoutError, match="ended before it served"):
        broker.wait_until_serves()


async def test_the_proxy_loses_the_answer_to_a_commit(own_kafka: OwnKafka, prefix: str) -> None:
    """The broker commits, the client never hears of it and asks again by itself (see KAFKA-17754)."""
    broker = own_kafka()
    topic = f"{prefix}numbers"
    await create_topic(broker.bootstrap_servers, topic)
    async with Proxy(broker) as proxy, producer_for(proxy.bootstrap_servers, f"{prefix}writer") as producer:
        await commit(producer, topic, b"1")
        assert proxy.requests[END_TXN] == 1
        swallowed = proxy.swallow(END_TXN)
        await commit(producer, topic, b"2")
        await asyncio.wait_for(swallowed, DEADLINE)
        assert proxy.requests[END_TXN] == 3
    assert await values_of(broker.bootstrap_servers, topic) == [b"1", b"2"]


async def test_the_proxy_cuts_refuses_and_delays(own_kafka: OwnKafka, prefix: str) -> None:
    """A client that was cut off comes back as soon as the proxy lets it, and gets what it wants, later."""
    broker = own_kafka()
    topic = f"{prefix}numbers"
    await create_topic(broker.bootstrap_servers, topic)
    async with Proxy(broker) as proxy:
        async with producer_for(proxy.bootstrap_servers, f"{prefix}writer") as producer:
            await commit(producer, topic, b"1")
            proxy.refusing = True
            proxy.cut()
            assert not await asyncio.to_thread(serves, proxy.bootstrap_servers)
            proxy.refusing = False
            proxy.delay = 0.05
            await commit(producer, topic, b"2")
        assert await values_of(proxy.bootstrap_servers, topic) == [b"1", b"2"]
