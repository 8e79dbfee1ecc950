"""Where every field of a row of Retrieve goes: a value of its own in each, looked for at the place it belongs."""

from functools import reduce
from typing import Any

import pytest

from tests.providers.leadsquared.decode_row import event

INNER = '{"mx_CustomObject_1":"v31","ModifiedOn":"2018-12-12 10:39:21","Status":"v32"}'
ROW: dict[str, Any] = {
    "Id": "A0000000-0000-4000-8000-000000000001",
    "EventCode": 164,
    "EventName": "v2",
    "ActivityScore": 3,
    "CreatedOn": "2026-01-02 03:04:05",
    "ActivityType": 4,
    "IsEmailType": True,
    "Type": "v6",
    "SessionId": "v7",
    "TrackLocation": 0,
    "Latitude": 8.5,
    "Longitude": 9.5,
    "RelatedProspectId": "A0000000-0000-4000-8000-000000000010",
    "Data": [
        {"Key": "CreatedByName", "Value": "v21"},
        {"Key": "EventName", "Value": "v2"},
        {"Key": "NotableEventDescription", "Value": "v22"},
        {"Key": "HasAttachments", "Value": "v23"},
        {"Key": "Anything", "Value": "v24"},
    ],
    "ActivityFields": {
        "mx_Custom_1": INNER,
        "mx_Custom_2": "v33",
        "mx_Custom_3": f" {INNER}",
        "mx_Custom_4": INNER.replace(":", ": "),
        "Status": "v34",
        "Owner": "A0000000-0000-4000-8000-000000000035",
        "ActivityEvent_Note": "v36",
    },
    "ModifiedOn": "2026-01-02 03:04:09",
}
PLACES: dict[str, Any] = {
    "id": "activity/a0000000-0000-4000-8000-000000000001/1767323049000000",
    "subject": "lead/a0000000-0000-4000-8000-000000000010",
    "time": "2026-01-02T03:04:05Z",
    "data.native.id": "a0000000-0000-4000-8000-000000000001",
    "data.native.code": "164",
    "data.native.name": "v2",
    "data.title": "v2",
    "data.native.extra.ActivityScore": 3,
    "data.times.created": "2026-01-02T03:04:05Z",
    "data.native.extra.ActivityType": 4,
    "data.native.extra.IsEmailType": True,
    "data.native.extra.Type": "v6",
    "data.native.extra.SessionId": "v7",
    "data.native.extra.TrackLocation": 0,
    "data.native.extra.Latitude": 8.5,
    "data.native.extra.Longitude": 9.5,
    "data.refs.lead": "a0000000-0000-4000-8000-000000000010",
    "data.actor": {"kind": "user", "name": "v21"},
    "data.text": "v22",
    "data.native.extra.Data|HasAttachments": "v23",
    "data.native.extra.Data|Anything": "v24",
    "data.fields.mx_Custom_1.mx_CustomObject_1": "v31",
    "data.fields.mx_Custom_1.Status": "v32",
    "data.fields.mx_Custom_2": "v33",
    "data.fields.mx_Custom_3": f" {INNER}",
    "data.fields.mx_Custom_4.mx_CustomObject_1": "v31",
    "data.native.extra.mx_Custom_4": INNER.replace(":", ": "),
    "data.native.status": "v34",
    "data.refs.owner": "a0000000-0000-4000-8000-000000000035",
    "data.fields.ActivityEvent_Note": "v36",
    "data.revised": "2026-01-02T03:04:09Z",
}


@pytest.mark.parametrize("place", PLACES)
def test_every_field_of_a_row_is_at_its_place(place: str) -> None:
    """Nothing of a row is lost, and each value stands where consumers look for it."""
    path = [part.replace("|", ".") for part in place.split(".")]
    assert reduce(lambda value, key: value[key], path, event(ROW)) == PLACES[place]


def test_a_place_is_set_where_it_was_tracked() -> None:
    """Latitude and longitude say where somebody was only if TrackLocation is not 0."""
    data = event(ROW | {"TrackLocation": 1, "Latitude": "48.2"})["data"]
    assert data["client"] == {"lat": 48.2, "lon": 9.5}
    assert "Latitude" not in data["native"]["extra"]


def test_what_is_empty_is_not_said() -> None:
    """Null and empty values are absent from the event, also inside decoded objects."""
    fields = {"mx_Custom_1": "", "mx_Custom_2": None, "mx_Custom_3": '{"a":null}', "Owner": "", "Status": None}
    data = event(ROW | {"ActivityFields": fields, "SessionId": "", "Data": None, "ModifiedOn": ""})["data"]
    assert data["fields"] == {"mx_Custom_3": {}}
    assert "status" not in data["native"]
    assert data["refs"] == {"lead": "a0000000-0000-4000-8000-000000000010"}
    assert not {"actor", "text", "revised"} & data.keys()
    assert "SessionId" not in data["native"]["extra"]
