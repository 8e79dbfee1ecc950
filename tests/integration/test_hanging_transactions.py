"""A transaction that Kafka forgot to end: a predecessor's is ended at the next take-over, nobody else's is touched.

Kafka leaves one behind where it ends a transaction while no partition has a leader. Here it is made by hand: a broker
that does not verify produced records takes them for a transaction that its coordinator does not know.
"""

from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from headrace.core.record import ProducerRecord
from headrace.kafka.consumer import Consumer
from headrace.kafka.hanging_transactions import Predecessors
from headrace.kafka.partition_owner import CannotRun, Pace
from headrace.kafka.producer import Transactions
from headrace.records.seen import encode_record
from tests.fake_provider import Row
from tests.integration.pipeline import Pipeline, make_pipeline
from tests.kafka.broker import Broker
from tests.kafka.plugin import OwnKafka

CREDULOUS = {"transaction.partition.verification.enable": "false"}

pytestmark = pytest.mark.apache_kafka


async def test_promise_3_what_kafka_forgot_to_end_is_ended(own_kafka: OwnKafka, prefix: str) -> None:
    """The records of a hanging transaction stay unpublished, and readers go past them."""
    broker = own_kafka(CREDULOUS)
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    async with pipeline.running() as running:
        await pipeline.append([Row(n, 1) for n in range(40)])
        await pipeline.settled(running)
    for partition in range(pipeline.partitions):
        await _hang(pipeline, f"{prefix}normalizer-{partition}", [("seen", partition), ("events", 0), ("events", 1)])
    assert await _stuck(pipeline, "seen", 0)
    assert await _stuck(pipeline, "events", 1)
    await pipeline.append([Row(n, 1) for n in range(40, 80)])
    async with pipeline.running() as running:
        await pipeline.settled(running)
    totals = await pipeline.holds_its_promises()
    assert totals["published"] == 80
    assert not [record for record in await pipeline.records("events") if record.value == b"of a stranger"]


async def test_promise_1_what_was_committed_elsewhere_is_committed(own_kafka: OwnKafka, prefix: str) -> None:
    """A part that hangs of a transaction that seen shows as committed is published: nobody would decide on it again."""
    broker = own_kafka(CREDULOUS)
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    async with pipeline.running() as running:
        await pipeline.append([Row(n, 1) for n in range(40)])
        await pipeline.settled(running)
    await _hang(pipeline, f"{prefix}normalizer-0", [("events", 1)], committed=[("seen", 0), ("events", 0)])
    assert not await _stuck(pipeline, "seen", 0)
    assert await _stuck(pipeline, "events", 1)
    async with pipeline.running() as running:
        await running.runs()
    assert not await _stuck(pipeline, "events", 1)
    found = [record.partition for record in await pipeline.records("events") if record.value == b"of a stranger"]
    assert sorted(found) == [0, 1]


async def test_promise_1_what_was_committed_is_committed_by_whoever_comes_next(
    own_kafka: OwnKafka, prefix: str
) -> None:
    """Somebody fenced and could not end what hangs: ACLs forbade it, or the partition was taken away meanwhile."""
    broker = own_kafka(CREDULOUS)
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    async with pipeline.running() as running:
        await pipeline.append([Row(n, 1) for n in range(40)])
        await pipeline.settled(running)
    name = f"{prefix}normalizer-0"
    await _hang(pipeline, name, [("events", 1)], committed=[("seen", 0), ("events", 0)])
    first = Transactions(pipeline.config.kafka, name, Predecessors(name, [pipeline.topic("events")]))
    await first.fence()
    await first.close()
    async with pipeline.running() as running:
        await running.runs()
    assert not await _stuck(pipeline, "events", 1)
    found = [record.partition for record in await pipeline.records("events") if record.value == b"of a stranger"]
    assert sorted(found) == [0, 1]


async def test_promise_2_a_zombie_leaves_the_transaction_of_its_successor_alone(kafka: Broker, prefix: str) -> None:
    """Whoever wakes up between fence and look finds what its successor has begun: that is not its own to end."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    name, at = f"{prefix}normalizer-0", (pipeline.topic("events"), 0)
    zombie = Transactions(pipeline.config.kafka, name, Predecessors(name, [at[0]]))
    successor = Transactions(pipeline.config.kafka, name)
    try:
        await zombie.fence()
        await successor.fence()
        await successor._producer.begin_transaction()
        await successor._send({at: [ProducerRecord(b"k", b"first", [])]})
        await zombie.end_hanging()
        await successor._send({at: [ProducerRecord(b"k", b"second", [])]})
        await successor._producer.commit_transaction()
    finally:
        await successor.close()
        await zombie.close()
    assert [record.value for record in await pipeline.records("events")] == [b"first", b"second"]


async def test_promise_8_what_somebody_else_left_open_is_left_alone(own_kafka: OwnKafka, prefix: str) -> None:
    """A foreign transaction on seen is not ours to end: the process says so instead."""
    broker = own_kafka(CREDULOUS)
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    await _hang(pipeline, f"{prefix}stranger", [("seen", 0)])
    async with pipeline.running(pace=Pace(restore=2.0)) as running:
        assert "somebody holds an open transaction" in await running.refuses(CannotRun)


async def _hang(
    pipeline: Pipeline,
    transactional_id: str,
    partitions: list[tuple[str, int]],
    committed: Sequence[tuple[str, int]] = (),
) -> None:
    """Write into an open transaction that the coordinator knows nothing of, and go away.

    What it does know of, `committed`, is committed.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=pipeline.config.kafka.bootstrap_servers, transactional_id=transactional_id, acks="all"
    )
    values = {"seen": encode_record(0, (0,) * 10, {})}
    if committed:
        last = (await pipeline.ledger())[0]
        values["seen"] = encode_record(last.next_offset, last.totals, {})
    await producer.start()
    await producer.begin_transaction()
    for name, partition in committed:
        await producer.send_and_wait(pipeline.topic(name), values.get(name, b"of a stranger"), partition=partition)
    for name, partition in partitions:
        topic = pipeline.topic(name)
        producer._txn_manager._txn_partitions.add(TopicPartition(topic, partition))  # as if the coordinator knew
        await producer.send_and_wait(topic, values.get(name, b"of a stranger"), partition=partition)
    if committed:
        await producer.commit_transaction()
    producer._sender.sender_task.cancel()
    await producer.client.close()
    producer._closed = True  # its end would ask the coordinator to abort


async def _stuck(pipeline: Pipeline, name: str, partition: int) -> bool:
    """Return whether committed readers cannot read a partition to its end."""
    async with (
        Consumer(pipeline.config.kafka) as committed,
        Consumer(pipeline.config.kafka, committed=False) as written,
    ):
        _, stable = await committed.bounds(pipeline.topic(name), partition)
        _, end = await written.bounds(pipeline.topic(name), partition)
    return stable < end
