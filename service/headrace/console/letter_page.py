"""Dead letters: the newest in a list, and one with its bytes and the place that is wrong in them marked."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from headrace.cli._byte_rows import all_rows, rows_around
from headrace.cli._letter_page import next_step
from headrace.cli._letter_places import place_of
from headrace.cli._letters_shown import ShownLetter, letters_at, shown
from headrace.cli._newest import Newest
from headrace.config import Config
from headrace.config.live import LiveConfig
from headrace.console.raw_bytes import MOST_BYTES, shown_bytes
from headrace.core.problems import unquoted
from headrace.core.text_width import text_width
from headrace.kafka.consumer import Consumer, Record
from headrace_events import DeadLetter, decode_dead_letter

MOST_LISTED: Final = 100
MOST_MEMORY: Final = 16 * 2**20
"""Bytes of the letters that are listed."""
MOST_EXPLAINED: Final = 50_000
"""Bytes of a letter of which the list says what it would become: of more, its own page does."""
MOST_READING: Final = 2
_WHOLE: Final = 20_000
"""Bytes of which every row is shown."""


class LetterPages:
    """Reads what the pages of dead letters show."""

    def __init__(self, live: LiveConfig) -> None:
        self._live: Final = live
        self._turns: Final = asyncio.Semaphore(MOST_READING)

    async def newest(self) -> Mapping[str, Any]:
        """Return the values of the list. Raises `KafkaError`, `TimeoutError`."""
        async with self._turns:
            newest, older = await _newest(self._live.config)
        rows = []
        for record, letter in reversed(newest.in_order()):
            rows.append(_row(self._live.config, record, letter))
            await asyncio.sleep(0)  # to explain one takes as long as to decide on it
        return {"rows": rows, "older": older + newest.total - len(rows)}

    async def read(self, partition: int, offset: int) -> Mapping[str, Any] | None:
        """Return the values of the page of one letter, None where there is none. As `newest`."""
        config = self._live.config
        async with self._turns:
            found, _ = await letters_at(config, {partition: {offset}})
        if not found:
            return None
        one = _unquoted(config, found[0])
        return {"one": one, "next": next_step(one), **_bytes(config, one)}


def _row(config: Config, record: Record, letter: DeadLetter) -> tuple[str, DeadLetter, str]:
    """Return the place of a letter, the letter, and what to do about it."""
    place = place_of(record.partition, record.offset)
    if len(record.value or b"") > MOST_EXPLAINED:
        return place, _quiet(config, letter), "open it"
    one = _unquoted(config, shown(config, record, letter))
    return place, one.letter, next_step(one)


def _unquoted(config: Config, one: ShownLetter) -> ShownLetter:
    """Return a letter whose sentences quote nothing where its bytes may not be shown."""
    if shown_bytes(config, one.letter.source, b"").why_not:
        one.letter = _quiet(config, one.letter)
        for record in one.today:
            record.problem = record.problem and unquoted(record.problem)
    return one


def _quiet(config: Config, letter: DeadLetter) -> DeadLetter:
    hidden = bool(shown_bytes(config, letter.source, b"").why_not)
    return msgspec.structs.replace(letter, problem=unquoted(letter.problem)) if hidden else letter


async def _newest(config: Config) -> tuple[Newest[tuple[Record, DeadLetter]], int]:
    """Return the newest letters, of each partition the last `MOST_LISTED` at most, and how many offsets lie before."""
    topic, newest = f"{config.topic_prefix}dead-letters", Newest[tuple[Record, DeadLetter]](MOST_LISTED, MOST_MEMORY)
    older = 0
    async with Consumer(config.kafka) as log:
        for partition in range(await log.partitions_of(topic)):
            first, end = await log.bounds(topic, partition)
            at = max(first, end - MOST_LISTED)
            older += at - first
            log.seek(topic, partition, at)
            while at < end:
                records, at = await log.next(topic, partition)
                for record in records:
                    with contextlib.suppress(LookupError, msgspec.DecodeError):  # foreign: `headrace tail` reports it
                        letter = decode_dead_letter(record.headers)
                        newest.take(letter.recordedtime, len(record.value or b""), (record, letter))
                await asyncio.sleep(0)
    return newest, older


def _bytes(config: Config, one: ShownLetter) -> Mapping[str, Any]:
    """Return the rows of the bytes, each cut before, in and behind its mark; or why none are shown."""
    allowed = shown_bytes(config, one.letter.source, one.value)
    if allowed.why_not and one.value:
        return {"rows": [], "why_not": allowed.why_not}
    begin, end = (one.at.begin, one.at.end) if one.at else (0, 0)
    whole = len(one.value) <= _WHOLE
    rows = list(all_rows(one.value, begin, end)) if whole else rows_around(one.value[: begin + MOST_BYTES], begin, end)
    marked = one.at is not None
    return {"rows": [cut_row(row.begin, row.text, row.underline if marked else "") for row in rows], "why_not": ""}


def cut_row(begin: int, text: str, underline: str) -> tuple[int, str, str, str]:
    """Return where a row begins, and its text before, in and behind what is underlined."""
    first = _letters(text, len(underline) - len(underline.lstrip()))
    last = _letters(text, len(underline))
    return (begin, text[:first], text[first:last] or (" " if underline else ""), text[last:])


def _letters(text: str, columns: int) -> int:
    """Return how many letters of a text take so many columns of a terminal, by which it is underlined."""
    if text.isascii():
        return columns
    return next((number for number in range(len(text) + 1) if text_width(text[:number]) >= columns), len(text))
