"""The table, against every word that LeadPing publishes."""

from itertools import product
from typing import Any

import pytest

from headrace.core.mapping import Row, fold
from headrace.core.mapping_file import build, read
from headrace.providers.leadping import provider
from tests.providers.leadping.kit import raw_of, table

MAPPING = table()

MESSAGES = ("Message", "Sms", "Mms")
NEITHER = ("Note", "Disposition", "LeadStatusChange", "LeadCreated", "LeadUpdated", "Notification", "Payment", "Warmup")
TYPES = (*MESSAGES, "Call", "Voicemail", *NEITHER)


def listed(words: str) -> tuple[str, ...]:
    """Return the words of a line."""
    return tuple(words.split())


ROW_STATUSES = (
    *listed("Pending InProgress Completed Cancelled Scheduled Queued Sending Sent Received Delivered Undeliverable"),
    *listed("Blocked Initiated Ringing Active Ended Missed Voicemail Failed Canceled"),
    "Opted out",
)
DETAIL_STATUSES = listed("Pending InProgress Completed Failed Cancelled")
CALL_STATUSES = (
    *listed("scheduled queued initiated ringing in_progress active completed ended busy no_answer failed canceled"),
    *listed("missed transferred voicemail blocked_billing blocked_phone_number_status blocked_configuration"),
    *listed("blocked_permission configuration_required"),
)
SMS_STATUSES = (
    *listed("draft scheduled queued sending sent received delivered failed undeliverable opted_out"),
    *listed("blocked_compliance blocked_billing blocked_missing_campaign canceled"),
)
STATUSES = (None, *sorted({*ROW_STATUSES, *DETAIL_STATUSES, *CALL_STATUSES, *SMS_STATUSES}))

MESSAGE_WORDS = {
    "draft scheduled": "message.scheduled",
    "pending inprogress queued sending": "message.queued",
    "sent": "message.sent",
    "delivered": "message.delivered",
    "received": "message.received",
    "failed": "message.failed/failed",
    "undeliverable": "message.failed/undeliverable",
    "optedout": "message.blocked/opted_out",
    "blocked": "message.blocked",
    "blockedbilling": "message.blocked/billing",
    "blockedcompliance": "message.blocked/compliance",
    "blockedmissingcampaign": "message.blocked/missing_campaign",
    "blockedphonenumberstatus": "message.blocked/phone_number_status",
    "blockedconfiguration": "message.blocked/configuration",
    "blockedpermission": "message.blocked/permission",
    "canceled cancelled": "message.canceled",
}
CALL_WORDS = {
    "scheduled": "call.scheduled",
    "pending queued": "call.queued",
    "initiated": "call.initiated",
    "ringing": "call.ringing",
    "active": "call.answered",
    "completed ended": "call.completed",
    "busy": "call.unanswered/busy",
    "noanswer": "call.unanswered/no_answer",
    "missed": "call.unanswered/missed",
    "voicemail": "call.voicemail_left",
    "transferred": "call.transferred",
    "failed": "call.failed",
    "canceled cancelled": "call.canceled",
    "blocked": "call.blocked",
    "blockedbilling": "call.blocked/billing",
    "blockedphonenumberstatus": "call.blocked/phone_number_status",
    "blockedconfiguration": "call.blocked/configuration",
    "blockedpermission": "call.blocked/permission",
    "configurationrequired": "call.blocked/configuration_required",
}
OTHER_TYPES = {
    "Voicemail": "call.voicemail_left",
    "Note": "note.created",
    "Disposition": "lead.stage_changed",
    "LeadStatusChange": "lead.stage_changed",
    "LeadCreated": "lead.created",
    "LeadUpdated": "lead.updated",
    "Notification": "system.notified",
    "Payment": "payment.logged",
    "Warmup": "system.warmed_up",
}
CHANNELS = {"Sms": "sms", "Mms": "mms", "Call": "voice", "Voicemail": "voice"}


def spread(words: dict[str, str]) -> dict[str, str]:
    """Return each word of a group on its own line."""
    return {word: meant for group, meant in words.items() for word in group.split()}


def written(row: Row) -> str:
    """Write type and outcome as the tables above do."""
    return row.type + (f"/{row.outcome}" if row.outcome else "")


def decided(shape: str, **fields: Any) -> Row:
    """Return the row that decides on a record."""
    return provider.translate(raw_of(shape, {"id": "1", **fields}), MAPPING).row


def message(status: str | None, direction: str | None) -> str:
    """Return what a message without milestones means."""
    word = fold(status or "")
    if word in ("", "completed") and direction == "inbound":
        return "message.received"
    if word == "completed":
        return "message.sent"
    return spread(MESSAGE_WORDS).get(word, "message.logged")


def other(kind: str, status: str | None) -> str:
    """Return what a record means that is neither message nor call."""
    word = fold(status or "")
    if kind == "Voicemail" and word == "failed":
        return "call.failed"
    if kind == "Payment" and word == "failed":
        return "payment.failed/failed"
    outcome = {"failed": "/failed", "canceled": "/canceled", "cancelled": "/canceled"}.get(word, "")
    return OTHER_TYPES[kind] + outcome


@pytest.mark.parametrize("kind", TYPES)
def test_no_published_word_is_unmapped(kind: str) -> None:
    """Twelve types (one under two names), every status word there is, each direction: none falls through."""
    for field, status, direction in product(
        ("activityType", "timelineType"), STATUSES, ("inbound", "Outbound", "internal", None)
    ):
        row = decided("row", **{field: kind}, status=status, direction=direction)
        assert row.type != "unmapped", (field, status, direction)
        assert row.channel == CHANNELS.get(kind)
        assert row.traffic == ("warmup" if kind == "Warmup" else None)
        if kind in MESSAGES:
            assert written(row) == message(status, direction), (status, direction)
        elif kind == "Call":
            expected = "call.logged" if status is None else spread(CALL_WORDS).get(fold(status), "call.logged")
            assert written(row) == expected, (status, direction)
        else:
            assert written(row) == other(kind, status), (status, direction)


@pytest.mark.parametrize("status", STATUSES)
def test_a_call_record_is_read_by_its_own_words(status: str | None) -> None:
    """For a call record, alone or in a bundle, `in_progress` means that both sides are connected."""
    words = spread(CALL_WORDS) | {"inprogress": "call.answered"}
    expected = "call.logged" if status is None else words.get(fold(status), "call.logged")
    assert written(decided("call", status=status)) == expected
    bundle = {"row": {"id": "1", "activityType": "Call"}, "call": {"id": "2", "status": status}}
    assert written(provider.translate(raw_of("bundle", bundle), MAPPING).row) == expected


@pytest.mark.parametrize("status", [None, "Completed"])
@pytest.mark.parametrize(
    ("field", "expected"),
    [("sentAt", "message.sent"), ("deliveredAt", "message.delivered"), ("receivedAt", "message.received")],
)
def test_a_milestone_decides_where_the_status_does_not(status: str | None, field: str, expected: str) -> None:
    """The newest milestone decides on `Completed`, and where there is no status at all."""
    earlier = {"queuedAt": "2026-01-01T00:00:00Z", "sentAt": "2026-01-01T00:00:01Z"}
    fields = earlier | {field: "2026-01-01T00:00:02Z", "activityType": "Sms", "status": status}
    row = decided("row", **fields)
    assert (row.type, row.label) == (expected, f"Sms + times.{expected.removeprefix('message.')}")


@pytest.mark.parametrize("status", ["Pending", "InProgress"])
def test_a_message_that_left_is_no_longer_queued(status: str) -> None:
    """A milestone beats a coarse status, unless it is the failure that is being retried."""
    sent = {"activityType": "Sms", "status": status, "sentAt": "2026-01-01T00:00:01Z"}
    assert decided("row", **sent).type == "message.sent"
    assert decided("row", **sent, failedAt="2026-01-01T00:00:02Z").type == "message.queued"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("failedAt", "message.failed/failed"),
        ("undeliverableAt", "message.failed/undeliverable"),
        ("blockedAt", "message.blocked"),
    ],
)
def test_a_coarse_failure_is_decided_by_its_milestone(field: str, expected: str) -> None:
    """Details know one word for what rows tell apart: the milestone does."""
    row = decided("row", activityType="Sms", status="Failed", **{field: "2026-01-01T00:00:02Z"})
    assert written(row) == expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"answeredAt": "2026-01-01T00:00:01Z"}, "call.answered"),
        ({"answeredAt": "2026-01-01T00:00:01Z", "endedAt": "2026-01-01T00:00:02Z"}, "call.completed"),
        ({"endedAt": "2026-01-01T00:00:02Z"}, "call.logged"),
    ],
)
def test_a_call_without_status_is_decided_by_its_times(times: dict[str, str], expected: str) -> None:
    """An end without an answer does not say how it ended."""
    assert decided("call", **times).type == expected


def test_a_bundle_falls_back_on_its_row() -> None:
    """A call record that says nothing leaves the word to the row."""
    bundle = {"row": {"id": "1", "activityType": "Call", "status": "Missed"}, "call": {"id": "2"}}
    assert written(provider.translate(raw_of("bundle", bundle), MAPPING).row) == "call.unanswered/missed"


@pytest.mark.parametrize("word", ["blocked_by_moonlight", "Blocked By Moonlight"])
def test_a_block_of_a_new_kind_is_a_block(word: str) -> None:
    """Every `blocked_…` is blocked, with an outcome only where it is a known one."""
    assert written(decided("row", activityType="Sms", status=word)) == "message.blocked"


def test_what_nobody_knows_is_unmapped() -> None:
    """A new type, and a record that has nothing but an eventType, keep their code and get no meaning."""
    fax = provider.translate(raw_of("row", {"id": "1", "activityType": "Fax", "status": "Sent"}), MAPPING)
    assert (fax.row.type, fax.data.native.code, fax.data.native.status) == ("unmapped", "Fax", "Sent")
    oldest = provider.translate(raw_of("row", {"id": "1", "eventType": "sms"}), MAPPING)
    assert (oldest.row.type, oldest.data.native.code, oldest.data.action) == ("unmapped", "sms", None)


OVERLAY = """
[[row]]
table = "event"
code = "sms"
type = "message.logged"
channel = "sms"
[[row]]
table = "automation"
code = "lead.hot"
type = "lead.score_changed"
actor = "automation"
lift = { score = "change.to" }
fields = { list = "hot" }
"""


def test_an_overlay_maps_what_a_tenant_knows() -> None:
    """Tenants give rows to their eventTypes and to what their automations send."""
    own = build(MAPPING.entries, read(OVERLAY, "acme.toml", provider.tables))
    oldest = provider.translate(raw_of("row", {"id": "1", "eventType": "SMS"}), own)
    assert (oldest.row.type, oldest.data.channel) == ("message.logged", "sms")
    hot = provider.translate(raw_of("automation", {"type": "lead.hot", "score": 91}), own)
    assert hot.row.type == "lead.score_changed"
    assert hot.data.change is not None
    assert (hot.data.change.to, hot.data.fields) == ("91", {"type": "lead.hot", "list": "hot"})
    assert hot.data.actor is not None
    assert hot.data.actor.kind == "automation"
