"""LeadPing by hand: rows, bundles of row, detail and call, and call records."""

from typing import Any, Final

from tests.peers.by_hand.parts import enveloped, filled, plain

Json = dict[str, Any]

MILESTONES: Final = {
    "created": "createdAt",
    "queued": "queuedAt",
    "sending": "sendingStartedAt",
    "sent": "sentAt",
    "delivered": "deliveredAt",
}
REFS: Final = {
    "lead": "leadId",
    "conversation": "conversationId",
    "campaign": "campaignId",
    "lead_source": "sourceId",
    "message": "providerMessageId",
}
OF_ROWS: Final = (
    "eventCategory",
    "activityCategory",
    "telnyxId",
    "providerMessageId",
    "retryCount",
    "wasManuallyOverridden",
)
OF_CALLS: Final = ("telnyxId", "businessId", "callerId", "providerStatus", "duration", "leadName")
CALL: Final = {"category": "call", "action": "completed", "direction": "outbound", "channel": "voice"}
MESSAGE: Final = {"category": "message", "action": "delivered", "direction": "outbound", "channel": "sms"}


def message_row(native: Json, row: Json) -> Json:
    """Return a row of a message."""
    data = _of_row(native, row, MESSAGE)
    data["actor"] = {"id": row["createdBy"]}
    data["revised"] = max(data["times"].values())
    return _enveloped(data, data["times"]["delivered"], "real")


def bundle(native: Json, body: Json) -> Json:
    """Return a row with its detail, and its call record if it is one of a call."""
    row, detail, call = body["row"], body["detail"], body["call"]
    data = _of_row(native, row, CALL if call else MESSAGE)
    user = detail["user"]
    data["refs"]["user"] = detail["userId"]
    data["actor"] = {"kind": "user", "id": user["id"], "name": user["name"]}
    native["extra"]["userEmail"] = detail["userEmail"]
    if call:
        _add_call(data, row, call)
    data["revised"] = max(plain(detail["modifiedAt"]), *data["times"].values())
    return _enveloped(data, data["times"]["ended" if call else "delivered"], "real")


def call_record(native: Json, call: Json) -> Json:
    """Return a call record."""
    data = {
        **CALL,
        "refs": {"lead": call["leadId"], "conversation": call["conversationId"], "user": call["userId"]},
        "actor": {"kind": "user", "id": call["userId"], "name": call["user"]},
        "parties": _parties(call, call),
        "times": {"created": plain(call["createdAt"]), **_call_times(call)},
        **_of_call(call),
        "native": native,
    }
    data["revised"] = max(data["times"].values())
    native |= {"code": "Call", "status": call["status"], "extra": {name: call[name] for name in OF_CALLS}}
    return _enveloped(data, data["times"]["ended"], None)


def _of_row(native: Json, row: Json, kind: Json) -> Json:
    """Return what a row says, alone or in a bundle."""
    native |= {"code": row["activityType"], "name": row["eventType"], "status": row["status"]}
    native["extra"] = {name: row[name] for name in OF_ROWS if name in row}
    return {
        **kind,
        "refs": {ref: row[name] for ref, name in REFS.items() if row.get(name)},
        "parties": _parties(row, row),
        "times": {milestone: plain(row[name]) for milestone, name in MILESTONES.items() if row.get(name)},
        "cost": {"amount": row["billableAmount"], "status": row["billingStatus"]},
        "title": row["summary"],
        "text": row["description"],
        "native": native,
    }


def _add_call(data: Json, row: Json, call: Json) -> None:
    """Add to a row what its call record says; where the two differ the record's value stands in `extra`."""
    data["refs"]["call"] = call["id"]
    data["times"] |= _call_times(call)
    data["parties"] = _parties(row, call)
    data |= _of_call(call)
    native = data["native"]
    extra = native["extra"]
    extra |= {name: call[name] for name in OF_CALLS}
    settled = {
        "createdAt": row["createdAt"],
        "userId": data["actor"]["id"],
        "user": data["actor"]["name"],
        "fromPhoneNumber": row["fromPhoneNumber"],
        "toPhoneNumber": row["toPhoneNumber"],
    }
    extra |= {f"call.{name}": call[name] for name, value in settled.items() if call[name] != value}
    extra["activity.status"] = row["status"]
    native["status"] = call["status"]


def _of_call(call: Json) -> Json:
    """Return what only a call record says."""
    return {
        "duration_seconds": int(call["duration"]),
        "cost": {
            "amount": call["billableAmount"],
            "billable_seconds": int(call["billableSeconds"]),
            "status": call["billingStatus"],
        },
        "urls": {"recording": call["recordingUrl"]},
        "fields": call["metadata"],
    }


def _call_times(call: Json) -> Json:
    return {"answered": plain(call["answeredAt"]), "ended": plain(call["endedAt"])}


def _parties(numbers: Json, line: Json) -> Json:
    caller = filled(address=numbers["fromPhoneNumber"], id=line.get("fromPhoneNumberId"))
    return {"from": caller, "to": {"address": numbers["toPhoneNumber"]}}


def _enveloped(data: Json, time: str, traffic: str | None) -> Json:
    return enveloped(data, subject=f"lead/{data['refs']['lead']}", time=time, traffic=traffic)
