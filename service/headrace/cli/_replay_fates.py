"""What became of the records that a replay sent: published, or why not, as `seen` and `dead-letters` say it."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping as Dict
from itertools import islice
from typing import Final

from msgspec import Struct, field

from headrace.cli._kafka_errors import existing_topics
from headrace.cli._replay_outbox import Outbox
from headrace.cli._replay_reading import Remembered, read_seen
from headrace.cli._topic_reader import read_dead_letters
from headrace.config import Config
from headrace.core.record import ProducerRecord
from headrace.kafka.consumer import Consumer, Record
from headrace.records.mark import Mark
from headrace.records.raw import from_raw_record
from headrace.records.replayed import replay_digest, state_of
from headrace.sdk.provider import RawEvent

STALE: Final = "stale"
HELD: Final = "held"
UNCLEAR: Final = "unclear"
_BLOCK: Final = 20_000
"""Records that are looked up at a time."""


class ReplayFates(Struct):
    """How many records were published, and how many were not, by fate or by the problem of their dead letter."""

    published: int = 0
    unpublished: Counter[str] = field(default_factory=Counter)


class UnpublishedReplay(Struct):
    """A record that is not published: which replay it is, and why, where that is known yet."""

    replay: int
    reason: str


async def ends_of_seen(config: Config, outbox: Outbox) -> dict[int, int]:
    """Return where the partitions of `seen` end that an outbox is about."""
    (seen,) = await existing_topics(config, "seen")
    async with Consumer(config.kafka) as log:
        return {partition: (await log.bounds(seen.name, partition))[1] for partition in outbox.partitions}


async def replay_fates(config: Config, outbox: Outbox, since: Dict[int, int]) -> ReplayFates:
    """Return what became of records that are all decided; one that was published by an earlier run is published.

    Reads `seen` from where it ended before they were sent (`since`); where that does not show all as published, the
    whole of it, and `dead-letters`.
    """
    (seen,) = await existing_topics(config, "seen")
    fates, left = ReplayFates(), dict[bytes, UnpublishedReplay]()
    async with Consumer(config.kafka) as log:
        for partition in outbox.partitions:
            _, end = await log.bounds(seen.name, partition)
            for begin in (since[partition], 0):
                found: dict[bytes, UnpublishedReplay] = {}
                known = await read_seen(log, seen.name, partition, end, begin)
                published = look_up(outbox.records(partition), known, found)
                if not found:
                    break
            fates.published += published
            left.update(found)
    if left:
        async with contextlib.aclosing(read_dead_letters(config)) as letters:
            async for record, letter in letters:
                explain(record, letter.problem.code, left)
    fates.unpublished.update(one.reason or UNCLEAR for one in left.values())
    return fates


def look_up(records: Iterable[ProducerRecord], known: Remembered, left: dict[bytes, UnpublishedReplay]) -> int:
    """Return how many replays the marks say were published; the others are put into `left` by their keys."""
    published = 0
    for block in _blocks(records):
        marks = known.marks.find([record.key for record in block])
        for record in block:
            raw, mark = from_raw_record(record.headers, b""), marks.get(record.key)
            replay = replay_digest(raw)
            if mark is not None and mark.replayed == replay:
                published += 1
            else:
                left[record.key] = UnpublishedReplay(replay, _reason(raw, mark, known))
    return published


def explain(record: Record, code: str, left: dict[bytes, UnpublishedReplay]) -> None:
    """Take a dead letter, in their order: it may be about one of the records that are left.

    Of a record that failed alike before there is no second letter; that of an earlier replay counts where no other
    reason is known.
    """
    one = left.get(record.key or b"")
    if one is None:
        return
    with contextlib.suppress(LookupError, ValueError, RecursionError):
        raw = from_raw_record(record.headers, b"")
        if raw.replay and (replay_digest(raw) == one.replay or not one.reason):
            one.reason = code


def _reason(raw: RawEvent, mark: Mark | None, known: Remembered) -> str:
    if mark is None or state_of(mark) != raw.replaces:
        return STALE
    return HELD if raw.source in known.held else ""


def _blocks(records: Iterable[ProducerRecord]) -> Iterator[list[ProducerRecord]]:
    left = iter(records)
    while block := list(islice(left, _BLOCK)):
        yield block
