"""LeadPing: list rows, calls, and the bundles that the poller makes of them."""

from typing import Any

from headrace_demo.payloads.invent import InventedValues

Payload = dict[str, Any]


def message(values: InventedValues) -> Payload:
    """Return a list row of a message, in the generation that leaves nulls out."""
    number = values.next()
    return {
        "id": f"ev_{number:08d}",
        "eventType": "sms.outbound",
        "activityType": "Sms",
        "eventCategory": "communication",
        "activityCategory": "Messaging",
        "status": "Completed",
        "description": values.text(18),
        "conversationId": f"cv_{values.rng.randrange(50_000)}",
        "leadId": f"ld_{values.rng.randrange(50_000)}",
        "summary": "SMS to lead",
        "direction": "outbound",
        "isWarmup": False,
        "trafficType": "realLead",
        "fromPhoneNumberId": "pn_14",
        "fromPhoneNumber": values.phone(),
        "toPhoneNumber": values.phone(),
        "telnyxId": values.guid(),
        "providerMessageId": f"pm_{number}",
        "wasManuallyOverridden": False,
        "campaignId": "cmp_3",
        "sourceId": "src_9",
        "billingStatus": "billed",
        "billableAmount": "0.0079",
        "retryCount": "0",
        "queuedAt": values.moment("T", "Z", 1),
        "sendingStartedAt": values.moment("T", "Z", 2),
        "sentAt": values.moment("T", ".412Z", 2),
        "deliveredAt": values.moment("T", "Z", 6),
        "createdAt": values.moment("T", "Z"),
        "createdBy": f"usr_{values.rng.randrange(40)}",
    }


def message_bundle(values: InventedValues) -> Payload:
    """Return a message with its detail."""
    row = message(values)
    return {"row": row, "detail": _detail(values, row), "call": None}


def call_bundle(values: InventedValues) -> Payload:
    """Return a call with detail and call record."""
    number = values.next()
    row = {
        "id": f"ev_{number:08d}",
        "eventType": "call.outbound",
        "activityType": "Call",
        "activityCategory": "Voice",
        "status": "Completed",
        "description": "Outbound call",
        "conversationId": f"cv_{values.rng.randrange(50_000)}",
        "leadId": f"ld_{values.rng.randrange(50_000)}",
        "summary": "Call with lead",
        "direction": "outbound",
        "isWarmup": False,
        "fromPhoneNumber": values.phone(),
        "toPhoneNumber": values.phone(),
        "billingStatus": "billed",
        "billableAmount": "0.0350",
        "createdAt": values.moment("T", "Z"),
        "createdBy": "usr_4",
    }
    record = call(values) | {"leadId": row["leadId"], "conversationId": row["conversationId"]}
    return {"row": row, "detail": _detail(values, row), "call": record}


def call(values: InventedValues) -> Payload:
    """Return a call record."""
    number = values.next()
    return {
        "id": f"ce_{number:08d}",
        "telnyxId": values.guid(),
        "leadId": f"ld_{values.rng.randrange(50_000)}",
        "leadName": values.person(),
        "businessId": "biz_2",
        "userId": f"usr_{values.rng.randrange(40)}",
        "user": values.person(),
        "conversationId": f"cv_{values.rng.randrange(50_000)}",
        "fromPhoneNumberId": "pn_14",
        "fromPhoneNumber": values.phone(),
        "toPhoneNumber": values.phone(),
        "callerId": values.phone(),
        "status": "completed",
        "direction": "outbound",
        "providerStatus": "hangup",
        "createdAt": values.moment("T", "Z"),
        "answeredAt": values.moment("T", "Z", 9),
        "endedAt": values.moment("T", "Z", 252),
        "duration": "243",
        "billableSeconds": "300",
        "billableAmount": "0.0350",
        "billingStatus": "billed",
        "recordingUrl": f"https://recordings.example.com/{number}.mp3",
        "metadata": {"list": "autumn", "attempt": 2},
    }


def _detail(values: InventedValues, row: Payload) -> Payload:
    shared = ("id", "eventType", "activityType", "status", "description", "leadId", "conversationId", "summary")
    return {key: row[key] for key in shared} | {
        "modifiedAt": values.moment("T", "Z", 8),
        "userId": row["createdBy"],
        "userEmail": f"{row['createdBy']}@example.com",
        "user": {"id": row["createdBy"], "name": values.person()},
    }
