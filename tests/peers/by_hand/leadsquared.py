"""LeadSquared by hand: rows and webhooks of activities, and changes of leads."""

import json
from typing import Any, Final

from tests.peers.by_hand.parts import enveloped, filled, plain

Json = dict[str, Any]

TYPES: Final[dict[tuple[str, str | None], Json]] = {
    ("22", "Answered"): {"category": "call", "action": "completed", "direction": "outbound", "channel": "voice"},
    ("2", None): {"category": "web", "action": "page_viewed"},
    ("164", "Active"): {"category": "custom", "action": "logged"},
}
VISIT, CALL = "2", "22"
BESIDE: Final = (
    "ActivityType",
    "ActivityScore",
    "IsEmailType",
    "Type",
    "SessionId",
    "TrackLocation",
    "Latitude",
    "Longitude",
)
OF_DATA: Final = {"EventName", "NotableEventDescription", "CreatedByName"}
OF_FIELDS: Final = {"Status", "Owner", "CreatedBy"}
OF_CALLS: Final = OF_FIELDS | {"mx_Custom_2", "mx_Custom_3"}
OF_LEADS: Final = {"ProspectID", "OwnerId", "CreatedOn", "ModifiedOn"}


def activity_row(native: Json, row: Json) -> Json:
    """Return a row of Retrieve."""
    code, custom = str(row["EventCode"]), row.get("ActivityFields") or {}
    pairs = {pair["Key"]: pair["Value"] for pair in row["Data"]}
    lead, created = row["RelatedProspectId"], plain(row["CreatedOn"])
    data = {
        **TYPES[code, custom.get("Status")],
        "revised": plain(row["ModifiedOn"]),
        "times": {"created": created},
        "title": row["EventName"],
        "native": native,
        "refs": {"lead": lead},
        **_of_custom_fields(code, custom),
    }
    if owner := custom.get("Owner"):
        data["refs"]["owner"] = owner
    if text := pairs.get("NotableEventDescription"):
        data["text"] = text
    if actor := _actor(code, lead, custom, pairs):
        data["actor"] = actor
    if code == CALL:
        data["times"]["occurred"] = american(custom["mx_Custom_2"])
    extra = {name: row[name] for name in BESIDE}
    extra |= {f"Data.{name}": value for name, value in pairs.items() if value and name not in OF_DATA}
    if note := custom.get("ActivityEvent_Note"):
        extra["ActivityEvent_Note"] = note
    native |= filled(code=code, name=row["EventName"], status=custom.get("Status"), extra=extra)
    return enveloped(data, subject=f"lead/{lead}", time=created)


def activity_webhook(native: Json, body: Json) -> Json:
    """Return the webhook of a call."""
    code, custom, lead = body["ActivityEvent"], body["Data"], body["RelatedProspectId"]
    custom["ActivityEvent_Note"] = note = custom.pop("Note")
    created = plain(body["CreatedOn"])
    data = {
        **TYPES[code, custom["Status"]],
        "refs": {"lead": lead, "owner": custom["Owner"]},
        "actor": {"kind": "user", "id": body["CreatedBy"]},
        "times": {"created": created, "occurred": plain(custom["mx_Custom_2"])},
        "title": body["ActivityEventName"],
        "native": native,
        **_of_custom_fields(code, custom),
    }
    extra = {"ActivityType": body["ActivityType"], "Score": body["Score"], "ActivityEvent_Note": note}
    native |= {"code": code, "name": body["ActivityEventName"], "status": custom["Status"], "extra": extra}
    return enveloped(data, subject=f"lead/{lead}", time=created)


def lead_change(native: Json, body: Json) -> Json:
    """Return the change of a lead's stage."""
    before, after = body["Before"], body["After"]
    changed = [name for name, value in after.items() if before.get(name) != value]
    modified = plain(after["ModifiedOn"])
    data = {
        "category": "lead",
        "action": "stage_changed",
        "revised": modified,
        "refs": {"lead": after["ProspectID"], "owner": after["OwnerId"]},
        "times": {"created": plain(after["CreatedOn"])},
        "change": {"field": "stage", "from": before["ProspectStage"], "to": after["ProspectStage"]},
        "fields": {name: value for name, value in after.items() if value and name not in OF_LEADS},
        "native": native,
    }
    native["code"] = "lead_stage_changed"
    native["extra"] = {"Changed": changed, "Before": {name: before[name] for name in changed}}
    return enveloped(data, subject=f"lead/{after['ProspectID']}", time=modified)


def american(text: str) -> str:
    """Return `11/20/2026 9:12:39 AM` as the canonical time."""
    date, clock, half = text.split(" ")
    month, day, year = date.split("/")
    hour, minute, second = clock.split(":")
    return f"{year}-{month:>02}-{day:>02}T{int(hour) % 12 + (12 if half == 'PM' else 0):02}:{minute}:{second}Z"


def _of_custom_fields(code: str, custom: Json) -> Json:
    """Return `fields`, and the length of a call."""
    taken = OF_CALLS if code == CALL else OF_FIELDS
    fields = {name: _unpacked(value) for name, value in custom.items() if value and name not in taken}
    return filled(fields=fields, duration_seconds=int(custom["mx_Custom_3"]) if code == CALL else None)


def _unpacked(text: str) -> Any:
    """Return a text, or the pairs or the object that it packs."""
    if "{=}" in text:
        pairs = (pair.split("{=}") for pair in text.split("{next}") if pair)
        return {name: value for name, value in pairs if value}
    return json.loads(text) if text.startswith("{") else text


def _actor(code: str, lead: str, custom: Json, pairs: Json) -> Json:
    """Return who did it: the lead itself, a user by id, or one by name."""
    if code == VISIT:
        return {"kind": "lead", "id": lead}
    if user := custom.get("CreatedBy"):
        return {"kind": "user", "id": user}
    return filled(kind="user", name=pairs.get("CreatedByName"))
