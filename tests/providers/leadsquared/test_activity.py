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
mx_Custom_2 = "fields.next_step"
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
        (21, "Complete", "call.completed", None),
        (22, "incomplete", "call.unanswered", None),
        (21, "Voicemail", "call.voicemail_left", None),
        (22, "REJECTED", "call.unanswered", "rejected"),
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
        ({"mx_Custom_3": "64.0"}, {}, 64),
        ({"mx_Custom_3": 95.5}, {}, 95.5),
        ({"mx_Custom_3": "-64"}, {}, None),
        ({"mx_Custom_3": "1e3"}, {}, None),
        ({"ActivityEvent_Note": "Duration{=}181.6{NEXT}Tag{=}warm"}, {}, 181.6),
        ({}, {"Duration": "181.60"}, 181.6),
    ],
)
def test_a_calls_length_is_taken_from_field_note_or_data(
    fields: dict[str, Any], pairs: dict[str, str], seconds: float | None
) -> None:
    """The field that all shapes carry comes first, what is no number of seconds is left where it was."""
    data = event(
        CALL | {"ActivityFields": fields, "Data": [{"Key": key, "Value": value} for key, value in pairs.items()]}
    )["data"]
    assert data.get("duration_seconds") == seconds
    if seconds is None:
        assert data["fields"] == fields


def test_a_calls_packed_note_decides_in_any_case() -> None:
    """A note whose separators are written large says the same as with small ones."""
    note = "Caller{=}Uma Example{NEXT}Duration{=}49{NEXT}Status{=}Answered{NEXT}free words"
    small = note.replace("{NEXT}", "{next}")
    large, other = draft(CALL | {"ActivityFields": {"Note": note}}), draft(CALL | {"ActivityFields": {"Note": small}})
    assert isinstance(large, Draft)
    assert isinstance(other, Draft)
    assert (large.row.type, large.data.duration_seconds) == ("call.completed", 49)
    assert large.meaning == other.meaning


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
        ("2026-03-02 08:15:32", "", "created"),
        ("2026-03-02 08:16:30", "", "created"),
        ("2026-03-02 08:16:31", "", "updated"),
        ("2026-03-02 08:15:32", "opportunity_updated", "updated"),
        (None, "opportunity_updated", "updated"),
        ("2026-03-02 08:15:31", "opportunity_created", "created"),
        (None, "opportunity_deleted", "deleted"),
    ],
)
def test_an_opportunitys_first_version_is_its_creation(modified: str | None, hint: str, word: str) -> None:
    """No ModifiedOn a minute after CreatedOn means created, unless the webhook's kind says what happened."""
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


@pytest.mark.parametrize("code", [-1, "-1", "1_0", "- 8", "021", "0150", "-150"])
def test_a_number_that_is_no_known_code_is_unmapped(code: int | str) -> None:
    """A sign or a separator makes another number of a code."""
    assert event(ROW | {"EventCode": code})["type"] == "headrace.unmapped.v1"


PLATFORM = {
    "email.sent": [2001],
    "lead.merged": [3003],
    "lead.source_changed": [3004],
    "note.created": [3009, 20003],
    "task.logged": [3010],
    "activity.deleted": [19001],
    "opportunity.deleted": [19002, 19003],
    "opportunity.owner_changed": [20000],
    "opportunity.status_changed": [20001, 20006],
    "opportunity.source_changed": [20002],
    "opportunity.updated": [20005],
    "sale.logged": [30],
    "portal.registered": [91],
    "portal.signed_in": [93],
    "portal.signed_out": [96],
    "portal.password_changed": [94],
    "portal.password_reset_requested": [95],
    "form.saved": [21500],
    "custom.logged": [151, 11001],
    "web.link_clicked": [152],
    "consent.opted_in": range(41, 53),
    "consent.opted_out": range(61, 73),
}
PROVISIONAL = {20005, 151, 11001, *range(43, 53), *range(63, 73)}


@pytest.mark.parametrize(("word", "code"), [(word, code) for word, codes in PLATFORM.items() for code in codes])
def test_the_platforms_own_codes_have_rows(word: str, code: int) -> None:
    """Codes that the vendor's client names are mapped, provisionally where their meaning was not seen."""
    found = event(ROW | {"EventCode": code})
    assert found["type"] == f"headrace.{word}.v1"
    assert found["data"]["provenance"]["row"].endswith("(provisional)") is (code in PROVISIONAL)
    assert found["data"].get("channel") == ("email" if word.startswith(("consent", "email")) else None)


@pytest.mark.parametrize(("code", "what", "word"), [(3004, "Source", "lead"), (20001, "Status", "opportunity")])
def test_a_change_that_is_told_by_pairs_has_both_values(code: int, what: str, word: str) -> None:
    """Keys like those of 3001 and 3002 say what was and what is."""
    pairs = [{"Key": f"Previous{what}", "Value": "a"}, {"Key": f"Current{what}", "Value": "b"}]
    found = event(ROW | {"EventCode": code, "Data": pairs})
    assert found["type"] == f"headrace.{word}.{what.lower()}_changed.v1"
    assert found["data"]["change"] == {"field": what.lower(), "from": "a", "to": "b"}


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
