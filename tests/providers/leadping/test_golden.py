"""One whole event of each record, written out."""

from typing import Any

import msgspec

from headrace.core.timestamps import micros
from headrace.explain import explain_piece
from headrace.providers.leadping import provider
from headrace.sdk.provider import Piece
from tests.providers.leadping.kit import table

RECEIVED = micros("2026-08-08T09:05:30Z") // 1000

CALL = {
    "id": "ce_5501",
    "telnyxId": "tx_90",
    "leadId": "ld_81",
    "businessId": "biz_2",
    "userId": "usr_7",
    "conversationId": "cv_12",
    "fromPhoneNumberId": "pn_3",
    "billingPhoneNumberId": "pn_3",
    "fromPhoneNumber": "+12025550143",
    "toPhoneNumber": "+12025550199",
    "callerId": "+12025550143",
    "status": "completed",
    "statusReason": "Normal clearing",
    "direction": "outbound",
    "providerStatus": "hangup",
    "createdAt": "2026-08-08T09:02:05Z",
    "answeredAt": "2026-08-08T09:02:17Z",
    "endedAt": "2026-08-08T09:03:30Z",
    "duration": "73",
    "billableSeconds": "120",
    "billableAmount": "0.0140",
    "billingStatus": "billed",
    "recordingUrl": "https://rec.example.net/ce_5501.mp3",
    "metadata": {"queue": "inbound-1"},
    "user": "Dana Reyes",
    "business": "Acme",
}

CALL_DATA = {
    "category": "call",
    "action": "completed",
    "direction": "outbound",
    "channel": "voice",
    "revised": "2026-08-08T09:03:30Z",
    "refs": {"lead": "ld_81", "conversation": "cv_12", "user": "usr_7"},
    "actor": {"kind": "user", "id": "usr_7", "name": "Dana Reyes"},
    "parties": {"from": {"address": "+12025550143", "id": "pn_3"}, "to": {"address": "+12025550199"}},
    "times": {
        "created": "2026-08-08T09:02:05Z",
        "answered": "2026-08-08T09:02:17Z",
        "ended": "2026-08-08T09:03:30Z",
    },
    "duration_seconds": 73,
    "cost": {"amount": "0.0140", "billable_seconds": 120, "status": "billed"},
    "reason": "Normal clearing",
    "urls": {"recording": "https://rec.example.net/ce_5501.mp3"},
    "fields": {"queue": "inbound-1"},
    "native": {
        "provider": "leadping",
        "tenant": "acme",
        "resource": "call",
        "id": "ce_5501",
        "code": "Call",
        "status": "completed",
        "extra": {
            "telnyxId": "tx_90",
            "businessId": "biz_2",
            "business": "Acme",
            "billingPhoneNumberId": "pn_3",
            "callerId": "+12025550143",
            "providerStatus": "hangup",
            "duration": "73",
        },
    },
}

ROW = {
    "id": "ev_771",
    "eventType": "sms.outbound",
    "eventCategory": "Messaging",
    "activityType": "Sms",
    "activityCategory": "Communication",
    "status": "Completed",
    "description": "Thanks for your time today",
    "conversationId": "cv_12",
    "leadId": "ld_81",
    "summary": "SMS to lead",
    "direction": "outbound",
    "statusReason": None,
    "isWarmup": False,
    "fromPhoneNumberId": "pn_3",
    "outboundPhoneNumberId": "pn_3",
    "fromPhoneNumber": "+12025550143",
    "toPhoneNumber": "+12025550199",
    "telnyxId": "tx_91",
    "providerMessageId": "pm_91",
    "wasManuallyOverridden": False,
    "campaignId": "cmp_4",
    "sourceId": "src_9",
    "tenDlcCampaignId": "tdc_1",
    "complianceAction": None,
    "billingStatus": "billed",
    "billableAmount": "0.0075",
    "retryCount": 0,
    "queuedAt": "2026-08-08T09:05:01Z",
    "sendingStartedAt": "2026-08-08T09:05:03Z",
    "sentAt": "2026-08-08T09:05:04Z",
    "deliveredAt": "2026-08-08T09:05:09Z",
    "nextRetryAt": None,
    "createdAt": "2026-08-08T09:05:00Z",
    "createdBy": "usr_7",
}

DETAIL = {
    "id": "ev_771",
    "eventType": "sms.outbound",
    "activityType": "Sms",
    "status": "Completed",
    "user": {"id": "usr_7", "name": "Dana Reyes"},
    "leadId": "ld_81",
    "createdAt": "2026-08-08T09:05:00Z",
    "modifiedAt": "2026-08-08T09:05:09Z",
}

ACTIVITY_DATA = {
    "category": "message",
    "action": "delivered",
    "direction": "outbound",
    "channel": "sms",
    "revised": "2026-08-08T09:05:09Z",
    "refs": {"lead": "ld_81", "conversation": "cv_12", "campaign": "cmp_4", "lead_source": "src_9", "message": "pm_91"},
    "actor": {"kind": "user", "id": "usr_7", "name": "Dana Reyes"},
    "parties": {"from": {"address": "+12025550143", "id": "pn_3"}, "to": {"address": "+12025550199"}},
    "times": {
        "created": "2026-08-08T09:05:00Z",
        "queued": "2026-08-08T09:05:01Z",
        "sending": "2026-08-08T09:05:03Z",
        "sent": "2026-08-08T09:05:04Z",
        "delivered": "2026-08-08T09:05:09Z",
    },
    "cost": {"amount": "0.0075", "status": "billed"},
    "title": "SMS to lead",
    "text": "Thanks for your time today",
    "native": {
        "provider": "leadping",
        "tenant": "acme",
        "resource": "activity",
        "id": "ev_771",
        "code": "Sms",
        "name": "sms.outbound",
        "status": "Completed",
        "extra": {
            "eventCategory": "Messaging",
            "activityCategory": "Communication",
            "telnyxId": "tx_91",
            "providerMessageId": "pm_91",
            "outboundPhoneNumberId": "pn_3",
            "tenDlcCampaignId": "tdc_1",
            "wasManuallyOverridden": False,
            "retryCount": 0,
        },
    },
}


def published(shape: str, record: dict[str, Any]) -> dict[str, Any]:
    """Explain one record, and give the event as JSON holds it."""
    piece = Piece(shape, msgspec.json.encode(record))
    event: dict[str, Any] = msgspec.to_builtins(explain_piece(provider, "acme", table(), piece, now=RECEIVED).event)
    return event


def envelope(event: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes without times of ours, and the id without the digits behind the milliseconds."""
    context = {name: value for name, value in event.items() if name not in ("data", "recordedtime")}
    return context | {"id": context["id"][:-3]}


def attributes(**more: str) -> dict[str, str]:
    """Write out the attributes of an event about the one lead."""
    return {
        "specversion": "1.0",
        "source": "/leadping/acme",
        "subject": "lead/ld_81",
        "datacontenttype": "application/json",
        "dataschema": "urn:headrace:event:1",
        "partitionkey": "/leadping/acme/lead/ld_81",
        **more,
    }


def test_a_call_alone() -> None:
    """A call event becomes a completed call, with the bill and the talking time."""
    event = published("call", CALL)
    assert event["data"].pop("provenance")["row"] == "call/completed"
    assert event["data"] == CALL_DATA
    assert envelope(event) == attributes(
        id="call/ce_5501/1786179810000", type="headrace.call.completed.v1", time="2026-08-08T09:03:30Z"
    )


def test_a_message_as_row_and_detail() -> None:
    """A row and its detail become one delivered message."""
    event = published("bundle", {"row": ROW, "detail": DETAIL, "call": None})
    assert event["data"].pop("provenance")["row"] == "Sms + times.delivered"
    assert event["data"] == ACTIVITY_DATA
    assert envelope(event) == attributes(
        id="activity/ev_771/1786179909000",
        type="headrace.message.delivered.v1",
        time="2026-08-08T09:05:09Z",
        traffic="real",
    )


def test_a_version_ends_in_count_and_rank() -> None:
    """Behind the milliseconds stand the number of milestones, in two digits, and the rank of the status."""
    assert published("call", CALL)["id"] == "call/ce_5501/1786179810000026"
    assert published("row", ROW)["id"] == "activity/ev_771/1786179909000047"
