"""Send dead letters back to raw, as records that are read and identified anew."""

import contextlib
from collections.abc import Iterator
from typing import Final

import click
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headrace.cli._formatting import count
from headrace.cli._kafka_errors import existing_topics
from headrace.cli._letter_places import place_of
from headrace.cli._redacted_letters import LetterPlace, raw_records
from headrace.cli._topic_reader import read_dead_letters
from headrace.config import Config
from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.kafka.consumer import Record
from headrace.kafka.raw_writer import RawWriter
from headrace.records.newer_format import NewerFormat
from headrace.records.raw import from_raw_record, to_raw_record
from headrace.sdk.provider import UNREADABLE, RawEvent
from headrace_events import DeadLetter

_MOST_NAMED: Final = 10


class SentLetters(Struct):
    """How many records went back, and the places of letters of which raw takes a record no more, for its `limit`."""

    limit: int
    records: int = 0
    too_large: list[str] = []

    def why_not(self, raw: str) -> str:
        """Return a sentence for what did not go back."""
        named = ", ".join(self.too_large[:_MOST_NAMED]) + (", …" if len(self.too_large) > _MOST_NAMED else "")
        return (
            f"{count(len(self.too_large), 'letter')} did not go back: {raw} takes records of {self.limit:,} bytes, and "
            f"these are larger: {named}. Raise its max.message.bytes, and with it those of events and dead-letters"
        )


async def send_letters(config: Config, chosen: dict[LetterPlace, DeadLetter]) -> SentLetters:
    """Read dead-letters again, append the chosen letters to raw, each once, and return how many records that made."""
    redacted = {place: letter for place, letter in chosen.items() if letter.redacted}
    (raw,) = await existing_topics(config, "raw")
    async with Appender(config.kafka) as appender:
        writer = RawWriter(appender, raw)
        sent = SentLetters(writer.limit)
        async with contextlib.aclosing(read_dead_letters(config)) as letters:
            async for record, _ in letters:
                place = record.partition, record.offset
                if place in chosen and place not in redacted:
                    await _add(writer, sent, place, _admitted(config, record, place))
        async with contextlib.aclosing(raw_records(config, redacted.items())) as records:
            async for place, there in records:
                if there is not None:
                    await _add(writer, sent, place, _admitted(config, there, place))
        await writer.flush()
        sent.records = writer.appended
        return sent


async def _add(writer: RawWriter, sent: SentLetters, place: LetterPlace, outs: Iterator[ProducerRecord]) -> None:
    """Add the records of a letter that raw takes."""
    for out in outs:
        if out.size <= writer.limit:
            await writer.add(out)
        elif place_of(*place) not in sent.too_large[-1:]:
            sent.too_large.append(place_of(*place))


def _admitted(config: Config, record: Record, place: LetterPlace) -> Iterator[ProducerRecord]:
    """Yield the record of a letter as raw records again; a body that could not be cut then may be cut now."""
    raw = raw_event_of_letter(record)
    account = config.tenants.by_source.get(raw.source) if raw else None
    if raw is None or account is None:
        return
    letter = place_of(*place)
    if raw.shape != UNREADABLE:
        yield to_raw_record(account.provider, raw, redriven=True, letter=letter)
        return
    for piece in account.provider.cut(raw.value, None):
        anew = replace(raw, shape=piece.shape, value=piece.value, hint=piece.hint or raw.hint)
        yield to_raw_record(account.provider, anew, redriven=True, letter=letter)


def raw_event_of_letter(record: Record) -> RawEvent | None:
    """Return the raw event that a letter carries, None where it carries none of ours."""
    try:
        return from_raw_record(record.headers, record.value)
    except (LookupError, msgspec.DecodeError):
        return None
    except NewerFormat as error:
        raise click.ClickException(str(error)) from None
