"""Translate the rows of `GET /events`: they never change, and their `name` decides what they mean."""

from typing import Any, Final

from headrace.core import values
from headrace.core.lift import lift
from headrace.core.mapping import UNMAPPED, Mapping, Row
from headrace.providers.outreach.translate.parts import actor_of, moment, parties_of, without_nulls
from headrace.providers.outreach.wire import (
    EVENT,
    Attributes,
    Ref,
    Relationship,
    decode_event,
    id_text,
    ref_name,
)
from headrace.sdk.provider import UNPUBLISHED, Draft, RawEvent
from headrace_events import Client, Data, Native

CUSTOM: Final = "<app>:<event>"
"""The row for the events that apps post: the name set is open by construction."""

_NEAREST: Final = (
    "account", "opportunity", "mailing", "call", "task", "user", "sequence", "sequence_step", "note", "plugin",
)  # fmt: skip


def translate(raw: RawEvent, mapping: Mapping) -> Draft:
    """Return the draft of a row. Raises `Undecodable`, or what msgspec raises."""
    row = decode_event(raw.value)
    attributes = row.attributes
    name = attributes.name or None
    found = find(mapping, name)
    ident = id_text(row.id)
    refs = refs_of(row.relationships)
    if attributes.mailing_id is not None:
        refs.setdefault("mailing", id_text(attributes.mailing_id))
    time = moment(attributes.event_at, "$.attributes.eventAt")
    if attributes.created_at == attributes.event_at:
        created = time
    else:
        created = moment(attributes.created_at, "$.attributes.createdAt")
    external = values.url(attributes.external_url) if attributes.external_url else None
    category, _, action = found.type.partition(".")
    data = Data(
        category=category,
        action=action or None,
        direction=found.direction,
        channel=found.channel,
        outcome=found.outcome,
        proxied=attributes.request_proxied,
        revised=created,
        refs=refs or None,
        actor=actor_of(found, refs, found.direction),
        times=times_of(time, created),
        text=attributes.body or None,
        urls=None if external is None else {"external": external},
        client=_client(attributes),
        native=Native(
            provider=raw.provider,
            tenant=raw.tenant,
            resource=EVENT,
            id=ident,
            code=name,
            name=name,
            extra=_extra(attributes, external),
        ),
        provenance=UNPUBLISHED,
    )
    if attributes.payload or found.fields:
        _take_payload(data, attributes.payload, found)
    subject = f"lead/{refs['lead']}" if "lead" in refs else nearest(refs, f"event/{ident}")
    return Draft(row=found, subject=subject, time=time or created, data=data, meaning=(time,), traffic=found.traffic)


def find(mapping: Mapping, name: str | None) -> Row:
    """Return the row of an event's name; a name with a colon and no row of its own is an app's."""
    row = mapping.find("event", name or "")
    if row.type == UNMAPPED and row.label == UNMAPPED and name and ":" in name:
        return mapping.find("event", CUSTOM)
    return row


def refs_of(relationships: dict[str, Relationship | None] | None) -> dict[str, str]:
    """Return the ids of the relationships that have one."""
    refs: dict[str, str] = {}
    if not relationships:
        return refs
    for name, relationship in relationships.items():
        if relationship is None:
            continue
        data = relationship.data
        ident = data.id if type(data) is Ref else relationship.id
        if type(ident) is int:
            refs[ref_name(name)] = f"{ident}"
        elif ident is not None:
            refs[ref_name(name)] = id_text(ident)
    return refs


def nearest(refs: dict[str, str], otherwise: str) -> str:
    """Return the entity that an event without a lead is nearest to."""
    for name in _NEAREST:
        if name in refs:
            return f"{name}/{refs[name]}"
    return otherwise


def times_of(occurred: str | None, created: str | None) -> dict[str, str] | None:
    """Return the milestones that are there."""
    if occurred is None:
        return None if created is None else {"created": created}
    return {"occurred": occurred} if created is None else {"occurred": occurred, "created": created}


def _extra(attributes: Attributes, external: str | None) -> dict[str, Any] | None:
    """Return what has no canonical place, or does not fit it."""
    mailing, odd = attributes.mailing_id, external is None and attributes.external_url
    if mailing is None:
        return {"externalUrl": odd} if odd else None
    return {"mailingId": mailing, "externalUrl": odd} if odd else {"mailingId": mailing}


def _client(attributes: Attributes) -> Client | None:
    if not (
        attributes.request_city or attributes.request_region or attributes.request_host or attributes.request_device
    ):
        return None
    return Client(
        city=attributes.request_city or None,
        region=attributes.request_region or None,
        host=attributes.request_host or None,
        device=attributes.request_device or None,
    )


def _take_payload(data: Data, payload: Any, row: Row) -> None:
    """Keep the payload in `fields`; both ends, recording and disposition stand in their canonical places too."""
    if not isinstance(payload, dict):  # schema: object; real payloads are undocumented
        payload = {"payload": payload} if payload else {}
    data.fields = {**without_nulls(payload), **row.fields} or None
    data.parties = parties_of(payload.get("from"), payload.get("to"))
    recording = values.url(payload.get("recordingUrl"))
    if recording is not None:
        data.urls = {**(data.urls or {}), "recording": recording}
    data.reason = values.text(payload.get("callDispositionName"))
    lift(data, row.lift)
