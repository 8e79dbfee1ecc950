"""Kafka may go away at any moment: between the verified topics and the group as well."""

import asyncio
import gc
from collections import Counter
from typing import Any

import pytest
from structlog.testing import capture_logs

from headrace.kafka import group_member
from headrace.kafka.client import KafkaError
from headrace.kafka.group import ConsumerGroup
from headrace.kafka.group_member import Member
from tests.integration.pipeline import DEADLINE, make_pipeline, until
from tests.kafka.broker import Broker
from tests.kafka.plugin import OwnKafka
from tests.kafka.proxy import Proxy

pytestmark = pytest.mark.apache_kafka

SHORT = 0.5
"""Seconds, instead of the 15 that a call may take: so that the deadline for joining passes within a test."""


@pytest.mark.slow
async def test_promise_8_a_normalizer_waits_for_kafka_to_join_its_group(
    own_kafka: OwnKafka, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that goes away after the topics were verified is awaited past any deadline, and joined at last."""
    broker = own_kafka()
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    async with Proxy(broker) as proxy:
        proxy.refusing = True
        monkeypatch.setattr(group_member, "CALL_DEADLINE", SHORT)
        with capture_logs() as logged:
            async with pipeline.through(proxy.bootstrap_servers).running() as running:
                await until(lambda: [each["event"] for each in logged].count("kafka_awaited") >= 2, "Kafka is awaited")
                assert not running.ended.done()
                monkeypatch.undo()
                proxy.refusing = False
                await running.runs(tasks=2)


async def test_promise_8_a_member_that_fetches_nothing_for_hours_keeps_its_place(kafka: Broker, prefix: str) -> None:
    """A take-over may last: the group does not take the partition away for it, as it would by the client's default."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1, session_timeout=6)
    assigned, revoked = asyncio.Event(), asyncio.Event()

    async def on_assigned(_: set[int]) -> None:
        assigned.set()

    async def on_revoked(partitions: set[int]) -> None:
        if partitions:
            revoked.set()

    settings, topic = pipeline.config.kafka, pipeline.topic("raw")
    async with Member(settings, f"{prefix}g", topic, assigned=on_assigned, revoked=on_revoked) as member:
        await asyncio.wait_for(assigned.wait(), DEADLINE)
        subscription, coordinator = member._consumer._subscription, member._consumer._coordinator
        generation = coordinator.generation
        subscription._last_fetch_ended -= 10 * 3600.0
        assert subscription.fetcher_idle_time > 10 * 3599
        beats = Counter[str]()
        beat = coordinator._do_heartbeat

        async def counted() -> bool:
            beats["made"] += 1
            answered: bool = await beat()
            return answered

        coordinator._do_heartbeat = counted
        await until(lambda: beats["made"] >= 3, "heartbeats go on after it was looked at")
        assert member.owns(0)
        assert coordinator.generation == generation
        assert not revoked.is_set()


async def test_promise_3_what_is_assigned_while_it_leaves_is_not_taken(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebalance may end behind the end of all tasks: nobody would end those that it began."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    begun, left, over = asyncio.Event(), asyncio.Event(), asyncio.Event()
    assign, leave = ConsumerGroup._assigned, ConsumerGroup._leave

    async def assigned_late(group: ConsumerGroup[Any], partitions: set[int]) -> None:
        begun.set()
        await asyncio.wait_for(left.wait(), DEADLINE)
        await assign(group, partitions)
        over.set()

    async def left_early(group: ConsumerGroup[Any]) -> None:
        await leave(group)
        if begun.is_set():
            left.set()
            await asyncio.wait_for(over.wait(), DEADLINE)

    monkeypatch.setattr(ConsumerGroup, "_assigned", assigned_late)
    monkeypatch.setattr(ConsumerGroup, "_leave", left_early)
    async with pipeline.running() as running:
        await asyncio.wait_for(begun.wait(), DEADLINE)
        await running.stop()
        assert over.is_set()
        assert not running.normalizer.tasks
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith(pipeline.topic("raw"))]


async def test_the_error_of_a_commit_that_was_given_up_is_looked_at(kafka: Broker, prefix: str) -> None:
    """Else asyncio logs it with its traceback, whenever it is collected."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    assigned, begun, end, left = asyncio.Event(), asyncio.Event(), asyncio.Event(), list[dict[str, Any]]()

    async def on_assigned(_: set[int]) -> None:
        assigned.set()

    async def on_revoked(_: set[int]) -> None:
        pass

    asyncio.get_running_loop().set_exception_handler(lambda _, context: left.append(context))
    settings, topic = pipeline.config.kafka, pipeline.topic("raw")
    async with Member(settings, f"{prefix}g", topic, assigned=on_assigned, revoked=on_revoked) as member:
        await asyncio.wait_for(assigned.wait(), DEADLINE)
        coordinator = member._consumer._coordinator
        send = coordinator._send_req

        async def answered(request: Any) -> Any:
            if not type(request).__name__.startswith("OffsetCommit"):
                return await send(request)
            begun.set()
            await end.wait()
            raise KafkaError

        coordinator._send_req = answered
        committing = asyncio.create_task(member.commit({0: 0}))
        await asyncio.wait_for(begun.wait(), DEADLINE)
        committing.cancel()
        await asyncio.gather(committing, return_exceptions=True)
        end.set()
        for _ in range(5):
            await asyncio.sleep(0)
        coordinator._send_req = send
        del committing
        gc.collect()
    assert not left
