"""What LeadPing sends, in all generations of its API at once: every field optional but the id.

The generations rename fields (`activityType` became `timelineType`), write integers as numbers or as strings of
digits and leave nulls in or out (https://github.com/leadpingai, the vendor's SDKs); README.md says which generation
does what. Fields that no Struct knows are ignored: raw has them.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

NAME: Final = "leadping"
FEED: Final = "lead-events"
"""The feed that reads the events of one lead."""
TENANT_FEED: Final = "tenant-events"
"""The feed that reads the events of all leads."""

RESOURCES: Final = {
    "activity": "list rows, event details, and bundles of row, detail and call",
    "call": "call events as GET /events/calls/{id} gives them",
    "sms": "rows of the SMS lists",
    "automation": "the body of an automation's webhook",
}
TABLES: Final = {
    "activity": "activityType or timelineType, refined by status or milestone",
    "event": "eventType, where a record has neither activityType nor timelineType",
    "call": "the one code call, refined by the status of the call record",
    "automation": "what a free-form webhook body calls itself, else automation",
}

ROW: Final = "row"
DETAIL: Final = "detail"
BUNDLE: Final = "bundle"
ROWLESS: Final = "rowless"
"""A bundle without a row: it lacks what only rows have, so at one version it must not pass for news beside a bundle."""
CALL: Final = "call"
SMS: Final = "sms"
AUTOMATION: Final = "automation"


class IdName(Struct, gc=False):
    """A reference with a name: `user` of a detail, `lead` of an SMS row."""

    id: str | None = None
    name: str | None = None


class LeadPingActivity(Struct, rename="camel", gc=False, kw_only=True):
    """A list row, or an event detail, which knows the same fields and five of its own (the last block)."""

    id: str
    activity_type: str | None = None
    timeline_type: str | None = None
    event_type: str | None = None
    event_category: str | None = None
    activity_category: str | None = None
    timeline_category: str | None = None
    status: str | None = None
    status_reason: str | None = None
    summary: str | None = None
    description: str | None = None
    direction: str | None = None
    lead_id: str | None = None
    conversation_id: str | None = None
    campaign_id: str | None = None
    source_id: str | None = None
    related_entity_type: str | None = None
    related_entity_id: str | None = None
    is_warmup: bool | str | None = None
    is_demo: bool | str | None = None
    traffic_type: str | None = None
    from_phone_number_id: str | None = None
    outbound_phone_number_id: str | None = None
    from_phone_number: str | None = None
    to_phone_number: str | None = None
    selection_reason: str | None = None
    telnyx_id: str | None = None
    provider_message_id: str | None = None
    was_manually_overridden: bool | str | None = None
    ten_dlc_campaign_id: str | None = None
    compliance_action: str | None = None
    billing_status: str | None = None
    billable_amount: str | int | float | None = None
    error_code: str | int | None = None
    retry_count: int | str | None = None
    media: Any = None
    voicemail_url: str | None = None
    automation_run_id: str | None = None
    queued_at: str | None = None
    sending_started_at: str | None = None
    sent_at: str | None = None
    delivered_at: str | None = None
    received_at: str | None = None
    failed_at: str | None = None
    undeliverable_at: str | None = None
    blocked_at: str | None = None
    canceled_at: str | None = None
    cancel_reason: str | None = None
    next_retry_at: str | None = None
    scheduled_for: str | None = None
    scheduled_reason: str | None = None
    created_at: str | None = None
    created_by: str | None = None
    actor_user_id: str | None = None
    actor_lead_id: str | None = None
    actor_display_name: str | None = None
    actor_email: str | None = None

    modified_at: str | None = None
    secondary_event_type: str | None = None
    user: IdName | str | None = None
    user_id: str | None = None
    user_email: str | None = None


class Sms(LeadPingActivity, rename="camel", gc=False, kw_only=True):
    """A row of the SMS lists, which no feed reads: an activity without type, with the text under its own name."""

    text: str | None = None
    lead: IdName | None = None
    error_message: str | None = None
    is_automated: bool | str | None = None
    outbound_source: str | None = None
    console_entries: Any = None
    user_name: str | None = None
    sender_name: str | None = None
    organization: str | None = None
    organization_name: str | None = None


class LeadPingCall(Struct, rename="camel", gc=False, kw_only=True):
    """A call event: `duration` is in an undocumented unit, `user` a name, `metadata` what the tenant put there."""

    id: str
    telnyx_id: str | None = None
    lead_id: str | None = None
    lead_name: str | None = None
    business_id: str | None = None
    organization_id: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    user_email: str | None = None
    conversation_id: str | None = None
    from_phone_number_id: str | None = None
    billing_phone_number_id: str | None = None
    from_phone_number: str | None = None
    to_phone_number: str | None = None
    caller_id: str | None = None
    status: str | None = None
    status_reason: str | None = None
    direction: str | None = None
    provider_status: str | None = None
    outbound_source: str | None = None
    created_at: str | None = None
    answered_at: str | None = None
    ended_at: str | None = None
    duration: int | float | str | None = None
    billable_seconds: int | float | str | None = None
    billable_amount: str | int | float | None = None
    billing_status: str | None = None
    recording_url: str | None = None
    voicemail_url: str | None = None
    metadata: Any = None
    console_entries: Any = None
    user: str | None = None
    business: str | None = None
    organization: str | None = None
    organization_name: str | None = None


class Bundle(Struct, gc=False):
    """One event as the poller reads it: the list row, its detail and its call, each as it came, or null."""

    row: LeadPingActivity | None = None
    detail: LeadPingActivity | None = None
    call: LeadPingCall | None = None


class Stamp(Struct, rename="camel", gc=False, kw_only=True):
    """What names an activity: its id and everything that makes its version."""

    id: str
    status: str | None = None
    queued_at: str | None = None
    sending_started_at: str | None = None
    sent_at: str | None = None
    delivered_at: str | None = None
    received_at: str | None = None
    failed_at: str | None = None
    undeliverable_at: str | None = None
    blocked_at: str | None = None
    canceled_at: str | None = None
    created_at: str | None = None


class CallStamp(Struct, rename="camel", gc=False, kw_only=True):
    """What names a call: its id and everything that makes its version."""

    id: str
    status: str | None = None
    answered_at: str | None = None
    ended_at: str | None = None
    created_at: str | None = None


class BundleStamp(Struct, gc=False):
    """What names a bundle."""

    row: Stamp | None = None
    detail: Stamp | None = None
    call: CallStamp | None = None


activity = msgspec.json.Decoder(LeadPingActivity).decode
sms = msgspec.json.Decoder(Sms).decode
call = msgspec.json.Decoder(LeadPingCall).decode
bundle = msgspec.json.Decoder(Bundle).decode
stamp = msgspec.json.Decoder(Stamp).decode
call_stamp = msgspec.json.Decoder(CallStamp).decode
bundle_stamp = msgspec.json.Decoder(BundleStamp).decode
anything = msgspec.json.Decoder().decode
