"""What became of dead letters: whether they were sent back to raw, and whether that helped.

A record that `redrive` appends names its letter. Every raw record has one fate: where the normalizer's position is
behind it, it is not held, and no letter is about it, it had another one.
"""

import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Final

from msgspec import Struct

from headrace.cli._kafka_errors import existing_topics
from headrace.cli._letter_filter import LetterFilter
from headrace.cli._letter_places import place_of
from headrace.cli._topic_reader import read_dead_letters
from headrace.config import Config
from headrace.core.timestamps import parse
from headrace.kafka.consumer import Consumer, Record, read
from headrace.records.held import HeldRange
from headrace.records.raw import from_raw_record, letter_digest
from headrace.records.seen import FIRST_TOTALS, FORMAT, decode_record, is_barrier
from headrace_events import DeadLetter

SLACK_SECONDS: Final = 3_600
"""By how much the clocks of brokers and normalizers may differ."""
LAST_RECORDS: Final = 100
"""Records at the end of `seen` among which a commit is looked for first: the others are barriers and markers."""
_MILLIS: Final = 1_000
_REDRIVEN: Final = b'"redriven":true'


class LetterState(StrEnum):
    """What became of a letter; the first three are open."""

    OPEN = "open"
    SENT_BACK = "sent back"
    UNKNOWN = "unknown"
    COPY = "copy"
    DEAD_AGAIN = "dead again"
    CLOSED = "closed"


STILL_OPEN: Final = (LetterState.OPEN, LetterState.SENT_BACK, LetterState.UNKNOWN)


class Letter(Struct):
    """A dead letter, its place on dead-letters, and what it is about: equal digests are the same record."""

    place: str
    letter: DeadLetter
    digest: bytes
    state: LetterState = LetterState.OPEN


class _Raw(Struct):
    """What raw and `seen` tell: where redriven records stand by the letters they name, what is decided and held.

    A record that was held counts where its newest copy stands. What came before `begins_ms` may be gone.
    """

    sent: dict[str, dict[str, tuple[int, int]]]
    positions: dict[int, int]
    held: dict[int, dict[str, HeldRange]]
    begins_ms: int

    def waits(self, source: str, partition: int, offset: int) -> bool:
        """Return whether a record is not decided, or held."""
        one = self.held.get(partition, {}).get(source)
        is_held = one is not None and one.count > 0 and one.first <= offset <= one.last
        return is_held or offset >= self.positions.get(partition, 0)


async def letters_with_states(config: Config, wanted: LetterFilter) -> list[Letter]:
    """Return all letters that are wanted, oldest first, each with its state.

    Reads raw from the first of them on.
    """
    letters, dead = await _letters(config, wanted)
    if not letters:
        return letters
    raw = await _raw(config, _millis(letters[0].letter) - SLACK_SECONDS * _MILLIS)
    newest: dict[bytes, LetterState] = {}
    for one in reversed(letters):  # what is sent back is the newest letter of a record, and closes those before it
        one.state = _state(one, raw, dead)
        if one.state in (LetterState.OPEN, LetterState.UNKNOWN) and one.digest in newest:
            later = newest[one.digest]
            one.state = LetterState.COPY if later in STILL_OPEN else later
        newest.setdefault(one.digest, one.state)
    return letters


async def _letters(config: Config, wanted: LetterFilter) -> tuple[list[Letter], set[tuple[int, int]]]:
    """Return the letters that are wanted, and the places in raw of all records that became one."""
    found: list[Letter] = []
    dead: set[tuple[int, int]] = set()
    async with contextlib.aclosing(read_dead_letters(config)) as letters:
        async for record, letter in letters:
            dead.add((letter.raw.partition, letter.raw.offset))
            if wanted.wants(letter):
                place = place_of(record.partition, record.offset)
                found.append(Letter(place, letter, _digest(record, letter) or place.encode()))
    found.sort(key=lambda one: parse(one.letter.recordedtime))
    return found, dead


def _digest(record: Record, letter: DeadLetter) -> bytes | None:
    """Return what tells the record of a letter from others, None where nothing else is about it.

    A foreign record has no header of ours, and a letter of a tenant whose events are redacted has no bytes to compare.
    """
    if letter.redacted:
        return None
    with contextlib.suppress(LookupError, ValueError, RecursionError):
        return letter_digest(from_raw_record(record.headers, record.value))
    return None


def _state(one: Letter, raw: _Raw, dead: set[tuple[int, int]]) -> LetterState:
    sent = raw.sent.get(one.place)
    if sent is None:
        return LetterState.UNKNOWN if _millis(one.letter) < raw.begins_ms else LetterState.OPEN
    places = sent.values()
    if any(raw.waits(one.letter.source, *place) for place in places):
        return LetterState.SENT_BACK
    return LetterState.DEAD_AGAIN if dead.issuperset(places) else LetterState.CLOSED


async def _raw(config: Config, since_ms: int) -> _Raw:
    topic, _ = await existing_topics(config, "raw", "seen")
    found = _Raw(defaultdict(dict), {}, {}, 0)
    async with contextlib.aclosing(read(config.kafka, topic.name, since=max(since_ms, 0))) as records:
        async for record in records:
            if not any(_REDRIVEN in data for _, data in record.headers):
                continue
            with contextlib.suppress(LookupError, ValueError, RecursionError):  # a dead letter has it
                raw = from_raw_record(record.headers, b"")
                if raw.letter:
                    first = raw.held or place_of(record.partition, record.offset)
                    found.sent[raw.letter][first] = record.partition, record.offset
    partitions = {partition for places in found.sent.values() for partition, _ in places.values()}
    async with Consumer(config.kafka) as log:
        for partition in partitions:
            await _read_seen(log, f"{config.topic_prefix}seen", partition, found)
        found.begins_ms = max([await _begin(log, topic.name, number) for number in range(topic.partitions)])
    found.sent = dict(found.sent)
    return found


async def _read_seen(log: Consumer, seen: str, partition: int, found: _Raw) -> None:
    """Note how far a partition of raw is decided, as the last commit says, and what it holds, as all of them do."""
    first, end = await log.bounds(seen, partition)
    for begin in dict.fromkeys((max(first, end - LAST_RECORDS), first)):
        values = [value async for value in _values(log, seen, partition, begin, end) if not is_barrier(value)]
        if values:
            last = decode_record(values[-1])
            found.positions[partition] = last.next_offset
            if last.totals[FIRST_TOTALS]:  # anything was ever held
                found.held[partition] = {one.source: one async for one in _held(log, seen, partition, (first, end))}
            return


async def _held(log: Consumer, seen: str, partition: int, span: tuple[int, int]) -> AsyncIterator[HeldRange]:
    """Yield every range that commits between two offsets changed, as it stood then."""
    async for value in _values(log, seen, partition, *span):
        if value.startswith(bytes((FORMAT,))):
            for one in decode_record(value).held:
                yield one


async def _values(log: Consumer, topic: str, partition: int, begin: int, end: int) -> AsyncIterator[bytes]:
    """Yield the values of a partition's records between two offsets."""
    reached = begin
    log.seek(topic, partition, begin)
    while reached < end:
        records, reached = await log.next(topic, partition)
        for record in records:
            yield record.value or b""


async def _begin(log: Consumer, topic: str, partition: int) -> int:
    """Return when (ms) what is left of a partition of raw begins, 0 where nothing is gone yet."""
    first, end = await log.bounds(topic, partition)
    if first == 0:
        return 0
    log.seek(topic, partition, first)
    for _ in range(LAST_RECORDS if first < end else 0):
        records, _ = await log.next(topic, partition)
        if records:
            return int(records[0].timestamp)
    return int(time.time() * _MILLIS)


def _millis(letter: DeadLetter) -> int:
    return int(parse(letter.recordedtime).timestamp() * _MILLIS)
