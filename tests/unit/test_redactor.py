"""Redacting an event: the places, the copies, and what stays."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from headrace.core.redaction import Redaction
from headrace.core.redactor import Redactor
from headrace.records.event import encode_event
from headrace_events import Event, decode
from tests.unit.test_event_records import WHY

KEY = "an-invented-key-of-32-characters"
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "call/c1/7",
    "source": "/things/acme",
    "type": "headrace.call.completed.v1",
    "subject": "lead/prospect-1",
    "time": "2026-05-04T18:02:41Z",
    "recordedtime": "2026-05-04T18:02:42Z",
    "datacontenttype": "application/json",
    "dataschema": "urn:headrace:event:1",
    "partitionkey": "/things/acme/lead/prospect-1",
    "data": {
        "category": "call",
        "action": "completed",
        "refs": {"lead": "prospect-1", "user": "member-5"},
        "actor": {"kind": "user", "id": "member-5", "name": "Ines Okafor"},
        "parties": {"from": {"address": "+13125550110", "id": "line-8"}, "to": {"address": "uma@mail.example"}},
        "times": {"created": "2026-05-04T18:00:00Z"},
        "duration_seconds": 150,
        "cost": {"amount": "0.0210", "currency": "USD"},
        "reason": "Hung up by lead",
        "title": "Call with Ines Okafor",
        "text": "Please call +13125550110 before nine, and ask for Mr. Okafor's blue folder",
        "urls": {"recording": "https://voice.example/c1.mp3?from=%2B13125550110"},
        "change": {"field": "stage", "from": "Offer", "to": "Won by a mile"},
        "client": {"city": "Lisboa", "host": "198.51.100.23", "lat": 38.7223, "lon": -9.1393},
        "fields": {"mx_Phone": "(312) 555-0110", "deep": {"list": ["uma@mail.example", 1, True]}, "lat": 38.7223},
        "native": {
            "provider": "things",
            "tenant": "acme",
            "resource": "call",
            "id": "c1",
            "code": "Call",
            "name": "Call of Ines Okafor",
            "status": "Hung up by lead",
            "extra": {"note": '{"to": "uma@mail.example"}', "uma@mail.example": 1, "excerpt": "Please call +1312555…"},
        },
        "provenance": msgspec.to_builtins(WHY),
    },
}


def redacted(event: dict[str, Any] | None = None, **redaction: Any) -> tuple[dict[str, Any], str]:
    """Return the data of a redacted event as consumers see it, and all that stands in the record."""
    key = KEY if redaction.get("hash") else None
    redactor = Redactor(Redaction(key=key, **redaction))
    out = encode_event(redactor.redact(msgspec.convert(event or EVENT, Event)))
    decode(out.value)
    whole = b"\n".join([out.value, out.key, *(value for _, value in out.headers)]).decode()
    found: dict[str, Any] = msgspec.json.decode(out.value)
    return found["data"], whole


def test_what_is_not_listed_stays() -> None:
    """The event is the same but for the place, its copies and the list of both."""
    data, whole = redacted(drop=["client.city"])
    assert "Lisboa" not in whole
    expected = msgspec.json.decode(msgspec.json.encode(EVENT["data"]))
    del expected["client"]["city"]
    assert data == expected | {"redacted": ["client.city"]}


def test_a_dropped_address_goes_with_every_copy() -> None:
    """In the text, a URL, the tenant's fields, other spellings, JSON in a string, and the name of a field."""
    data, whole = redacted(drop=["parties.from", "parties.to"])
    assert "parties" not in data
    assert data["text"].startswith("Please call [redacted] before nine")
    assert data["urls"]["recording"].endswith("from=[redacted]")
    assert data["fields"] == {"deep": {"list": [1, True]}, "lat": 38.7223}
    assert data["native"]["extra"] == {
        "note": '{"to": "[redacted]"}', "[redacted]": 1, "excerpt": "Please call +1312555…",
    }  # fmt: skip
    assert not {each for each in ("3125550110", "555-0110", "uma@mail") if each in whole}
    assert data["redacted"] == [
        "fields.deep.list", "fields.mx_Phone", "native.extra.note", "parties.from", "parties.to", "text",
        "urls.recording",
    ]  # fmt: skip


def test_a_hash_is_the_same_wherever_the_value_stands() -> None:
    """So consumers can join by it; it names its key, and without the key nobody makes it."""
    data, whole = redacted(hash=["parties.from.address"])
    address = data["parties"]["from"]["address"]
    assert address.startswith("hmac:")
    assert len(address) == len("hmac:") + 8 + 1 + 32
    assert data["fields"]["mx_Phone"] == address
    assert address in data["text"]
    assert "3125550110" not in whole
    other = Redactor(Redaction(hash=["parties"], key=KEY[::-1]))
    assert other.hash("+13125550110")[5:13] != address[5:13]


def test_a_text_goes_with_its_excerpts() -> None:
    """What begins as it does, or has words of it in a row, is a copy."""
    data, _ = redacted(drop=["text"])
    assert "text" not in data
    assert "excerpt" not in data["native"]["extra"]
    assert data["title"] == "Call with Ines Okafor"


def test_ids_subject_and_key_stay_unless_they_are_listed() -> None:
    """A hashed lead is found by its hash in refs and subject; the key of the record is what it was."""
    data, _ = redacted(drop=["actor"])
    assert data["actor"] == {"kind": "user"}
    assert data["refs"] == {"lead": "prospect-1", "user": "member-5"}
    redactor = Redactor(Redaction(hash=["subject", "refs.lead"], key=KEY))
    event = redactor.redact(msgspec.convert(EVENT, Event))
    assert event.subject == f"lead/{redactor.hash('prospect-1')}"
    assert event.data.refs == {"lead": redactor.hash("prospect-1"), "user": "member-5"}
    assert event.partitionkey == "/things/acme/lead/prospect-1"


def test_of_two_places_the_inner_one_counts() -> None:
    """Some of a part can be hashed while the rest is left out; numbers have no hash."""
    data, _ = redacted(drop=["client", "fields.lat"], hash=["client.host", "fields"])
    assert set(data["client"]) == {"host"}
    assert data["client"]["host"].startswith("hmac:")
    assert set(data["fields"]) == {"mx_Phone", "deep"}
    assert [each[:5] for each in data["fields"]["deep"]["list"]] == ["hmac:"] * 3
    data, _ = redacted(hash=["client"])
    assert set(data["client"]) == {"city", "host"}


def test_what_is_left_over_as_a_whole_is_not_looked_for() -> None:
    """`native.extra` repeats what has places of its own: to leave it out must not empty those."""
    data, _ = redacted(drop=["native.extra"])
    assert "extra" not in data["native"]
    assert data["redacted"] == ["native.extra"]
    assert data["title"] == EVENT["data"]["title"]


def test_a_field_goes_from_the_native_record_by_its_name() -> None:
    """What stood in it before is no copy: it is found by the name, at any depth, however that is written."""
    event = msgspec.json.decode(msgspec.json.encode(EVENT))
    plant(event, "fields", {"mx_passport": "PASS-NEW", "Other": "stays", "deep": {"mx_Passport": "PASS-DEEP"}})
    plant(event, "native.extra", {"Before": {"MxPassport": "PASS-OLD", "City": "Oslo"}, "Mx_Passport": ["PASS-TOP"]})
    plant(event, "title", "was PASS-OLD")
    data, whole = redacted(event, drop=["fields.mx_Passport"])
    assert "PASS" not in whole
    assert data["fields"] == {"Other": "stays"}
    assert data["native"]["extra"] == {"Before": {"City": "Oslo"}}
    assert data["title"] == "was [redacted]"
    assert data["redacted"] == ["fields.mx_Passport", "native.extra", "title"]
    data, _ = redacted(event, hash=["fields.mx_Passport"])
    assert data["native"]["extra"]["Before"]["MxPassport"].startswith("hmac:")
    data, _ = redacted(EVENT, drop=["fields.extra"])
    assert data["native"]["extra"] == EVENT["data"]["native"]["extra"]


@pytest.mark.parametrize("place", ["fields.mx_Passport", "fields"])
def test_a_field_goes_from_the_change_of_it(place: str) -> None:
    """Its value before, too; what is no field of the tenant's, such as a stage, stays."""
    event = msgspec.json.decode(msgspec.json.encode(EVENT))
    plant(event, "fields.mx_Passport", "PASS-NEW")
    data, _ = redacted(event, drop=[place])
    assert data["change"] == event["data"]["change"]
    plant(event, "change", {"field": "mx_Passport", "from": "PASS-OLD", "to": "PASS-NEW"})
    data, whole = redacted(event, drop=[place])
    assert "PASS" not in whole
    assert {"change.from", "change.to"} <= set(data["redacted"])


@pytest.mark.parametrize("place", ["parties", "actor", "client", "fields"])
def test_people_as_a_whole_take_the_native_record_with_them(place: str) -> None:
    """It names the same people under names that nobody lists; a place below it that is hashed stays so."""
    data, _ = redacted(drop=[place])
    assert "extra" not in data["native"]
    assert {place, "native.extra"} <= set(data["redacted"])
    data, _ = redacted(drop=[place], hash=["native.extra.note"])
    assert set(data["native"]["extra"]) == {"note"}
    data, _ = redacted(hash=[place, "native.extra"])
    assert data["native"]["extra"]["note"].startswith("hmac:")
    data, _ = redacted(drop=["parties.from", "actor.name", "client.host", "fields.deep"])
    assert "extra" in data["native"]


PLANTED = ("text", "title", "reason", "actor.name", "parties.from.address", "client.host", "fields.x", "native.status")
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=8, max_size=60)


def plant(event: dict[str, Any], path: str, value: Any) -> None:
    *above, name = path.split(".")
    here = event["data"]
    for each in above:
        here = here.setdefault(each, {})
    here[name] = value


@given(WORDS, st.sampled_from(PLANTED), st.lists(st.sampled_from(PLANTED), max_size=4), st.randoms(), st.booleans())
def test_a_redacted_value_is_nowhere_in_the_record(
    value: str,
    place: str,
    others: list[str],
    rng: random.Random,
    hashed: bool,  # noqa: FBT001  (given)
) -> None:
    """Wherever copies of it stand, alone or in other text, as JSON or not: they go with it."""
    value = f"~{value}~"
    event = msgspec.json.decode(msgspec.json.encode(EVENT))
    for other in others:
        copy = msgspec.json.encode({"a": value}).decode() if rng.random() < 0.5 else value
        plant(event, other, rng.choice([copy, f"before {copy} behind"]))
    plant(event, place, value)
    data, whole = redacted(event, **{"hash" if hashed else "drop": [place]})
    assert value not in whole
    assert msgspec.json.encode(value).decode()[1:-1] not in whole
    assert place in data["redacted"]
    again = Redactor(Redaction(drop=[place])).redact(decode(msgspec.json.encode(event)))
    assert value not in str(msgspec.to_builtins(again))


@pytest.mark.parametrize(("place", "all_of_it"), [("text", False), ("native.extra.deep", True)])
def test_an_event_of_a_megabyte_is_redacted(place: str, *, all_of_it: bool) -> None:
    """Long texts cost time in proportion; where too many values are looked for in too much text, all of that goes."""
    event = msgspec.json.decode(msgspec.json.encode(EVENT))
    long = " ".join(f"word{n}" for n in range(60_000))
    plant(event, "text", long)
    plant(event, "native.extra.deep", {f"name {n}": f"value of number {n}" for n in range(5_000)})
    data, _ = redacted(event, drop=[place])
    assert "text" not in data
    assert ("title" not in data) == all_of_it
