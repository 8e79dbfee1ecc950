"""Turn a LeadPing record of any shape into a draft of the canonical event."""

from typing import Any, Final

from headrace.core import values
from headrace.core.lift import lift
from headrace.core.mapping import UNMAPPED, Mapping
from headrace.providers.leadping import cut, wire
from headrace.providers.leadping.identity import automation_id
from headrace.providers.leadping.times import call_milestones, duration, happened, newest, revised, when
from headrace.providers.leadping.translate import activity, parts
from headrace.providers.leadping.translate.extra import call_extra
from headrace.providers.leadping.translate.mapping_rules import VOICE, call_row, direction_of, row_of_webhook
from headrace.sdk.provider import UNPUBLISHED, Draft, RawEvent
from headrace_events import Data, Native

_NAMES: Final = ("eventType", "type", "event", "trigger")
"""Where a free-form body may name itself; a tenant's overlay can give such a name a row."""


def translate(raw: RawEvent, mapping: Mapping) -> Draft:
    """Return the draft of a record. Raises `Undecodable`, or what msgspec raises."""
    found = _draft(raw, mapping)
    found.row = row_of_webhook(found.row, raw)
    return found


def _draft(raw: RawEvent, mapping: Mapping) -> Draft:
    match raw.shape:
        case wire.ROW | wire.DETAIL:
            return activity.draft(raw, mapping, activity.alone(wire.activity(raw.value)))
        case wire.BUNDLE | wire.ROWLESS:
            return activity.draft(raw, mapping, activity.bundled(wire.bundle(raw.value)))
        case wire.CALL:
            return _call(raw, mapping, wire.call(raw.value))
        case wire.SMS:
            return activity.draft(raw, mapping, activity.alone(_typed(wire.sms(raw.value)), "sms"))
        case wire.AUTOMATION:
            return _automation(raw, mapping, wire.anything(raw.value))
        case _:
            raise cut.unreadable(raw.value)


def _typed(row: wire.Sms) -> wire.Sms:
    """Return a row of the SMS lists under the names that activities have."""
    row.activity_type = row.activity_type or row.timeline_type or "Sms"
    row.description = row.description or row.text
    row.lead_id = row.lead_id or (row.lead.id if row.lead else None)
    return row


def _call(raw: RawEvent, mapping: Mapping, call: wire.LeadPingCall) -> Draft:
    created = when(call.created_at, "$", "createdAt")
    times = call_milestones(call, "$", {"created": created} if created else None)
    direction = direction_of(call.direction)
    row = call_row(mapping, call, times)
    extra = call_extra(call)
    if call.direction and direction is None:
        extra["direction"] = call.direction
    refs = _refs(call)
    data = Data(
        category=row.category,
        action=row.action,
        direction=row.direction or direction,
        channel=row.channel,
        outcome=row.outcome,
        revised=revised(times, newest(times), None, raw.received),
        refs=refs,
        actor=parts.applied(parts.call_actor(call), row.actor),
        parties=parts.parties_of(call),
        times=times or None,
        duration_seconds=duration(times),
        cost=parts.cost_of(call, "$"),
        reason=call.status_reason or None,
        urls=parts.urls_of(None, call),
        fields=parts.fields_of(row, call.metadata),
        native=Native(
            provider=raw.provider,
            tenant=raw.tenant,
            resource="call",
            id=call.id,
            code=VOICE,
            status=call.status or None,
            extra=extra or None,
        ),
        provenance=UNPUBLISHED,
    )
    meaning = _call_meaning(data)
    lift(data, row.lift)
    return Draft(
        row=row,
        subject=parts.subject_of(refs, "call", call.id),
        time=happened(row, times),
        data=data,
        meaning=meaning,
        traffic=row.traffic,
    )


def _refs(call: wire.LeadPingCall) -> dict[str, str] | None:
    named = (("lead", call.lead_id), ("conversation", call.conversation_id), ("user", call.user_id))
    return {name: value for name, value in named if value} or None


def _call_meaning(data: Data) -> tuple[object, ...]:
    """Return what counts of a call. It has one shape: all of it does, but names and links."""
    metadata = values.one_text(data.fields)
    return (
        data.direction,
        data.outcome,
        data.refs,
        data.parties,
        data.times,
        data.duration_seconds,
        parts.meaning_of_cost(data.cost),
        data.reason,
        metadata,
    )


def _automation(raw: RawEvent, mapping: Mapping, body: Any) -> Draft:
    """Return the draft of a body without an event in it: published once, under the run's own id, as it came."""
    fields = dict(body) if isinstance(body, dict) else {"body": body}
    name = next((word for key in _NAMES if isinstance(word := fields.get(key), str) and word), wire.AUTOMATION)
    row = mapping.find(wire.AUTOMATION, name)
    if row.type == UNMAPPED:
        row = mapping.find(wire.AUTOMATION, wire.AUTOMATION)
    id = automation_id(raw)  # noqa: A001  (CloudEvents' own word)
    lead = fields.get("leadId")
    refs = {"lead": lead} if isinstance(lead, str) and lead else None
    data = Data(
        category=row.category,
        action=row.action,
        direction=row.direction,
        channel=row.channel,
        outcome=row.outcome,
        refs=refs,
        actor=parts.applied(None, row.actor),
        fields={**fields, **row.fields} or None,
        native=Native(provider=raw.provider, tenant=raw.tenant, resource=wire.AUTOMATION, id=id, code=name),
        provenance=UNPUBLISHED,
    )
    lift(data, row.lift)
    subject = parts.subject_of(refs, wire.AUTOMATION, id)
    return Draft(row=row, subject=subject, time=None, data=data, meaning=(), traffic=row.traffic)
