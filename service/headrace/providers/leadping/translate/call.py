"""Turn a call record into a draft."""

from headrace.core import values
from headrace.core.lift import lift
from headrace.core.mapping import Mapping, Row
from headrace.providers.leadping import wire
from headrace.providers.leadping.times import Times, add_call_milestones, duration, happened, newest, revised, when
from headrace.providers.leadping.translate import parts
from headrace.providers.leadping.translate.extra import call_extra
from headrace.providers.leadping.translate.mapping_rules import VOICE, call_row, direction_of
from headrace.sdk.provider import UNPUBLISHED, Draft, RawEvent
from headrace_events import Data, Native


def draft(raw: RawEvent, mapping: Mapping) -> Draft:
    """Return the draft of a call. Raises `Undecodable`, or what msgspec raises."""
    call = wire.call(raw.value)
    times: Times = {}
    if created := when(call.created_at, "$", "createdAt"):
        times["created"] = created
    add_call_milestones(times, call, "$")
    row = call_row(mapping, call, times)
    data = _data(raw, call, row, times)
    meaning = _meaning(data)
    lift(data, row.lift)
    return Draft(
        row=row,
        subject=parts.subject_of(data.refs, "call", call.id),
        time=happened(row, times),
        data=data,
        meaning=meaning,
        traffic=row.traffic,
    )


def _data(raw: RawEvent, call: wire.LeadPingCall, row: Row, times: Times) -> Data:
    direction = direction_of(call.direction)
    category, action = parts.words_of(row.type)
    data = Data(  # not all at once: with more than 15 keywords CPython goes by way of a dict, which costs as much again
        category=category,
        action=action,
        direction=row.direction or direction,
        channel=row.channel,
        outcome=row.outcome,
        revised=revised(times, newest(times), None, raw.received),
        refs=_refs(call),
        actor=parts.applied(parts.call_actor(call), row.actor),
        parties=parts.parties_of(call),
        times=times or None,
        duration_seconds=duration(times),
        cost=parts.cost_of(call, "$"),
        urls=parts.urls_of(None, call),
        native=Native(raw.provider, raw.tenant, "call", call.id, code=VOICE, status=call.status or None),
        provenance=UNPUBLISHED,
    )
    data.reason = call.status_reason or None
    data.fields = parts.fields_of(row, call.metadata)
    extra = call_extra(call, data)
    if call.direction and direction is None:
        extra["direction"] = call.direction
    data.native.extra = extra or None
    return data


def _refs(call: wire.LeadPingCall) -> dict[str, str] | None:
    refs: dict[str, str] = {}
    if call.lead_id:
        refs["lead"] = call.lead_id
    if call.conversation_id:
        refs["conversation"] = call.conversation_id
    if call.user_id:
        refs["user"] = call.user_id
    return refs or None


def _meaning(data: Data) -> tuple[object, ...]:
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
