import json
from typing import Any

import msgspec
import pytest

from headrace.core.mapping_file import build, read
from headrace.explain import Explanation, explain
from headrace.providers.outreach import provider
from tests.providers.outreach.kit import entries

MAPPING = build(entries())

SEED = {
    "body": "a body",
    "createdAt": "2026-08-08T09:12:41.002Z",
    "eventAt": "2026-08-08T09:12:40.001Z",
    "externalUrl": "https://external.example/1",
    "name": "message_clicked",
    "payload": {
        "from": "+15550001",
        "to": "+15550002",
        "recordingUrl": "https://recording.example/2",
        "callDispositionName": "a disposition",
        "anything": "else",
    },
    "requestCity": "a city",
    "requestDevice": "a device",
    "requestHost": "a host",
    "requestProxied": True,
    "requestRegion": "a region",
    "mailingId": 1012,
}
RELATED = {
    "account": 1001,
    "call": 1002,
    "mailing": 1003,
    "opportunity": 1004,
    "prospect": 1005,
    "task": 1006,
    "user": 1007,
    "plugin": 1008,
    "note": 1009,
    "sequence": 1010,
    "sequenceStep": 1011,
}

PLACES = {
    "native.id": "1000",
    "native.code": "message_clicked",
    "native.name": "message_clicked",
    "times.occurred": "2026-08-08T09:12:40.001Z",
    "times.created": "2026-08-08T09:12:41.002Z",
    "text": "a body",
    "urls.external": "https://external.example/1",
    "urls.recording": "https://recording.example/2",
    "parties.from.address": "+15550001",
    "parties.to.address": "+15550002",
    "reason": "a disposition",
    "fields.from": "+15550001",
    "fields.to": "+15550002",
    "fields.recordingUrl": "https://recording.example/2",
    "fields.callDispositionName": "a disposition",
    "fields.anything": "else",
    "client.city": "a city",
    "client.device": "a device",
    "client.host": "a host",
    "client.region": "a region",
    "proxied": True,
    "refs.account": "1001",
    "refs.call": "1002",
    "refs.mailing": "1003",
    "refs.opportunity": "1004",
    "refs.lead": "1005",
    "refs.task": "1006",
    "refs.user": "1007",
    "refs.plugin": "1008",
    "refs.note": "1009",
    "refs.sequence": "1010",
    "refs.sequence_step": "1011",
    "actor.kind": "lead",
    "actor.id": "1005",
    "native.extra.mailingId": 1012,
}


def row(attributes: dict[str, Any], related: dict[str, Any], ident: Any = 1000) -> dict[str, Any]:
    relationships = {name: {"data": None if i is None else {"type": name, "id": i}} for name, i in related.items()}
    return {"type": "event", "id": ident, "attributes": attributes, "relationships": relationships}


def explained(body: dict[str, Any]) -> Explanation:
    return next(explain(provider, "acme", MAPPING, json.dumps(body).encode()))


def event(body: dict[str, Any]) -> dict[str, Any]:
    found = explained(body)
    assert found.event is not None, found.problem
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found.event))
    return decoded


def at(data: dict[str, Any], place: str) -> Any:
    found: Any = data
    for name in place.split("."):
        found = found[name]
    return found


@pytest.mark.parametrize("place", PLACES)
def test_every_field_of_an_event_has_its_place(place: str) -> None:
    """A unique value in each field of an event is found at the place that the field has in the canonical event."""
    published = event(row(SEED, RELATED))
    assert at(published["data"], place) == PLACES[place]
    assert published["time"] == "2026-08-08T09:12:40.001Z"
    assert published["subject"] == "lead/1005"


def test_an_open_becomes_exactly_this_event() -> None:
    """A proxied open with an empty mailing relationship gives this event, key by key."""
    attributes = {
        "name": "message_opened",
        "body": None,
        "externalUrl": None,
        "payload": None,
        "eventAt": "2026-08-08T09:12:40.000Z",
        "createdAt": "2026-08-08T09:12:41.000Z",
        "mailingId": 1,
        "requestCity": "Mountain View",
        "requestRegion": "California",
        "requestHost": "192.0.2.10",
        "requestDevice": "Mozilla/5.0",
        "requestProxied": True,
    }
    published = event(row(attributes, {"account": 11, "mailing": None, "prospect": 3, "user": 1, "call": None}, 186229))
    assert published["data"].pop("provenance")["row"] == "message_opened"
    assert published.pop("recordedtime")
    assert published == {
        "specversion": "1.0",
        "id": "event/186229",
        "source": "/outreach/acme",
        "type": "headrace.email.opened.v1",
        "subject": "lead/3",
        "time": "2026-08-08T09:12:40Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:headrace:event:1",
        "partitionkey": "/outreach/acme/lead/3",
        "data": {
            "category": "email",
            "action": "opened",
            "channel": "email",
            "proxied": True,
            "revised": "2026-08-08T09:12:41Z",
            "refs": {"lead": "3", "account": "11", "mailing": "1", "user": "1"},
            "actor": {"kind": "lead", "id": "3"},
            "times": {"occurred": "2026-08-08T09:12:40Z", "created": "2026-08-08T09:12:41Z"},
            "client": {
                "city": "Mountain View",
                "region": "California",
                "host": "192.0.2.10",
                "device": "Mozilla/5.0",
            },
            "native": {
                "provider": "outreach",
                "tenant": "acme",
                "resource": "event",
                "id": "186229",
                "code": "message_opened",
                "name": "message_opened",
                "extra": {"mailingId": 1},
            },
        },
    }


@pytest.mark.parametrize("name", ["message_opened_sender", "message_clicked_sender"])
def test_an_open_by_the_senders_side_is_internal(name: str) -> None:
    """The actor is the user, and consumers that filter on traffic never see it as the lead's."""
    published = event(row({"name": name}, {"prospect": 3, "user": 7}))
    assert published["traffic"] == "internal"
    assert published["data"]["actor"] == {"kind": "user", "id": "7"}


@pytest.mark.parametrize(
    ("related", "subject"),
    [
        ({"prospect": 3, "account": 4}, "lead/3"),
        ({"account": 4, "opportunity": 5}, "account/4"),
        ({"opportunity": 5, "user": 6}, "opportunity/5"),
        ({"mailing": 7, "call": 8}, "mailing/7"),
        ({"call": 8, "task": 9}, "call/8"),
        ({"task": 9, "user": 6}, "task/9"),
        ({"user": 6, "sequence": 2}, "user/6"),
        ({"plugin": 2}, "plugin/2"),
        ({"prospect": None}, "event/1000"),
        ({}, "event/1000"),
    ],
)
def test_the_subject_is_the_lead_or_the_nearest_entity(related: dict[str, int | None], subject: str) -> None:
    """An event without a lead is filed under the entity that is nearest to it."""
    assert event(row({"name": "prospect_updated"}, related))["subject"] == subject


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("ringwell:anything", "headrace.custom.logged.v1"),
        ("intercom:inbound_message", "headrace.message.received.v1"),
        ("nobody_has_seen_this", "headrace.unmapped.v1"),
        (None, "headrace.unmapped.v1"),
        ("", "headrace.unmapped.v1"),
    ],
)
def test_an_unknown_name_is_never_guessed(name: str | None, type_: str) -> None:
    """Names of apps are custom events, all other names without a row are unmapped and carry their name."""
    published = event(row({"name": name}, {}))
    assert published["type"] == type_
    assert published["data"]["native"].get("code") == (name or None)


def test_an_overlay_decides_about_an_apps_event() -> None:
    """A tenant's row for one name of an app comes before the row that stands for all of them."""
    overlay = read(
        '[[row]]\ntable = "event"\ncode = "ringwell:demo"\ntype = "meeting.scheduled"\nlift = { plan = "title" }\n',
        "acme.toml",
        provider.tables,
    )
    body = json.dumps(row({"name": "ringwell:demo", "payload": {"plan": "team"}}, {})).encode()
    found = next(explain(provider, "acme", build(entries(), overlay), body))
    assert found.event is not None
    assert (found.event.word, found.event.data.title) == ("meeting.scheduled", "team")


def test_the_id_is_the_same_as_text_and_as_number() -> None:
    """An id that a future version writes as text names the same event."""
    same = [explained(row({}, {}, ident)).identity for ident in (1000, "1000", "01000")]
    assert same[0] == same[1] == same[2]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (row({"eventAt": "soon"}, {}), "$.attributes.eventAt"),
        (row({"createdAt": "0001-01-01T00:00:00+14:00"}, {}), "$.attributes.createdAt"),
        (row({"requestProxied": "yes"}, {}), "$.attributes.requestProxied"),
        (row({}, {}, ident=True), "$.id"),
        (row({}, {}, "x1"), "$.id"),
        (row({}, {}) | {"type": "mailing"}, "$.type"),
        ({"type": "event", "id": 5}, "$.attributes"),
    ],
)
def test_a_row_that_cannot_be_read_says_where(body: dict[str, Any], pointer: str) -> None:
    """The problem points to the value that is wrong."""
    problem = explained(body).problem
    assert problem is not None
    assert problem.source is not None
    assert problem.source.pointer == pointer


def test_rows_of_a_page_are_cut_verbatim() -> None:
    """White space, escapes and unknown fields of a row go to raw as they came."""
    first = b'{ "id": 1,\n "attributes": {"name": "caf\\u00e9", "later": 1.50} }'
    second = b'{"id":2,"attributes":{}}'
    body = b'{"data": [' + first + b" , " + second + b'], "meta": {"count": null}, "included": [{"id": 3}]}'
    assert [piece.value for piece in provider.cut(body)] == [first, second]
    assert [piece.value for piece in provider.cut(body, "event")] == [first, second]


@pytest.mark.parametrize("body", [b"", b"7", b'{"errors":[]}', b'{"data":[{"id":1},', b'[{"id":1},', b"[1]]"])
def test_what_cannot_be_cut_is_one_piece(body: bytes) -> None:
    """A body that is no page, row or webhook stays whole."""
    assert [piece.value for piece in provider.cut(body)] == [body]


@pytest.mark.parametrize("owner", [{"data": {"type": "user", "id": 2}}, {"type": "user", "id": 2}, {"id": "2"}])
def test_relationships_of_a_row_are_flat_or_wrapped(owner: dict[str, Any]) -> None:
    """The flat form of webhooks is read in rows of events, too."""
    (found,) = explain(provider, "acme", MAPPING, json.dumps(row({}, {}) | {"relationships": {"user": owner}}).encode())
    assert found.event is not None
    assert found.event.data.refs == {"user": "2"}
