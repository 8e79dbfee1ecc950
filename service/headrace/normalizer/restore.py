"""Rebuild the memory of a task from the seen topic.

It reads up to a barrier of its own, from the seen offset that memory has reached (0 when cold): one path for cold
start, rebalance and a commit of unknown outcome.
"""

import contextlib
from collections.abc import Sequence
from typing import Final

import structlog

from headrace.config import KafkaSettings
from headrace.kafka.barrier import Barrier, StaleEnds
from headrace.kafka.consumer import Record
from headrace.kafka.partition_owner import CannotRun
from headrace.kafka.partition_reader import read_to_barrier
from headrace.normalizer.dedupe import Seen
from headrace.records.seen import SeenRecord, decode_record, is_barrier, merge

RESTORED_TOGETHER_BYTES: Final = 16 * 1024 * 1024
"""Bytes of marks (400,000 ids) that are put into the table at once: to let it grow for each read of the log would take
twice as long."""

_log = structlog.get_logger()


async def restore(
    kafka: KafkaSettings, barrier: Barrier, seen: Seen, *, stale: StaleEnds, stalled_after: float
) -> None:
    """Read a seen partition from where `seen` stands to a barrier, and apply what it says.

    Set the barrier after the fence: from then on nothing is added before it. Raises `CannotRun` where that cannot be
    all there is, or where others hold a transaction open for `stalled_after` seconds.
    """
    ids = len(seen.marks)
    unapplied: list[SeenRecord] = []
    reading = read_to_barrier(kafka, barrier, seen.read_to, stale, stalled_after)
    async with contextlib.aclosing(reading) as groups:
        async for records, position in groups:
            commits = _commits(records)
            if commits:
                unapplied.append(merge(commits))
            if not commits or position > barrier.offset or _size(unapplied) >= RESTORED_TOGETHER_BYTES:
                seen.apply(unapplied, position)
                unapplied = []
    if not seen.restored:
        raise CannotRun(
            f"{barrier.topic}-{barrier.partition} holds no record of what was published: "
            "run `headrace topics apply`, which says whether it is safe to begin without"
        )
    known = len(seen.marks)
    _log.info("task_restored", partition=barrier.partition, ids=known, new=known - ids, position=seen.next_offset)


def _commits(records: Sequence[Record]) -> list[SeenRecord]:
    values = (record.value or b"" for record in records)
    return [decode_record(value) for value in values if not is_barrier(value)]


def _size(unapplied: Sequence[SeenRecord]) -> int:
    return sum(len(record.rows) for record in unapplied)
