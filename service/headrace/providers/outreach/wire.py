"""The payloads of Outreach: JSON:API rows of `GET /events`, and the flatter bodies of its webhooks.

Every attribute may be null and most keys may be missing; a missing key means what null means.
"""

from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

NAME: Final = "outreach"
FEED: Final = "events"
"""The feed that reads all events of an account."""

EVENT: Final = "event"
"""The shape of a row of `GET /events`, and its resource."""
WEBHOOK: Final = "webhook"
"""The shape of a webhook body, and the table of its event names."""

RESOURCES: Final = {
    EVENT: "a row of GET /events, a page of them or a single one",
    "account": "a webhook body about a company",
    "call": "a webhook body about a call",
    "emailAddress": "a webhook body about an e-mail address of a prospect",
    "import": "a webhook body about an import of prospects",
    "install": "a life-cycle webhook of a published app",
    "kaiaRecording": "a webhook body about a recorded meeting",
    "mailing": "a webhook body about an e-mail",
    "opportunity": "a webhook body about a deal",
    "opportunityProspectRole": "a webhook body about a prospect's role in a deal",
    "prospect": "a webhook body about a prospect, who is a lead here",
    "sequence": "a webhook body about a cadence",
    "sequenceState": "a webhook body about one prospect in one cadence",
    "task": "a webhook body about a task",
    "user": "a webhook body about a user",
}
TABLES: Final = {
    EVENT: 'names of polled events, "message_opened"; "<app>:<event>" stands for the events that apps post',
    WEBHOOK: 'event names of webhooks, "mailing.opened", refined by a state, an outcome or what changed',
}

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)] | Annotated[str, Meta(min_length=1, max_length=64)]
"""Integers in every capture; the AsyncAPI document says strings, and ids of installs are GUIDs."""


class Ref(Struct, gc=False):
    """A JSON:API resource identifier; the id may be null."""

    id: Id | None = None


class Relationship(Struct, gc=False):
    """A relationship: `data` is null, missing (only `links`), one identifier or a list; flat, it is one itself."""

    data: Ref | list[Any] | None = None
    id: Id | None = None


class Attributes(Struct, gc=False, rename="camel"):
    """The attributes of an event; `mailingId` is in no schema and in every capture.

    Captures: https://github.com/hull/hull-connectors (hull-outreach), https://github.com/amp-labs/connectors.
    """

    name: str | None = None
    event_at: str | None = None
    created_at: str | None = None
    body: str | None = None
    external_url: str | None = None
    payload: Any = None
    request_city: str | None = None
    request_region: str | None = None
    request_host: str | None = None
    request_device: str | None = None
    request_proxied: bool | None = None
    mailing_id: Id | None = None


class EventRow(Struct, gc=False):
    """One row of `GET /events`."""

    id: Id
    attributes: Attributes
    relationships: dict[str, Relationship | None] | None = None
    type: str | None = None


class EventKey(Struct, gc=False):
    """As much of a row as names it."""

    id: Id
    type: str | None = None


class WebhookRecord(Struct, gc=False, rename="camel"):
    """`data` of a webhook body: action events carry type and id alone, updates only what changed.

    https://developers.outreach.io/api/webhooks

    A relationship is flat, `{"type": "owner", "id": 2}` with the type repeating the name, or the REST form.
    """

    type: str
    id: Id
    attributes: dict[str, Any] | None = None
    relationships: dict[str, Any] | None = None
    before_update: dict[str, Any] | None = None


class WebhookMeta(Struct, gc=False, rename="camel"):
    """`meta` of a webhook body; old captures lack `jobId`, `deliveredAt` carries any offset.

    Life-cycle hooks have none: https://developers.outreach.io/client-extensions/app-lifecycle-webhooks/
    """

    event_name: str
    delivered_at: str | None = None
    job_id: str | None = None


class WebhookBody(Struct, gc=False, rename="camel"):
    """One webhook body; version 2 adds `beforeUpdate` (beside `data` in the AsyncAPI document, inside is read too)."""

    data: WebhookRecord
    meta: WebhookMeta
    before_update: dict[str, Any] | None = None


decode_event: Final = msgspec.json.Decoder(EventRow).decode
decode_event_key: Final = msgspec.json.Decoder(EventKey).decode
decode_webhook: Final = msgspec.json.Decoder(WebhookBody).decode

_REFS: Final = {"prospect": "lead", "primaryProspect": "lead"}


def id_text(ident: int | str) -> str:
    """Return an id in canonical form: integers without leading zeros, GUIDs in lower case."""
    if type(ident) is int:
        return str(ident)
    text = str(ident).strip()
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else text.lower()


@lru_cache(maxsize=1024)
def ref_name(relationship: str) -> str:
    """Return the name of a relationship or resource in `refs`: `lead` for `prospect`, else in snake case."""
    known = _REFS.get(relationship)
    return known or "".join(f"_{c.lower()}" if c.isupper() else c for c in relationship).lstrip("_")


def related(relationship: Any) -> str | None:
    """Return the id of a relationship, flat or wrapped in `data`; None where it names none, or several."""
    inner = inner_of(relationship)
    if type(inner) is not dict:
        return None
    ident = inner.get("id")
    if type(ident) is int:
        return str(ident)
    return id_text(ident) if type(ident) is str and ident else None


def related_ids(relationship: Any) -> list[str]:
    """Return the ids of a relationship in order, flat or wrapped in `data`; none where it was emptied."""
    inner = inner_of(relationship)
    found = inner if isinstance(inner, list) else [inner]
    ids = [each.get("id") for each in found if isinstance(each, dict)]
    return sorted(id_text(each) for each in ids if type(each) is int or (type(each) is str and each))


def inner_of(relationship: Any) -> Any:
    """Return what names the related record: the value of `data` where there is one, else the relationship itself."""
    return relationship.get("data", relationship) if isinstance(relationship, dict) else relationship
