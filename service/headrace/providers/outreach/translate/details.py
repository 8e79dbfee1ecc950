"""What a webhook body holds beside its fact: ids, times, addresses, money, what changed, and all the rest."""

from datetime import timedelta
from typing import Any, Final

import msgspec

from headrace.core import values
from headrace.core.mapping import Row, fold
from headrace.core.timestamps import parse
from headrace.providers.outreach.facts import WebhookFact
from headrace.providers.outreach.translate.parts import moment, parties_of, without_nulls
from headrace.providers.outreach.wire import WebhookBody, ref_name, related
from headrace_events import Actor, Change, Data, Value

_TIMES: Final = {
    "mailing": (("scheduled", "scheduledAt"), ("delivered", "deliveredAt"), ("received", "repliedAt")),
    "call": (("answered", "answeredAt"), ("ended", "completedAt")),
    "task": (("scheduled", "scheduledAt"),),
    "kaiaRecording": (("ended", "endTime"),),
}
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
    times: dict[str, str] = {}
    for name, attribute in (*_TIMES.get(fact.resource, ()), ("created", "createdAt")):
        at = _at(body, attribute)
        if at is not None:
            times[name] = at
    ended = "endTime" if fact.resource == "kaiaRecording" else None
    for telling in (*fact.moments, ended, f"{fact.action}At"):  # openedAt, createdAt, updatedAt…
        if telling and (at := _at(body, telling)) is not None:
            times["occurred"] = at
            return times, at
    return times or None, None


def fields_of(body: WebhookBody, row: Row) -> dict[str, Any] | None:
    """Return every attribute that has a value, and the constants of the row, which win."""
    return {**without_nulls(body.data.attributes or {}), **row.fields} or None


def leftovers(body: WebhookBody) -> dict[str, Any] | None:
    """Return what has no canonical place: delivery, values before, relationships of several, what was cleared."""
    extra: dict[str, Any] = {}
    if body.meta.delivered_at:
        extra["deliveredAt"] = body.meta.delivered_at
    if body.meta.job_id:
        extra["jobId"] = body.meta.job_id
    if before := body.before_update or body.data.before_update:
        extra["beforeUpdate"] = without_nulls(before)
    relationships = body.data.relationships or {}
    for name, relationship in relationships.items():
        if isinstance(relationship, dict) and relationship.get("data") and related(relationship) is None:
            extra[f"relationships.{name}"] = without_nulls(relationship["data"])
    cleared = [name for name, value in (body.data.attributes or {}).items() if value is None]
    cleared += [name for name, value in relationships.items() if _is_cleared(value)]
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
    data.title = values.text(attributes.get(_TITLE.get(fact.resource, "")))
    data.text = values.text(attributes.get(_TEXT.get(fact.resource, "")))
    urls = {name: url for name, native in _URLS if (url := values.url(attributes.get(native))) is not None}
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
    length = values.duration(attributes.get("mediaDurationSeconds"))
    if length is not None:
        return length
    times = data.times or {}
    if "answered" not in times or "ended" not in times:
        return None
    span: timedelta = parse(times["ended"]) - parse(times["answered"])
    seconds = span.total_seconds()
    return None if seconds < 0 else int(seconds) if seconds == int(seconds) else seconds


def _at(body: WebhookBody, name: str) -> str | None:
    value = (body.data.attributes or {}).get(name)
    return moment(value, f"$.data.attributes.{name}") if isinstance(value, str) else None


def _is_cleared(relationship: Any) -> bool:
    """Return whether a relationship was emptied: null, `{"id": null}` or `{"data": null}`."""
    if not isinstance(relationship, dict):
        return relationship is None
    return relationship.get("id", "") is None or relationship.get("data", "") is None


def _text(value: Any) -> str | None:
    """Return a value as text; an object or list as its JSON."""
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode() if value else None
    return values.text(value)
