from typing import Any

import pytest

from headrace.sdk.provider import Draft
from tests.providers.leadsquared.decode_row import ROW, draft, event, explained

CALL = ROW | {"EventCode": 22, "EventName": "Outbound Phone Call Activity"}
OVERLAY = """
[[row]]
code = "171"
name = "Site survey"
type = "meeting.held"
channel = "voice"
fields = { kind = "survey" }
[row.lift]
mx_Custom_1 = "value.amount"
mx_Custom_2 = "next_step"
mx_Custom_3 = "times.ended"
mx_Custom_4 = "times.sent"
Room = "fields.room"
Who = "reason"
[row.status]
"Called off" = { type = "meeting.canceled", outcome = "canceled" }

[[row]]
code = "350"
type = "call.logged"
"""


@pytest.mark.parametrize(
    ("code", "status", "word", "outcome"),
    [
        (22, "Answered", "call.completed", None),
        (22, "Not answered", "call.unanswered", "no_answer"),
        (21, "Missed", "call.unanswered", "missed"),
        (22, "CallFailure", "call.failed", None),
        (21, "", "call.logged", None),
        (22, "Ringing", "call.logged", None),
    ],
)
def test_the_status_of_a_call_decides(code: int, status: str, word: str, outcome: str | None) -> None:
    """21 and 22 say who called, the status says how it went, `Type` is not believed."""
    found = event(CALL | {"EventCode": code, "Type": "Information", "ActivityFields": {"Status": status}})
    assert found["type"] == f"headrace.{word}.v1"
    assert found["data"].get("outcome") == outcome
    assert found["data"]["direction"] == {21: "inbound", 22: "outbound"}[code]
    assert found["data"]["channel"] == "voice"


@pytest.mark.parametrize(
    ("fields", "pairs", "seconds"),
    [
        ({"mx_Custom_3": "64", "ActivityEvent_Note": "Duration{=}73{next}"}, {"Duration": "80"}, 64),
        ({"ActivityEvent_Note": "Duration{=}73{next}"}, {"Duration": "80"}, 73),
        ({}, {"Duration": "80"}, 80),
        ({"mx_Custom_3": "1:04"}, {}, None),
        ({"mx_Custom_3": 64}, {}, 64),
    ],
)
def test_a_calls_length_is_taken_from_field_note_or_data(
    fields: dict[str, Any], pairs: dict[str, str], seconds: int | None
) -> None:
    """The field that all shapes carry comes first, what is no number of seconds is left where it was."""
    data = event(
        CALL | {"ActivityFields": fields, "Data": [{"Key": key, "Value": value} for key, value in pairs.items()]}
    )["data"]
    assert data.get("duration_seconds") == seconds
    if seconds is None:
        assert data["fields"] == fields


def test_a_calls_details_find_their_places() -> None:
    """Start, recording, numbers and the typed note of a call come from fields and note."""
    note = (
        "StartTime{=}3/2/2026 8:14:00 AM{next}ResourceURL{=}https://r.example.net/1{next}CallNotes{=}call later{next}"
        'SourceData{=}{"SourceNumber":"+1","DestinationNumber":""}{next}'
    )
    data = event(CALL | {"ActivityFields": {"ActivityEvent_Note": note, "CreatedBy": "ABC"}})["data"]
    assert data["times"]["occurred"] == "2026-03-02T08:14:00Z"
    assert data["urls"] == {"recording": "https://r.example.net/1"}
    assert data["parties"] == {"from": {"address": "+1"}}
    assert data["text"] == "call later"
    assert data["actor"] == {"kind": "user", "id": "abc"}
    assert data["native"]["extra"]["ActivityEvent_Note"] == note


@pytest.mark.parametrize("what", ["Stage", "Owner"])
def test_the_platforms_own_changes_say_from_and_to(what: str) -> None:
    """3001 and 3002 carry both values in `Data`, and the name of who did it."""
    pairs = {f"Previous{what}": "a", f"Current{what}": "b", "CreatedBy": "Nora Sample", "Comment": "why"}
    data = event(
        {key: value for key, value in ROW.items() if key != "ActivityFields"}
        | {
            "EventCode": {"Stage": 3002, "Owner": "3001"}[what],
            "Data": [{"Key": key, "Value": value} for key, value in pairs.items()],
        }
    )["data"]
    assert data["change"] == {"field": what.lower(), "from": "a", "to": "b"}
    assert data["actor"] == {"kind": "user", "name": "Nora Sample"}
    assert data["text"] == "why"


@pytest.mark.parametrize(
    ("modified", "hint", "word"),
    [
        ("2026-03-02 08:15:30", "", "created"),
        ("2026-03-02 07:15:30", "", "created"),
        (None, "", "created"),
        ("2026-03-02 08:15:31", "", "updated"),
        (None, "opportunity_updated", "updated"),
        ("2026-03-02 08:15:31", "opportunity_created", "created"),
        (None, "opportunity_deleted", "deleted"),
    ],
)
def test_an_opportunitys_first_version_is_its_creation(modified: str | None, hint: str, word: str) -> None:
    """No ModifiedOn after CreatedOn means created, unless the webhook's kind says what happened."""
    found = event(ROW | {"EventCode": 12345, "ModifiedOn": modified}, hint)
    assert found["type"] == f"headrace.opportunity.{word}.v1"
    assert found["data"]["refs"]["opportunity"] == ROW["Id"]


def test_an_overlay_row_decides_and_lifts() -> None:
    """A tenant's row matches code and name, its status words give the outcome, its lifts move fields and pairs."""
    fields = {"mx_Custom_1": "120", "mx_Custom_2": "offer", "mx_Custom_3": "3/2/2026 9:00:00 AM", "mx_Custom_4": "soon"}
    pairs = [{"Key": "Room", "Value": "12"}, {"Key": "Who", "Value": "rain"}]
    row = ROW | {"ActivityFields": fields | {"Status": "called-off"}, "Data": pairs}
    found = event(row, overlay=OVERLAY)
    data = found["data"]
    assert found["type"] == "headrace.meeting.canceled.v1"
    assert (data["outcome"], data["channel"], data["reason"]) == ("canceled", "voice", "rain")
    assert data["value"] == {"amount": "120"}
    assert data["times"] == {"created": "2026-03-02T08:15:30Z", "ended": "2026-03-02T09:00:00Z"}
    assert data["fields"] == {"kind": "survey", "next_step": "offer", "mx_Custom_4": "soon", "room": "12"}
    assert explained(row | {"EventName": "Other"}, overlay=OVERLAY).row == "100-299 (provisional)"
    assert event(row | {"EventCode": "350"}, overlay=OVERLAY)["type"] == "headrace.call.logged.v1"


def test_a_code_without_a_row_is_unmapped() -> None:
    """What nobody has decided is published with its native code and name."""
    found = event(ROW | {"EventCode": 350, "EventName": "Mystery"})
    assert found["type"] == "headrace.unmapped.v1"
    assert (found["data"]["native"]["code"], found["data"]["native"]["name"]) == ("350", "Mystery")


def test_the_lead_is_the_actor_of_what_a_lead_does() -> None:
    """Opens, clicks and visits are done by the lead, whoever owns the record."""
    data = event(ROW | {"EventCode": 0, "Data": [{"Key": "CreatedByName", "Value": "System"}]})["data"]
    assert data["actor"] == {"kind": "lead", "id": ROW["RelatedProspectId"]}
    assert data["native"]["extra"]["Data.CreatedByName"] == "System"


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"mx_Custom_9": "x"}, True),
        ({"Status": "Closed"}, True),
        ({"Owner": "someone"}, True),
        ({"ActivityEvent_Note": "typed"}, True),
        ({"ProspectActivityAutoId": "7"}, False),
        ({"CreatedBy": "someone"}, False),
        ({"mx_Custom_9": ""}, False),
    ],
)
def test_an_edit_counts_where_every_shape_could_tell_it(fields: dict[str, str], counts: bool) -> None:  # noqa: FBT001  (a parameter of a table)
    """Fields, status, owner and note are part of the meaning, ids and names that one shape alone carries are not."""
    plain, edited = draft(ROW), draft(ROW | {"ActivityFields": fields})
    assert isinstance(plain, Draft)
    assert isinstance(edited, Draft)
    assert (plain.meaning != edited.meaning) is counts
