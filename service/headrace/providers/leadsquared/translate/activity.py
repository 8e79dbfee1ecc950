"""Translate an activity: from the one form of `decode` to a draft.

First comes what all four shapes carry, and the meaning is taken; then what only some carry is added.
"""

from typing import Any, Final

from headrace.core import values
from headrace.core.lift import lift
from headrace.core.mapping import Mapping, Row
from headrace.providers.leadsquared.guids import one_guid
from headrace.providers.leadsquared.identity import DELETED, MIRROR, guid, is_new_deal
from headrace.providers.leadsquared.times import canonical, canonical_or_none
from headrace.providers.leadsquared.translate.custom_fields import content, text
from headrace.providers.leadsquared.translate.decode import DecodedActivity, read_activity
from headrace.providers.leadsquared.translate.enrichment import add, opportunity_of
from headrace.providers.leadsquared.translate.meaning import first_of, meaning_of
from headrace.providers.leadsquared.wire import TABLE, Fields
from headrace.sdk.provider import UNPUBLISHED, Draft, Dropped, RawEvent
from headrace_events import Data, Native

_CALLS: Final = ("21", "22")


def translate(raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
    """Return the draft of an activity. Raises `Undecodable`, or what msgspec raises."""
    activity = read_activity(raw)
    if activity.code == MIRROR:
        return Dropped("mirror", MIRROR)
    created = canonical_or_none(activity.created, "$.CreatedOn")
    revised = canonical_or_none(activity.modified, "$.ModifiedOn")
    status, owner, creator = _taken(activity.fields)
    found = content(activity.fields)
    if found.pairs and not status:
        status = text(found.pairs.get("Status"))
    row = _row(activity, mapping, status, raw.hint)
    data = _data(raw, activity, row, status)
    data.revised = revised
    data.times = None if created is None else {"created": created}
    refs = data.refs = _refs(activity, owner)
    data.fields = found.fields
    if row.lift:
        _lift(data, activity, row.lift)
    elif activity.code in _CALLS:
        _place(data, found.fields)
    if found.pairs and data.category == "call":
        _call(data, found.pairs)
    meaning = meaning_of(data, found, activity)
    add(data, row, activity, found, creator)
    lead = refs.get("lead")
    return Draft(
        row=row,
        subject=f"lead/{lead}" if lead else _subject(data),
        time=created if raw.hint != DELETED else revised,  # when it was deleted, CreatedOn does not say
        data=data,
        meaning=meaning,
        first=first_of(meaning, found) if _is_first(created, revised) else None,
        later=_later(activity, mapping, status) if row.type == "opportunity.created" else None,
        traffic=row.traffic,
    )


def _taken(fields: Fields) -> tuple[str | None, str | None, str | None]:
    """Take status, owner and creator out of custom fields."""
    if not fields:
        return None, None, None
    return text(fields.pop("Status", None)), text(fields.pop("Owner", None)), text(fields.pop("CreatedBy", None))


def _row(activity: DecodedActivity, mapping: Mapping, status: str | None, hint: str) -> Row:
    """Return the row; an opportunity in its first minute is its creation, unless the webhook's kind says otherwise."""
    if hint == DELETED:
        return mapping.find(TABLE, DELETED)
    row = mapping.find(TABLE, activity.code, status, activity.name)
    if row.type != "opportunity.updated" or hint.endswith("_updated"):
        return row
    if hint.endswith("_created") or is_new_deal(activity.created, activity.modified):
        creation = mapping.find(TABLE, activity.code, "times.created", activity.name)
        return creation if creation.type == "opportunity.created" else row
    return row


def _later(activity: DecodedActivity, mapping: Mapping, status: str | None) -> Row:
    """Return the row of an opportunity that looks new and was published before: it is created once."""
    return mapping.find(TABLE, activity.code, status, activity.name)


def _is_first(created: str | None, revised: str | None) -> bool:
    """Return whether a record was never edited: ModifiedOn may lie before CreatedOn, an edit never does."""
    return revised is None or (created is not None and revised[:-1] <= created[:-1])


def _data(raw: RawEvent, activity: DecodedActivity, row: Row, status: str | None) -> Data:
    category, _, action = row.type.partition(".")
    return Data(
        category=category,
        action=action or None,
        direction=row.direction,
        channel=row.channel,
        outcome=row.outcome,
        native=Native(
            provider=raw.provider,
            tenant=raw.tenant,
            resource="activity",
            id=guid(activity.id, "$.Id"),
            code=activity.code,
            name=activity.name or None,
            status=status,
        ),
        provenance=UNPUBLISHED,
    )


def _refs(activity: DecodedActivity, owner: str | None) -> dict[str, str]:
    refs: dict[str, str] = {}
    if activity.lead and (name := one_guid(activity.lead)):
        refs["lead"] = name
    if owner and (name := one_guid(owner)):
        refs["owner"] = name
    return refs


def _subject(data: Data) -> str:
    """Return the nearest entity of an activity that names no lead."""
    refs = data.refs or {}
    return f"opportunity/{refs['opportunity']}" if "opportunity" in refs else f"activity/{data.native.id}"


def _lift(data: Data, activity: DecodedActivity, moves: dict[str, str]) -> None:
    """Move what the row lifts, from custom fields or `Data`; what the platform itself names later is not lifted."""
    if opportunity_of(data, activity):
        moves = {native: target for native, target in moves.items() if target != "refs.opportunity"}
    fields: dict[str, Any] = {} if data.fields is None else data.fields
    for native in moves:
        if native in activity.pairs and native not in fields and activity.pairs[native] not in (None, ""):
            fields[native] = activity.pairs.pop(native)
    data.fields = fields
    lift(data, moves, canonical)
    if data.change is not None and data.change.field is None:
        data.change.field = (data.action or "").removesuffix("_changed") or None


def _place(data: Data, fields: dict[str, Any]) -> None:
    """Move what the fields of 21 and 22 hold in every account: start, length, recording; no lift has to name them."""
    start = values.time(fields.get("mx_Custom_2"), canonical)
    if start is not None and data.times is not None:
        data.times["occurred"] = start
        del fields["mx_Custom_2"]
    length = values.duration(fields.get("mx_Custom_3"))
    if length is not None:
        data.duration_seconds = length
        del fields["mx_Custom_3"]
    recording = values.url(fields.get("mx_Custom_4"))
    if recording is not None:
        data.urls = {"recording": recording}
        del fields["mx_Custom_4"]


def _call(data: Data, pairs: dict[str, Any]) -> None:
    """Take from a call's note what its fields do not say: start and length."""
    if data.duration_seconds is None:
        data.duration_seconds = values.duration(pairs.get("Duration"))
    times = data.times
    if times is not None and "occurred" not in times:
        start = values.time(pairs.get("StartTime"), canonical)
        if start is not None:
            times["occurred"] = start
