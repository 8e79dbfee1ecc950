"""Outreach: rows of the events list, and webhooks."""

from typing import Any

from headrace_demo.payloads.invent import InventedValues

Payload = dict[str, Any]

_NAMES = ("message_opened", "outbound_message", "inbound_message", "complete_task", "prospect_stage_changed")


def event(values: InventedValues) -> Payload:
    """Return a row of the events list, with the nulls that the API writes out."""
    number = values.next()
    name = values.rng.choice(_NAMES)
    opened = name == "message_opened"
    related = {
        "mailing": {"data": {"type": "mailing", "id": 40_000 + number} if "message" in name else None},
        "prospect": {"data": {"type": "prospect", "id": values.rng.randrange(1, 50_000)}},
        "user": {"data": {"type": "user", "id": values.rng.randrange(1, 40)}},
    }
    return {
        "type": "event",
        "id": 1_000_000 + number,
        "attributes": {
            "body": None,
            "createdAt": values.moment("T", ".000Z", 1),
            "eventAt": values.moment("T", ".000Z"),
            "externalUrl": None,
            "mailingId": 40_000 + number if "message" in name else None,
            "name": name,
            "payload": None,
            "requestCity": "Lakeside" if opened else None,
            "requestDevice": "mobile" if opened else None,
            "requestHost": "mail.example.net" if opened else None,
            "requestProxied": opened,
            "requestRegion": "Ohio" if opened else None,
        },
        "relationships": related,
        "links": {"self": f"https://api.example.com/api/v2/events/{number}"},
    }


def webhook(values: InventedValues) -> Payload:
    """Return the webhook of a new mailing."""
    number = values.next()
    names = ("mailbox", "sequence", "sequenceState", "sequenceStep", "task", "template")
    related: Payload = {name: {"type": name, "id": values.rng.randrange(1, 900)} for name in names}
    related["prospect"] = {"type": "prospect", "id": values.rng.randrange(1, 50_000)}
    return {
        "data": {
            "type": "mailing",
            "id": number,
            "attributes": {
                "createdAt": values.moment("T", ".000Z"),
                "updatedAt": values.moment("T", ".000Z"),
                "scheduledAt": values.moment("T", ".000Z", 1200),
                "stateChangedAt": values.moment("T", ".000Z"),
                "state": "drafted",
            },
            "relationships": related,
        },
        "meta": {"deliveredAt": values.moment("T", ".960Z", 2), "eventName": "mailing.created"},
    }
