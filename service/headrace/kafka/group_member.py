"""A place in the consumer group that spreads the partitions of one topic over processes."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaConnectionError, KafkaError

from headrace.config import KafkaSettings
from headrace.kafka.call import call
from headrace.kafka.client import CALL_DEADLINE, start_client
from headrace.kafka.cluster_view import watch_leaders
from headrace.kafka.consumer import new_consumer, stop_consumer

__all__ = ["Member"]

START_PAUSE: Final = 0.2
"""Seconds between attempts to start."""


class Member:
    """A member of the consumer group that spreads the partitions of one topic over processes.

    The group only says who owns what: positions travel in `seen`, and nothing is read through it. `assigned` and
    `revoked` are called with the partitions; what they raise would be swallowed by the client, so they only start and
    cancel tasks.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str,
        topic: str,
        *,
        assigned: Callable[[set[int]], Awaitable[None]],
        revoked: Callable[[set[int]], Awaitable[None]],
    ) -> None:
        self.topic = topic
        self._consumer = new_consumer(
            kafka,
            group_id=group,
            isolation_level="read_uncommitted",
            session_timeout_ms=kafka.session_timeout * 1000,
            heartbeat_interval_ms=min(3_000, kafka.session_timeout * 1000 // 4),
            # A take-over longer than this makes the member leave for ever, in silence: liveness is judged by us.
            max_poll_interval_ms=2**31 - 1,
            partition_assignment_strategy=(StickyPartitionAssignor,),
        )
        self._listener = _Listener(self._consumer, topic, assigned, revoked)
        self._view = watch_leaders(self._consumer._client)  # noqa: SLF001  (nothing public gives it)

    async def __aenter__(self) -> Self:
        await start_client(self._start(), lambda: stop_consumer(self._consumer), CALL_DEADLINE * 2)
        self._consumer.subscribe([self.topic], listener=self._listener)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await stop_consumer(self._consumer)

    async def _start(self) -> None:
        """Start, and wait until the client knows a broker: looking for the group without one, it would break for good.

        A broker that has just come back answers before it knows any broker, itself included.
        """
        client = self._consumer._client  # noqa: SLF001  (no public API for it)
        while True:
            try:
                await self._consumer.start()
                break
            except KafkaConnectionError:
                await asyncio.sleep(START_PAUSE)
        _look_at_commits(self._consumer._coordinator)  # noqa: SLF001  (nothing public gives it)
        while not client.cluster.brokers():
            await asyncio.sleep(START_PAUSE)
            await client.force_metadata_update()

    def check(self) -> None:
        """Raise `KafkaError` where the client has given up its place in the group: it never joins again by itself."""
        routine = self._consumer._coordinator._coordination_task  # noqa: SLF001  (only a fetch would raise its error)
        if routine.done() and not routine.cancelled() and (error := routine.exception()):
            raise error
        with self._consumer._subscription.fetch_context():  # noqa: SLF001  (who reads nothing for 24 days would have to leave)
            pass

    def owns(self, partition: int) -> bool:
        """Return whether the group assigns this partition to us now."""
        return TopicPartition(self.topic, partition) in self._consumer.assignment()

    async def look_around(self) -> None:
        """Ask all brokers who leads the partitions: one that is cut off from the others says that nothing comes."""
        await call(self._view.look_around(), CALL_DEADLINE)

    async def answers(self) -> bool:
        """Return whether Kafka answers a small question within `CALL_DEADLINE`."""
        try:
            await self.look_around()
            await call(self._consumer.end_offsets([TopicPartition(self.topic, 0)]), CALL_DEADLINE)
        except (KafkaError, TimeoutError):
            return False
        return True

    async def commit(self, positions: dict[int, int]) -> None:
        """Commit the group's offsets, for other tools' lag displays only. Raises `KafkaError`, `TimeoutError`."""
        offsets = {TopicPartition(self.topic, p): offset for p, offset in positions.items()}
        await call(self._consumer.commit(offsets), CALL_DEADLINE)


def _look_at_commits(coordinator: Any) -> None:
    """Look at the outcome of a commit that nobody waits for any more: the client shields it from its cancellation."""
    commit: Callable[..., Coroutine[Any, Any, None]] = coordinator._do_commit_offsets  # noqa: SLF001  (nothing public)

    def looked_at(*what: Any) -> "asyncio.Task[None]":
        task = asyncio.create_task(commit(*what))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    coordinator._do_commit_offsets = looked_at  # noqa: SLF001  (as above)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # the client ships no types
    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        assigned: Callable[[set[int]], Awaitable[None]],
        revoked: Callable[[set[int]], Awaitable[None]],
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._assigned = assigned
        self._revoked = revoked

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._consumer.pause(*assigned)
        await self._assigned({at.partition for at in assigned if at.topic == self._topic})

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._revoked({at.partition for at in revoked if at.topic == self._topic})
