"""The records of `events`: a draft becomes the canonical event, its id and its bytes. Pure."""

import hashlib
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from headrace.core.mapping import Row
from headrace.core.record import ProducerRecord
from headrace.sdk.provider import UNPUBLISHED, Draft, Identity, RawEvent
from headrace_events import Data, Event, Provenance
from headrace_events.taxonomy import TYPE_PREFIX, TYPE_SUFFIX

VALUE_CHARACTERS: Final = 64 * 1024
"""What a consumer gets of one value in `text` and `native.extra`; raw has the rest."""

_PLAIN: Final = frozenset((str, int, float, bool))

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode
_meaning: Final = msgspec.msgpack.Encoder(order="deterministic").encode  # shapes order their keys as they like
_CONTENT_TYPE: Final = ("content-type", b"application/cloudevents+json; charset=UTF-8")
_SPECVERSION: Final = ("ce_specversion", b"1.0")
_DATACONTENTTYPE: Final = ("ce_datacontenttype", b"application/json")
_DATASCHEMA: Final = ("ce_dataschema", b"urn:headrace:event:1")


def meaning_of(draft: Draft) -> int:
    """Return the digest of what a draft says, 63 bits: the lowest bit is free for `Mark.meanings`."""
    return _digest((draft.row.type, draft.meaning))


def first_of(draft: Draft) -> int:
    """Return the digest of what every copy of a record that was never edited carries, 0 for one that was."""
    return 0 if draft.first is None else _digest((draft.row.type, "first", draft.first))


def _digest(value: tuple[object, ...]) -> int:
    return int.from_bytes(hashlib.blake2b(_meaning(value), digest_size=8).digest(), "little") & ~1


def type_of(row: Row) -> str:
    """Return the type of a row's events, as CloudEvents has it."""
    return f"{TYPE_PREFIX}{row.type}{TYPE_SUFFIX}"


def use_later(draft: Draft) -> None:
    """Turn the draft of a record that was published before into what happened to it since."""
    if draft.later is not None:
        row = draft.row = draft.later
        draft.traffic, draft.data.category, draft.data.action = row.traffic, row.category, row.action


def event_id(identity: Identity | RawEvent, meaning: int, *, again: bool = False) -> str:
    """Return an event's id: `<resource>/<id>` for what never changes, else with the version, or 8 hex of the meaning.

    `again` marks a second meaning under one version (whole-second clocks).
    """
    resource, name, version = identity.resource, identity.id, identity.version
    if version is None:
        return f"{resource}/{name}"
    if version == "unknown":
        return f"{resource}/{name}/{meaning >> 32:08x}"
    return f"{resource}/{name}/{version}-{meaning >> 32:08x}" if again else f"{resource}/{name}/{version}"


def event_of(
    draft: Draft,
    source: str,
    id: str,  # noqa: A002  (CloudEvents' own word)
    provenance: Provenance,
    recorded: str,
    *,
    traceparent: str | None = None,
) -> Event:
    """Return the CloudEvents envelope of a draft; the draft's data is taken over, not copied."""
    draft.data.provenance = provenance
    return Event(
        specversion="1.0",
        id=id,
        source=source,
        type=type_of(draft.row),
        subject=draft.subject,
        time=draft.time,
        recordedtime=recorded,
        datacontenttype="application/json",
        dataschema="urn:headrace:event:1",
        partitionkey=f"{source}/{draft.subject}",
        traffic=draft.traffic,
        traceparent=traceparent,
        data=draft.data,
    )


def whole_digest(event: Event) -> str:
    """Return 16 hex digits of an event as it was encoded, without its id, time of publication, trace, provenance."""
    data = replace(event.data, provenance=UNPUBLISHED)
    bare = replace(event, id="", recordedtime="", traceparent=None, data=data)
    return hashlib.blake2b(_encode(bare), digest_size=8).hexdigest()


def encode_event(event: Event) -> ProducerRecord:
    """Return the record of an event: the whole of it as the value, its attributes again as `ce_` headers."""
    value = _encode(event)
    if _may_hold_null(event.data) and b"null" in value and _leave_out_nulls(event.data):
        value = _encode(event)
    if len(value) > VALUE_CHARACTERS and _trim(event):
        value = _encode(event)
    key = event.partitionkey.encode()
    headers = [
        _CONTENT_TYPE,
        _SPECVERSION,
        ("ce_id", event.id.encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.type.encode()),
        ("ce_subject", event.subject.encode()),
        ("ce_recordedtime", event.recordedtime.encode()),
        _DATACONTENTTYPE,
        _DATASCHEMA,
        ("ce_partitionkey", key),
    ]
    if event.time is not None:
        headers.append(("ce_time", event.time.encode()))
    if event.traffic is not None:
        headers.append(("ce_traffic", event.traffic.encode()))
    if event.traceparent is not None:
        headers.append(("ce_traceparent", event.traceparent.encode()))
    return ProducerRecord(key, value, headers)


def _may_hold_null(data: Data) -> bool:
    """Return whether the verbatim parts hold more than plain values, and structures of these alone.

    To look through the values costs less than to search the bytes of the event.
    """
    for part in (data.fields, data.native.extra):
        for value in part.values() if part else ():
            if type(value) not in _PLAIN and not (type(value) is dict and _PLAIN.issuperset(map(type, value.values()))):
                return True
    return False


def _leave_out_nulls(data: Data) -> bool:
    """Remove what is null inside the verbatim parts; return False where only a text says "null"."""
    before = (data.fields, data.native.extra)
    data.fields = _without_nulls(data.fields) or None
    data.native.extra = _without_nulls(data.native.extra) or None
    return (data.fields, data.native.extra) != before


def _without_nulls(value: Any) -> Any:
    """Return a structure without its nulls, at any depth."""
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value if inner is not None]
    return value


def _trim(event: Event) -> bool:
    """Cut overlong values of `text` and `native.extra`, and list them in `truncated`; return whether there were any."""
    data = event.data
    cut: list[str] = []
    if data.text is not None and len(data.text) > VALUE_CHARACTERS:
        data.text = data.text[:VALUE_CHARACTERS]
        cut.append("text")
    for name, value in (data.native.extra or {}).items():
        short = _shorten(value)
        if short is not value and data.native.extra is not None:
            data.native.extra[name] = short
            cut.append(f"native.extra.{name}")
    if cut:
        data.truncated = cut
    return bool(cut)


def _shorten(value: Any) -> Any:
    """Return a value as it is, a long string cut, or a large structure as the first characters of its JSON."""
    if isinstance(value, str):
        return value if len(value) <= VALUE_CHARACTERS else value[:VALUE_CHARACTERS]
    text = _encode(value)
    return value if len(text) <= VALUE_CHARACTERS else text[:VALUE_CHARACTERS].decode("utf-8", "ignore")
