"""Rebuild the memory of a task from the seen topic.

It continues at the seen offset that memory has reached (0 when cold): one path for cold start, rebalance and a commit
of unknown outcome.
"""

import contextlib
from typing import Final

import structlog

from headrace.config import KafkaSettings
from headrace.kafka.partition_owner import CannotRun
from headrace.kafka.partition_reader import read_between, written_bounds
from headrace.normalizer.dedupe import Seen
from headrace.records.seen import SeenRecord, decode_record, merge

RESTORED_TOGETHER_BYTES: Final = 16 * 1024 * 1024
"""Bytes of marks (400,000 ids) that are put into the table at once: to let it grow for each read of the log would take
twice as long."""

_log = structlog.get_logger()


async def restore(kafka: KafkaSettings, topic: str, partition: int, seen: Seen, *, stalled_after: float) -> None:
    """Read a seen partition from where `seen` stands to its end, and apply what it says.

    Call it after the fence: from then on nothing is added to it. Raises `CannotRun` where that cannot be all there is,
    or where nothing can be read for `stalled_after` seconds.
    """
    ids = len(seen.marks)
    first, end = await written_bounds(kafka, topic, partition)
    at = max(seen.read_to, first)
    if end == 0 or at > end:
        raise CannotRun(_no_memory(f"{topic}-{partition}", at, end))
    unapplied: list[SeenRecord] = []
    reading = read_between(kafka, topic, partition, start=at, end=end, stalled_after=stalled_after)
    async with contextlib.aclosing(reading) as groups:
        async for records, position in groups:
            if records:
                unapplied.append(merge([decode_record(record.value or b"") for record in records]))
            if not records or position >= end or sum(len(r.rows) for r in unapplied) >= RESTORED_TOGETHER_BYTES:
                seen.apply(unapplied, position)
                unapplied = []
    if not seen.restored:
        raise CannotRun(_no_memory(f"{topic}-{partition}", at, end))
    known = len(seen.marks)
    _log.info("task_restored", partition=partition, ids=known, new=known - ids, position=seen.next_offset)


def _no_memory(where: str, at: int, end: int) -> str:
    if end == 0:
        return (
            f"{where} does not even hold its first record: run `headrace topics apply`, which says whether that is safe"
        )
    if at > end:
        return f"{where} ends at {end}, but was read to {at} before: it was created anew under us; restore it"
    return f"{where} holds no record any more: what was published is forgotten; restore it, or delete raw and seen"
