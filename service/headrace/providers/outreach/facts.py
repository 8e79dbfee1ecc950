"""Which fact a webhook body reports, and under what id: two deliveries of one fact must carry one id.

Neither `meta.jobId` nor `deliveredAt` may decide: two webhooks with overlapping subscriptions deliver one change twice,
and only the attributes and relationships are the same then. The README of this folder explains the choice.
"""

import hashlib
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Struct

from headrace.core.mapping import fold
from headrace.core.problems import bad_time, bad_value
from headrace.core.timestamps import parse, to_micros
from headrace.core.values import one_form
from headrace.providers.outreach.wire import RESOURCES, WebhookBody, id_text, related_ids

_sorted: Final = msgspec.json.Encoder(order="sorted").encode

_RESOURCES: Final = {fold(name): name for name in RESOURCES}

_ONCE: Final = {
    "mailing": frozenset({"bounced", "delivered", "opened", "replied"}),
    "sequenceState": frozenset({"advanced", "finished"}),
    "task": frozenset({"completed"}),
    "import": frozenset({"finished"}),
}
"""Facts that a bare action event reports too, with nothing in it but type and id: they happen once for us."""

_STATES: Final = {
    "mailing": frozenset(
        {"bounced", "delivered", "delivering", "drafted", "failed", "opened", "placeholder", "queued", "replied"}
        | {"scheduled"}
    ),
    "sequenceState": frozenset({"advanced", "finished", "paused"}),
    "task": frozenset({"complete", "completed"}),
}
"""The states that name a fact, each with a row of its own in the table: a state without one takes no fact's id.

A mailing is made in some state and named by it; the others are named as created, and by their state later.
"""

_SAME_WORD: Final = {("task", "complete"): "completed"}
"""A state of another name than the action event for the same."""

_LAST: Final = frozenset({"destroyed", "deleted"})
"""A record ends once; apps are deleted, everything else is destroyed."""

_MILESTONES: Final = {
    "scheduledAt": "scheduled",
    "deliveredAt": "delivered",
    "openedAt": "opened",
    "clickedAt": "clicked",
    "repliedAt": "replied",
    "bouncedAt": "bounced",
    "markedAsSpamAt": "marked_spam",
    "unsubscribedAt": "unsubscribed",
}
"""Attributes of a mailing that name a moment, in the order in which they happen; the first is only a plan."""

_PLANS: Final = frozenset({"scheduledAt"})
"""Attributes that say when something is to happen: not the time of the fact that it was planned."""

_POLLED: Final = "event"
"""The resource of the rows of `GET /events`: its names are theirs alone."""

_CHANGED: Final = {
    "prospect": ("stage", "owner"),
    "account": ("owner",),
    "opportunity": ("stage", "opportunityStage", "owner"),
    "task": ("owner",),
}
"""Relationships whose change has a type of its own, the more telling one first."""
_WORDS: Final = frozenset({"direction", "outcome", "state"})
"""Attributes that hold one word of a list, in whatever spelling."""
_RELATIONS: Final = frozenset({"stage", "owner"})
"""The words of these in the table."""


_LONGEST_NAME: Final = 64
"""Characters of an event name that is cached: arbitrary texts must not fill the memory."""


class WebhookFact(Struct, frozen=True, gc=False):
    """What a body reports: of which record, under which id, and the status word that refines the row.

    `moments` names the attributes that may have the time, the best first, `changed` the relationship that decided,
    `status` the state as sent.
    """

    resource: str
    action: str
    record: str
    id: str
    word: str | None = None
    moments: tuple[str, ...] = ()
    changed: str | None = None
    status: str | None = None
    empty: bool = False


def fact_of(body: WebhookBody) -> WebhookFact:
    """Return the fact of a body. Raises `Undecodable` where its name, its id or a time that decides is none."""
    resource, action = _split(body.meta.event_name)
    record = id_text(body.data.id)
    if not record or "/" in record:
        raise bad_value("$.data.id", "an id has characters, and no slash: behind that stands the fact")
    attributes, relationships = body.data.attributes or {}, body.data.relationships or {}
    if action == "updated" and not attributes and not relationships:
        return WebhookFact(resource, action, record, f"{record}/{action}", empty=True)
    if action in ("created", "updated"):
        return _refined(body, WebhookFact(resource, action, record, f"{record}/{action}"))
    known = action in _LAST or action in _ONCE.get(resource, ())
    name = f"{record}/{action}" if known else f"{record}/{action}/{_digest(body)}"
    return WebhookFact(resource, action, record, name, status=_state(attributes))


def _split(event_name: str) -> tuple[str, str]:
    """Return resource and action, in one spelling, as the table finds them.

    Raises `Undecodable` for what is none, or would take a polled event's name.
    """
    return _parts(event_name) if len(event_name) <= _LONGEST_NAME else _parts.__wrapped__(event_name)


@lru_cache(maxsize=512)
def _parts(event_name: str) -> tuple[str, str]:
    resource, _, action = map(fold, event_name.partition("."))
    if not resource or not action or "/" in event_name:
        raise bad_value("$.meta.eventName", "an event name reads resource.action")
    if resource == _POLLED:
        raise bad_value("$.meta.eventName", "events are polled: no webhook tells of them")
    return _RESOURCES.get(resource, resource), action


def _refined(body: WebhookBody, fact: WebhookFact) -> WebhookFact:
    """Return the fact of a created or updated record by its state, a milestone or an outcome."""
    attributes = body.data.attributes or {}
    state = _state(attributes)
    resource, action, record = fact.resource, fact.action, fact.record
    if state is not None and _may_name(fact) and (word := fold(state)) in _STATES[resource]:
        name = _SAME_WORD.get((resource, word), word)
        ident = _named(attributes, fact, name, "stateChangedAt")
        return WebhookFact(resource, action, record, ident, state, _moments_of(action, name), status=state)
    if resource == "mailing" and action == "updated":
        newest = _newest(attributes)
        if newest is not None:
            milestone = _MILESTONES[newest]
            moments = () if newest in _PLANS else (newest,)
            ident = _named(attributes, fact, milestone, newest)
            return WebhookFact(resource, action, record, ident, f"times.{milestone}", moments)
    if action == "created":
        return _described(body, fact, fact.id)
    return _described(body, fact, f"{fact.id}/{_digest(body)}")


def _may_name(fact: WebhookFact) -> bool:
    """Return whether a state may be the fact: of a mailing, or of an update."""
    return fact.resource in _STATES and (fact.resource == "mailing" or fact.action == "updated")


def _moments(action: str, state: str) -> tuple[str, ...]:
    """Return where the time of a state stands: its change, its own attribute, the record's change, its creation."""
    own = () if f"{state}At" in _PLANS else (f"{state}At",)
    created = ("createdAt",) if action == "created" else ()
    return ("stateChangedAt", *own, "updatedAt", *created)


_moments_of: Final = lru_cache(maxsize=128)(_moments)
"""The same for the states that name a fact: there are few."""


def _named(attributes: dict[str, Any], fact: WebhookFact, name: str, moment: str) -> str:
    """Return the id of a fact named so: with its time, unless a bare action event may report the same."""
    if name in _ONCE.get(fact.resource, ()):
        return f"{fact.record}/{name}"
    if fact.action == "created":
        return fact.id
    at = _instant(attributes, moment)
    return f"{fact.record}/{name}" if at is None else f"{fact.record}/{name}/{to_micros(at)}"


def _described(body: WebhookBody, fact: WebhookFact, ident: str) -> WebhookFact:
    """Return the fact of a record without a state: by the outcome of a call, or by the relationship that changed."""
    attributes, relationships = body.data.attributes or {}, body.data.relationships or {}
    outcome, state = attributes.get("outcome"), _state(attributes)
    resource, action, record = fact.resource, fact.action, fact.record
    if resource == "call" and isinstance(outcome, str) and outcome:
        inbound = fold(str(attributes.get("direction"))) == "inbound"
        refined = f"inbound {outcome}" if inbound else outcome
        moments = ("completedAt", *_moments(action, fold(state or "")))
        return WebhookFact(resource, action, record, ident, refined, moments, status=outcome)
    telling = _CHANGED.get(resource, ()) if action == "updated" else ()
    changed = next((name for name in telling if name in relationships), None)
    word = "stage" if changed == "opportunityStage" else changed or _overlay_word(fact, state)
    timed = state is not None and (_may_name(fact) or resource == "call")
    moments = _moments(action, fold(state or "")) if timed else ()
    return WebhookFact(resource, action, record, ident, word, moments, changed, state)


def _overlay_word(fact: WebhookFact, state: str | None) -> str | None:
    """Return a state that only a tenant's overlay can have a row for; it must not read as another kind of word."""
    own = state is not None and _may_name(fact) and "." not in state and fold(state) not in _RELATIONS
    return state if own else None


def _state(attributes: dict[str, Any]) -> str | None:
    state = attributes.get("state")
    return state if isinstance(state, str) and state else None


def _newest(attributes: dict[str, Any]) -> str | None:
    """Return the attribute of the newest milestone; of two at one time the later stage, a plan only if it is alone."""
    found: list[tuple[bool, datetime, int, str]] = []
    for rank, name in enumerate(_MILESTONES):
        at = _instant(attributes, name)
        if at is not None:
            found.append((rank > 0, at, rank, name))
    return max(found)[3] if found else None


def _instant(attributes: dict[str, Any], name: str) -> datetime | None:
    value = attributes.get(name)
    if value is None or value == "":
        return None
    try:
        return parse(value)
    except (TypeError, ValueError, OverflowError):
        raise bad_time(f"$.data.attributes.{name}") from None


def _digest(body: WebhookBody) -> str:
    """Return a digest of what changed, whatever its spelling; a relationship counts by its ids, flat or wrapped.

    `beforeUpdate` stays out, so that payload versions 1 and 2 agree. What was cleared is a change: it keeps its name.
    """
    attributes = {name: _form(name, value) for name, value in (body.data.attributes or {}).items()}
    relationships = {name: related_ids(value) for name, value in (body.data.relationships or {}).items()}
    changes = (attributes, relationships)
    return hashlib.blake2b(_sorted(changes), digest_size=8).hexdigest()


def _form(name: str, value: Any) -> Any:
    form = one_form(value)
    return fold(form) if name in _WORDS and isinstance(form, str) else form
