"""Dead letters: the newest in a list, and one with its bytes and the place that is wrong in them marked."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from headrace.cli._byte_rows import all_rows, rows_around
from headrace.cli._letter_page import next_step
from headrace.cli._letters_shown import ShownLetter, letters_at, shown
from headrace.cli._newest import Newest
from headrace.config import Config
from headrace.config.live import LiveConfig
from headrace.console.raw_bytes import MOST_BYTES, shown_bytes
from headrace.kafka.consumer import Consumer
from headrace_events import decode_dead_letter

MOST_LISTED: Final = 100
MOST_MEMORY: Final = 16 * 2**20
"""Bytes of the letters that are listed."""
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
        found = [(one, next_step(one)) for one in reversed(newest.in_order())]
        return {"rows": found, "older": older + newest.total - len(found)}

    async def read(self, partition: int, offset: int) -> Mapping[str, Any] | None:
        """Return the values of the page of one letter, None where there is none. As `newest`."""
        config = self._live.config
        async with self._turns:
            found, _ = await letters_at(config, {partition: {offset}})
        return {"one": found[0], "next": next_step(found[0]), **_bytes(config, found[0])} if found else None


async def _newest(config: Config) -> tuple[Newest[ShownLetter], int]:
    """Return the newest letters, of each partition the last `MOST_LISTED` at most, and how many offsets lie before."""
    topic, newest, older = f"{config.topic_prefix}dead-letters", Newest[ShownLetter](MOST_LISTED, MOST_MEMORY), 0
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
                        newest.take(letter.recordedtime, len(record.value or b""), shown(config, record, letter))
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
    return {"rows": [_cut(row.begin, row.text, row.underline if marked else "") for row in rows], "why_not": ""}


def _cut(begin: int, text: str, underline: str) -> tuple[int, str, str, str]:
    """Return where a row begins, and its text before, in and behind what is underlined."""
    first = len(underline) - len(underline.lstrip())
    last = len(underline)
    return (begin, text[:first], text[first:last] or (" " if underline else ""), text[last:])
