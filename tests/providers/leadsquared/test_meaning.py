import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from headrace.records.event import meaning_of
from headrace.sdk.provider import Draft
from tests.providers.leadsquared.decode_row import GUID, ROW, draft, explained

CALL = ROW | {"EventCode": 22}
PLAIN = {key: value for key, value in ROW.items() if key != "ActivityFields"}
PACKED = "Duration{=}64{next}Tag{=}warm{next}Tag{=}{next}CallNotes{=}ring back{next}ResourceURL{=}{next}"


def meaning(body: dict[str, Any]) -> int:
    """Digest what a record means."""
    found = draft(body)
    assert isinstance(found, Draft)
    return meaning_of(found)


def row(fields: dict[str, Any], base: dict[str, Any] = CALL) -> dict[str, Any]:
    """Write a row of Retrieve."""
    return base | {"ActivityFields": {"Status": "Answered", **fields}}


def modified(fields: dict[str, Any]) -> dict[str, Any]:
    """Write a row of RetrieveRecentlyModified."""
    pairs = [{"Key": key, "Value": value} for key, value in {"Status": "Answered", **fields}.items()]
    return PLAIN | {"EventCode": 22, "Fields": pairs}


def flat(fields: dict[str, Any]) -> dict[str, Any]:
    """Write a row of RetrieveByActivityEvent."""
    named = {"ProspectActivityId": GUID, "ActivityEvent": "22", "ModifiedOn": ROW["ModifiedOn"]}
    return named | {"Status": "Answered", **fields}


def item(fields: dict[str, Any]) -> dict[str, Any]:
    """Write an item of a webhook without a version."""
    named = {"Note" if key == "ActivityEvent_Note" else key: value for key, value in fields.items()}
    return {"ProspectActivityId": GUID, "ActivityEvent": "22", "Data": {"Status": "Answered", **named}}


def described(text: str, key: str = "NotableEventDescription", **more: Any) -> dict[str, Any]:
    """Write a row of Retrieve with one pair in `Data`."""
    return PLAIN | {"Data": [{"Key": key, "Value": text}]} | more


@pytest.mark.parametrize("shape", [row, modified, flat, item])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"ActivityEvent_Note": PACKED}, {"ActivityEvent_Note": PACKED.replace("warm", "cold")}),
        ({"ActivityEvent_Note": PACKED}, {"ActivityEvent_Note": PACKED.replace("ring back", "done")}),
        ({"ActivityEvent_Note": f"{PACKED}one"}, {"ActivityEvent_Note": f"{PACKED}two"}),
        ({"ActivityEvent_Note": "roof measured"}, {"ActivityEvent_Note": "roof measured twice"}),
        ({"Amount": "120"}, {"Amount": "130"}),
        ({"mx_Custom_9": "a"}, {"mx_Custom_9": "b"}),
        ({"Amount": "120"}, {}),
        ({}, {"Status": "Missed"}),
    ],
)
def test_an_edit_is_seen_in_every_shape(shape: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
    """A pair of a note, a typed note, a custom field of any name or the status: each edit changes the meaning."""
    assert meaning(shape(before)) != meaning(shape(after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (described("filled in form A"), described("filled in form B")),
        (described("a", ActivityFields={}), described("b", ActivityFields={})),
        (described("a", ActivityFields={"Amount": "1"}), described("b", ActivityFields={"Amount": "1"})),
        (described("a", EventCode=22), described("b", EventCode=22)),
        (described("a", key="Page"), described("b", key="Page")),
    ],
)
def test_an_edit_of_data_is_seen(before: dict[str, Any], after: dict[str, Any]) -> None:
    """A description without a note counts, and every pair of a row that has no custom fields."""
    assert meaning(before) != meaning(after)


@pytest.mark.parametrize("shape", [row, modified, flat, item])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            {"ActivityEvent_Note": PACKED},
            {"ActivityEvent_Note": PACKED.replace("URL{=}", "URL{=}https://rec.example.net/9")},
        ),
        ({"ActivityEvent_Note": PACKED}, {"ActivityEvent_Note": PACKED.replace("Tag{=}{next}", "")}),
        ({"Amount": "1"}, {"Amount": "1", "mx_Custom_4": "https://rec.example.net/9"}),
        ({"Amount": "1"}, {"Amount": "1", "Other": "", "ProspectActivityAutoId": "7", "CreatedByName": "Nora Sample"}),
        ({"Amount": 120.0}, {"Amount": "120"}),
        ({"Visit": "3/2/2026 9:00:00 AM"}, {"Visit": "2026-03-02 09:00:00"}),
    ],
)
def test_what_shapes_tell_differently_is_no_edit(shape: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
    """A recording that is added, empty values, names and other forms of a value leave the meaning as it was."""
    assert meaning(shape(before)) == meaning(shape(after))


SPELLINGS: dict[str, list[Any]] = {
    "Status": ["CallFailure", "call_failure", "Call Failure", " CALLFAILURE ", "call-failure"],
    "ActivityEvent_Note": [
        f"Status{{=}}{word}{{next}}Tag{{=}}a" for word in ("Not Answered", "notanswered", " NOT_ANSWERED")
    ],
    "mx_Custom_3": ["95", 95.0, 95, "95.0"],
    "Amount": ["120.50", 120.5, "120.5"],
    "mx_Custom_9": ["", None, " ", {}, []],
    "mx_Custom_8": ["true", True, "True"],
    "Visit": ["3/2/2026 9:00:00 AM", "2026-03-02 09:00:00", "2026-03-02 09:00:00.000"],
}


@pytest.mark.parametrize("shape", [row, modified, flat, item])
@given(
    fields=st.fixed_dictionaries({name: st.sampled_from(forms) for name, forms in SPELLINGS.items()}),
    random=st.randoms(),
)
def test_an_activity_means_the_same_in_every_spelling(shape: Any, fields: dict[str, Any], random: Any) -> None:
    """Numbers or strings, zeros, empty, null or absent, times, status words, order: equal is equal."""
    shuffled = list(fields.items())
    random.shuffle(shuffled)
    first = {name: forms[0] for name, forms in SPELLINGS.items()}
    assert meaning(shape(dict(shuffled))) == meaning(shape(first))
    del fields["mx_Custom_9"]
    found = draft(shape(fields))
    assert isinstance(found, Draft)
    assert meaning_of(found) == meaning(shape(first))
    assert found.data.duration_seconds == 95


@pytest.mark.parametrize("word", ["answered", " Answered ", "ANSWERED"])
def test_a_status_in_another_spelling_is_no_edit(word: str) -> None:
    """In a field, a note, or the Data of the platform's own rows; and in tasks."""
    assert meaning(row({"Status": word})) == meaning(row({}))
    assert meaning(described(word, key="Status")) == meaning(described("Answered", key="Status"))
    task = {"UserTaskId": GUID, "Name": "Call back", "StatusCode": "Answered", "CreatedOn": ROW["CreatedOn"]}
    assert meaning(task | {"StatusCode": word}) == meaning(task)


def test_custom_fields_may_be_encoded_twice() -> None:
    """The Data of an item is decoded where it is a JSON string; any other text is refused at its place."""
    plain = item({"mx_Custom_1": "7", "mx_Custom_8": None})
    assert meaning(plain | {"Data": json.dumps(plain["Data"])}) == meaning(plain)
    assert meaning(plain | {"Data": " "}) == meaning(plain | {"Data": {}})
    problem = explained(plain | {"Data": "[1]"}).problem
    assert problem is not None
    assert problem.source is not None
    assert problem.source.pointer == "$.Data"
