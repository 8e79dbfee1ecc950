"""A unique value in each field, and where it has to come out."""

from typing import Any

import msgspec
import pytest

from headrace.explain import explain_piece
from headrace.providers.leadping import provider
from headrace.sdk.provider import Piece
from tests.providers.kit import RECEIVED
from tests.providers.leadping.kit import table

EVENT = "event."
DATA = "event.data."
EXTRA = DATA + "native.extra."


def at(minute: int) -> str:
    """Return a time of its own for each field."""
    return f"2026-02-03T04:{minute:02}:00Z"


# field -> (value, where it comes out)
ROW: dict[str, tuple[Any, list[str]]] = {
    "id": ("s-id", [DATA + "native.id"]),
    "activityType": ("Sms", [DATA + "native.code"]),
    "eventType": ("s-event-type", [DATA + "native.name"]),
    "eventCategory": ("s-event-category", [EXTRA + "eventCategory"]),
    "activityCategory": ("s-activity-category", [EXTRA + "activityCategory"]),
    "status": ("Sent", [DATA + "native.status"]),
    "description": ("s-description", [DATA + "text"]),
    "conversationId": ("s-conversation", [DATA + "refs.conversation"]),
    "leadId": ("s-lead", [DATA + "refs.lead"]),
    "summary": ("s-summary", [DATA + "title"]),
    "direction": ("s-direction", [EXTRA + "direction"]),
    "statusReason": ("s-status-reason", [DATA + "reason", EXTRA + "statusReason"]),
    "isWarmup": (True, []),
    "fromPhoneNumberId": ("s-from-id", [DATA + "parties.from.id"]),
    "outboundPhoneNumberId": ("s-outbound-id", [EXTRA + "outboundPhoneNumberId"]),
    "fromPhoneNumber": ("s-from", [DATA + "parties.from.address"]),
    "toPhoneNumber": ("s-to", [DATA + "parties.to.address"]),
    "telnyxId": ("s-telnyx", [EXTRA + "telnyxId"]),
    "providerMessageId": ("s-message", [DATA + "refs.message", EXTRA + "providerMessageId"]),
    "wasManuallyOverridden": ("s-overridden", [EXTRA + "wasManuallyOverridden"]),
    "campaignId": ("s-campaign", [DATA + "refs.campaign"]),
    "sourceId": ("s-source", [DATA + "refs.lead_source"]),
    "tenDlcCampaignId": ("s-10dlc", [EXTRA + "tenDlcCampaignId"]),
    "complianceAction": ("s-compliance", [EXTRA + "complianceAction"]),
    "billingStatus": ("s-billing", [DATA + "cost.status"]),
    "billableAmount": ("0.0123", [DATA + "cost.amount"]),
    "errorCode": ("s-error", [EXTRA + "errorCode"]),
    "retryCount": ("41", [EXTRA + "retryCount"]),
    "queuedAt": (at(1), [DATA + "times.queued"]),
    "sendingStartedAt": (at(2), [DATA + "times.sending"]),
    "sentAt": (at(3), [DATA + "times.sent", "event.time"]),
    "deliveredAt": (at(4), [DATA + "times.delivered"]),
    "receivedAt": (at(5), [DATA + "times.received"]),
    "failedAt": (at(6), [DATA + "times.failed"]),
    "undeliverableAt": (at(7), [DATA + "times.undeliverable"]),
    "blockedAt": (at(8), [DATA + "times.blocked"]),
    "nextRetryAt": (at(9), [DATA + "times.next_retry"]),
    "scheduledFor": (at(10), [DATA + "times.scheduled"]),
    "scheduledReason": ("s-scheduled-reason", [EXTRA + "scheduledReason"]),
    "canceledAt": (at(11), [DATA + "times.canceled", DATA + "revised"]),
    "cancelReason": ("s-cancel-reason", [EXTRA + "cancelReason"]),
    "createdAt": (at(0), [DATA + "times.created"]),
    "createdBy": ("s-creator", [DATA + "actor.id"]),
}

DETAIL: dict[str, tuple[Any, list[str]]] = {
    **{
        name: ROW[name]
        for name in (
            "id",
            "activityType",
            "eventType",
            "eventCategory",
            "activityCategory",
            "conversationId",
            "summary",
            "description",
            "leadId",
            "direction",
        )
    },
    "status": ("Completed", [DATA + "native.status"]),
    "secondaryEventType": ("s-secondary", [EXTRA + "secondaryEventType"]),
    "user": (
        {"id": "s-user-record", "name": "s-user-name"},
        [DATA + "actor.id=s-user-record", DATA + "actor.name=s-user-name"],
    ),
    "userId": ("s-user", [DATA + "refs.user"]),
    "createdAt": (at(0), [DATA + "times.created", "event.time"]),
    "modifiedAt": (at(12), [DATA + "revised"]),
}

CALL: dict[str, tuple[Any, list[str]]] = {
    "id": ("c-id", [DATA + "native.id"]),
    "telnyxId": ("c-telnyx", [EXTRA + "telnyxId"]),
    "leadId": ("c-lead", [DATA + "refs.lead"]),
    "businessId": ("c-business-id", [EXTRA + "businessId"]),
    "userId": ("c-user", [DATA + "actor.id", DATA + "refs.user"]),
    "conversationId": ("c-conversation", [DATA + "refs.conversation"]),
    "fromPhoneNumberId": ("c-from-id", [DATA + "parties.from.id"]),
    "billingPhoneNumberId": ("c-billing-id", [EXTRA + "billingPhoneNumberId"]),
    "fromPhoneNumber": ("c-from", [DATA + "parties.from.address"]),
    "toPhoneNumber": ("c-to", [DATA + "parties.to.address"]),
    "callerId": ("c-caller", [EXTRA + "callerId"]),
    "status": ("completed", [DATA + "native.status"]),
    "statusReason": ("c-reason", [DATA + "reason"]),
    "direction": ("Inbound", [DATA + "direction=inbound"]),
    "providerStatus": ("c-provider-status", [EXTRA + "providerStatus"]),
    "createdAt": (at(20), [DATA + "times.created"]),
    "answeredAt": (at(21), [DATA + "times.answered"]),
    "endedAt": (at(24), [DATA + "times.ended", "event.time"]),
    "duration": ("c-duration", [EXTRA + "duration"]),
    "billableSeconds": ("4242", [DATA + "cost.billable_seconds=4242"]),
    "billableAmount": ("1.2300", [DATA + "cost.amount"]),
    "billingStatus": ("c-billing", [DATA + "cost.status"]),
    "recordingUrl": ("https://c-recording.example", [DATA + "urls.recording"]),
    "metadata": ({"c-key": "c-value"}, [DATA + "fields.c-key=c-value"]),
    "user": ("c-user-name", [DATA + "actor.name"]),
    "business": ("c-business", [EXTRA + "business"]),
}

NEWER: dict[str, tuple[Any, list[str]]] = {
    "timelineType": ("Sms", [DATA + "native.code"]),
    "timelineCategory": ("n-category", [EXTRA + "timelineCategory"]),
    "trafficType": ("n-traffic", [EXTRA + "trafficType"]),
    "relatedEntityType": ("n-type", [EXTRA + "relatedEntityType"]),
    "relatedEntityId": ("n-id", [EXTRA + "relatedEntityId"]),
    "selectionReason": ("n-selection", [EXTRA + "selectionReason"]),
    "actorUserId": ("n-actor", [DATA + "actor.id"]),
    "actorDisplayName": ("n-name", [DATA + "actor.name"]),
    "actorEmail": ("n@mail.example", [EXTRA + "actorEmail"]),
    "userEmail": ("u@mail.example", [EXTRA + "userEmail"]),
    "createdBy": ("n-creator", [EXTRA + "createdBy"]),
    "media": ([{"url": "https://n-media.example"}], [EXTRA + "media"]),
    "automationRunId": ("n-run", [EXTRA + "automationRunId"]),
    "isDemo": (True, [EXTRA + "isDemo"]),
    "voicemailUrl": ("https://n-voicemail.example", [DATA + "urls.voicemail"]),
}


def look_up(event: Any, path: str) -> Any:
    """Follow a path such as `event.data.refs.lead`."""
    found: Any = {"event": event}
    for name in path.split("."):
        found = found[name]
    return found


def published(shape: str, record: Any) -> Any:
    """Return the event of one record as JSON holds it."""
    piece = Piece(shape, msgspec.json.encode(record))
    explanation = explain_piece(provider, "acme", table(), piece, now=RECEIVED)
    assert explanation.problem is None
    return msgspec.to_builtins(explanation.event)


CASES = [
    ("row", ROW),
    ("detail", DETAIL),
    ("call", CALL),
    ("row", {"id": ("n-row", [DATA + "native.id"]), "createdAt": (at(30), [EVENT + "time"]), **NEWER}),
]


@pytest.mark.parametrize(("shape", "fields"), CASES, ids=["row", "detail", "call", "newer row"])
def test_every_field_has_its_place(shape: str, fields: dict[str, tuple[Any, list[str]]]) -> None:
    """What a field says is found at its place in the event, and only there."""
    event = published(shape, {name: value for name, (value, _) in fields.items()})
    for name, (value, places) in fields.items():
        for place in places:
            path, _, written = place.partition("=")
            assert str(look_up(event, path)) == (written or str(value)), f"{name} at {path}"


def test_a_bundle_keeps_what_its_call_says_otherwise() -> None:
    """Where row and call differ, the row's word stands in its place and the call's in extra, under `call.`."""
    row = {name: value for name, (value, _) in ROW.items()} | {"activityType": "Call", "telnyxId": "s-telnyx"}
    call = {name: value for name, (value, _) in CALL.items()}
    data = published("bundle", {"row": row, "detail": None, "call": call})["data"]
    assert data["refs"]["call"] == "c-id"
    assert data["refs"]["lead"] == "s-lead"
    assert data["native"]["status"] == "completed"
    extra = data["native"]["extra"]
    assert extra["activity.status"] == "Sent"
    assert {name: value for name, value in extra.items() if name.startswith("call.")} == {
        "call.telnyxId": "c-telnyx",
        "call.createdAt": at(20),
        "call.leadId": "c-lead",
        "call.conversationId": "c-conversation",
        "call.fromPhoneNumber": "c-from",
        "call.fromPhoneNumberId": "c-from-id",
        "call.toPhoneNumber": "c-to",
        "call.billingStatus": "c-billing",
        "call.billableAmount": "1.2300",
        "call.statusReason": "c-reason",
        "call.direction": "Inbound",
    }
    assert data["reason"] == "c-reason"
    assert data["actor"] == {"kind": "user", "id": "c-user", "name": "c-user-name"}
    assert extra["createdBy"] == "s-creator"


@pytest.mark.parametrize(
    ("status", "field"), [("scheduled", "scheduledReason"), ("Cancelled", "cancelReason"), ("Failed", "statusReason")]
)
def test_the_reason_belongs_to_the_stage(status: str, field: str) -> None:
    """Of three reasons the one of the stage is explanation."""
    reasons = {"statusReason": "status", "scheduledReason": "plan", "cancelReason": "cancel"}
    event = published("row", {"id": "1", "activityType": "Sms", "status": status, **reasons})
    assert event["data"]["reason"] == reasons[field]


@pytest.mark.parametrize(
    ("fields", "traffic"),
    [
        ({"trafficType": "RealLead"}, "real"),
        ({"trafficType": "Warmup", "isWarmup": False}, "warmup"),
        ({"trafficType": "Test"}, "test"),
        ({"trafficType": "SystemInternal"}, "internal"),
        ({"trafficType": "FailedAttempt"}, "internal"),
        ({"trafficType": "Other", "isWarmup": True}, None),
        ({"trafficType": None, "isWarmup": True}, "warmup"),
        ({"isWarmup": False}, "real"),
        ({"isWarmup": "True"}, "warmup"),
        ({}, None),
    ],
)
def test_traffic_is_read_from_either_field(fields: dict[str, Any], traffic: str | None) -> None:
    """The traffic type counts, where it is missing the older flag; a word that nobody knows says nothing."""
    assert published("row", {"id": "1", "activityType": "Sms", **fields}).get("traffic") == traffic


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("0.0140", "0.0140"),
        (0.014, "0.014"),
        (1e-05, "0.00001"),
        (3, "3"),
        ("-2.50", "-2.50"),
        ("", None),
        (None, None),
        (0, "0"),
    ],
)
def test_money_is_a_decimal_string(amount: Any, written: str | None) -> None:
    """Money comes as a number or as a string and leaves as a string without float noise."""
    cost = published("row", {"id": "1", "activityType": "Sms", "billableAmount": amount})["data"].get("cost")
    assert cost == (None if written is None else {"amount": written})


def test_the_user_id_of_a_creator_that_is_the_system() -> None:
    """`createdBy` is of no known kind, but where it says so itself."""
    assert published("row", {"id": "1", "createdBy": "SYSTEM"})["data"]["actor"] == {"kind": "system", "id": "SYSTEM"}
    assert published("row", {"id": "1", "createdBy": "u-1"})["data"]["actor"] == {"id": "u-1"}
