"""Equal things in other spellings are one thing; the values are those that generations of the API differ in."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from headrace.providers.leadping import provider
from headrace.providers.leadping.cut import automation
from headrace.records.event import meaning_of
from headrace.sdk.provider import Draft
from tests.providers.leadping.kit import raw_of, row, table

TABLE = table()
CALL = {
    "id": "call-9",
    "status": "completed",
    "createdAt": "2026-09-01T08:00:00Z",
    "answeredAt": "2026-09-01T08:00:09Z",
}


def drafted(shape: str, record: dict[str, Any]) -> Draft:
    found = provider.translate(raw_of(shape, record), TABLE)
    assert isinstance(found, Draft)
    return found


def meaning(shape: str, record: dict[str, Any]) -> int:
    return meaning_of(drafted(shape, record))


EQUAL: dict[str, list[Any]] = {
    "billableAmount": ["0.00750", 0.0075, "0.0075", " 0.0075 "],
    "summary": ["", None],
    "description": ["", None],
    "statusReason": ["", None],
    "direction": ["outbound", "Outbound", " OUTBOUND "],
    "deliveredAt": ["2026-09-01T08:00:04Z", "2026-09-01T10:00:04+02:00", "2026-09-01T08:00:04.000Z"],
    "fromPhoneNumber": ["+12025550143", "+1 (202) 555-0143"],
    "billingStatus": ["not_billed", "NotBilled", " Not billed "],
    "status": ["Delivered", "delivered", " DELIVERED "],
}


@given(st.fixed_dictionaries({name: st.sampled_from(forms) for name, forms in EQUAL.items()}), st.randoms())
def test_a_row_means_the_same_in_every_spelling(fields: dict[str, Any], random: Any) -> None:
    """Numbers or strings, zeros, empty or null, case, zone, order: equal rows have equal meanings."""
    first = row(**{name: forms[0] for name, forms in EQUAL.items()})
    other = list((row() | fields).items())
    random.shuffle(other)
    absent = {name: value for name, value in other if value is not None}
    assert meaning("row", dict(other)) == meaning("row", first)
    assert meaning("row", absent) == meaning("row", first)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"billableSeconds": 60}, {"billableSeconds": "60"}),
        ({"billableSeconds": 60}, {"billableSeconds": 60.0}),
        ({"billableSeconds": None}, {"billableSeconds": ""}),
        ({"billableAmount": "0.0140"}, {"billableAmount": 0.014}),
        ({"metadata": {"a": "1", "b": None}}, {"metadata": {"a": 1.0}}),
        ({"metadata": {"a": 1, "b": 2}}, {"metadata": {"b": 2, "a": 1}}),
        ({"metadata": {}}, {}),
    ],
)
def test_a_call_means_the_same_in_every_spelling(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Whatever the tenant put into metadata, too."""
    assert meaning("call", CALL | one) == meaning("call", CALL | other)


@pytest.mark.parametrize("field", ["billableAmount", "summary", "description", "statusReason", "direction"])
def test_another_value_is_another_meaning(field: str) -> None:
    """What differs is news."""
    assert meaning("row", row(**{field: "inbound" if field == "direction" else "7"})) != meaning("row", row())


@pytest.mark.parametrize("seconds", [-60, "-60", -1.5])
def test_a_negative_number_of_seconds_is_refused(seconds: Any) -> None:
    """As a number and as a string."""
    with pytest.raises(Exception, match="not negative"):
        drafted("call", CALL | {"billableSeconds": seconds})


@pytest.mark.parametrize("seconds", [1.5, "1.5", "a minute", "abc", "٣"])
def test_what_is_no_number_of_seconds_stays_as_it_is(seconds: Any) -> None:
    """The call is published without it, alone and in a bundle."""
    call = CALL | {"billableSeconds": seconds}
    for shape, record in (("call", call), ("bundle", {"row": row(), "detail": None, "call": call})):
        data = drafted(shape, record).data
        assert data.cost is None or data.cost.billable_seconds is None
        assert data.native.extra is not None
        assert data.native.extra["billableSeconds"] == seconds


@pytest.mark.parametrize("amount", ["$1", "1,50,000.00", "Rs. 1500", "1_000", "٣", "1e99"])
def test_what_is_no_sum_of_money_stays_as_it_is(amount: Any) -> None:
    """Separators, currencies and digits of other scripts are none: the record is published without it."""
    call = CALL | {"billableAmount": amount}
    plain = {"row": row(), "detail": None, "call": call}
    for shape, record in (("row", row(billableAmount=amount)), ("call", call), ("bundle", plain)):
        data = drafted(shape, record).data
        assert data.cost is None or data.cost.amount in (None, row().get("billableAmount"))
        assert data.native.extra is not None
        assert amount in (data.native.extra.get("billableAmount"), data.native.extra.get("call.billableAmount"))


def test_what_is_no_link_stays_as_it_is() -> None:
    """A file name is no URL."""
    data = drafted("call", CALL | {"recordingUrl": "rec-9.mp3", "voicemailUrl": "https://rec.example.net/9"}).data
    assert data.urls == {"voicemail": "https://rec.example.net/9"}
    assert data.native.extra == {"recordingUrl": "rec-9.mp3"}


@pytest.mark.parametrize("whose", [{"user": "Dana Reyes", "business": "Acme"}, {"business": "Acme"}, {"user": "Dana"}])
def test_numbers_and_whose_they_are_make_a_call(whose: dict[str, str]) -> None:
    """A call that tells nothing else is one; with a text it is a message, with neither number it is free-form."""
    body = {"id": "c-9", "fromPhoneNumber": "+12025550143", "toPhoneNumber": "+12025550199", **whose}
    assert [piece.shape for piece in provider.cut(json.dumps(body).encode())] == ["call"]
    assert [piece.shape for piece in automation(json.dumps({"event": body}).encode(), None)] == ["call"]
    assert [piece.shape for piece in provider.cut(json.dumps(body | {"text": "Hi"}).encode())] == ["sms"]
    assert [piece.shape for piece in automation(json.dumps({"id": "c-9", **whose}).encode(), None)] == ["automation"]
