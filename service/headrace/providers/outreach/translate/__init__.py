"""Name and translate the rows of `GET /events`: they never change, and their `name` decides what they mean."""

from typing import Any, Final

from headrace.core.lift import lift
from headrace.core.mapping import UNMAPPED, Mapping, Row
from headrace.core.problems import bad_value
from headrace.core.timestamps import canonical
from headrace.providers.outreach.cut import EVENT
from headrace.providers.outreach.wire import (
    Attributes,
    Ref,
    Relationship,
    decode_event,
    decode_event_key,
    id_text,
    ref_name,
)
from headrace.sdk.provider import UNPUBLISHED, Draft, Identity, RawEvent
from headrace_events import Actor, Client, Data, Native, Parties, Party

CUSTOM: Final = "<app>:<event>"
"""The row for the events that apps post: the name set is open by construction."""

_NEAREST: Final = (
    "account", "opportunity", "mailing", "call", "task", "user", "sequence", "sequence_step", "note", "plugin",
)  # fmt: skip

_NESTED: Final = frozenset({dict, list})


def identity(raw: RawEvent) -> Identity:
    """Name a row by its id. Raises `Undecodable` where it is not an event's."""
    key = decode_event_key(raw.value)
    if key.type is not None and key.type != EVENT:
        raise bad_value("$.type", "only rows of GET /events are events, this is a row of another resource")
    ident = id_text(key.id)
    if not (ident.isascii() and ident.isdigit()):
        raise bad_value("$.id", "an event's id is an integer")
    return Identity(EVENT, ident, None)


def translate(raw: RawEvent, mapping: Mapping) -> Draft:
    """Turn a row into a draft. Raises `Undecodable`, or what msgspec raises."""
    row = decode_event(raw.value)
    said = row.attributes
    found = find(mapping, said.name)
    ident = id_text(row.id)
    refs = refs_of(row.relationships)
    if said.mailing_id is not None:
        refs.setdefault("mailing", id_text(said.mailing_id))
    time = moment(said.event_at, "$.attributes.eventAt")
    created = time if said.created_at == said.event_at else moment(said.created_at, "$.attributes.createdAt")
    data = Data(
        category=found.category,
        action=found.action,
        direction=found.direction,
        channel=found.channel,
        outcome=found.outcome,
        proxied=said.request_proxied,
        revised=created,
        refs=refs or None,
        actor=actor_of(found, refs, found.direction),
        times=times_of(time, created),
        text=said.body or None,
        urls={"external": said.external_url} if said.external_url else None,
        client=_client(said),
        native=Native(
            provider=raw.provider,
            tenant=raw.tenant,
            resource=EVENT,
            id=ident,
            code=said.name or None,
            name=said.name or None,
            extra=None if said.mailing_id is None else {"mailingId": said.mailing_id},
        ),
        provenance=UNPUBLISHED,
    )
    if said.payload or found.fields:
        _take_payload(data, said.payload, found)
    subject = f"lead/{refs['lead']}" if "lead" in refs else nearest(refs, f"event/{ident}")
    return Draft(row=found, subject=subject, time=time or created, data=data, meaning=(time,), traffic=found.traffic)


def find(mapping: Mapping, name: str | None) -> Row:
    """Give the row of an event's name; a name with a colon and no row of its own is an app's."""
    row = mapping.find("event", name or "")
    if row.type == UNMAPPED and row.label == UNMAPPED and name and ":" in name:
        return mapping.find("event", CUSTOM)
    return row


def refs_of(relationships: dict[str, Relationship | None] | None) -> dict[str, str]:
    """Collect the ids of the relationships that say one."""
    refs: dict[str, str] = {}
    for name, relationship in (relationships or {}).items():
        ref = None if relationship is None else relationship.data
        if type(ref) is Ref and ref.id is not None:
            refs[ref_name(name)] = str(ref.id) if type(ref.id) is int else id_text(ref.id)
    return refs


def nearest(refs: dict[str, str], otherwise: str) -> str:
    """Name the entity that an event without a lead is nearest to."""
    for name in _NEAREST:
        if name in refs:
            return f"{name}/{refs[name]}"
    return otherwise


def actor_of(row: Row, refs: dict[str, str], direction: str | None) -> Actor | None:
    """Give who did it where the row says so, and the user of what went out; the user of an open owns the mailbox."""
    if row.actor is not None:
        return Actor(kind=row.actor, id=refs.get(row.actor))
    if direction == "outbound" and "user" in refs:
        return Actor(kind="user", id=refs["user"])
    return None


def times_of(occurred: str | None, created: str | None) -> dict[str, str] | None:
    """Collect the milestones that are told."""
    if occurred is None:
        return None if created is None else {"created": created}
    return {"occurred": occurred} if created is None else {"occurred": occurred, "created": created}


def moment(text: str | None, pointer: str) -> str | None:
    """Write a time in canonical form. Raises `Undecodable` at `pointer`."""
    if not text:
        return None
    try:
        return canonical(text)
    except (ValueError, OverflowError):
        raise bad_value(pointer, "no time in ISO 8601") from None


def without_nulls(value: Any) -> Any:
    """Leave out what is null at any depth of objects; the places of a list are kept."""
    kind = type(value)
    if kind is dict:
        return {
            key: without_nulls(item) if type(item) in _NESTED else item
            for key, item in value.items()
            if item is not None
        }
    if kind is list:
        return [without_nulls(item) if type(item) in _NESTED else item for item in value]
    return value


def plain(value: Any) -> str | None:
    """Write a scalar as text; None for nothing, an object or a list."""
    if type(value) is str:
        return value or None
    if value is None or type(value) in _NESTED:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def parties_of(from_: Any, to: Any) -> Parties | None:
    """Give both ends by their addresses, where any is told."""
    sender, receiver = plain(from_), plain(to)
    if sender is None and receiver is None:
        return None
    return Parties(
        from_=None if sender is None else Party(address=sender),
        to=None if receiver is None else Party(address=receiver),
    )


def _client(said: Attributes) -> Client | None:
    if not (said.request_city or said.request_region or said.request_host or said.request_device):
        return None
    return Client(
        city=said.request_city or None,
        region=said.request_region or None,
        host=said.request_host or None,
        device=said.request_device or None,
    )


def _take_payload(data: Data, payload: Any, row: Row) -> None:
    """Keep the payload in `fields`; both ends, recording and disposition stand in their canonical places too."""
    if not isinstance(payload, dict):  # the schema says object; nobody publishes what apps really send
        payload = {"payload": payload} if payload else {}
    data.fields = {**without_nulls(payload), **row.fields} or None
    data.parties = parties_of(payload.get("from"), payload.get("to"))
    recording = plain(payload.get("recordingUrl"))
    if recording is not None:
        data.urls = {**(data.urls or {}), "recording": recording}
    data.reason = plain(payload.get("callDispositionName"))
    lift(data, row.lift)
