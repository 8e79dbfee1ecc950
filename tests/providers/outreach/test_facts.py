import json
from typing import Any

import pytest

from headrace.core.mapping_file import build, read
from headrace.explain import Explanation, explain
from headrace.providers.outreach import facts, provider
from headrace_events import Parties, Party, Value
from tests.providers.outreach.kit import entries, webhook

MAPPING = build(entries())
AT = "2026-04-01T08:00:00.000Z"
MICROS = 1775030400000000


def explained(body: dict[str, Any]) -> Explanation:
    return next(explain(provider, "acme", MAPPING, json.dumps(body).encode()))


def named(body: dict[str, Any]) -> str:
    found = explained(body).identity
    assert found is not None, explained(body).problem
    assert found.version is None
    return f"{found.resource}/{found.id}"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (webhook("mailing.delivered", 1), "mailing/1/delivered"),
        (webhook("mailing.updated", 1, attributes={"state": "delivered", "stateChangedAt": AT}), "mailing/1/delivered"),
        (webhook("mailing.updated", 1, attributes={"deliveredAt": AT}), "mailing/1/delivered"),
        (webhook("mailing.created", 1, attributes={"state": "delivered"}), "mailing/1/delivered"),
        (webhook("mailing.created", 1, attributes={"state": "drafted", "stateChangedAt": AT}), "mailing/1/created"),
        (webhook("mailing.updated", 1, attributes={"state": "scheduled"}), "mailing/1/scheduled"),
        (
            webhook("mailing.updated", 1, attributes={"state": "scheduled", "stateChangedAt": AT}),
            f"mailing/1/scheduled/{MICROS}",
        ),
        (webhook("mailing.updated", 1, attributes={"clickedAt": AT}), f"mailing/1/clicked/{MICROS}"),
        (webhook("mailing.destroyed", 1, attributes={"state": "failed"}), "mailing/1/destroyed"),
        (webhook("task.completed", 2), "task/2/completed"),
        (webhook("task.updated", 2, attributes={"state": "complete"}), "task/2/completed"),
        (webhook("task.created", 2, attributes={"state": "complete"}), "task/2/created"),
        (webhook("sequenceState.finished", 3), "sequenceState/3/finished"),
        (webhook("sequenceState.updated", 3, attributes={"state": "finished"}), "sequenceState/3/finished"),
        (webhook("import.finished", 4, attributes={"failures": 0}), "import/4/finished"),
        (webhook("install.deleted", 5, relationships={"app": {"id": "A-1"}}), "install/5/deleted"),
    ],
)
def test_a_fact_has_one_name(body: dict[str, Any], name: str) -> None:
    """What tells the same fact carries the same id, whichever webhook tells it."""
    assert named(body) == name


def test_facts_that_fall_together_have_one_type() -> None:
    """Of two deliveries that carry one id, it does not matter which comes first."""
    types: dict[str, set[str]] = {}
    for body in (
        *(webhook(f"mailing.{word}") for word in ("delivered", "opened", "replied", "bounced")),
        *(
            webhook(f"mailing.{action}", attributes={"state": word})
            for word in ("delivered", "opened", "replied", "bounced")
            for action in ("created", "updated")
        ),
        *(webhook("mailing.updated", attributes={f"{word}At": AT}) for word in ("delivered", "opened", "replied")),
        webhook("task.completed"),
        *(webhook("task.updated", attributes={"state": word}) for word in ("complete", "completed")),
        *(webhook(f"sequenceState.{word}") for word in ("advanced", "finished")),
        *(webhook("sequenceState.updated", attributes={"state": word}) for word in ("advanced", "finished")),
    ):
        found = explained(body)
        assert found.event is not None
        types.setdefault(found.event.id, set()).add(found.event.type)
    assert len(types) == 7
    assert all(len(found) == 1 for found in types.values()), types


ACTIONS = ("created", "updated", "destroyed", "deleted", "advanced", "finished", "completed", "delivered", "opened")
WORDS = (*ACTIONS, *sorted(set().union(*facts._STATES.values())), "clicked", "marked_spam", "owner", "times.clicked")


@pytest.mark.parametrize("resource", ["mailing", "sequenceState", "task", "call", "prospect", "import"])
def test_no_state_takes_the_id_of_a_fact_of_another_type(resource: str) -> None:
    """Whatever word a state is, what has one id has one type: a state without a row is a change like any other."""
    bodies = [
        *(webhook(f"{resource}.{action}") for action in WORDS if action not in ("updated", "times.clicked")),
        *(webhook(f"{resource}.{action}", attributes={"id": 1}) for action in WORDS if action != "times.clicked"),
        *(webhook(f"{resource}.updated", attributes={"state": word}) for word in WORDS),
        *(webhook(f"{resource}.updated", attributes={f"{word}At": AT}) for word in WORDS),
        *(webhook(f"{resource}.updated", attributes={f"{word}At": AT, "state": word}) for word in WORDS),
    ]
    types: dict[str, set[str]] = {}
    for body in bodies:
        found = explained(body).event
        assert found is not None
        types.setdefault(found.id, set()).add(found.word)
    assert not {name: found for name, found in types.items() if len(found) > 1}


@pytest.mark.parametrize("state", ["owner", "stage", "times.clicked", "created", "destroyed", "incomplete"])
def test_a_state_without_a_row_is_a_change_like_any_other(state: str) -> None:
    """The name of a relationship, a milestone or an action does not decide where it stands as a state."""
    found = explained(webhook("task.updated", 41, attributes={"state": state})).event
    assert found is not None
    assert (found.word, found.id.rpartition("/")[0]) == ("task.updated", "task/41/updated")
    assert found.data.native.status == state


def test_an_overlay_gives_a_row_to_a_state_of_its_own() -> None:
    """The word of a state reaches the table, even where no built-in row has it."""
    row = """[[row]]
table = "webhook"
code = "sequenceState.updated"
type = "sequence.updated"
[row.status.active]
type = "sequence.resumed"
"""
    mapping = build(entries(), read(row, "acme.toml", provider.tables))
    body = json.dumps(webhook("sequenceState.updated", attributes={"state": "active"})).encode()
    (found,) = explain(provider, "acme", mapping, body)
    assert found.event is not None
    assert found.event.word == "sequence.resumed"


def test_overlapping_webhooks_and_retries_tell_one_fact() -> None:
    """Job, time of delivery, order of keys and payload version do not make another fact."""
    attributes = {"title": "CFO", "updatedAt": AT}
    turned = dict(reversed(attributes.items()))
    names = {
        named(webhook("prospect.updated", attributes=attributes)),
        named(webhook("prospect.updated", job="job-2", delivered="2026-04-01T08:00:09Z", attributes=turned)),
        named(webhook("prospect.updated", attributes=attributes, beforeUpdate={"attributes": {"title": "COO"}})),
        named(webhook("prospect.updated", attributes=attributes) | {"beforeUpdate": {"attributes": {"title": "COO"}}}),
    }
    assert len(names) == 1


def test_other_spellings_tell_one_fact() -> None:
    """Flat and wrapped relationships, case of names and states, zones, numbers or strings: one id."""
    flat = {"owner": {"type": "owner", "id": 2}, "tags": {"data": [{"id": 1}, {"id": "2"}]}, "stage": {"id": None}}
    wrapped = {"stage": None, "tags": {"data": [{"id": 2}, {"id": 1}]}, "owner": {"data": {"type": "user", "id": "2"}}}
    attributes = {"score": "95.0", "title": "", "updatedAt": AT, "custom": {"a": 1, "b": None}}
    other = {"custom": {"a": "1"}, "updatedAt": "2026-04-01T10:00:00+02:00", "title": None, "score": 95}
    names = {
        named(webhook(name, attributes=each, relationships=related))
        for name in ("prospect.updated", "Prospect.Updated", "PROSPECT.updated")
        for each in (attributes, other)
        for related in (flat, wrapped)
    }
    assert len(names) == 1


@pytest.mark.parametrize(
    ("name", "state", "id_", "word"),
    [
        ("Prospect.Created", None, "prospect/12/created", "lead.created"),
        ("SequenceState.Finished", None, "sequenceState/12/finished", "sequence.finished"),
        ("sequence_state.finished", None, "sequenceState/12/finished", "sequence.finished"),
        ("mailing.updated", "Delivered", "mailing/12/delivered", "email.delivered"),
        ("Mailing.Updated", "DELIVERED", "mailing/12/delivered", "email.delivered"),
        ("task.updated", "Complete", "task/12/completed", "task.completed"),
        ("mailing.updated", "Scheduled", "mailing/12/scheduled", "email.scheduled"),
    ],
)
def test_a_folded_name_has_the_id_of_the_plain_one(name: str, state: str | None, id_: str, word: str) -> None:
    """The table finds words whatever their case and separators, and so does the id; the native words stay."""
    found = explained(webhook(name, attributes={"a": 1} | ({"state": state} if state else {}))).event
    assert found is not None
    assert (found.id, found.word) == (id_, word)
    assert (found.data.native.code, found.data.native.status) == (name, state)


@pytest.mark.parametrize("cleared", [{"title": None}, {"title": ""}])
def test_what_was_cleared_is_another_fact(cleared: dict[str, Any]) -> None:
    """In an update absent means unchanged: null or empty, a name is there."""
    at = {"updatedAt": AT}
    assert named(webhook("prospect.updated", attributes=at | cleared)) != named(
        webhook("prospect.updated", attributes=at)
    )
    assert named(webhook("account.updated", attributes=at, relationships={"owner": None})) != named(
        webhook("account.updated", attributes=at)
    )


@pytest.mark.parametrize(
    ("attributes", "value"),
    [
        ({"amount": 1e20}, {"amount": "100000000000000000000"}),
        ({"amount": "1,50,000.00", "currencyType": "rupees"}, None),
        ({"amount": True, "currencyType": "eur"}, {"currency": "EUR"}),
        ({"amountPrecise": "12000.50", "amount": 12000}, {"amount": "12000.50"}),
        ({"amountPrecise": "n/a", "amount": 12000.0}, {"amount": "12000"}),
    ],
)
def test_what_does_not_fit_its_place_stays_in_fields(attributes: dict[str, Any], value: dict[str, str] | None) -> None:
    """Deal money is a decimal and a code of ISO 4217; what is none stays in `fields`, as is."""
    found = explained(webhook("opportunity.created", attributes=attributes)).event
    assert found is not None
    assert found.data.value == (None if value is None else Value(**value))
    assert found.data.fields == attributes


def test_addresses_and_links_pass_the_gate() -> None:
    """A phone number with its country is E.164, a flag is no address, and a file name no URL."""
    sent = {
        "from": "+1 (202) 555-0143",
        "to": True,
        "recordingUrl": "rec-9.mp3",
        "voicemailRecordingUrl": "https://a.example/9",
    }
    found = explained(webhook("call.created", attributes=sent)).event
    assert found is not None
    assert found.data.parties == Parties(from_=Party("+12025550143"))
    assert found.data.urls == {"voicemail": "https://a.example/9"}


@pytest.mark.parametrize(
    "other",
    [
        webhook("prospect.updated", 13, attributes={"title": "CFO", "updatedAt": AT}),
        webhook("account.updated", attributes={"title": "CFO", "updatedAt": AT}),
        webhook("prospect.updated", attributes={"title": "CEO", "updatedAt": AT}),
        webhook("prospect.updated", attributes={"title": "CFO", "updatedAt": "2026-04-01T08:00:01.000Z"}),
        webhook("prospect.updated", attributes={"title": "CFO", "updatedAt": AT}, relationships={"owner": {"id": 1}}),
    ],
)
def test_another_change_is_another_fact(other: dict[str, Any]) -> None:
    """Two changes of one record within one second keep apart, as do changes of two records."""
    assert named(other) != named(webhook("prospect.updated", attributes={"title": "CFO", "updatedAt": AT}))


@pytest.mark.parametrize("data", [{}, {"attributes": {}}, {"attributes": None, "relationships": {}}])
def test_an_update_with_nothing_in_it_is_noise(data: dict[str, Any]) -> None:
    """An update without attributes and relationships is counted and not published."""
    assert explained(webhook("prospect.updated", **data)).fate == "noop"


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ({"attributes": {"updatedAt": AT, "title": "COO"}}, ("title", "COO", "CFO")),
        ({"title": "COO"}, ("title", "COO", "CFO")),
        ({"attributes": {"tags": ["a"]}}, ("tags", '["a"]', None)),
        ({"attributes": {"updatedAt": AT}}, None),
        ({"attributes": 7, "relationships": 7}, None),
        (None, None),
    ],
)
def test_a_change_says_before_and_after(
    before: dict[str, Any] | None, change: tuple[str, str | None, str | None] | None
) -> None:
    """Payload version 2 tells the value before, beside `data` or inside it."""
    body = webhook("prospect.updated", attributes={"title": "CFO", "updatedAt": AT})
    inside = webhook("prospect.updated", attributes={"title": "CFO", "updatedAt": AT}, beforeUpdate=before)
    for sent in (body | {"beforeUpdate": before}, inside):
        found = explained(sent)
        assert found.event is not None
        seen = found.event.data.change
        assert (None if seen is None else (seen.field, seen.from_, seen.to)) == change


@pytest.mark.parametrize("wrapped", [{"type": "owner", "id": 2}, {"data": {"type": "user", "id": 2}}, {"id": "2"}])
def test_a_relationship_is_flat_or_wrapped(wrapped: dict[str, Any]) -> None:
    """Relationships are read in the flat form of webhooks and in that of the API."""
    found = explained(webhook("account.created", 6, attributes={"name": "Depot"}, relationships={"owner": wrapped}))
    assert found.event is not None
    assert found.event.data.refs == {"account": "6", "owner": "2"}


@pytest.mark.parametrize("emptied", [None, {"id": None}, {"type": "owner", "id": None}, {"data": None}])
def test_what_was_cleared_is_said(emptied: dict[str, Any] | None) -> None:
    """Nulls stand nowhere in an event, but the names of what was emptied do."""
    found = explained(webhook("account.updated", 6, attributes={"domain": None}, relationships={"owner": emptied}))
    assert found.event is not None
    assert found.event.data.native.extra is not None
    assert found.event.data.native.extra["cleared"] == ["domain", "owner"]
    assert found.event.data.fields is None


def test_the_time_of_a_bare_action_is_its_delivery() -> None:
    """An action event has no time of its own: the offset of `deliveredAt` is converted."""
    found = explained(webhook("mailing.delivered", delivered="2026-03-01T23:30:00.250-07:00"))
    assert found.event is not None
    assert found.event.time == "2026-03-02T06:30:00.250Z"
    assert found.event.data.times is None


def hour(number: int) -> str:
    return f"2026-05-04T{number:02}:00:00.000Z"


def times(**hours: int) -> dict[str, str]:
    return {f"{name}At": hour(number) for name, number in hours.items()}


@pytest.mark.parametrize(
    ("name", "attributes", "at"),
    [
        ("mailing.created", {"state": "delivered"} | times(created=1, delivered=5), 5),
        ("mailing.created", {"state": "delivered"} | times(created=1, updated=6, delivered=5), 5),
        ("mailing.created", {"state": "delivered"} | times(created=1, updated=6, delivered=5, stateChanged=4), 4),
        ("mailing.created", {"state": "queued"} | times(created=1, updated=6), 6),
        ("mailing.created", {"state": "queued"} | times(created=1), 1),
        ("mailing.created", {"state": "scheduled"} | times(created=1, updated=2, scheduled=9), 2),
        ("mailing.created", {"state": "scheduled"} | times(created=1, scheduled=9), 1),
        ("mailing.created", {"state": "archived"} | times(created=1, updated=2, archived=3), 3),
        ("mailing.updated", {"state": "opened"} | times(updated=6, opened=5), 5),
        ("mailing.updated", {"state": "bounced"} | times(updated=6, bounced=5, delivered=4), 5),
        ("mailing.updated", times(updated=2, scheduled=9), 2),
        ("mailing.updated", times(updated=6, clicked=5), 5),
        ("task.updated", {"state": "complete"} | times(updated=6, completed=5), 5),
        ("task.updated", {"state": "completed"} | times(updated=6, completed=5), 5),
        ("task.updated", {"state": "complete"} | times(updated=6, due=5), 6),
        ("task.updated", {"state": "incomplete"} | times(updated=6, stateChanged=5), 5),
        ("task.created", {"state": "complete"} | times(created=1, updated=6, completed=5), 1),
        ("sequenceState.updated", {"state": "active"} | times(updated=6, stateChanged=5), 5),
        ("call.created", {"state": "completed"} | times(created=1, updated=6, completed=5), 5),
        ("call.created", {"state": "completed", "outcome": "Answered"} | times(created=1, updated=6, completed=5), 5),
        ("call.created", {"state": "answered", "outcome": "Answered"} | times(created=1, updated=6, answered=4), 4),
        ("call.created", {"outcome": "Answered"} | times(created=1, updated=6), 6),
        ("call.updated", {"state": "dialed"} | times(updated=6, dialed=3), 3),
        ("prospect.created", times(created=1, updated=6), 1),
    ],
)
def test_a_state_has_the_time_of_its_own_milestone(name: str, attributes: dict[str, str], at: int) -> None:
    """The change of the state, the attribute of the state, the change of the record, its creation; never a plan."""
    found = explained(webhook(name, attributes=attributes)).event
    assert found is not None
    assert found.time == hour(at).replace(".000", "")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (webhook("event"), "$.meta.eventName"),
        (webhook("event."), "$.meta.eventName"),
        (webhook("event.created"), "$.meta.eventName"),
        (webhook("mailing"), "$.meta.eventName"),
        (webhook("mailing."), "$.meta.eventName"),
        (webhook(".delivered"), "$.meta.eventName"),
        (webhook("mailing.delivered/2"), "$.meta.eventName"),
        (webhook("mailing.created", id="1/delivered"), "$.data.id"),
        (webhook("mailing.delivered", id=" "), "$.data.id"),
    ],
)
def test_no_body_takes_the_name_of_another_fact(body: dict[str, Any], pointer: str) -> None:
    """A name without its parts, that of a polled event, and an id that holds a fact become dead letters."""
    problem = explained(body).problem
    assert problem is not None
    assert problem.source is not None
    assert (problem.code, problem.source.pointer) == ("bad_value", pointer)


@pytest.mark.parametrize(
    ("name", "field", "words"),
    [
        ("call.updated", "state", ["in_progress", "In Progress", " inProgress"]),
        ("call.updated", "outcome", ["Completed", "completed", " COMPLETED "]),
        ("call.updated", "direction", ["inbound", " Inbound "]),
        ("prospect.updated", "state", ["in_progress", "In Progress"]),
    ],
)
def test_a_word_in_another_spelling_is_the_same_fact(name: str, field: str, words: list[str]) -> None:
    """Case, spaces and separators of a state, an outcome or a direction make no other id."""
    assert len({named(webhook(name, attributes={field: word, "note": "a"})) for word in words}) == 1
    assert named(webhook(name, attributes={field: "other"})) != named(webhook(name, attributes={field: words[0]}))
