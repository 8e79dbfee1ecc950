"""Read an activity of any shape into one form, `Told`: what the shapes name differently gets one name here.

README.md lists the differences. Nothing is judged yet: no table, no canonical word.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from headrace.providers.leadsquared import wire
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
_TO_EXTRA: Final = ("ActivityType", "Score", "CreatedByEmailAddress", "ModifiedBy", "ModifiedByName")


class Told(Struct, gc=False):
    """One activity, whichever read or webhook told it.

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


def activity(raw: RawEvent) -> Told:
    """Read an activity. Raises what msgspec raises."""
    return _READERS[raw.shape](raw.value)


def _row(value: bytes) -> Told:
    """Read a row of Retrieve or RetrieveRecentlyModified."""
    row = wire.decode_activity(value)
    fields = row.activity_fields
    if fields is None:
        fields = {} if row.fields is None else _joined(row.fields)
    told = Told(
        row.id,
        str(row.event_code),
        row.event_name,
        row.created_on,
        row.modified_on,
        row.related_prospect_id,
        row.related_opportunity_id,
        fields,
        {} if row.data is None else _joined(row.data),
        {},
        custom=bool(fields),
    )
    _details(row, told)
    return told


def _details(row: wire.Activity, told: Told) -> None:
    """Keep what only these rows carry."""
    extra = told.extra
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
        told.latitude, told.longitude = row.latitude, row.longitude


def _joined(pairs: list[Pair]) -> Fields:
    """Make an object of pairs; where a key occurs twice, the last value that says something counts."""
    joined: Fields = {}
    for pair in pairs:
        if pair.value or pair.key not in joined:
            joined[pair.key] = pair.value
    return joined


def _flat(value: bytes) -> Told:
    """Read a row of RetrieveByActivityEvent: what is not the row's own is a custom field."""
    row = wire.decode_by_code(value)
    whole = wire.decode_fields(value)
    fields = {key: said for key, said in whole.items() if key not in _OF_THE_ROW}
    extra = {key: fields.pop(key) for key in _TO_EXTRA if key in fields}
    return Told(
        row.prospect_activity_id,
        str(row.activity_event),
        row.activity_event_name,
        row.created_on,
        row.modified_on,
        row.related_prospect_id,
        row.related_opportunity_id,
        fields,
        {},
        {key: said for key, said in extra.items() if said is not None and said != ""},
        row.created_by_name,
    )


def _item(value: bytes) -> Told:
    """Read an item of an activity webhook."""
    item = wire.decode_item(value)
    fields = item.data or {}
    if item.created_by:
        fields["CreatedBy"] = item.created_by
    extra: Fields = {}
    if item.activity_type is not None:
        extra["ActivityType"] = item.activity_type
    if item.score is not None:
        extra["Score"] = item.score
    return Told(
        item.prospect_activity_id,
        str(item.activity_event),
        item.activity_event_name,
        item.created_on,
        item.modified_on,
        item.related_prospect_id,
        item.related_opportunity_id,
        fields,
        {},
        extra,
        item.created_by_name,
    )


_READERS: Final[dict[str, Callable[[bytes], Told]]] = {
    wire.LEAD_ACTIVITY: _row,
    wire.MODIFIED_ACTIVITY: _row,
    wire.CODE_ACTIVITY: _flat,
    wire.WEBHOOK_ACTIVITY: _item,
}
