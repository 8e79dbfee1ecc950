"""What a published event would be under the tables of today, and the raw record that replays it. Pure."""

from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headrace.core.record import ProducerRecord
from headrace.normalizer.decode import DecodedRecord
from headrace.records.event import encode_event, event_of, type_of, use_later, whole_digest
from headrace.records.mark import Mark
from headrace.records.raw import headers_of
from headrace.records.replayed import replay_id, state_of
from headrace.sdk.provider import Draft
from headrace_events import Provenance

PARTS_OF_ONE_EVENT: Final = ("id", "recordedtime", "traceparent")
"""What differs whenever an event is published; so does its provenance."""

_decode: Final = msgspec.json.decode


class _OldData(Struct, gc=False):
    provenance: Provenance


class _OldEvent(Struct, gc=False):
    """What a new event that says the same has of the old one."""

    id: str
    type: str
    recordedtime: str
    data: _OldData
    traceparent: str | None = None


_published: Final = msgspec.json.Decoder(_OldEvent).decode


class EventChange(Struct, frozen=True):
    """An event as it was published, and as it would be: both as JSON, the new one without what only its time decides.

    `record` is what a replay appends to raw: None where the id is not remembered. `size` is in bytes, as of a record.
    """

    old: dict[str, Any]
    new: dict[str, Any]
    record: ProducerRecord | None
    size: int


def change_of(value: bytes, decoded: DecodedRecord, draft: Draft, mark: Mark | None) -> EventChange | None:
    """Compare a published event (the bytes on the topic) with its draft of today; None where both say the same.

    The draft is used up. `mark` is what is remembered of the id.
    """
    published = _published(value)
    old = published.data.provenance
    later = draft.later is not None and (
        old.row == draft.later.label or (old.row != draft.row.label and published.type == type_of(draft.later))
    )
    if later:
        use_later(draft)
    # With its old name, times, trace and origin an event that says the same is the same bytes.
    event = event_of(
        draft, decoded.source, published.id, old, published.recordedtime, traceparent=published.traceparent
    )
    if decoded.redactor is not None:
        event = decoded.redactor.redact(event)
    out = encode_event(event)
    if out.value == value:
        return None
    before = _decode(value)
    after = bare(_decode(out.value))
    if bare(before) == after:
        return None
    raw = replace(decoded.raw, replay=decoded.mapping, becomes=whole_digest(event), later=later, redriven=False)
    raw = replace(raw, replaces=state_of(mark) if mark is not None else "", letter="")
    named = replay_id(raw, decoded.meaning, again=mark is not None and mark.replayed != 0)
    record = ProducerRecord(decoded.key, raw.value, headers_of(raw)) if mark is not None else None
    return EventChange(before, {"id": named} | after, record, out.size + len(named) - len(published.id))


def bare(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event, as JSON, without its id, its time of publication, its trace and its provenance."""
    data = {name: value for name, value in event.get("data", {}).items() if name != "provenance"}
    return {name: value for name, value in event.items() if name not in PARTS_OF_ONE_EVENT} | {"data": data}


def paths(event: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Return the values of an event by their paths, such as `data.refs.lead`; a list is one value."""
    found: dict[str, Any] = {}
    for name, value in event.items():
        if isinstance(value, dict):
            found |= paths(value, f"{above}{name}.")
        else:
            found[f"{above}{name}"] = value
    return found
