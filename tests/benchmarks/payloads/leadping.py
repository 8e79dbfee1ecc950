"""LeadPing: list rows, calls, and the bundles that the poller makes of them."""

from typing import Any

from tests.benchmarks.payloads.invent import Invented

Payload = dict[str, Any]


def message(told: Invented) -> Payload:
    """Give a list row of a message, in the generation that leaves nulls out."""
    number = told.next()
    return {
        "id": f"ev_{number:08d}",
        "eventType": "sms.outbound",
        "activityType": "Sms",
        "eventCategory": "communication",
        "activityCategory": "Messaging",
        "status": "Completed",
        "description": told.text(18),
        "conversationId": f"cv_{told.rng.randrange(50_000)}",
        "leadId": f"ld_{told.rng.randrange(50_000)}",
        "summary": "SMS to lead",
        "direction": "outbound",
        "isWarmup": False,
        "trafficType": "realLead",
        "fromPhoneNumberId": "pn_14",
        "fromPhoneNumber": told.phone(),
        "toPhoneNumber": told.phone(),
        "telnyxId": told.guid(),
        "providerMessageId": f"pm_{number}",
        "wasManuallyOverridden": False,
        "campaignId": "cmp_3",
        "sourceId": "src_9",
        "billingStatus": "billed",
        "billableAmount": "0.0079",
        "retryCount": "0",
        "queuedAt": told.moment("T", "Z", 1),
        "sendingStartedAt": told.moment("T", "Z", 2),
        "sentAt": told.moment("T", ".412Z", 2),
        "deliveredAt": told.moment("T", "Z", 6),
        "createdAt": told.moment("T", "Z"),
        "createdBy": f"usr_{told.rng.randrange(40)}",
    }


def message_bundle(told: Invented) -> Payload:
    """Give a message with its detail."""
    row = message(told)
    return {"row": row, "detail": _detail(told, row), "call": None}


def call_bundle(told: Invented) -> Payload:
    """Give a call with detail and call record."""
    number = told.next()
    row = {
        "id": f"ev_{number:08d}",
        "eventType": "call.outbound",
        "activityType": "Call",
        "activityCategory": "Voice",
        "status": "Completed",
        "description": "Outbound call",
        "conversationId": f"cv_{told.rng.randrange(50_000)}",
        "leadId": f"ld_{told.rng.randrange(50_000)}",
        "summary": "Call with lead",
        "direction": "outbound",
        "isWarmup": False,
        "fromPhoneNumber": told.phone(),
        "toPhoneNumber": told.phone(),
        "billingStatus": "billed",
        "billableAmount": "0.0350",
        "createdAt": told.moment("T", "Z"),
        "createdBy": "usr_4",
    }
    record = call(told) | {"leadId": row["leadId"], "conversationId": row["conversationId"]}
    return {"row": row, "detail": _detail(told, row), "call": record}


def call(told: Invented) -> Payload:
    """Give a call record."""
    number = told.next()
    return {
        "id": f"ce_{number:08d}",
        "telnyxId": told.guid(),
        "leadId": f"ld_{told.rng.randrange(50_000)}",
        "leadName": told.person(),
        "businessId": "biz_2",
        "userId": f"usr_{told.rng.randrange(40)}",
        "user": told.person(),
        "conversationId": f"cv_{told.rng.randrange(50_000)}",
        "fromPhoneNumberId": "pn_14",
        "fromPhoneNumber": told.phone(),
        "toPhoneNumber": told.phone(),
        "callerId": told.phone(),
        "status": "completed",
        "direction": "outbound",
        "providerStatus": "hangup",
        "createdAt": told.moment("T", "Z"),
        "answeredAt": told.moment("T", "Z", 9),
        "endedAt": told.moment("T", "Z", 252),
        "duration": "243",
        "billableSeconds": "300",
        "billableAmount": "0.0350",
        "billingStatus": "billed",
        "recordingUrl": f"https://recordings.example.com/{number}.mp3",
        "metadata": {"list": "autumn", "attempt": 2},
    }


def _detail(told: Invented, row: Payload) -> Payload:
    shared = ("id", "eventType", "activityType", "status", "description", "leadId", "conversationId", "summary")
    return {key: row[key] for key in shared} | {
        "modifiedAt": told.moment("T", "Z", 8),
        "userId": row["createdBy"],
        "userEmail": f"{row['createdBy']}@example.com",
        "user": {"id": row["createdBy"], "name": told.person()},
    }
