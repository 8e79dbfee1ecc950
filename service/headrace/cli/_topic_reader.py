"""Read what stands on the public topics, only what is committed; what is none of ours is told and passed over."""

import contextlib
from collections.abc import AsyncGenerator

import click
import msgspec

from headrace.cli._kafka_errors import existing_topics
from headrace.config import Config
from headrace.kafka.consumer import Record, read
from headrace_events import DeadLetter, Event, decode, decode_dead_letter


async def read_events(
    config: Config, *, from_start: bool = True, follow: bool = False
) -> AsyncGenerator[tuple[Record, Event]]:
    """Give the events that are kept and, with `follow`, those that come, for ever."""
    async with contextlib.aclosing(_records(config, "events", from_start=from_start, follow=follow)) as records:
        async for record in records:
            try:
                event = decode(record.value or b"")
            except msgspec.DecodeError:
                _pass_over(record, "no event")
            else:
                yield record, event


async def read_dead_letters(
    config: Config, *, from_start: bool = True, follow: bool = False
) -> AsyncGenerator[tuple[Record, DeadLetter]]:
    """Give the dead letters that are kept and, with `follow`, those that come, for ever."""
    async with contextlib.aclosing(_records(config, "dead-letters", from_start=from_start, follow=follow)) as records:
        async for record in records:
            try:
                letter = decode_dead_letter(record.headers)
            except (LookupError, msgspec.DecodeError):
                _pass_over(record, "no dead letter")
            else:
                yield record, letter


async def _records(config: Config, name: str, *, from_start: bool, follow: bool) -> AsyncGenerator[Record]:
    (topic,) = await existing_topics(config, name)
    found = read(config.kafka, topic.name, from_start=from_start, follow=follow)
    async with contextlib.aclosing(found):
        async for record in found:
            yield record


def _pass_over(record: Record, what: str) -> None:
    place = f"{record.topic} {record.partition}@{record.offset}"
    click.echo(f"{place} is {what} of ours: passed over (who else writes to this topic?)", err=True)
