"""Read what we wrote ourselves by whole batches: a log of small commits is restored as fast as one of large ones.

A commit of one id is two batches in the log: its record, and the marker of its transaction. Of 20 µs that the client
takes for such a pair, three quarters go into decompressing, and most of the rest into an object that tells of each
record what is known anyway. What the client hides of a batch (aborted transactions, markers, what stands before the
offset that was asked for) is left out here by the same rules, with what the client itself notes of them.

Where others write the records, their weight bounds what is taken at once (bounded_reader.py); here batches do, of
`BATCH_BYTES` at most before they were compressed.
"""

import asyncio
from collections.abc import Iterator
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch

from headrace.kafka.bounded_reader import MOST_WEIGHT
from headrace.kafka.call import call
from headrace.kafka.client import CALL_DEADLINE
from headrace.kafka.consumer import TOGETHER, Consumer


class LogRecord(Protocol):
    """A record as it stands in its batch."""

    offset: int
    key: bytes | None
    value: bytes | None


class BatchConsumer(Consumer):
    """A consumer without a group that hands over whole batches; nothing else is read through it."""

    async def next_batches(self, topic: str, partition: int, wait: float = 0.1) -> tuple[list[LogRecord], int]:
        """Return what there is within `wait` seconds, and the position behind it, markers of transactions included.

        It ends with the batch that makes it `TOGETHER` records or `MOST_WEIGHT` bytes. Raises what the client raises.
        """
        at = TopicPartition(topic, partition)
        return await call(self._next_batches(at, wait), CALL_DEADLINE)

    async def _next_batches(self, at: TopicPartition, wait: float) -> tuple[list[LogRecord], int]:
        fetcher = self._consumer._fetcher  # noqa: SLF001  (nothing public hands over batches)
        if at not in fetcher._records:  # noqa: SLF001  (as above)
            await _arrival(fetcher, wait)
        taken: list[LogRecord] = []
        fetched = fetcher._records.get(at)  # noqa: SLF001  (as above)
        if isinstance(fetched, FetchResult):
            done = True  # what cannot be read is fetched again, and so is what was taken before it
            try:
                done = not fetched.check_assignment(at) or _take(fetched, taken)
            finally:
                if done:
                    del fetcher._records[at]  # noqa: SLF001  (as the client does it: more is fetched meanwhile)
                    fetcher._notify(fetcher._wait_consume_future)  # noqa: SLF001  (as above)
        elif fetched is not None:
            await self._consumer.getmany(at, max_records=1)  # raises the error that was met
        return taken, await self._consumer.position(at)


async def _arrival(fetcher: Fetcher, wait: float) -> None:
    """Wait until something was fetched, for so many seconds at most."""
    waiter = fetcher._create_fetch_waiter()  # noqa: SLF001  (as its fetched_records does)
    try:
        await asyncio.wait([waiter], timeout=wait)
    finally:
        waiter.cancel()


def _take(fetched: FetchResult, taken: list[LogRecord]) -> bool:
    """Take what was fetched, batch by batch; return whether that was all."""
    found, size = fetched._partition_records, 0  # noqa: SLF001  (nothing public hands over batches)
    begin = found.next_fetch_offset
    for batch in _committed(found):
        for record in batch:
            if record.offset >= begin:
                taken.append(record)
                size += len(record.value or b"")
        if len(taken) >= TOGETHER or size >= MOST_WEIGHT:
            break
    fetched._update_position()  # noqa: SLF001  (as above)
    return not found._records.has_next()  # noqa: SLF001  (as above)


def _committed(found: PartitionRecords) -> Iterator[DefaultRecordBatch]:
    """Yield the batches of records that are no part of an aborted transaction, as the client's `_unpack_records` does.

    It is followed rather than called because it makes an object for each record. Where nothing was aborted, markers
    say nothing.
    """
    records = found._records  # noqa: SLF001  (the client's own notes)
    transactions, producers = found._aborted_transactions, found._aborted_producers  # noqa: SLF001  (as above)
    while records.has_next():
        batch = records.next_batch()
        if not batch.validate_crc():
            raise CorruptRecordException(f"a batch before offset {batch.next_offset} is damaged")
        left_out = (transactions or producers) and _is_aborted(found, batch)
        found.next_fetch_offset = batch.next_offset
        if not left_out and not batch.is_control_batch:
            yield batch


def _is_aborted(found: PartitionRecords, batch: DefaultRecordBatch) -> bool:
    """Return whether a batch belongs to an aborted transaction; take note of those that begin or end with it."""
    found._consume_aborted_up_to(batch.base_offset)  # noqa: SLF001  (the client's own notes)
    producers = found._aborted_producers  # noqa: SLF001  (as above)
    if batch.is_control_batch and found._contains_abort_marker(batch):  # noqa: SLF001  (as above)
        producers.discard(batch.producer_id)
    return batch.is_transactional and batch.producer_id in producers
