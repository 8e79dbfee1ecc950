"""Promise 3 on a broker: whoever owns a partition, and whenever that changes, nothing is lost and nothing doubled."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from headrace.core.record import ProducerRecord
from headrace.kafka.consumer import Consumer
from headrace.kafka.group_member import Member
from headrace.kafka.partition_owner import Pace
from headrace.kafka.producer import TRANSACTION_TIMEOUT_MS, Fenced, Transactions
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.task import NormalizerTask
from headrace.normalizer.turns import Turns
from headrace.records.seen import TOTALS, encode_record
from tests.fake_provider import Row
from tests.integration.pipeline import DEADLINE, Pipeline, make_pipeline, until
from tests.kafka.broker import Broker
from tests.kafka.plugin import OwnKafka
from tests.kafka.proxy import END_TXN, Proxy

pytestmark = pytest.mark.apache_kafka

BRISK = Pace(heartbeat=0.2)


@pytest.mark.slow
async def test_promise_3_a_rebalance_between_two_normalizers_under_load(kafka: Broker, prefix: str) -> None:
    """Partitions that go to and fro while records come in lose and double nothing."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=4)
    async with pipeline.under_load(seed=3):
        async with pipeline.running(pace=BRISK) as first:
            await first.runs(tasks=4)
            for _ in range(2):
                async with pipeline.running(pace=BRISK) as second:
                    await asyncio.gather(first.runs(tasks=2), second.runs(tasks=2))
                    await _moves(pipeline)
                await first.runs(tasks=4)
            await _moves(pipeline)
        async with pipeline.running(pace=BRISK) as third:
            await third.runs(tasks=4)
            await _moves(pipeline)
    async with pipeline.running() as last:
        await pipeline.settled(last)
    await pipeline.holds_its_promises()


async def test_promise_3_two_who_both_believe_to_own_a_partition(kafka: Broker, prefix: str) -> None:
    """An owner that never hears that it was replaced fences, is fenced, and still nothing is lost or doubled."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    async with pipeline.under_load(seed=4), pipeline.running(pace=BRISK) as owner, _pretender(pipeline) as pretender:
        await until(lambda: owner.rebuilt["ProducerFenced"] >= 3, "the owner is fenced thrice")
        assert pretender.seen.next_offset > 0
    async with pipeline.running() as last:
        await pipeline.settled(last)
    await pipeline.holds_its_promises()


async def test_promise_3_a_zombie_that_wakes_up_in_its_transaction_cannot_commit(kafka: Broker, prefix: str) -> None:
    """What a predecessor had written when it fell asleep is never seen, and its commit fails."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    rows = [Row(number, 1, "first") for number in range(20)]
    await pipeline.append(rows)
    zombie = Transactions(pipeline.config.kafka, f"{prefix}normalizer-0")
    await zombie.fence()
    await zombie._producer.begin_transaction()
    await zombie._send(
        {
            (pipeline.topic("events"), 0): [ProducerRecord(b"k", b"never", [("ce_id", b"thing/0/1")])],
            (pipeline.topic("seen"), 0): [
                ProducerRecord(b"", encode_record(20, (20,) + (0,) * (len(TOTALS) - 1), {}), [])
            ],
        }
    )
    async with pipeline.running() as running:
        await pipeline.settled(running)
        with pytest.raises(Fenced):
            await asyncio.wait_for(zombie._producer.commit_transaction(), DEADLINE)
    await zombie.close()
    assert await pipeline.holds_its_promises() == {"published": 20}


async def test_promise_8_a_task_that_is_cancelled_in_its_transaction_aborts_it(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers go on at once, not when the transaction times out."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    settings, at, sent = pipeline.config.kafka, (pipeline.topic("events"), 0), asyncio.Event()

    async def never() -> None:
        sent.set()
        await asyncio.Event().wait()

    writer = Transactions(settings, f"{prefix}w")
    await writer.fence()
    monkeypatch.setattr(writer._producer, "commit_transaction", never)
    writing = asyncio.create_task(writer.write({at: [ProducerRecord(b"k", b"never", [])]}))
    await asyncio.wait_for(sent.wait(), DEADLINE)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    async with Consumer(settings) as committed, Consumer(settings, committed=False) as log:

        async def readable() -> bool:
            return (await committed.bounds(*at))[1] == (await log.bounds(*at))[1] >= 2  # the record, and its marker

        await until(readable, "readers pass the transaction", deadline=TRANSACTION_TIMEOUT_MS / 1000 / 2)
    await writer.close()
    assert await pipeline.records("events") == []


@pytest.mark.slow
@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_promise_3_a_broker_restart_under_load(own_kafka: OwnKafka, prefix: str, end: str) -> None:
    """A broker that goes away, in order or not, and comes back is waited for."""
    broker = own_kafka()
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    async with pipeline.under_load(seed=5), pipeline.running(pace=BRISK) as running:
        await _moves(pipeline)
        getattr(broker, end)()
        broker.spawn()
        await asyncio.to_thread(broker.wait_until_serves)
        await running.runs(tasks=2)
        await _moves(pipeline)
    async with pipeline.running() as last:
        await pipeline.settled(last)
    await pipeline.holds_its_promises()


@pytest.mark.slow
async def test_promise_3_the_lost_answer_to_a_commit(own_kafka: OwnKafka, prefix: str) -> None:
    """Whether the client hears of the commit or not, its producer is discarded, and nothing is decided twice."""
    broker = own_kafka()
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    async with Proxy(broker) as proxy:
        near = pipeline.through(proxy.bootstrap_servers)
        async with pipeline.under_load(seed=6), near.running(pace=BRISK) as running:
            await running.runs(tasks=2)
            for lost in range(1, 6):
                await asyncio.wait_for(proxy.swallow(END_TXN), DEADLINE)
                await until(lambda lost=lost: running.rebuilt.total() >= lost, f"{lost} producers are rebuilt")  # type: ignore[misc]  # mypy cannot type the default
            await running.runs(tasks=2)
        async with near.running() as last:
            await pipeline.settled(last)
    await pipeline.holds_its_promises()


@pytest.mark.slow
async def test_promise_3_a_commit_that_arrives_late_finds_its_producer_gone(own_kafka: OwnKafka, prefix: str) -> None:
    """The EndTxn that the network held back is refused, because a doubtful producer never begins again."""
    broker = own_kafka()
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix, partitions=1)
    async with Proxy(broker) as proxy:
        near = pipeline.through(proxy.bootstrap_servers)
        async with near.running(pace=BRISK) as running:
            await running.runs(tasks=1)
            stolen = proxy.steal(END_TXN)
            async with pipeline.under_load(seed=7):
                late = await asyncio.wait_for(stolen, DEADLINE)
                await until(lambda: running.rebuilt.total() == 1, "the producer is given up")
                reached = running.position
                await until(lambda: running.position > reached, "its successor commits")
                answer = await proxy.deliver(late)
            assert int.from_bytes(answer[4:6]) == 47, "not INVALID_PRODUCER_EPOCH"
            await pipeline.settled(running)
    await pipeline.holds_its_promises()


async def test_promise_8_a_commit_that_a_revocation_cut_short_is_counted(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task that wrote it never hears that it stands; the next one of the process counts it."""
    pipeline, written = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1), asyncio.Event()
    write = Transactions.write

    async def unheard(self: Transactions, *what: Any) -> Any:
        found = await write(self, *what)
        if len(what[0]) > 1 and not written.is_set():  # with events, and not a barrier
            written.set()
            await asyncio.Event().wait()
        return found

    async with pipeline.running(pace=BRISK) as running:
        await running.runs(tasks=1)
        monkeypatch.setattr(Transactions, "write", unheard)
        await pipeline.append([Row(n, 1) for n in range(20)])
        await asyncio.wait_for(written.wait(), DEADLINE)
        async with pipeline.running(pace=BRISK) as beside:  # it joins, and the group takes the partition away
            await pipeline.settled(running, beside)
        decided = running.normalizer.metrics.registry.series("headrace_decided_total")
        await until(lambda: sum(decided.values.values()) == 20, "all that is decided is counted")
    await pipeline.holds_its_promises()


async def _moves(pipeline: Pipeline, records: int = 300) -> None:
    """Wait until so many more records have their fate."""

    async def position() -> int:
        return sum(last.next_offset for last in (await pipeline.ledger()).values())

    began = await position()

    async def moved() -> bool:
        return await position() >= began + records

    await until(moved, f"{records} more records have their fate", every=0.2)


@contextlib.asynccontextmanager
async def _pretender(pipeline: Pipeline) -> AsyncIterator[NormalizerTask]:
    """Run a task that owns partition 0 by the word of another group."""
    normalizer = pipeline.normalizer(BRISK)
    owned = asyncio.Event()

    async def assigned(_: set[int]) -> None:
        owned.set()

    async def revoked(_: set[int]) -> None:
        """Never hear of it."""

    async with Member(
        pipeline.config.kafka, pipeline.topic("pretenders"), pipeline.topic("raw"), assigned=assigned, revoked=revoked
    ) as member:
        await asyncio.wait_for(owned.wait(), DEADLINE)
        task = NormalizerTask(
            pipeline.live,
            0,
            Seen(),
            limits=normalizer.limits(0),
            member=member,
            metrics=normalizer.metrics,
            turns=Turns(),
            decided=normalizer.decided,
            pace=BRISK,
            clock=normalizer.clock,
        )
        running = asyncio.create_task(task.run())
        try:
            yield task
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
