"""What a webhook body holds beside its fact: ids, times, addresses, money, what changed, and all the rest."""

from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

from headrace.core import values
from headrace.core.mapping import Row, fold
from headrace.core.problems import bad_time
from headrace.core.timestamps import canonical, parse
from headrace.providers.outreach.facts import WebhookFact
from headrace.providers.outreach.translate.parts import parties_of, without_nulls
from headrace.providers.outreach.wire import WebhookBody, ref_name, related
from headrace_events import Actor, Change, Data, Value

_CREATED: Final = (("created", "createdAt"),)
_TIMES: Final = {
    "mailing": (("scheduled", "scheduledAt"), ("delivered", "deliveredAt"), ("received", "repliedAt"), *_CREATED),
    "call": (("answered", "answeredAt"), ("ended", "completedAt"), *_CREATED),
    "task": (("scheduled", "scheduledAt"), *_CREATED),
    "kaiaRecording": (("ended", "endTime"), *_CREATED),
}
"""Attributes that hold milestones, by resource, in the order of the event; others have `_CREATED` alone."""
_LONGEST_TIME: Final = 40
"""Characters of a text that is remembered as a time."""
_TITLE: Final = {"mailing": "subject", "kaiaRecording": "title"}
_TEXT: Final = {"mailing": "bodyText", "call": "note", "task": "note"}
_URLS: Final = (("recording", "recordingUrl"), ("voicemail", "voicemailRecordingUrl"))
_BOOKKEEPING: Final = frozenset({"updatedAt", "stateChangedAt", "touchedAt"})


def refs_of(body: WebhookBody, fact: WebhookFact) -> dict[str, str]:
    """Return the ids that the body names: the record's own, and those of its relationships."""
    refs = {ref_name(fact.resource): fact.record}
    for name, relationship in (body.data.relationships or {}).items():
        ident = related(relationship)
        if ident is not None:
            refs.setdefault(ref_name(name), ident)
    return refs


def direction_of(body: WebhookBody, fact: WebhookFact) -> str | None:
    """Return the direction of a call; nothing else has one."""
    word = fold(str((body.data.attributes or {}).get("direction"))) if fact.resource == "call" else ""
    return word if word in ("inbound", "outbound") else None


def changer_of(fact: WebhookFact, refs: dict[str, str]) -> Actor | None:
    """Return the user who made or changed the record, where it names one."""
    user = refs.get("creator" if fact.action == "created" else "updater")
    return None if user is None else Actor(kind="user", id=user)


def times_of(body: WebhookBody, fact: WebhookFact) -> tuple[dict[str, str] | None, str | None]:
    """Return the milestones, and the time of the fact itself where the body has it."""
    attributes = body.data.attributes
    if not attributes:
        return None, None
    times: dict[str, str] = {}
    for name, attribute in _TIMES.get(fact.resource, _CREATED):
        if attribute in attributes and (at := moment_at(attributes, attribute)) is not None:
            times[name] = at
    ended = "endTime" if fact.resource == "kaiaRecording" else ""
    for telling in (*fact.moments, ended, f"{fact.action}At"):  # openedAt, createdAt, updatedAt…
        if telling and telling in attributes and (at := moment_at(attributes, telling)) is not None:
            times["occurred"] = at
            return times, at
    return times or None, None


def moment_at(attributes: dict[str, Any], name: str) -> str | None:
    """Return the time in an attribute in canonical form, None where it holds none. Raises `Undecodable`."""
    value = attributes.get(name)
    if type(value) is not str or not value:
        return None
    try:
        return _canonical(value) if len(value) <= _LONGEST_TIME else canonical(value)
    except (ValueError, OverflowError):
        raise bad_time(f"$.data.attributes.{name}") from None


_canonical: Final = lru_cache(maxsize=256)(canonical)
"""The times of one body are often one time: made, changed and in its state since then."""


def fields_of(body: WebhookBody, row: Row) -> dict[str, Any] | None:
    """Return every attribute that has a value, and the constants of the row, which win."""
    fields: dict[str, Any] = without_nulls(body.data.attributes or {})
    return ({**fields, **row.fields} if row.fields else fields) or None


def leftovers(body: WebhookBody) -> dict[str, Any] | None:
    """Return what has no canonical place: delivery, values before, relationships of several, what was cleared."""
    extra: dict[str, Any] = {}
    if body.meta.delivered_at:
        extra["deliveredAt"] = body.meta.delivered_at
    if body.meta.job_id:
        extra["jobId"] = body.meta.job_id
    if before := body.before_update or body.data.before_update:
        extra["beforeUpdate"] = without_nulls(before)
    cleared = [name for name, value in (body.data.attributes or {}).items() if value is None]
    for name, relationship in (body.data.relationships or {}).items():
        if type(relationship) is dict:
            data = relationship.get("data", "")
            if data and related(relationship) is None:
                extra[f"relationships.{name}"] = without_nulls(data)
            if data is None or relationship.get("id", "") is None:  # emptied, in one form or the other
                cleared.append(name)
        elif relationship is None:
            cleared.append(name)
    if cleared:
        extra["cleared"] = cleared
    return extra or None


def change_of(body: WebhookBody, fact: WebhookFact) -> Change | None:
    """Return a value before and after: of the relationship that decided, the state, or the first that differs."""
    if fact.action != "updated":
        return None
    old, old_relationships = _before(body)
    if fact.changed is not None:
        new = (body.data.relationships or {}).get(fact.changed)
        return Change(fact.changed, related(old_relationships.get(fact.changed)), related(new))
    names = ["state"] if fact.status is not None and "state" in old else list(old)
    name = next((name for name in names if name not in _BOOKKEEPING), None)
    if name is None:
        return None
    return Change(name, _text(old[name]), _text((body.data.attributes or {}).get(name)))


def describe(data: Data, body: WebhookBody, fact: WebhookFact) -> None:
    """Put title, text, addresses, recordings, length and deal money into their canonical places."""
    attributes = body.data.attributes or {}
    data.title = _plain(attributes.get(_TITLE.get(fact.resource, "")))
    data.text = _plain(attributes.get(_TEXT.get(fact.resource, "")))
    urls = {name: url for name, native in _URLS if native in attributes and (url := values.url(attributes[native]))}
    data.urls = urls or None
    if fact.resource == "call":
        data.parties = parties_of(attributes.get("from"), attributes.get("to"))
    elif fact.resource == "mailing":
        data.parties = parties_of(attributes.get("mailboxAddress"), None)
    elif fact.resource == "opportunity":
        amount = values.decimal(attributes.get("amountPrecise")) or values.decimal(attributes.get("amount"))
        currency = values.currency(attributes.get("currencyType"))
        data.value = Value(amount, currency) if amount or currency else None
    data.duration_seconds = _duration(data, attributes)


def _before(body: WebhookBody) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return attributes and relationships as they were: a record as in the AsyncAPI document, or bare attributes."""
    before = body.before_update or body.data.before_update or {}
    relationships = before.get("relationships")
    attributes = before.get("attributes", None if "relationships" in before else before)
    return (
        attributes if isinstance(attributes, dict) else {},
        relationships if isinstance(relationships, dict) else {},
    )


def _duration(data: Data, attributes: dict[str, Any]) -> int | float | None:
    """Return seconds: Outreach's OpenAPI document has no length of a call, only two ends; a recording has its own."""
    length = attributes.get("mediaDurationSeconds")
    if length is not None and (seconds := values.duration(length)) is not None:
        return seconds
    times = data.times or {}
    if "answered" not in times or "ended" not in times:
        return None
    span: timedelta = parse(times["ended"]) - parse(times["answered"])
    took = span.total_seconds()
    return None if took < 0 else int(took) if took == int(took) else took


def _plain(value: Any) -> str | None:
    """Return a value as text, None where there is none: most bodies have none."""
    return None if value is None else values.text(value)


def _text(value: Any) -> str | None:
    """Return a value as text; an object or list as its JSON."""
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode() if value else None
    return values.text(value)
