"""Rebuild the memory of a task from the seen topic.

It reads up to a barrier of its own, from the seen offset that memory has reached (0 when cold): one path for cold
start, rebalance and a commit of unknown outcome.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

import structlog

from headrace.config import KafkaSettings
from headrace.kafka.barrier import Barrier, StaleEnds
from headrace.kafka.batch_consumer import LogRecord
from headrace.kafka.partition_owner import CannotRun
from headrace.kafka.partition_reader import read_to_barrier
from headrace.normalizer.dedupe import Seen
from headrace.records.seen import SeenRecord, decode_record, decode_records, is_barrier

RESTORED_TOGETHER_BYTES: Final = 16 * 1024 * 1024
"""Bytes of marks (400,000 ids) that are put into the table at once: to let it grow for each read of the log would take
twice as long."""

_log = structlog.get_logger()


async def restore(
    kafka: KafkaSettings, barrier: Barrier, seen: Seen, *, stale: StaleEnds, stalled_after: float
) -> None:
    """Read a seen partition from where `seen` stands to a barrier, and apply what it says.

    Set the barrier after the fence: from then on nothing is added before it. The newest commit that `seen` knows is
    read again: where it does not stand in the log, all of it is. Raises `CannotRun` where that cannot be all there is,
    or where others hold a transaction open for `stalled_after` seconds.
    """
    ids = len(seen.marks)
    try:
        await _read(kafka, barrier, seen, stale, stalled_after)
    except _NotInLog:
        _log.warning("commit_not_in_log", topic=barrier.topic, partition=barrier.partition, offset=seen.last)
        seen.forget()
        await _read(kafka, barrier, seen, stale, stalled_after)
    if not seen.restored:
        raise CannotRun(
            f"{barrier.topic}-{barrier.partition} holds no record of what was published: "
            "run `headrace topics apply`, which says whether it is safe to begin without"
        )
    known = len(seen.marks)
    _log.info("task_restored", partition=barrier.partition, ids=known, new=known - ids, position=seen.next_offset)


class _NotInLog(Exception):  # noqa: N818  (what happened)
    """A commit that was acknowledged stands nowhere."""


async def _read(kafka: KafkaSettings, barrier: Barrier, seen: Seen, stale: StaleEnds, stalled_after: float) -> None:
    """Apply what stands behind the newest known commit. Raises `_NotInLog` where that is not there itself."""
    unapplied: list[SeenRecord] = []
    last, checked = seen.last, seen.last is None
    reading = read_to_barrier(kafka, barrier, seen.read_to if last is None else last, stale, stalled_after)
    async with contextlib.aclosing(reading) as groups:
        async for records, position in groups:
            if records and not checked:
                checked = _is_last_of(seen, records[0])
                if not checked:
                    raise _NotInLog
            commits = [record for record in records if not is_barrier(record.value or b"")]
            if commits:
                last = commits[-1].offset
                unapplied.append(decode_records(record.value or b"" for record in commits))
            if not commits or position > barrier.offset or _size(unapplied) >= RESTORED_TOGETHER_BYTES:
                await _apply(seen, unapplied, position)
                seen.last, unapplied = last, []


async def _apply(seen: Seen, unapplied: Sequence[SeenRecord], read_to: int) -> None:
    """Apply what was read; others run between its pieces. Cut short, some marks are known, and all are read again."""
    for _ in seen.apply_in_pieces(unapplied, read_to):
        await asyncio.sleep(0)


def _is_last_of(seen: Seen, record: LogRecord) -> bool:
    """Return whether a record is the newest commit that memory knows."""
    value = record.value or b""
    if record.offset != seen.last or is_barrier(value):
        return False
    found = decode_record(value)
    return (found.next_offset, found.totals) == (seen.next_offset, seen.totals)


def _size(unapplied: Sequence[SeenRecord]) -> int:
    return sum(len(record.rows) for record in unapplied)
