import json
from typing import Any

import pytest

from headrace.core.mapping_file import build
from headrace.explain import Explanation, explain
from headrace.providers.outreach import provider
from tests.providers.outreach.kit import entries, hook

MAPPING = build(entries())
AT = "2026-04-01T08:00:00.000Z"
MICROS = 1775030400000000


def told(body: dict[str, Any]) -> Explanation:
    return next(explain(provider, "acme", MAPPING, json.dumps(body).encode()))


def named(body: dict[str, Any]) -> str:
    found = told(body).identity
    assert found is not None, told(body).problem
    assert found.version is None
    return f"{found.resource}/{found.id}"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (hook("mailing.delivered", 1), "mailing/1/delivered"),
        (hook("mailing.updated", 1, attributes={"state": "delivered", "stateChangedAt": AT}), "mailing/1/delivered"),
        (hook("mailing.updated", 1, attributes={"deliveredAt": AT}), "mailing/1/delivered"),
        (hook("mailing.created", 1, attributes={"state": "delivered"}), "mailing/1/delivered"),
        (hook("mailing.created", 1, attributes={"state": "drafted", "stateChangedAt": AT}), "mailing/1/created"),
        (hook("mailing.updated", 1, attributes={"state": "scheduled"}), "mailing/1/scheduled"),
        (
            hook("mailing.updated", 1, attributes={"state": "scheduled", "stateChangedAt": AT}),
            f"mailing/1/scheduled/{MICROS}",
        ),
        (hook("mailing.updated", 1, attributes={"clickedAt": AT}), f"mailing/1/clicked/{MICROS}"),
        (hook("mailing.destroyed", 1, attributes={"state": "failed"}), "mailing/1/destroyed"),
        (hook("task.completed", 2), "task/2/completed"),
        (hook("task.updated", 2, attributes={"state": "complete"}), "task/2/completed"),
        (hook("task.created", 2, attributes={"state": "complete"}), "task/2/created"),
        (hook("sequenceState.finished", 3), "sequenceState/3/finished"),
        (hook("sequenceState.updated", 3, attributes={"state": "finished"}), "sequenceState/3/finished"),
        (hook("import.finished", 4, attributes={"failures": 0}), "import/4/finished"),
        (hook("install.deleted", 5, relationships={"app": {"id": "A-1"}}), "install/5/deleted"),
    ],
)
def test_a_fact_has_one_name(body: dict[str, Any], name: str) -> None:
    """What tells the same fact carries the same id, whichever webhook tells it."""
    assert named(body) == name


def test_facts_that_fall_together_have_one_type() -> None:
    """Of two deliveries that carry one id, it does not matter which comes first."""
    types: dict[str, set[str]] = {}
    for body in (
        *(hook(f"mailing.{word}") for word in ("delivered", "opened", "replied", "bounced")),
        *(
            hook(f"mailing.{action}", attributes={"state": word})
            for word in ("delivered", "opened", "replied", "bounced")
            for action in ("created", "updated")
        ),
        *(hook("mailing.updated", attributes={f"{word}At": AT}) for word in ("delivered", "opened", "replied")),
        hook("task.completed"),
        hook("task.updated", attributes={"state": "complete"}),
        hook("sequenceState.finished"),
        hook("sequenceState.updated", attributes={"state": "finished"}),
    ):
        found = told(body)
        assert found.event is not None
        types.setdefault(found.event.id, set()).add(found.event.type)
    assert len(types) == 6
    assert all(len(found) == 1 for found in types.values()), types


def test_overlapping_webhooks_and_retries_tell_one_fact() -> None:
    """Job, time of delivery, order of keys and payload version do not make another fact."""
    said = {"title": "CFO", "updatedAt": AT}
    turned = dict(reversed(said.items()))
    names = {
        named(hook("prospect.updated", attributes=said)),
        named(hook("prospect.updated", job="job-2", delivered="2026-04-01T08:00:09Z", attributes=turned)),
        named(hook("prospect.updated", attributes=said, beforeUpdate={"attributes": {"title": "COO"}})),
        named(hook("prospect.updated", attributes=said) | {"beforeUpdate": {"attributes": {"title": "COO"}}}),
    }
    assert len(names) == 1


@pytest.mark.parametrize(
    "other",
    [
        hook("prospect.updated", 13, attributes={"title": "CFO", "updatedAt": AT}),
        hook("account.updated", attributes={"title": "CFO", "updatedAt": AT}),
        hook("prospect.updated", attributes={"title": "CEO", "updatedAt": AT}),
        hook("prospect.updated", attributes={"title": "CFO", "updatedAt": "2026-04-01T08:00:01.000Z"}),
        hook("prospect.updated", attributes={"title": "CFO", "updatedAt": AT}, relationships={"owner": {"id": 1}}),
    ],
)
def test_another_change_is_another_fact(other: dict[str, Any]) -> None:
    """Two changes of one record within one second keep apart, as do changes of two records."""
    assert named(other) != named(hook("prospect.updated", attributes={"title": "CFO", "updatedAt": AT}))


@pytest.mark.parametrize("data", [{}, {"attributes": {}}, {"attributes": None, "relationships": {}}])
def test_an_update_with_nothing_in_it_is_noise(data: dict[str, Any]) -> None:
    """An update without attributes and relationships is counted and not published."""
    assert told(hook("prospect.updated", **data)).fate == "noop"


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
    body = hook("prospect.updated", attributes={"title": "CFO", "updatedAt": AT})
    inside = hook("prospect.updated", attributes={"title": "CFO", "updatedAt": AT}, beforeUpdate=before)
    for sent in (body | {"beforeUpdate": before}, inside):
        found = told(sent)
        assert found.event is not None
        said = found.event.data.change
        assert (None if said is None else (said.field, said.from_, said.to)) == change


@pytest.mark.parametrize("wrapped", [{"type": "owner", "id": 2}, {"data": {"type": "user", "id": 2}}, {"id": "2"}])
def test_a_relationship_is_flat_or_wrapped(wrapped: dict[str, Any]) -> None:
    """Relationships are read in the flat form of webhooks and in that of the API."""
    found = told(hook("account.created", 6, attributes={"name": "Depot"}, relationships={"owner": wrapped}))
    assert found.event is not None
    assert found.event.data.refs == {"account": "6", "owner": "2"}


@pytest.mark.parametrize("emptied", [None, {"id": None}, {"type": "owner", "id": None}, {"data": None}])
def test_what_was_cleared_is_said(emptied: dict[str, Any] | None) -> None:
    """Nulls stand nowhere in an event, but the names of what was emptied do."""
    found = told(hook("account.updated", 6, attributes={"domain": None}, relationships={"owner": emptied}))
    assert found.event is not None
    assert found.event.data.native.extra is not None
    assert found.event.data.native.extra["cleared"] == ["domain", "owner"]
    assert found.event.data.fields is None


def test_the_time_of_a_bare_action_is_its_delivery() -> None:
    """An action event has no time of its own: the offset of `deliveredAt` is converted."""
    found = told(hook("mailing.delivered", delivered="2026-03-01T23:30:00.250-07:00"))
    assert found.event is not None
    assert found.event.time == "2026-03-02T06:30:00.250Z"
    assert found.event.data.times is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (hook("event"), "$.meta.eventName"),
        (hook("event."), "$.meta.eventName"),
        (hook("event.created"), "$.meta.eventName"),
        (hook("mailing"), "$.meta.eventName"),
        (hook("mailing."), "$.meta.eventName"),
        (hook(".delivered"), "$.meta.eventName"),
        (hook("mailing.delivered/2"), "$.meta.eventName"),
        (hook("mailing.created", id="1/delivered"), "$.data.id"),
        (hook("mailing.delivered", id=" "), "$.data.id"),
    ],
)
def test_no_body_takes_the_name_of_another_fact(body: dict[str, Any], pointer: str) -> None:
    """A name without its parts, that of a polled event, and an id that holds a fact become dead letters."""
    problem = told(body).problem
    assert problem is not None
    assert problem.source is not None
    assert (problem.code, problem.source.pointer) == ("bad_value", pointer)
