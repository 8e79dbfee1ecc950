"""One event with all that made it: its raw record side by side, its versions, and what became of each copy."""

import asyncio
import contextlib
import shlex
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import msgspec

from headrace.cli._code_uses import as_today
from headrace.cli._event_changes import changes
from headrace.cli._find_query import SoughtId, canonical
from headrace.cli._find_scan import search_ids
from headrace.cli._id_trail import FoundEvent, IdTrail
from headrace.cli._letter_places import place_of
from headrace.cli._raw_copies import raw_event_of
from headrace.config import Config
from headrace.config.live import LiveConfig
from headrace.config.tenants import Account
from headrace.console.one_record import one_record
from headrace.console.raw_bytes import ShownBytes, shown_bytes
from headrace.core.timestamps import parse
from headrace.kafka.partition_scan import ScanSpan
from headrace.records.newer_format import NewerFormat
from headrace_events import Event, decode

MOST_READING: Final = 4
"""Pages that read at a time; others wait."""
MOST_TRAILS: Final = 2
"""Of these, which read whole partitions."""
TRAIL_SECONDS: Final = 8.0
LOOKS_BACK_MS: Final = 86_400_000
"""So long before an event its other copies and versions are looked for."""


class EventPages:
    """Reads what the page of one event shows: at once the event and its raw record, and more when that is asked for."""

    def __init__(self, live: LiveConfig) -> None:
        self._live: Final = live
        self._turns: Final = asyncio.Semaphore(MOST_READING)
        self._trails: Final = asyncio.Semaphore(MOST_TRAILS)

    async def read(self, partition: int, offset: int) -> Mapping[str, Any] | None:
        """Return the values of the page, None where there is no event. Raises `KafkaError`, `TimeoutError`."""
        config = self._live.config
        async with self._turns:
            event = await _event(config, partition, offset)
            if event is None:
                return None
            return {
                "event": event,
                "place": place_of(partition, offset),
                "path": f"/events/{partition}/{offset}",
                "account": config.tenants.by_source.get(event.source),
                **await _raw(config, event),
            }

    async def trail(self, partition: int, offset: int) -> Mapping[str, Any] | None:
        """Return the copies and versions of an event's id, as far as they are found in time. As `read`."""
        config = self._live.config
        async with self._trails:
            event = await _event(config, partition, offset)
            if event is None:
                return None
            found = {
                "event": event,
                "place": place_of(partition, offset),
                "command": f"headrace find --id {shlex.quote(_base(event))} --source {event.source} --since 30d",
            }
            try:
                async with asyncio.timeout(TRAIL_SECONDS):
                    trail = await _trail(config, event)
            except TimeoutError:
                return found | {"trail": None, "versions": [], "late": True}
            account = config.tenants.by_source.get(event.source)
            return found | {"trail": trail, "versions": _versions(trail, account), "late": False}


async def _event(config: Config, partition: int, offset: int) -> Event | None:
    record = await one_record(config, f"{config.topic_prefix}events", partition, offset)
    if record is None:
        return None
    with contextlib.suppress(msgspec.DecodeError):
        event = decode(record.value or b"")
        return as_today(event, config.tenants.by_source.get(event.source))
    return None


async def _trail(config: Config, event: Event) -> IdTrail | None:
    native = event.data.native
    sought = SoughtId(event.source, native.resource, canonical(native.id))
    since = int(parse(event.data.provenance.received).timestamp() * 1000) - LOOKS_BACK_MS
    found = await search_ids(config, [sought], ScanSpan(max(since, 0)), everywhere=False)
    return next(iter(found.trails), None)


async def _raw(config: Config, event: Event) -> Mapping[str, Any]:
    """Return the raw record that an event names, and its bytes as they may be shown."""
    at = event.data.provenance.raw
    record = await one_record(config, at.topic, at.partition, at.offset, committed=False)
    if record is None:
        return {"raw": None, "bytes": ShownBytes(b"", "The raw record is not there any more: raw keeps it for a time.")}
    try:
        raw = raw_event_of(record)
    except NewerFormat as error:
        return {"raw": None, "bytes": ShownBytes(b"", str(error))}
    if raw.source != event.source or raw.id not in {"", event.data.native.id}:
        return {"raw": None, "bytes": ShownBytes(b"", "Another record stands at its place: raw was made anew.")}
    return {"raw": raw, "bytes": shown_bytes(config, event.source, record.value or b"")}


def _base(event: Event) -> str:
    return f"{event.data.native.resource}/{event.data.native.id}"


def _versions(trail: IdTrail | None, account: Account | None) -> list[tuple[FoundEvent, Mapping[str, tuple[Any, Any]]]]:
    """Return each version, as it would be published today, with what it changed; the oldest first."""
    events = [FoundEvent(one.place, as_today(one.event, account)) for one in trail.events] if trail else []
    changed = [{}, *(changes(before.event, one.event) for before, one in pairwise(events))]
    return list(zip(events, changed[: len(events)], strict=True))
