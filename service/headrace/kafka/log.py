"""The only file that imports the Kafka client: what the rest of Headrace needs of it, each call under a deadline.

Where it does not simply pass a call on, the reason is a behaviour of aiokafka 0.14 that was provoked or read.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Self, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    ProducerFenced,
    RecordListTooLargeError,
)
from aiokafka.structs import ConsumerRecord

from headrace.config import Kafka
from headrace.publish import Out

__all__ = [
    "Appender",
    "Consumer",
    "Fenced",
    "KafkaError",
    "Member",
    "OutOfRange",
    "Record",
    "Transactions",
    "WriteFailed",
    "read",
]

Record: TypeAlias = ConsumerRecord
OutOfRange = OffsetOutOfRangeError
Fenced = ProducerFenced

CALL_DEADLINE: Final = 15.0
BATCH_DEADLINE: Final = 5.0
ABORT_DEADLINE: Final = 1.0
STOP_DEADLINE: Final = 3.0
SETTLE_DEADLINE: Final = 5.0
START_PAUSE: Final = 0.2
TRANSACTION_TIMEOUT: Final = 15_000
BATCH_BYTES: Final = 900_000
"""Bytes of one record batch: below the 1 MiB that a topic takes where nobody raised it."""

Groups: TypeAlias = Mapping[tuple[str, int], Sequence[Out]]

_TRANSACTIONAL: Final = ("EndTxn", "AddPartitionsToTxn", "InitProducerId")
_log = structlog.get_logger()


class WriteFailed(Exception):  # noqa: N818  (what happened, not whose error)
    """A transaction did not commit, or nobody knows. `definite` = Kafka refused the records as they are.

    Only sizes are definite: what else Kafka refuses (rights, storage, a code that the client does not know) says
    nothing about the records and may be mended; they wait.
    """

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.fenced = isinstance(cause, ProducerFenced)
        self.definite = isinstance(cause, MessageSizeTooLargeError | RecordListTooLargeError)


def client_options(kafka: Kafka) -> dict[str, Any]:
    """Give the options that every client takes."""
    context: ssl.SSLContext | None = None
    if kafka.security_protocol in ("SSL", "SASL_SSL"):
        context = ssl.create_default_context(cafile=kafka.ssl_cafile)
        if kafka.ssl_certfile:
            context.load_cert_chain(kafka.ssl_certfile, kafka.ssl_keyfile, kafka.ssl_keypassword)
    return {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": kafka.security_protocol,
        "ssl_context": context,
        "sasl_mechanism": kafka.sasl_mechanism or "PLAIN",
        "sasl_plain_username": kafka.sasl_username,
        "sasl_plain_password": kafka.sasl_password,
        "request_timeout_ms": 10_000,
        "retry_backoff_ms": 50,
    }


def _producer(kafka: Kafka, **more: Any) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        acks="all",
        linger_ms=0,
        max_batch_size=BATCH_BYTES,
        max_request_size=64 * 1024 * 1024,  # checked only by send(); the topic's own limit is checked before
        compression_type=None if kafka.compression == "none" else kafka.compression,
        **client_options(kafka),
        **more,
    )


def _consumer(kafka: Kafka, **more: Any) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=50,  # a partition that was just drained waits for the fetch that is out
        max_partition_fetch_bytes=4 * 1024 * 1024,
        **client_options(kafka),
        **more,
    )


class Transactions:
    """One transactional producer: to start it is to fence whoever had its id before."""

    stuck = 0
    """Producers of this process whose stop hung: their sender may still deliver. Three end the process."""

    def __init__(self, kafka: Kafka, transactional_id: str) -> None:
        self._producer = _producer(kafka, transactional_id=transactional_id, transaction_timeout_ms=TRANSACTION_TIMEOUT)
        self._watch()
        self.doubtful = False

    async def fence(self, deadline: float = 60.0) -> None:
        """Start: returns when the predecessor can no longer commit and its open transaction is aborted.

        Raises `KafkaError` or `TimeoutError` where nobody answers.
        """
        try:
            async with asyncio.timeout(deadline):
                await self._producer.start()
        except AssertionError as error:
            # A broker that has just come back answers before it knows any broker, itself included.
            raise KafkaConnectionError(f"Kafka is not ready: {error}") from error

    async def partitions_of(self, topic: str) -> int:
        """Count the partitions of a topic."""
        async with asyncio.timeout(CALL_DEADLINE):
            return len(await self._producer.partitions_for(topic))

    async def write(self, groups: Groups) -> dict[tuple[str, int], int]:
        """Write records in one transaction; give the last offset of each (topic, partition).

        Raises `WriteFailed`; whoever catches it must close this producer and fence anew, because the outcome may be
        unknown. Cancelled, it tries for a second to abort, so that readers are not held up until the time-out.
        """
        began = False
        try:
            async with asyncio.timeout(BATCH_DEADLINE):
                await self._producer.begin_transaction()
                began = True
                offsets = await self._send(groups)
                await self._producer.commit_transaction()
                return offsets
        except (KafkaError, TimeoutError, AssertionError) as error:
            if began:
                self._retrieve()
                if not isinstance(error, ProducerFenced):
                    await self._abort()
            raise WriteFailed(error) from error
        except asyncio.CancelledError:
            if began:
                await self._abort()
            raise

    async def close(self) -> None:
        """Stop; where that hangs (while the broker is away), cut the sender off, so that it cannot deliver late."""
        try:
            async with asyncio.timeout(STOP_DEADLINE):
                await self._producer.stop()
        except (TimeoutError, KafkaError):
            await self._cut_off()

    async def _send(self, groups: Groups) -> dict[tuple[str, int], int]:
        futures: list[tuple[tuple[str, int], Awaitable[Any], int]] = []
        for (topic, partition), outs in groups.items():
            for batch, count in self._batches(outs):
                sent = await self._producer.send_batch(batch, topic, partition=partition)
                futures.append(((topic, partition), sent, count))
        # A failed send does not stop commit_transaction: every one is awaited first.
        results = await asyncio.gather(*(future for _, future, _ in futures), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return {
            key: result.offset + count - 1
            for (key, _, count), result in zip(futures, results, strict=True)
            if not isinstance(result, BaseException)
        }

    def _batches(self, outs: Sequence[Out]) -> Iterable[tuple[Any, int]]:
        """Fill batches up to `BATCH_BYTES`; a record that is larger travels alone."""
        batch, count = self._producer.create_batch(), 0
        for out in outs:
            while batch.append(timestamp=None, key=out.key, value=out.value, headers=out.headers) is None:
                yield batch, count
                batch, count = self._producer.create_batch(), 0
            count += 1
        if count:
            yield batch, count

    async def _abort(self) -> None:
        with contextlib.suppress(KafkaError, TimeoutError, AssertionError, asyncio.CancelledError):
            async with asyncio.timeout(ABORT_DEADLINE):
                await self._producer.abort_transaction()

    def _retrieve(self) -> None:
        """Look at the outcomes that the client leaves lying: asyncio would log each with its traceback."""
        accumulator, transaction = self._producer._message_accumulator, self._producer._txn_manager  # noqa: SLF001  (nothing public gives them)
        left = [batch._drain_waiter for batches in accumulator._batches.values() for batch in batches]  # noqa: SLF001  (as above)
        for future in (*left, transaction.wait_for_transaction_end()):
            future.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _cut_off(self) -> None:
        Transactions.stuck += 1
        _log.warning("producer_stuck", stuck=Transactions.stuck)
        sender = self._producer._sender.sender_task  # noqa: SLF001  (stop() hung; nothing public ends the sender)
        for _ in range(2):  # the first cancel makes it await its requests, the second ends those too
            if sender is not None and not sender.done():
                sender.cancel()
                await asyncio.wait([sender], timeout=ABORT_DEADLINE)
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(ABORT_DEADLINE):
                await self._producer.client.close()

    def _watch(self) -> None:
        """Notice a transactional request without an answer.

        The client sends EndTxn again by itself and reports success; the late copy would commit half of the next
        transaction (KAFKA-17754). A producer that is `doubtful` must be closed before it begins anything.
        """
        client = self._producer.client
        send: Callable[..., Awaitable[Any]] = client.send

        async def watched(node_id: int, request: Any, **how: Any) -> Any:
            try:
                return await send(node_id, request, **how)
            except BaseException:
                if type(request).__name__.startswith(_TRANSACTIONAL):
                    self.doubtful = True
                raise

        client.send = watched


class Consumer:
    """A consumer without a group: reads what it is told, from where it is told."""

    def __init__(self, kafka: Kafka, *, committed: bool = True) -> None:
        level = "read_committed" if committed else "read_uncommitted"
        self._consumer = _consumer(kafka, isolation_level=level)

    async def __aenter__(self) -> Self:
        await _started(self._consumer.start(), lambda: _stop(self._consumer), CALL_DEADLINE)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await _stop(self._consumer)

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Read one partition from an offset; any other is let go."""
        at = TopicPartition(topic, partition)
        self._consumer.assign([at])
        self._consumer.seek(at, offset)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """Give the first offset and the one behind the last: under read_committed, the last stable one."""
        at = TopicPartition(topic, partition)
        async with asyncio.timeout(CALL_DEADLINE):
            first = await self._consumer.beginning_offsets([at])
            last = await self._consumer.end_offsets([at])
        return first[at], last[at]

    async def next(self, topic: str, partition: int, wait: float = 0.1) -> tuple[list[Record], int]:
        """Give what there is, and the position behind it (transaction markers take up offsets, too)."""
        at = TopicPartition(topic, partition)
        async with asyncio.timeout(CALL_DEADLINE):
            found = await self._consumer.getmany(at, timeout_ms=int(wait * 1000), max_records=10_000)
            return found.get(at, []), await self._consumer.position(at)

    async def partitions_of(self, topic: str) -> int:
        """Count the partitions of a topic; 0 where it does not exist."""
        async with asyncio.timeout(CALL_DEADLINE):
            return len(await _partitions(self._consumer, topic))


class Member:
    """A member of the consumer group that spreads the partitions of one topic over processes.

    The group only says who owns what: positions travel in `seen`. `assigned` and `revoked` are called with the
    partitions; what they raise would be swallowed by the client, so they only start and cancel tasks.
    """

    def __init__(
        self,
        kafka: Kafka,
        group: str,
        topic: str,
        assigned: Callable[[set[int]], Awaitable[None]],
        revoked: Callable[[set[int]], Awaitable[None]],
    ) -> None:
        self.topic = topic
        self._listener = _Listener(topic, assigned, revoked)
        self._consumer = _consumer(
            kafka,
            group_id=group,
            isolation_level="read_uncommitted",
            session_timeout_ms=kafka.session_timeout * 1000,
            heartbeat_interval_ms=min(3_000, kafka.session_timeout * 1000 // 4),
            # A take-over longer than this makes the member leave for ever, in silence: liveness is judged by us.
            max_poll_interval_ms=2**31 - 1,
            partition_assignment_strategy=(StickyPartitionAssignor,),
        )

    async def __aenter__(self) -> Self:
        await _started(self._start(), lambda: _stop(self._consumer), CALL_DEADLINE * 2)
        self._consumer.subscribe([self.topic], listener=self._listener)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await _stop(self._consumer)

    async def _start(self) -> None:
        """Start, and wait until the client knows a broker: looking for the group without one, it would break for good.

        A broker that has just come back answers before it knows any broker, itself included.
        """
        client = self._consumer._client  # noqa: SLF001  (nothing public tells)
        while True:
            try:
                await self._consumer.start()
                break
            except KafkaConnectionError:
                await asyncio.sleep(START_PAUSE)
        while not client.cluster.brokers():
            await asyncio.sleep(START_PAUSE)
            await client.force_metadata_update()

    def check(self) -> None:
        """Raise `KafkaError` where the client has given up its place in the group: it never joins again by itself."""
        routine = self._consumer._coordinator._coordination_task  # noqa: SLF001  (told to nobody but who fetches)
        if routine.done() and not routine.cancelled() and (error := routine.exception()):
            raise error

    def owns(self, partition: int) -> bool:
        """Say whether the group gives this partition to us now."""
        return TopicPartition(self.topic, partition) in self._consumer.assignment()

    def seek(self, partition: int, offset: int) -> None:
        """Read on from an offset."""
        self._consumer.seek(TopicPartition(self.topic, partition), offset)

    async def next(self, partition: int, most: int, wait: float = 0.5) -> list[Record]:
        """Give up to `most` records, none where nothing came in time. Raises `OutOfRange`, `TimeoutError`."""
        at = TopicPartition(self.topic, partition)
        # getmany waits without limit while the group rebalances.
        async with asyncio.timeout(wait + CALL_DEADLINE):
            try:
                found = await self._consumer.getmany(at, timeout_ms=int(wait * 1000), max_records=most)
            except NoOffsetForPartitionError:
                return []  # left over from before our seek: the group's own offset is not used
        records: list[Record] = found.get(at, [])
        return records

    async def bounds(self, partition: int) -> tuple[int, int]:
        """Give the first offset of a partition and the one behind its last."""
        at = TopicPartition(self.topic, partition)
        async with asyncio.timeout(CALL_DEADLINE):
            first = await self._consumer.beginning_offsets([at])
            last = await self._consumer.end_offsets([at])
        return first[at], last[at]

    def end(self, partition: int) -> int | None:
        """Give the last known offset behind the end, from the latest fetch."""
        end: int | None = self._consumer.highwater(TopicPartition(self.topic, partition))
        return end

    async def answers(self) -> bool:
        """Say whether Kafka answers a small question within `CALL_DEADLINE`."""
        try:
            async with asyncio.timeout(CALL_DEADLINE):
                await self._consumer.end_offsets([TopicPartition(self.topic, 0)])
        except (KafkaError, TimeoutError):
            return False
        return True

    async def commit(self, positions: dict[int, int]) -> None:
        """Tell the group's offsets, for other tools' lag displays only. Raises `KafkaError`, `TimeoutError`."""
        async with asyncio.timeout(CALL_DEADLINE):
            await self._consumer.commit({TopicPartition(self.topic, p): offset for p, offset in positions.items()})


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # the client ships no types
    def __init__(
        self,
        topic: str,
        assigned: Callable[[set[int]], Awaitable[None]],
        revoked: Callable[[set[int]], Awaitable[None]],
    ) -> None:
        self._topic = topic
        self._assigned = assigned
        self._revoked = revoked

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        await self._assigned({at.partition for at in assigned if at.topic == self._topic})

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._revoked({at.partition for at in revoked if at.topic == self._topic})


class Appender:
    """Appends to raw, durably (acks=all). Not idempotent: a copy is removed by the normalizer, a hang is not."""

    def __init__(self, kafka: Kafka) -> None:
        self._producer = _producer(kafka)

    async def __aenter__(self) -> Self:
        await _started(self._producer.start(), self.__aexit__, CALL_DEADLINE)
        return self

    async def __aexit__(self, *exc: object) -> None:
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(STOP_DEADLINE):
                await self._producer.stop()

    async def partitions_of(self, topic: str) -> int:
        """Count the partitions of a topic. Raises `KafkaError` where it does not exist."""
        async with asyncio.timeout(CALL_DEADLINE):
            return len(await self._producer.partitions_for(topic))

    async def append(self, topic: str, partition: int, out: Out) -> int:
        """Append one record; give its offset when it is durable. Raises `KafkaError`, `TimeoutError`."""
        async with asyncio.timeout(CALL_DEADLINE):
            sent = await self._producer.send(
                topic, key=out.key, value=out.value, partition=partition, headers=out.headers
            )
            appended = await sent
        offset: int = appended.offset
        return offset


async def read(
    kafka: Kafka, topic: str, *, from_start: bool = True, follow: bool = False, committed: bool = True
) -> AsyncGenerator[Record]:
    """Give the records of all partitions of a topic; without `follow`, up to where they end now.

    Kafka acknowledges a commit shortly before its records can be read: what is written when this is called is waited
    for, unless a transaction stays open for longer than `SETTLE_DEADLINE`.
    """
    level = "read_committed" if committed else "read_uncommitted"
    consumer = _consumer(kafka, isolation_level=level)
    await _started(consumer.start(), lambda: _stop(consumer), CALL_DEADLINE)
    try:
        async with asyncio.timeout(CALL_DEADLINE):
            parts = [TopicPartition(topic, p) for p in await _partitions(consumer, topic)]
            if not parts:
                raise KafkaTimeoutError(f"there is no topic {topic}: run `headrace topics apply`")
            ends = await _written(kafka, parts) if committed else await consumer.end_offsets(parts)
            starts = await consumer.beginning_offsets(parts) if from_start else ends
        consumer.assign(parts)
        for at in parts:
            consumer.seek(at, starts[at])
        left = {at for at in parts if starts[at] < ends[at]}
        moved_at = time.monotonic()
        while follow or (left and time.monotonic() - moved_at < SETTLE_DEADLINE):
            async with asyncio.timeout(CALL_DEADLINE):
                found = await consumer.getmany(timeout_ms=200, max_records=5_000)
            for at, records in found.items():
                moved_at = time.monotonic()
                for record in records:
                    if follow or record.offset < ends[at]:
                        yield record
            left = {at for at in left if await consumer.position(at) < ends[at]}
    finally:
        await _stop(consumer)


async def _started(start: Awaitable[None], stop: Callable[[], Awaitable[None]], deadline: float) -> None:
    """Start a client; one that does not start in time, or is cancelled, leaves nothing behind."""
    try:
        async with asyncio.timeout(deadline):
            await start
    except BaseException:
        await stop()
        raise


async def _written(kafka: Kafka, parts: list[TopicPartition]) -> dict[TopicPartition, int]:
    """Give where partitions end, whether that can be read yet or not."""
    async with Consumer(kafka, committed=False) as log:
        return {at: (await log.bounds(at.topic, at.partition))[1] for at in parts}


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    """Give a topic's partitions without subscribing, and without creating the topic."""
    cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001  (topics() throws the partitions away)
    return sorted(cluster.partitions_for_topic(topic) or ())


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer; it may raise CancelledError of its own, which is not ours.

    Where that hangs (while the broker does not answer), end its fetches and connections all the same: cancelled, the
    client would leave them to go on for ever.
    """
    if await _ends(consumer.stop(), STOP_DEADLINE):
        return
    for part in (consumer._fetcher, consumer._client):  # noqa: SLF001  (what stop() did not get to)
        if part is not None:
            await _ends(part.close(), ABORT_DEADLINE)


async def _ends(closing: Awaitable[None], deadline: float) -> bool:
    """Wait for an end, cut it off after a deadline, and say whether it came by itself."""
    task = asyncio.ensure_future(closing)
    done, _ = await asyncio.wait([task], timeout=deadline)
    if not done:
        task.cancel()
        await asyncio.wait([task], timeout=ABORT_DEADLINE)
    if task.done() and not task.cancelled() and (error := task.exception()):
        _log.info("stopped_with_error", error=type(error).__name__)
    return bool(done) and not task.cancelled()
