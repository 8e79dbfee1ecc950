"""What a partition of `seen` knows, read from outside: the position of its last commit."""

from typing import Final

from headrace.kafka.consumer import Consumer
from headrace.records.seen import SeenRecord, decode_record, is_barrier

FIRST_LOOK_BACK: Final = 16
"""Offsets before the end where the last commit is looked for first; barriers and markers take some, too."""


async def last_position(log: Consumer, seen: str, partition: int) -> int | None:
    """Return the raw offset that a partition of `seen` has reached; None where it holds nothing, or only barriers.

    `log` reads committed records. Raises `NewerFormat`.
    """
    commit = await last_commit(log, seen, partition)
    return commit.next_offset if commit else None


async def last_commit(log: Consumer, seen: str, partition: int) -> SeenRecord | None:
    """Return the last commit of a partition of `seen`; as `last_position`."""
    first, end = await log.bounds(seen, partition)
    back = FIRST_LOOK_BACK
    while first < end:
        found = await _last_between(log, seen, partition, max(first, end - back), end)
        if found is not None or end - back <= first:
            return found
        back *= FIRST_LOOK_BACK
    return None


async def _last_between(log: Consumer, seen: str, partition: int, at: int, end: int) -> SeenRecord | None:
    found: SeenRecord | None = None
    log.seek(seen, partition, at)
    while at < end:
        records, at = await log.next(seen, partition)
        for value in (record.value or b"" for record in reversed(records)):
            if not is_barrier(value):
                found = decode_record(value)
                break
    return found
