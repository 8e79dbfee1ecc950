"""Turn an activity into a draft: a list row, a detail, or both and the call beside them.

A bundle is its row with the gaps filled from the detail, and from the call where it has one. What only a detail has
(the user, the time of change) is no part of the meaning: with or without its detail a bundle is the same news.
"""

from itertools import compress
from operator import attrgetter, not_
from typing import Any, Final

from msgspec import Struct

from headrace.core.lift import lift
from headrace.core.mapping import Mapping
from headrace.core.problems import bad_value
from headrace.providers.leadping import wire
from headrace.providers.leadping.times import (
    Times,
    add_call_milestones,
    add_life,
    duration,
    happened,
    in_order,
    newest,
    revised,
    when,
)
from headrace.providers.leadping.translate import parts
from headrace.providers.leadping.translate.extra import activity_extra, add_call
from headrace.providers.leadping.translate.mapping_rules import RowChoice, choose_row, direction_of
from headrace.sdk.provider import UNPUBLISHED, Draft, RawEvent
from headrace_events import Data, Native

_FILLED: Final = (
    "activity_type",
    "timeline_type",
    "event_type",
    "event_category",
    "activity_category",
    "timeline_category",
    "status",
    "status_reason",
    "summary",
    "description",
    "direction",
    "lead_id",
    "conversation_id",
    "from_phone_number_id",
    "outbound_phone_number_id",
    "from_phone_number",
    "to_phone_number",
    "modified_at",
    "secondary_event_type",
    "user",
    "user_id",
    "user_email",
)
"""What is taken from a detail where its row does not have it."""
_filled: Final = attrgetter(*_FILLED)


class MergedActivity(Struct, gc=False, kw_only=True):
    """One activity, put together: `at` is where `part` lies in the payload, `last` names the newest of its `times`.

    `texts` are summary and description as `part` itself has them, `changed` is the time of change of a detail.
    """

    part: wire.LeadPingActivity
    at: str
    times: Times
    last: str | None
    texts: tuple[str | None, str | None]
    changed: str | None
    call: wire.LeadPingCall | None = None
    detail_status: str | None = None
    resource: str = "activity"


def alone(part: wire.LeadPingActivity, resource: str = "activity") -> MergedActivity:
    """Return a row or a detail as it is. Raises `Undecodable`."""
    times: Times = {}
    last = add_life(times, part, "$")
    return MergedActivity(
        part=part,
        at="$",
        times=times,
        last=last,
        texts=(part.summary, part.description),
        changed=when(part.modified_at, "$", "modifiedAt"),
        resource=resource,
    )


def bundled(bundle: wire.Bundle) -> MergedActivity:
    """Return the parts of a bundle as one activity. Raises `Undecodable`."""
    row, detail, call = bundle.row, bundle.detail, bundle.call
    part, at = (row, "$.row") if row else (detail, "$.detail")
    if part is None:
        raise bad_value("$.row", "a bundle needs a row or a detail: a call alone is a call")
    times: Times = {}
    last = changed = None
    if detail is not None:
        last = add_life(times, detail, "$.detail")
        changed = when(detail.modified_at, "$.detail", "modifiedAt")
    of_several = call is not None or (row is not None and bool(times))
    if row is not None:
        last = add_life(times, row, "$.row")
    if call is not None:
        add_call_milestones(times, call, "$.call")
    if of_several:
        times = in_order(times)
        last = newest(times)
    merged = MergedActivity(
        part=part,
        at=at,
        times=times,
        last=last,
        texts=(part.summary, part.description),
        changed=changed,
        call=call,
    )
    if row is not None and detail is not None:
        merged.detail_status = detail.status if row.status and detail.status != row.status else None
        _fill(row, detail)
    return merged


def draft(raw: RawEvent, mapping: Mapping, merged: MergedActivity) -> Draft:
    """Return the draft of an activity. Raises `Undecodable`."""
    part, call, times = merged.part, merged.call, merged.times
    direction = direction_of(part.direction) or (direction_of(call.direction) if call else None)
    choice = choose_row(mapping, part, call, times, last=merged.last, direction=direction)
    row = choice.row
    data = _data(raw, merged, choice, direction)
    meaning = _meaning(data, merged.texts)
    lift(data, row.lift)
    return Draft(
        row=row,
        subject=parts.subject_of(data.refs, merged.resource, part.id),
        time=happened(row, times),
        data=data,
        meaning=meaning,
        traffic=row.traffic or parts.traffic_of(part),
    )


def _data(raw: RawEvent, merged: MergedActivity, choice: RowChoice, direction: str | None) -> Data:
    part, call, times, row = merged.part, merged.call, merged.times, choice.row
    category, action = parts.words_of(row.type)
    data = Data(  # not all at once: with more than 15 keywords CPython goes by way of a dict, which costs as much again
        category=category,
        action=action,
        direction=row.direction or direction,
        channel=row.channel,
        outcome=row.outcome,
        revised=revised(times, merged.last, merged.changed, raw.received),
        refs=parts.refs_of(part, call, voice=row.channel == "voice"),
        actor=parts.applied(parts.actor_of(part, call), row.actor),
        parties=parts.parties_of(part, call),
        times=times or None,
        cost=parts.cost_of(part, merged.at, call),
        title=part.summary or None,
        text=part.description or None,
        native=_native(raw, merged, choice),
        provenance=UNPUBLISHED,
    )
    data.reason = parts.reason_of(row, part, call, by_call=choice.by_call)
    data.urls = parts.urls_of(part, call)
    data.fields = parts.fields_of(row, call and call.metadata)
    if call is not None:
        data.duration_seconds = duration(times)
    data.native.extra = _extra(merged, choice, direction, data) or None
    return data


def _native(raw: RawEvent, merged: MergedActivity, choice: RowChoice) -> Native:
    part = merged.part
    name = part.event_type or None
    return Native(raw.provider, raw.tenant, merged.resource, part.id, choice.code, name, choice.status)


def _fill(row: wire.LeadPingActivity, detail: wire.LeadPingActivity) -> None:
    """Take from the detail what the row does not say."""
    for name in compress(_FILLED, map(not_, _filled(row))):
        setattr(row, name, getattr(detail, name))


def _extra(merged: MergedActivity, choice: RowChoice, direction: str | None, data: Data) -> dict[str, Any]:
    extra = activity_extra(merged.part, direction, data.actor)
    if merged.call is not None:
        add_call(extra, merged.part, merged.call, data)
    if merged.part.status and merged.part.status != choice.status:
        extra["activity.status"] = merged.part.status
    if merged.detail_status:
        extra["detail.status"] = merged.detail_status
    return extra


def _meaning(data: Data, texts: tuple[str | None, str | None]) -> tuple[object, ...]:
    """Return what row, detail and bundle may all carry; where one carries less, its version is the lower one."""
    refs = data.refs or {}
    return (
        data.direction,
        data.outcome,
        refs.get("lead"),
        refs.get("conversation"),
        refs.get("campaign"),
        refs.get("lead_source"),
        data.parties,
        data.times,
        data.duration_seconds,
        parts.meaning_of_cost(data.cost),
        data.reason,
        texts[0] or None,
        texts[1] or None,
    )
