import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from headrace.core.mapping import Row
from headrace.records.dead_letter import encode_letter
from headrace.records.event import VALUE_CHARACTERS, encode_event, event_id, event_of, meaning_of, whole_digest
from headrace.records.replayed import replay_id
from headrace.sdk.provider import UNPUBLISHED, Draft, Identity, Version
from headrace_events import (
    DEAD_LETTER_HEADER,
    Actor,
    Data,
    DeadLetter,
    Event,
    Native,
    Problem,
    Provenance,
    RawPosition,
    Source,
    decode,
    decode_dead_letter,
)
from tests.fake_provider import thing

CALL = Row(label="call/completed", type="call.completed", direction="outbound")
WHY = Provenance("poll", "2026-08-08T09:00:00Z", RawPosition("headrace.raw", 3, 7), "9f2c41d0", "call/completed")
NOW = "2026-08-08T09:00:01Z"


def draft(row: Row = CALL, meaning: tuple[object, ...] = ("x",), **more: Any) -> Draft:
    native = Native(provider="things", tenant="acme", resource="thing", id="a", extra=more.pop("extra", None))
    data = Data(category=row.category, action=row.action, native=native, provenance=UNPUBLISHED, **more)
    return Draft(row=row, subject="lead/a", time=None, data=data, meaning=meaning)


def event(**more: Any) -> Event:
    return event_of(draft(**more), thing().source, "thing/a/1", WHY, NOW)


MEANING = 0xDEADBEEF_00000002


@pytest.mark.parametrize(
    ("identity", "more", "expected"),
    [
        (Identity("event", "186229", None), {}, "event/186229"),
        (Identity("call", "ce_1", 1786179810000000), {}, "call/ce_1/1786179810000000"),
        (Identity("call", "ce_1", "unknown"), {}, "call/ce_1/deadbeef"),
        (Identity("call", "ce_1", 5), {"again": True}, "call/ce_1/5-deadbeef"),
    ],
)
def test_what_an_event_is_called(identity: Identity, more: dict[str, Any], expected: str) -> None:
    """Immutable, numbered and unnumbered versions and edits within a tick each have their form of id."""
    assert event_id(identity, MEANING, **more) == expected


@pytest.mark.parametrize(
    ("version", "again", "expected"),
    [
        (5, False, "call/ce_1/5~9f2c41d0"),
        ("unknown", False, "call/ce_1/deadbeef~9f2c41d0"),
        (None, False, "call/ce_1~9f2c41d0"),
        (5, True, "call/ce_1/5~0123abcd~9f2c41d0"),
        ("unknown", True, "call/ce_1/deadbeef~0123abcd~9f2c41d0"),
    ],
)
def test_what_a_replayed_event_is_called(version: Version, again: bool, expected: str) -> None:  # noqa: FBT001  (a parameter)
    """Its id ends in the mapping; what was replayed before has the state in it that it replaces."""
    raw = replace(thing(), resource="call", id="ce_1", version=version, replay="9f2c41d0", replaces="0123abcd89abcdef")
    assert replay_id(raw, MEANING, again=again) == expected


def test_the_digest_of_a_whole_event() -> None:
    """Its id, the time of publication, its trace and provenance are not in it; whatever else it says is."""
    one = event()
    other = replace(event(), id="thing/a/1~x", recordedtime="2026-01-01T00:00:00.000Z", traceparent="00-x")
    other.data.provenance = UNPUBLISHED
    assert whole_digest(other) == whole_digest(one)
    other.data.title = "new"
    assert whole_digest(other) != whole_digest(one)


def test_a_meaning_is_the_same_everywhere() -> None:
    """A second cluster gives the same digest, and with it the same ids."""
    assert meaning_of(draft()) == 0xCA4D0FBBAADD3B8C
    assert meaning_of(draft(meaning=("lead", None, 3, {"a": "b"}))) == 0x31866DF2A4CD2EBE


def test_a_meaning_is_in_type_and_values_alone() -> None:
    """Where a record came from, which row decided and what it is called do not make it news; what it says does."""
    here = meaning_of(draft())
    assert here == meaning_of(draft(title="another", extra={"x": 1}))
    assert here == meaning_of(draft(Row(label="another", type="call.completed", channel="voice")))
    assert here != meaning_of(draft(Row(label="call/completed", type="call.failed")))
    assert meaning_of(draft(meaning=({"a": 1, "b": 2},))) == meaning_of(draft(meaning=({"b": 2, "a": 1},)))
    assert here != meaning_of(draft(meaning=("y",)))
    assert here != meaning_of(draft(meaning=("x", None)))


@given(st.lists(st.none() | st.text() | st.integers(-(2**63), 2**63 - 1) | st.floats()).map(tuple))
def test_a_meaning_leaves_its_lowest_bit_free(meaning: tuple[object, ...]) -> None:
    """A mark keeps a bit of its own there."""
    found = meaning_of(draft(meaning=meaning))
    assert found % 2 == 0
    assert 0 <= found < 2**64


def test_attributes() -> None:
    """An event is a whole CloudEvent: source, type, key and provenance stand in it."""
    complete = msgspec.structs.replace(draft(title="hello"), time="2026-08-08T08:00:00Z", traffic="real")
    found = event_of(complete, thing().source, "thing/a/1", WHY, NOW)
    assert found.data.provenance == WHY
    assert json.loads(encode_event(found).value) == {
        "specversion": "1.0",
        "id": "thing/a/1",
        "source": "/things/acme",
        "type": "headrace.call.completed.v1",
        "subject": "lead/a",
        "time": "2026-08-08T08:00:00Z",
        "recordedtime": NOW,
        "datacontenttype": "application/json",
        "dataschema": "urn:headrace:event:1",
        "partitionkey": "/things/acme/lead/a",
        "traffic": "real",
        "data": {
            "category": "call",
            "action": "completed",
            "title": "hello",
            "native": {"provider": "things", "tenant": "acme", "resource": "thing", "id": "a"},
            "provenance": {
                "via": "poll",
                "received": "2026-08-08T09:00:00Z",
                "raw": {"topic": "headrace.raw", "partition": 3, "offset": 7},
                "mapping": "9f2c41d0",
                "row": "call/completed",
            },
        },
    }


@pytest.mark.parametrize("time", [None, "2026-08-08T08:00:00Z"])
@pytest.mark.parametrize("traffic", [None, "warmup"])
def test_headers_repeat_the_attributes(time: str | None, traffic: str | None) -> None:
    """Consumers filter without decoding: each attribute stands in a header, and nothing else of the event does."""
    complete = msgspec.structs.replace(draft(), subject="lead/ünïcode", time=time, traffic=traffic)
    out = encode_event(event_of(complete, thing().source, "thing/a/1", WHY, NOW))
    headers = {header: value.decode() for header, value in out.headers}
    assert len(headers) == len(out.headers)
    assert headers.pop("content-type") == "application/cloudevents+json; charset=UTF-8"
    attributes = {f"ce_{key}": value for key, value in json.loads(out.value).items() if key != "data"}
    assert headers == attributes
    assert out.key.decode() == attributes["ce_partitionkey"]
    assert out.partition is None


def nulls(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(nulls, value.values()))
    return any(map(nulls, value)) if isinstance(value, list) else value is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "null", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.none() | st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@given(FIELDS, FIELDS)
def test_nothing_is_ever_null(fields: dict[str, Any] | None, extra: dict[str, Any] | None) -> None:
    """Whatever a provider keeps verbatim, a consumer never meets a null."""
    written = json.loads(encode_event(event(fields=fields, extra=extra)).value)
    assert not nulls(written)
    for verbatim, found in ((fields, written["data"].get("fields")), (extra, written["data"]["native"].get("extra"))):
        if not nulls(verbatim):
            assert (found or {}) == (verbatim or {})


def test_what_only_says_null_stays() -> None:
    """A text is no null."""
    consumed = decode(encode_event(event(title="null", fields={"a": "null", "b": [None, {"c": None, "d": 1}]})).value)
    assert (consumed.data.title, consumed.data.fields) == ("null", {"a": "null", "b": [{"d": 1}]})


def test_long_values_are_cut_and_named() -> None:
    """What is longer than 64 KiB in text and extra is cut; the rest is as it was."""
    long = "ü" * (VALUE_CHARACTERS + 5)
    found = event(text=long, extra={"body": long, "tree": ["y" * VALUE_CHARACTERS] * 2, "short": "z", "n": 3})
    data = decode(encode_event(found).value).data
    assert data.truncated == ["text", "native.extra.body", "native.extra.tree"]
    assert data.text == "ü" * VALUE_CHARACTERS
    extra = data.native.extra or {}
    assert (extra["body"], extra["short"], extra["n"]) == ("ü" * VALUE_CHARACTERS, "z", 3)
    assert extra["tree"] == json.dumps(["y" * VALUE_CHARACTERS])[:VALUE_CHARACTERS]


def test_values_that_fit_are_not_cut() -> None:
    """64 KiB exactly stay, however large the event becomes by them."""
    full = "x" * VALUE_CHARACTERS
    data = decode(encode_event(event(text=full, extra={"a": full, "b": full}, fields={"c": full * 2})).value).data
    assert (data.text, data.native.extra, data.truncated) == (full, {"a": full, "b": full}, None)


def test_a_large_event_without_text_or_extra() -> None:
    """Where there is nothing to cut, nothing is cut."""
    data = decode(encode_event(event(fields={"c": "x" * (VALUE_CHARACTERS + 1)})).value).data
    assert data.truncated is None


def test_a_letter_keeps_the_record_as_it_was() -> None:
    """Key, bytes and headers of the raw record stay; of problems it has one, the newest."""
    old = DeadLetter(
        problem=Problem("bad_value", "t", "d", Source(pointer="$.a")),
        source="/things/acme",
        via="poll",
        received=NOW,
        recordedtime=NOW,
        raw=RawPosition("headrace.raw", 3, 7),
    )
    new = msgspec.structs.replace(
        old, recordedtime="2026-08-09T00:00:00Z", resource="thing", id="a", mapping="9f2c41d0"
    )
    first = encode_letter(old, b"k" * 16, b"\xff{", [("headrace", b"\x01{}")], 3)
    second = encode_letter(new, first.key, first.value, first.headers, 4)
    assert (second.key, second.value, second.partition) == (b"k" * 16, b"\xff{", 4)
    assert [header for header, _ in second.headers] == ["headrace", DEAD_LETTER_HEADER]
    assert decode_dead_letter(first.headers) == old
    assert decode_dead_letter(second.headers) == new


def test_a_record_without_a_problem_is_no_letter() -> None:
    """A record of another kind is distinguished from a dead letter."""
    with pytest.raises(LookupError, match=DEAD_LETTER_HEADER):
        decode_dead_letter([("headrace", b"\x01{}")])


def test_a_size_is_never_too_small() -> None:
    """What is checked against a topic's limit is at least what Kafka counts."""
    out = encode_event(event(actor=Actor("user", "u", "Ünïcode")))
    counted = (
        len(out.key) + len(out.value) + sum(len(header.encode()) + len(value) + 8 for header, value in out.headers)
    )
    assert counted + 61 <= out.size
