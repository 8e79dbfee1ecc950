"""Read an activity of any shape into one form: what the shapes name differently gets one name here.

README.md lists the differences. Nothing is decided yet: no table, no canonical word.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Struct

from headrace.core.problems import bad_value
from headrace.providers.leadsquared import wire
from headrace.providers.leadsquared.identity import automation_id
from headrace.providers.leadsquared.translate.notes import open_object, without_nulls
from headrace.providers.leadsquared.wire import Fields, Pair
from headrace.sdk.provider import RawEvent

_OF_THE_ROW: Final = frozenset(
    (
        "ProspectActivityId",
        "ActivityEvent",
        "ActivityEventName",
        "CreatedOn",
        "ModifiedOn",
        "RelatedProspectId",
        "RelatedOpportunityId",
        "CreatedByName",
    )
)
_OF_AUTOMATIONS: Final = _OF_THE_ROW | {"ActivityName", "ProspectID"}
_TO_EXTRA: Final = ("ActivityType", "Score", "CreatedByEmailAddress", "ModifiedBy", "ModifiedByName")


class DecodedActivity(Struct, gc=False, kw_only=True):
    """One activity, whichever read or webhook brought it.

    `fields` are the custom fields with Status, Owner and note among them, verbatim; `pairs` the `Data` list of API
    rows; `extra` what goes to `native.extra`. Times are native. `custom` is False for what the platform itself noted:
    those rows have no custom fields at all.
    """

    id: str
    code: str
    name: str | None
    created: str | None
    modified: str | None
    lead: str | None
    opportunity: str | None
    fields: Fields
    pairs: Fields
    extra: Fields
    creator: str | None = None
    custom: bool = True
    latitude: Any = None
    longitude: Any = None


def read_activity(raw: RawEvent) -> DecodedActivity:
    """Return an activity in its one form. Raises what msgspec raises."""
    return _READERS[raw.shape](raw.value)


def _row(value: bytes) -> DecodedActivity:
    """Return a row of Retrieve or RetrieveRecentlyModified."""
    try:
        row: wire.LeadSquaredActivity = wire.decode_known_activity(value)
        others: Fields = {}
    except msgspec.ValidationError:
        row = wire.decode_activity(value)
        others = _others(value, wire.LeadSquaredActivity)
    fields = row.activity_fields
    if fields is None:
        fields = {} if row.fields is None else _joined(row.fields)
    activity = DecodedActivity(
        id=row.id,
        code=str(row.event_code),
        name=row.event_name,
        created=row.created_on,
        modified=row.modified_on,
        lead=row.related_prospect_id,
        opportunity=row.related_opportunity_id,
        fields=fields,
        pairs={} if row.data is None else _joined(row.data),
        extra=others,
        custom=bool(fields),
    )
    _add_details(row, activity)
    return activity


def _add_details(row: wire.LeadSquaredActivity, activity: DecodedActivity) -> None:
    """Keep what only these rows carry."""
    extra = activity.extra
    if row.activity_type is not None:
        extra["ActivityType"] = row.activity_type
    if row.activity_score is not None:
        extra["ActivityScore"] = row.activity_score
    if row.is_email_type is not None:
        extra["IsEmailType"] = row.is_email_type
    if row.type:
        extra["Type"] = row.type
    if row.session_id:
        extra["SessionId"] = row.session_id
    if row.track_location is not None:
        extra["TrackLocation"] = row.track_location
    if row.track_location in (None, 0, "0", "", False):
        if row.latitude is not None:
            extra["Latitude"] = row.latitude
        if row.longitude is not None:
            extra["Longitude"] = row.longitude
    else:
        activity.latitude, activity.longitude = row.latitude, row.longitude


def _others(value: bytes, known: type[msgspec.Struct]) -> Fields:
    """Return what has no place of its own in a record, such as the Address of some accounts; nulls are not there."""
    names = _names(known)
    whole = wire.decode_fields(value)
    return {key: without_nulls(found) for key, found in whole.items() if key not in names and found not in (None, "")}


@cache
def _names(known: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(each.encode_name for each in msgspec.structs.fields(known))


def _joined(pairs: list[Pair]) -> Fields:
    """Return an object of pairs; where a key occurs twice, the last value that says something counts."""
    joined: Fields = {}
    for pair in pairs:
        key, value = pair.key, pair.value
        if value or key not in joined:
            joined[key] = value
    return joined


def _flat(value: bytes) -> DecodedActivity:
    """Return a row of RetrieveByActivityEvent: what is not the row's own is a custom field."""
    row = wire.decode_by_code(value)
    whole = wire.decode_fields(value)
    fields = {key: value for key, value in whole.items() if key not in _OF_THE_ROW}
    extra = {key: fields.pop(key) for key in _TO_EXTRA if key in fields}
    return DecodedActivity(
        id=row.prospect_activity_id,
        code=str(row.activity_event),
        name=row.activity_event_name,
        created=row.created_on,
        modified=row.modified_on,
        lead=row.related_prospect_id,
        opportunity=row.related_opportunity_id,
        fields=fields,
        pairs={},
        extra={key: value for key, value in extra.items() if value is not None and value != ""},
        creator=row.created_by_name,
    )


def _item(value: bytes) -> DecodedActivity:
    """Return an item of an activity webhook (https://apidocs.leadsquared.com/webhooks/)."""
    try:
        item: wire.ActivityItem = wire.decode_known_item(value)
        extra: Fields = {}
    except msgspec.ValidationError:
        item = wire.decode_item(value)
        extra = _others(value, wire.ActivityItem)
    fields = _custom(item.data)
    if item.created_by:
        fields["CreatedBy"] = item.created_by
    if item.activity_type is not None:
        extra["ActivityType"] = item.activity_type
    if item.score is not None:
        extra["Score"] = item.score
    return DecodedActivity(
        id=item.prospect_activity_id,
        code=str(item.activity_event),
        name=item.activity_event_name,
        created=item.created_on,
        modified=item.modified_on,
        lead=item.related_prospect_id,
        opportunity=item.related_opportunity_id,
        fields=fields,
        pairs={},
        extra=extra,
        creator=item.created_by_name,
    )


def _custom(data: Fields | str | None) -> Fields:
    """Return the custom fields of an item, decoded where they are a JSON string. Raises `Undecodable`."""
    if not isinstance(data, str):
        return data or {}
    found = open_object(data) if data.strip() else {}
    if not isinstance(found, dict):
        raise bad_value("$.Data", "custom fields are an object, or a JSON string that holds one")
    return found


def _automation(value: bytes) -> DecodedActivity:
    """Return what an automation posts: everything beside code, name, lead and times is a custom field."""
    key = wire.decode_automation(value)
    return DecodedActivity(
        id=automation_id(value),
        code=str(key.activity_event),
        name=key.activity_name or key.activity_event_name,
        created=key.created_on,
        modified=key.modified_on,
        lead=key.prospect_id or key.related_prospect_id,
        opportunity=key.related_opportunity_id,
        fields={each: found for each, found in wire.decode_fields(value).items() if each not in _OF_AUTOMATIONS},
        pairs={},
        extra={},
    )


_READERS: Final[dict[str, Callable[[bytes], DecodedActivity]]] = {
    wire.LEAD_ACTIVITY: _row,
    wire.MODIFIED_ACTIVITY: _row,
    wire.CODE_ACTIVITY: _flat,
    wire.WEBHOOK_ACTIVITY: _item,
    wire.AUTOMATION_ACTIVITY: _automation,
}
