"""A copy of an id in raw: where it stands, how it came, and what became of it."""

from typing import Literal

from msgspec import Struct

from headrace.kafka.consumer import Record
from headrace.records.raw import from_raw_record
from headrace.sdk.provider import RawEvent, Version
from headrace_events import Problem, Via

Basis = Literal["events", "dead-letters", "position", "range", "returned", "derived"]


class RawCopy(Struct, kw_only=True):
    """A copy in raw: where it stands, when it was appended (ms), how it came, and what became of it.

    `basis` says from what the fate is known; `derived` is what the tables of today make of it, with its type.
    """

    offset: int
    appended: int
    size: int
    received: int
    via: str
    how: list[str]
    shape: str
    version: Version
    delivery: str
    derived: str = ""
    type: str = ""
    row: str = ""
    mapping: str = ""
    problem: Problem | None = None
    fate: str = ""
    basis: Basis = "derived"


def raw_event_of(record: Record) -> RawEvent:
    """Return the raw event of a record, one that says so where it is damaged. Raises `NewerFormat`."""
    try:
        return from_raw_record(record.headers, record.value)
    except (LookupError, ValueError, RecursionError):
        return RawEvent(provider="", tenant="", shape="damaged", via=Via.INGEST, received=record.timestamp)


def copy_of(record: Record, raw: RawEvent) -> RawCopy:
    """Return a copy, as far as the record tells."""
    return RawCopy(
        offset=record.offset,
        appended=record.timestamp,
        size=len(record.value or b""),
        received=raw.received,
        via=str(raw.via),
        how=_how(raw),
        shape=raw.shape,
        version=raw.version,
        delivery=raw.delivery,
    )


def _how(raw: RawEvent) -> list[str]:
    """Return what is special about the way a copy came."""
    ways = {
        f"redriven from letter {raw.letter}" if raw.letter else "redriven": raw.redriven,
        f"replayed under mapping {raw.replay}": bool(raw.replay),
        "returned, as told": raw.as_told,
        "twin of what was told": raw.twin,
        "found by the sweep": raw.swept,
        f"returned, held at {raw.held}": bool(raw.held),
    }
    return [way for way, is_so in ways.items() if is_so]
