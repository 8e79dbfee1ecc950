"""Outreach by hand: rows of the events list, and webhooks of mailings."""

from typing import Any, Final

from tests.peers.by_hand.parts import enveloped, filled, plain

Json = dict[str, Any]

TYPES: Final[dict[str, tuple[Json, str | None]]] = {
    "message_opened": ({"category": "email", "action": "opened", "channel": "email"}, "lead"),
    "outbound_message": (
        {"category": "email", "action": "sent", "direction": "outbound", "channel": "email"},
        "user",
    ),
    "inbound_message": (
        {"category": "email", "action": "received", "direction": "inbound", "channel": "email"},
        "lead",
    ),
    "complete_task": ({"category": "task", "action": "completed"}, None),
    "prospect_stage_changed": ({"category": "lead", "action": "stage_changed"}, None),
}
"""By name of the event: its words, and which reference is the actor."""
DRAFTED: Final = {"category": "email", "action": "drafted", "direction": "outbound", "channel": "email"}
REFS: Final = {
    "mailing": "mailing",
    "mailbox": "mailbox",
    "sequence": "sequence",
    "sequenceState": "sequence_state",
    "sequenceStep": "sequence_step",
    "task": "task",
    "template": "template",
    "prospect": "lead",
    "user": "user",
}
CLIENT: Final = {"city": "requestCity", "region": "requestRegion", "host": "requestHost", "device": "requestDevice"}


def event_row(native: Json, row: Json) -> Json:
    """Return a row of the events list."""
    attributes = row["attributes"]
    name = attributes["name"]
    words, actor = TYPES[name]
    related = {of: each["data"] for of, each in row["relationships"].items()}
    refs, created, happened = _refs(related), plain(attributes["createdAt"]), plain(attributes["eventAt"])
    data = {
        **words,
        "proxied": attributes["requestProxied"],
        "revised": created,
        "refs": refs,
        "times": {"occurred": happened, "created": created},
        "native": native,
    }
    if actor:
        data["actor"] = {"kind": actor, "id": refs[actor]}
    if client := {name: attributes[key] for name, key in CLIENT.items() if attributes[key]}:
        data["client"] = client
    extra = filled(mailingId=attributes["mailingId"])
    native |= filled(code=name, name=name, extra=extra)
    return enveloped(data, subject=f"lead/{refs['lead']}", time=happened)


def mailing_webhook(native: Json, body: Json) -> Json:
    """Return the webhook of a new mailing."""
    mailing, meta = body["data"], body["meta"]
    attributes = mailing["attributes"]
    refs = {"mailing": str(mailing["id"]), **_refs(mailing["relationships"])}
    happened = plain(attributes["stateChangedAt"])
    data = {
        **DRAFTED,
        "revised": plain(attributes["updatedAt"]),
        "refs": refs,
        "times": {
            "scheduled": plain(attributes["scheduledAt"]),
            "created": plain(attributes["createdAt"]),
            "occurred": happened,
        },
        "fields": attributes,
        "native": native,
    }
    native |= {"code": meta["eventName"], "name": meta["eventName"], "status": attributes["state"]}
    native["extra"] = {"deliveredAt": meta["deliveredAt"]}
    return enveloped(data, subject=f"lead/{refs['lead']}", time=happened)


def _refs(related: Json) -> Json:
    """Return the ids of what it is about, as texts."""
    return {REFS[name]: str(each["id"]) for name, each in related.items() if each}
