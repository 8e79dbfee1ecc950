"""Turn an activity into a draft: a list row, a detail, or both and the call beside them.

A bundle is its row with the gaps filled from the detail, and from the call where it has one. What only a detail has
(the user, the time of change) is no part of the meaning: with or without its detail a bundle is the same news.
"""

from typing import Any, Final

from msgspec import Struct

from headrace.core.lift import lift
from headrace.core.mapping import Mapping
from headrace.core.problems import bad_value
from headrace.providers.leadping import wire
from headrace.providers.leadping.times import (
    Times,
    call_milestones,
    duration,
    happened,
    in_order,
    life,
    newest,
    revised,
    when,
)
from headrace.providers.leadping.translate import parts
from headrace.providers.leadping.translate.extra import activity_extra, add_call
from headrace.providers.leadping.translate.mapping_rules import RowChoice, choose_row, direction_of
from headrace.sdk.provider import UNPUBLISHED, Draft, RawEvent
from headrace_events import Actor, Data, Native

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
    times = life(part, "$")
    return MergedActivity(
        part=part,
        at="$",
        times=times,
        last=newest(times),
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
    changed = None
    if detail is not None:
        times |= life(detail, "$.detail")
        changed = when(detail.modified_at, "$.detail", "modifiedAt")
    if row is not None:
        times |= life(row, "$.row")
    if call is not None:
        call_milestones(call, "$.call", times)
    times = in_order(times)
    merged = MergedActivity(
        part=part,
        at=at,
        times=times,
        last=newest(times),
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
    actor = parts.actor_of(part, call)
    refs = parts.refs_of(part, call, voice=row.channel == "voice")
    data = Data(
        category=row.category,
        action=row.action,
        direction=row.direction or direction,
        channel=row.channel,
        outcome=row.outcome,
        revised=revised(times, merged.last, merged.changed, raw.received),
        refs=refs,
        actor=parts.applied(actor, row.actor),
        parties=parts.parties_of(part, call),
        times=times or None,
        duration_seconds=duration(times),
        cost=parts.cost_of(part, merged.at, call),
        reason=parts.reason_of(row, part, call, by_call=choice.by_call),
        title=part.summary or None,
        text=part.description or None,
        urls=parts.urls_of(part, call),
        fields=parts.fields_of(row, call and call.metadata),
        native=Native(
            provider=raw.provider,
            tenant=raw.tenant,
            resource=merged.resource,
            id=part.id,
            code=choice.code,
            name=part.event_type or None,
            status=choice.status,
            extra=_extra(merged, choice, direction, actor) or None,
        ),
        provenance=UNPUBLISHED,
    )
    meaning = _meaning(data, merged.texts)
    lift(data, row.lift)
    return Draft(
        row=row,
        subject=parts.subject_of(refs, merged.resource, part.id),
        time=happened(row, times),
        data=data,
        meaning=meaning,
        traffic=row.traffic or parts.traffic_of(part),
    )


def _fill(row: wire.LeadPingActivity, detail: wire.LeadPingActivity) -> None:
    """Take from the detail what the row does not say."""
    for name in _FILLED:
        if not getattr(row, name):
            setattr(row, name, getattr(detail, name))


def _extra(merged: MergedActivity, choice: RowChoice, direction: str | None, actor: Actor | None) -> dict[str, Any]:
    extra = activity_extra(merged.part, direction, actor)
    if merged.call is not None:
        add_call(extra, merged.part, merged.call, actor)
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
        *(text or None for text in texts),
    )
