"""Read committed records of the public topics; records in a foreign format are reported and skipped."""

import contextlib
from collections.abc import AsyncGenerator

import msgspec

from headrace.cli._kafka_errors import existing_topics
from headrace.cli._output import echo
from headrace.config import Config
from headrace.kafka.consumer import Record, read
from headrace_events import DeadLetter, Event, decode, decode_dead_letter


async def read_events(
    config: Config,
    *,
    from_start: bool = True,
    follow: bool = False,
    since: int | None = None,
    until: int | None = None,
) -> AsyncGenerator[tuple[Record, Event]]:
    """Yield all events on the topic and, with `follow`, new ones without end.

    `since` and `until` (ms since the epoch) are when they were published.
    """
    found = _records(config, "events", from_start=from_start, follow=follow, since=since, until=until)
    async with contextlib.aclosing(found) as records:
        async for record in records:
            try:
                event = decode(record.value or b"")
            except msgspec.DecodeError:
                _report_foreign(record, "no event")
            else:
                yield record, event


async def read_dead_letters(
    config: Config, *, from_start: bool = True, follow: bool = False
) -> AsyncGenerator[tuple[Record, DeadLetter]]:
    """Yield all dead letters on the topic and, with `follow`, new ones without end."""
    async with contextlib.aclosing(_records(config, "dead-letters", from_start=from_start, follow=follow)) as records:
        async for record in records:
            try:
                letter = decode_dead_letter(record.headers)
            except (LookupError, msgspec.DecodeError):
                _report_foreign(record, "no dead letter")
            else:
                yield record, letter


async def _records(
    config: Config,
    name: str,
    *,
    from_start: bool,
    follow: bool,
    since: int | None = None,
    until: int | None = None,
) -> AsyncGenerator[Record]:
    (topic,) = await existing_topics(config, name)
    found = read(config.kafka, topic.name, from_start=from_start, follow=follow, since=since, until=until)
    async with contextlib.aclosing(found):
        async for record in found:
            yield record


def _report_foreign(record: Record, what: str) -> None:
    place = f"{record.topic} {record.partition}@{record.offset}"
    echo(f"{place} is {what} of ours: passed over (who else writes to this topic?)", err=True)
