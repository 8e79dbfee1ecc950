"""Durable appends outside of transactions: to raw by the receiver and the poller, and by commands."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from msgspec import Struct

from headrace.config import KafkaSettings
from headrace.core.record import ProducerRecord
from headrace.kafka.call import call
from headrace.kafka.client import (
    CALL_DEADLINE,
    STOP_DEADLINE,
    cut_off,
    end_waits,
    fail_unsent,
    start_client,
    stops_in_time,
)
from headrace.kafka.cluster_view import watch_leaders
from headrace.kafka.producer import fill_batches, new_producer

SENT_TOGETHER: Final = 100
"""Records of one delivery that are sent until others get their turn: some 3 ms."""


class Taken(Struct, frozen=True):
    """How many of the records for one partition are durable, counted from the first, and what kept the others out."""

    count: int
    error: BaseException | None = None


class Appender:
    """Appends durably (acks=all), at least once. Not idempotent: duplicates are removed by the normalizer.

    An idempotent producer can block for ever (https://github.com/aio-libs/aiokafka/issues/1101). What failed or timed
    out may have been appended all the same, or be appended later, until the appender is closed.

    Records are awaited directly, since a task for each would cost more than its append: nothing that is awaited for a
    record swallows a cancellation (read in aiokafka 0.14).
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._producer = new_producer(kafka)
        watch_leaders(self._producer.client)

    async def __aenter__(self) -> Self:
        await start_client(self._producer.start(), self.__aexit__, CALL_DEADLINE)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if await stops_in_time(self._producer.stop(), STOP_DEADLINE):
            end_waits(self._producer)
        else:
            await self.discard()

    async def discard(self) -> None:
        """Close without waiting for Kafka: what is not sent yet never will be; whoever waits for it gets an error."""
        fail_unsent(self._producer, "the appender was given up")
        await cut_off(self._producer)
        end_waits(self._producer)

    async def partitions_of(self, topic: str) -> int:
        """Count the partitions of a topic. Raises `KafkaError` where it does not exist."""
        return len(await call(self._producer.partitions_for(topic), CALL_DEADLINE))

    async def check(self, deadline: float = CALL_DEADLINE) -> None:
        """Ask Kafka a small question. Raises `KafkaError`, `TimeoutError` where it does not answer."""
        if not await call(self._producer.client.force_metadata_update(), deadline):
            raise KafkaConnectionError("no broker answers")

    async def append(self, topic: str, partition: int, out: ProducerRecord, deadline: float = CALL_DEADLINE) -> int:
        """Append one record; return its offset when it is durable. Raises `KafkaError`, `TimeoutError`."""
        async with asyncio.timeout(deadline):
            sent = await self._producer.send(
                topic, key=out.key, value=out.written, partition=partition, headers=out.headers
            )
            appended = await sent
        offset: int = appended.offset
        return offset

    async def append_each(
        self, topic: str, records: Sequence[tuple[int, ProducerRecord]], deadline: float
    ) -> list[BaseException | None]:
        """Append records to their partitions, together with whatever others append; return what kept each out, or None.

        What follows a record that could not be sent is not sent.
        """
        sent = self._send_at_once(topic, records[:SENT_TOGETHER])
        if len(sent) < len(records):
            return await self._append_slowly(topic, records, sent, deadline)
        await _outcomes(sent, deadline)
        return [each.exception() for each in sent]

    def _send_at_once(self, topic: str, records: Sequence[tuple[int, ProducerRecord]]) -> list["asyncio.Future[Any]"]:
        """Send the first records as far as nothing has to be waited for; return their outcomes to come.

        As the client's `send` where it knows the topic and has room, without its coroutines and a set of all partitions
        for each record: that is half of what an append costs.
        """
        accumulator = self._producer._message_accumulator  # noqa: SLF001  (all that is public waits)
        new_future = asyncio.get_running_loop().create_future
        sent: list[asyncio.Future[Any]] = []
        if accumulator._closed or accumulator._exception is not None:  # noqa: SLF001  (`send` raises it)
            return sent
        for partition, out in records:
            at = TopicPartition(topic, partition)
            if batches := accumulator._batches.get(at):  # noqa: SLF001  (as above)
                batch = batches[-1]
            elif self._producer.client.cluster.leader_for_partition(at) is not None:
                batch = accumulator._append_batch(accumulator.create_builder(), at)  # noqa: SLF001  (as above)
            else:
                break
            outcome = batch.append(out.key, out.written, None, new_future, headers=out.headers)
            if outcome is None:
                break
            sent.append(outcome)
        return sent

    async def _append_slowly(
        self,
        topic: str,
        records: Sequence[tuple[int, ProducerRecord]],
        sent: list["asyncio.Future[Any]"],
        deadline: float,
    ) -> list[BaseException | None]:
        """Append the records behind those that are `sent`; return what kept each of all out, or None."""
        error: BaseException = TimeoutError("not sent in time")
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(deadline):
                try:
                    for number, (partition, out) in enumerate(records[len(sent) :], len(sent)):
                        if number % SENT_TOGETHER == 0:
                            await asyncio.sleep(0)  # others go on: to send where there is room never waits
                        sent.append(
                            await self._producer.send(
                                topic, key=out.key, value=out.written, partition=partition, headers=out.headers
                            )
                        )
                except KafkaError as stopped:
                    error = stopped
                await asyncio.gather(*sent, return_exceptions=True)
        return [_error_of(each) for each in sent] + [error] * (len(records) - len(sent))

    async def append_all(
        self, topic: str, groups: Mapping[int, Sequence[ProducerRecord]], deadline: float = CALL_DEADLINE
    ) -> dict[int, Taken]:
        """Append records in their order to each partition; return what of each is durable, without raising for it."""
        batches: list[tuple[int, asyncio.Future[Any], int]] = []
        failed: dict[int, BaseException] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                for partition, outs in groups.items():
                    try:
                        for batch, count in fill_batches(self._producer.create_batch, outs):
                            sent = await self._producer.send_batch(batch, topic, partition=partition)
                            batches.append((partition, sent, count))
                    except KafkaError as error:
                        failed[partition] = error
                await asyncio.gather(*(sent for _, sent, _ in batches), return_exceptions=True)
        taken = dict.fromkeys(groups, 0)
        for partition, sent, count in batches:
            kept_out = _error_of(sent)
            if kept_out is not None:
                failed.setdefault(partition, kept_out)
            elif partition not in failed:
                taken[partition] += count
        return {
            partition: Taken(taken[partition], failed.get(partition) or _missing(taken[partition], outs))
            for partition, outs in groups.items()
        }


async def _outcomes(sent: Sequence["asyncio.Future[Any]"], deadline: float) -> None:
    """Wait until all are done; what is not within `deadline` seconds fails. Cheaper than `timeout` around `gather`."""
    timer = asyncio.get_running_loop().call_later(deadline, _give_up, sent)
    try:
        for each in sent:
            try:
                await each
            except (KafkaError, TimeoutError):
                continue  # the caller looks at all outcomes
    except asyncio.CancelledError:
        for each in sent:
            each.cancel()  # else a failure that comes later is logged, since nobody asks for it
        raise
    finally:
        timer.cancel()


def _give_up(sent: Iterable["asyncio.Future[Any]"]) -> None:
    """Fail what has no outcome: the client leaves alone what is done."""
    for each in sent:
        if not each.done():
            each.set_exception(TimeoutError("not answered in time"))


def _error_of(sent: "asyncio.Future[Any]") -> BaseException | None:
    if not sent.done() or sent.cancelled():
        return TimeoutError("not answered in time")
    return sent.exception()


def _missing(count: int, outs: Sequence[ProducerRecord]) -> BaseException | None:
    return None if count == len(outs) else TimeoutError("not sent in time")
