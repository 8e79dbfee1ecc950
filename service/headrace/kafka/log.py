"""The only file that imports the Kafka client: what the rest of Headrace needs of it, each call under a deadline.

Where it does not simply pass a call on, the reason is a behaviour of aiokafka 0.14 that was provoked or read.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
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
from msgspec import Struct

from headrace.config import KafkaSettings
from headrace.core.record import Out
from headrace.kafka.hanging_transactions import CannotEnd, end_hanging

__all__ = [
    "Appender",
    "CannotEnd",
    "Consumer",
    "Fenced",
    "KafkaError",
    "Member",
    "OutOfRange",
    "Record",
    "Taken",
    "Transactions",
    "WriteFailed",
    "is_definite",
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
Offsets: TypeAlias = dict[TopicPartition, int]

_TRANSACTIONAL: Final = ("EndTxn", "AddPartitionsToTxn", "InitProducerId")
_log = structlog.get_logger()


class WriteFailed(Exception):  # noqa: N818  (what happened, not whose error)
    """A transaction did not commit, or nobody knows. `definite` = Kafka refused the records as they are."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.fenced = isinstance(cause, ProducerFenced)
        self.definite = is_definite(cause)


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
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


def _producer(kafka: KafkaSettings, **more: Any) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        acks="all",
        linger_ms=0,
        max_batch_size=BATCH_BYTES,
        max_request_size=64 * 1024 * 1024,  # checked only by send(); the topic's own limit is checked before
        compression_type=None if kafka.compression == "none" else kafka.compression,
        **client_options(kafka),
        **more,
    )


def _consumer(kafka: KafkaSettings, **more: Any) -> AIOKafkaConsumer:
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
    """Producers of this process that could not even be cut off: they may still deliver. Three end the process."""

    def __init__(self, kafka: KafkaSettings, transactional_id: str) -> None:
        self._producer = _producer(kafka, transactional_id=transactional_id, transaction_timeout_ms=TRANSACTION_TIMEOUT)
        self._watch()
        self.doubtful = False

    async def fence(self, deadline: float = 60.0) -> None:
        """Start: returns when the predecessor can no longer commit and its open transaction is aborted.

        Raises `KafkaError` or `TimeoutError` where nobody answers.
        """
        try:
            await _started(self._producer.start(), _nothing, deadline)  # close() is due anyway
        except AssertionError as error:
            # A broker that has just come back answers before it knows any broker, itself included.
            raise KafkaConnectionError(f"Kafka is not ready: {error}") from error

    async def end_hanging(self, topics: Sequence[str]) -> None:
        """End what predecessors left open in these topics, and Kafka forgot to end. Call it after `fence`.

        Raises `CannotEnd` where Kafka does not allow it, `KafkaError` or `TimeoutError` where it cannot be asked.
        """
        await end_hanging(self._producer.client, self._producer._txn_manager.producer_id, topics)  # noqa: SLF001  (nothing public tells)

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
                _retrieve(self._producer)
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
            for batch, count in _batches(self._producer, outs):
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

    async def _abort(self) -> None:
        with contextlib.suppress(KafkaError, TimeoutError, AssertionError, asyncio.CancelledError):
            async with asyncio.timeout(ABORT_DEADLINE):
                await self._producer.abort_transaction()

    async def _cut_off(self) -> None:
        _retrieve(self._producer)
        self._producer._message_accumulator.fail_all(KafkaConnectionError("cut off"))  # noqa: SLF001  (else its close() waits for ever)
        if await _cut_off(self._producer):
            _log.info("producer_cut_off")
            return
        Transactions.stuck += 1
        _log.warning("producer_stuck", stuck=Transactions.stuck)

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

    def __init__(self, kafka: KafkaSettings, *, committed: bool = True) -> None:
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
        kafka: KafkaSettings,
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


class Taken(Struct, frozen=True):
    """How many of the records for one partition are durable, counted from the first, and what kept the others out."""

    count: int
    error: BaseException | None = None


class Appender:
    """Appends durably (acks=all). Not idempotent: a copy is removed by the normalizer, a hang is not.

    What failed or timed out may have been appended all the same, or be appended later, until the appender is closed.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._producer = _producer(kafka)

    async def __aenter__(self) -> Self:
        await _started(self._producer.start(), self.__aexit__, CALL_DEADLINE)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if not await _ends(self._producer.stop(), STOP_DEADLINE):
            await self.discard()

    async def discard(self) -> None:
        """Close without waiting for Kafka: what is not sent yet never will be, and whoever waits for it is told."""
        _retrieve(self._producer)
        error = KafkaConnectionError("the appender was given up")
        self._producer._message_accumulator.fail_all(error)  # noqa: SLF001  (nothing public ends a wait for an answer)
        await _cut_off(self._producer)

    async def partitions_of(self, topic: str) -> int:
        """Count the partitions of a topic. Raises `KafkaError` where it does not exist."""
        async with asyncio.timeout(CALL_DEADLINE):
            return len(await self._producer.partitions_for(topic))

    async def check(self, deadline: float = CALL_DEADLINE) -> None:
        """Ask Kafka a small question. Raises `KafkaError`, `TimeoutError` where it does not answer."""
        async with asyncio.timeout(deadline):
            if not await self._producer.client.force_metadata_update():
                raise KafkaConnectionError("no broker answers")

    async def append(self, topic: str, partition: int, out: Out, deadline: float = CALL_DEADLINE) -> int:
        """Append one record; give its offset when it is durable. Raises `KafkaError`, `TimeoutError`."""
        async with asyncio.timeout(deadline):
            sent = await self._producer.send(
                topic, key=out.key, value=out.value, partition=partition, headers=out.headers
            )
            appended = await sent
        offset: int = appended.offset
        return offset

    async def append_each(
        self, topic: str, records: Sequence[tuple[int, Out]], deadline: float
    ) -> list[BaseException | None]:
        """Append records to their partitions, together with whatever others append; say of each what kept it out.

        What follows a record that could not be sent is not sent.
        """
        sent: list[asyncio.Future[Any]] = []
        error: BaseException = TimeoutError("not sent in time")
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(deadline):
                try:
                    for partition, out in records:
                        sent.append(
                            await self._producer.send(
                                topic, key=out.key, value=out.value, partition=partition, headers=out.headers
                            )
                        )
                except KafkaError as stopped:
                    error = stopped
                await (sent[0] if len(sent) == 1 else asyncio.gather(*sent, return_exceptions=True))
        return [_error_of(each) for each in sent] + [error] * (len(records) - len(sent))

    async def append_all(
        self, topic: str, groups: Mapping[int, Sequence[Out]], deadline: float = CALL_DEADLINE
    ) -> dict[int, Taken]:
        """Append records in their order to each partition; say of each what is durable, without raising for it."""
        batches: list[tuple[int, asyncio.Future[Any], int]] = []
        failed: dict[int, BaseException] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                for partition, outs in groups.items():
                    try:
                        for batch, count in _batches(self._producer, outs):
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


def is_definite(error: BaseException) -> bool:
    """Say whether Kafka refused the records as they are.

    Only sizes are definite: what else Kafka refuses (rights, storage, a code that the client does not know) says
    nothing about the records and may be mended; they wait.
    """
    return isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError)


def _error_of(sent: "asyncio.Future[Any]") -> BaseException | None:
    if not sent.done() or sent.cancelled():
        return TimeoutError("not answered in time")
    return sent.exception()


def _missing(count: int, outs: Sequence[Out]) -> BaseException | None:
    return None if count == len(outs) else TimeoutError("not sent in time")


def _batches(producer: AIOKafkaProducer, outs: Sequence[Out]) -> Iterable[tuple[Any, int]]:
    """Fill batches up to `BATCH_BYTES`; a record that is larger travels alone."""
    batch, count = producer.create_batch(), 0
    for out in outs:
        while batch.append(timestamp=None, key=out.key, value=out.value, headers=out.headers) is None:
            yield batch, count
            batch, count = producer.create_batch(), 0
        count += 1
    if count:
        yield batch, count


def _retrieve(producer: AIOKafkaProducer) -> None:
    """Look at the outcomes that the client leaves lying: asyncio would log each with its traceback."""
    accumulator, transaction = producer._message_accumulator, producer._txn_manager  # noqa: SLF001  (nothing public gives them)
    left = [batch._drain_waiter for waiting in accumulator._batches.values() for batch in waiting]  # noqa: SLF001  (as above)
    if transaction is not None:
        left.append(transaction.wait_for_transaction_end())
    for future in left:
        future.add_done_callback(lambda done: done.cancelled() or done.exception())


async def _cut_off(producer: AIOKafkaProducer) -> bool:
    """End a producer whose stop hangs (while the broker is away), so that it cannot deliver late; say whether it is."""
    closed = False
    sender = producer._sender.sender_task  # noqa: SLF001  (nothing public ends the sender)
    for _ in range(2):  # the first cancel makes it await its requests, the second ends those too
        if sender is not None and not sender.done():
            sender.cancel()
            await asyncio.wait([sender], timeout=ABORT_DEADLINE)
    with contextlib.suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(ABORT_DEADLINE):
            await producer.client.close()
            closed = True
    return closed and (sender is None or sender.done())


async def read(
    kafka: KafkaSettings,
    topic: str,
    *,
    from_start: bool = True,
    since: int | None = None,
    begin: Mapping[int, int] = MappingProxyType({}),
    follow: bool = False,
    committed: bool = True,
) -> AsyncGenerator[Record]:
    """Give the records of all partitions of a topic; without `follow`, up to where they end now.

    They begin where `begin` says for a partition, at the first that is no older than `since` (ms since the epoch) where
    that is given, else at the start or at the end.

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
            starts = await _starts(consumer, parts, ends, from_start=from_start, since=since)
            for part in (part for part in parts if part.partition in begin):
                starts[part] = min(max(starts[part], begin[part.partition]), ends[part])
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


async def _starts(
    consumer: AIOKafkaConsumer, parts: list[TopicPartition], ends: Offsets, *, from_start: bool, since: int | None
) -> Offsets:
    if since is not None:
        found = await consumer.offsets_for_times(dict.fromkeys(parts, since))
        return {part: found[part].offset if found.get(part) else ends[part] for part in parts}
    starts: Offsets = await consumer.beginning_offsets(parts) if from_start else dict(ends)
    return starts


async def _started(start: Awaitable[None], stop: Callable[[], Awaitable[None]], deadline: float) -> None:
    """Start a client; one that does not start in time, or is cancelled, leaves nothing behind.

    Cancelled while it asks its first broker, the client would leave that connection open: it gets a moment to go on.
    """
    starting = asyncio.ensure_future(start)
    try:
        async with asyncio.timeout(deadline):
            await asyncio.shield(starting)
    except BaseException:
        starting.add_done_callback(lambda done: done.cancelled() or done.exception())  # told to whoever waited
        await asyncio.wait([starting], timeout=ABORT_DEADLINE)
        starting.cancel()
        await asyncio.wait([starting], timeout=ABORT_DEADLINE)
        await stop()
        raise


async def _nothing() -> None:
    """Leave it to whoever called."""


async def _written(kafka: KafkaSettings, parts: list[TopicPartition]) -> dict[TopicPartition, int]:
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
