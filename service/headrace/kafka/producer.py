"""The transactional producer: one transaction a batch, and whoever starts it fences its predecessor."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError, ProducerFenced
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder

from headrace.config import KafkaSettings
from headrace.core.record import ProducerRecord
from headrace.kafka.call import call
from headrace.kafka.client import (
    ABORT_DEADLINE,
    CALL_DEADLINE,
    STOP_DEADLINE,
    client_options,
    cut_off,
    end_waits,
    fail_unsent,
    is_definite,
    start_client,
)
from headrace.kafka.cluster_view import watch_leaders
from headrace.kafka.codecs import CODECS
from headrace.kafka.hanging_transactions import Predecessors, ProducerEpoch

__all__ = ["BATCH_BYTES", "Fenced", "Groups", "Transactions", "WriteFailed", "fill_batches", "new_producer"]

Fenced = ProducerFenced

FENCE_DEADLINE: Final = 60.0
"""Seconds for the start, which waits until Kafka has aborted the predecessor's transaction."""
WRITE_DEADLINE: Final = 5.0
"""Seconds for a whole transaction."""
TRANSACTION_TIMEOUT_MS: Final = 15_000
BATCH_BYTES: Final = 900_000
"""Bytes of one record batch: below the 1 MiB that a topic takes where nobody raised it."""

Groups: TypeAlias = Mapping[tuple[str, int], Sequence[ProducerRecord]]
"""Records by topic and partition, in the order in which they are to stand there."""
Offsets: TypeAlias = Mapping[tuple[str, int], int]
"""The offset of one record of a topic and partition."""
NOWHERE: Final[Offsets] = MappingProxyType({})

_FENCE: Final = "InitProducerId"
_LOST: Final = (CloseReason.CONNECTION_BROKEN, CloseReason.CONNECTION_TIMEOUT, CloseReason.OUT_OF_SYNC)
_WRITING: Final = ("AddPartitionsToTxn", "Produce", "EndTxn")
_TRANSACTIONAL: Final = ("EndTxn", "AddPartitionsToTxn", _FENCE)
_log = structlog.get_logger()


class Displaced(KafkaError):  # type: ignore[misc]  # noqa: N818  (the client ships no types; what happened)
    """A record got another offset than the one right behind what was read: somebody else writes there, or wrote."""


class WriteFailed(Exception):  # noqa: N818  (what happened, not whose error)
    """A transaction did not commit, or its outcome is unknown. `definite` = Kafka refused the records as they are."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.fenced = isinstance(cause, ProducerFenced)
        self.definite = is_definite(cause)


COMPRESSED_FROM: Final = 1024
"""Bytes of values: fewer, of one commit to one partition, are not compressed. zstd saves 170 bytes of a seen record of
1,000, and makes one of 60 larger; it takes 12 µs to read, whatever the size, when everything else takes 2."""
TRANSACTION_PAUSE: Final = 0.003
"""Seconds until a transaction is begun again where the markers of the one before it are still being written."""


sender.BACKOFF_OVERRIDE = TRANSACTION_PAUSE  # nothing public sets it: the client waits 20 ms


def new_producer(kafka: KafkaSettings, **more: Any) -> AIOKafkaProducer:
    """Return a producer, not started, that waits for all replicas; `Transactions` compresses for itself."""
    return AIOKafkaProducer(
        acks="all",
        linger_ms=0,
        max_batch_size=BATCH_BYTES,
        max_request_size=64 * 1024 * 1024,  # checked only by send(); the topic's own limit is checked before
        compression_type=kafka.codec("raw"),
        **client_options(kafka),
        **more,
    )


def fill_batches(new_batch: Callable[[], Any], outs: Sequence[ProducerRecord]) -> Iterable[tuple[Any, int]]:
    """Fill batches up to `BATCH_BYTES`, each with its number of records; a larger record travels alone."""
    batch, count = new_batch(), 0
    for out in outs:
        while batch.append(timestamp=None, key=out.key, value=out.written, headers=out.headers) is None:
            yield batch, count
            batch, count = new_batch(), 0
        count += 1
    if count:
        yield batch, count


class Transactions:
    """One transactional producer. Starting it fences the previous holder of its transactional id."""

    stuck = 0
    """Producers of this process that could not even be cut off: they may still deliver. Three end the process."""

    def __init__(self, kafka: KafkaSettings, transactional_id: str, predecessors: Predecessors | None = None) -> None:
        self._kafka = kafka
        self._producer = new_producer(
            kafka, transactional_id=transactional_id, transaction_timeout_ms=TRANSACTION_TIMEOUT_MS
        )
        self._view = watch_leaders(self._producer.client)
        self._predecessors = predecessors or Predecessors(transactional_id, ())
        self._owner: asyncio.Task[Any] | None = None
        self._fenced = False
        self._writing: asyncio.Future[Any] | None = None
        self._lost = False
        self._unanswered = False
        self._watch()

    @property
    def doubtful(self) -> bool:
        """Whether it must be closed before it begins anything; `_watch` says why."""
        return self._lost or self._unanswered

    async def fence(self, deadline: float = FENCE_DEADLINE) -> None:
        """Start: returns when the predecessor can no longer commit and its open transaction is aborted.

        Raises `KafkaError` or `TimeoutError` where no broker answers.
        """
        self._owner = asyncio.current_task()
        try:
            await start_client(self._producer.start(), _leave_to_caller, deadline)
        except AssertionError as error:
            # A broker that has just come back answers before it knows any broker, itself included.
            raise KafkaConnectionError(f"Kafka is not ready: {error}") from error
        self._fenced = True

    async def end_hanging(self) -> None:
        """End what predecessors left open, and Kafka forgot to end. Call it after `fence`.

        Raises `CannotEnd` where Kafka does not allow it, `KafkaError` or `TimeoutError` where it cannot be asked.
        """
        transactions = self._producer._txn_manager  # noqa: SLF001  (no public API for it)
        ours = ProducerEpoch(transactions.producer_id, transactions.producer_epoch)
        await call(self._predecessors.end_hanging(self._producer.client, ours, self._view.look_around), CALL_DEADLINE)

    async def partitions_of(self, topic: str) -> int:
        """Count the partitions of a topic."""
        return len(await call(self._producer.partitions_for(topic), CALL_DEADLINE))

    async def write(self, groups: Groups, expected: Offsets = NOWHERE) -> dict[tuple[str, int], int]:
        """Write records in one transaction; return the last offset of each (topic, partition).

        It is aborted where a last offset is not the one that is `expected` of its partition. Raises
        `WriteFailed`; whoever catches it must close this producer and fence anew, because the outcome may be unknown.
        Cancelled, it tries for a second to abort, so that readers are not held up until the time-out.
        """
        if self.doubtful:
            raise WriteFailed(KafkaConnectionError("the producer is doubtful"))
        self._writing = asyncio.ensure_future(self._transaction(groups, expected))
        try:
            return await call(self._writing, WRITE_DEADLINE)
        except (KafkaError, TimeoutError, AssertionError) as error:
            if not isinstance(error, ProducerFenced):
                await self._abort()
            raise WriteFailed(error) from error
        except asyncio.CancelledError:
            await self._abort()
            raise
        finally:
            self._writing = None

    async def close(self) -> None:
        """Stop; where that hangs (while the broker is away), cut the sender off, so that it cannot deliver late."""
        try:
            await call(self._producer.stop(), STOP_DEADLINE)
        except (TimeoutError, KafkaError):
            await self._cut_off()
        except asyncio.CancelledError:
            await self._cut_off()
            raise
        finally:
            end_waits(self._producer)

    async def _transaction(self, groups: Groups, expected: Offsets) -> dict[tuple[str, int], int]:
        await self._producer.begin_transaction()
        offsets = await self._send(groups)
        _check(offsets, expected)
        await self._producer.commit_transaction()
        return offsets

    async def _send(self, groups: Groups) -> dict[tuple[str, int], int]:
        futures: list[tuple[tuple[str, int], Awaitable[Any], int]] = []
        for (topic, partition), outs in groups.items():
            codec = CODECS[self._codec(topic, outs)]  # the client has one for all topics of a producer
            for batch, count in fill_batches(partial(BatchBuilder, BATCH_BYTES, codec, is_transactional=True), outs):
                sent = await self._producer.send_batch(batch, topic, partition=partition)
                futures.append(((topic, partition), sent, count))
        # A failed send does not stop commit_transaction: every one is awaited first.
        results = await asyncio.gather(*(future for _, future, _ in futures), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise self._refusal() or result
        return {
            key: result.offset + count - 1
            for (key, _, count), result in zip(futures, results, strict=True)
            if not isinstance(result, BaseException)
        }

    def _refusal(self) -> BaseException | None:
        """Return why Kafka refused partitions of the transaction: what was sent to them fails without saying why."""
        outcome = self._producer._txn_manager._transaction_waiter  # noqa: SLF001  (nothing public tells it)
        return outcome.exception() if outcome is not None and outcome.done() and not outcome.cancelled() else None

    def _codec(self, topic: str, outs: Sequence[ProducerRecord]) -> str | None:
        small = len(outs[0].value) < COMPRESSED_FROM and sum(len(out.value) for out in outs) < COMPRESSED_FROM
        return None if small else self._kafka.codec(topic)

    async def _abort(self) -> None:
        """Abort, so that readers need not wait; what hangs of the last commit would be aborted with it."""
        if self._lost:
            fail_unsent(self._producer, "a connection was lost")
            return
        with contextlib.suppress(KafkaError, TimeoutError, AssertionError):
            await call(self._producer.abort_transaction(), ABORT_DEADLINE)

    async def _cut_off(self) -> None:
        fail_unsent(self._producer, "cut off")  # else its close() waits for ever
        if await cut_off(self._producer):
            _log.info("producer_cut_off")
            return
        Transactions.stuck += 1
        _log.warning("producer_stuck", stuck=Transactions.stuck)

    def _watch(self) -> None:
        """Notice what makes a producer doubtful, and let nobody fence whom the partition was taken from.

        A transactional request without an answer: the client sends EndTxn again by itself and reports success; the late
        copy would commit half of the next transaction (https://issues.apache.org/jira/browse/KAFKA-17754).
        A lost connection: the last commit may hang where a broker went away, and would end as the next transaction
        does. So none may begin, and one that has begun is left for the fence to end.
        """
        client = self._producer.client
        send: Callable[..., Awaitable[Any]] = client.send
        closed: Callable[[Any, Any], None] = client._on_connection_closed  # noqa: SLF001  (nothing public tells it)

        async def watched(node_id: int, request: Any, **how: Any) -> Any:
            name = type(request).__name__
            if name.startswith(_FENCE):
                if self._owner is not None and self._owner.cancelling():
                    raise KafkaConnectionError("not fenced: cancelled meanwhile")  # a start goes on for a moment
                await self._predecessors.ask_coordinator(client, node_id)
            elif self._lost and name.startswith(_WRITING):
                raise KafkaConnectionError("not sent: a connection was lost")
            try:
                return await send(node_id, request, **how)
            except BaseException:
                self._unanswered = self._unanswered or name.startswith(_TRANSACTIONAL)
                raise

        def watched_end(connection: Any, reason: Any) -> None:
            if self._fenced and reason in _LOST:
                self._lost = True
                if self._writing is not None:
                    self._writing.cancel()
            closed(connection, reason)

        client.send = watched
        client._on_connection_closed = watched_end  # noqa: SLF001  (as above)


def _check(offsets: Offsets, expected: Offsets) -> None:
    for (topic, partition), offset in expected.items():
        if (found := offsets[topic, partition]) != offset:
            raise Displaced(f"{topic}-{partition}: the record was given offset {found} instead of {offset}")


async def _leave_to_caller() -> None:
    """Stop nothing: the owner of the producer closes it in any case."""
