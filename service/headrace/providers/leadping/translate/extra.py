"""What has no canonical place goes to `native.extra`, verbatim, under the name it came with."""

from typing import Any, Final

from headrace.core.mapping import fold
from headrace.core.values import one_form, url
from headrace.providers.leadping.translate.parts import amount_of
from headrace.providers.leadping.wire import LeadPingActivity, LeadPingCall, Sms
from headrace_events import Actor, Data

_PLAIN_TRAFFIC: Final = frozenset({"reallead", "warmup", "test"})
"""Words of `trafficType` that the canonical word holds whole."""

Pairs = tuple[tuple[str, Any], ...]
"""Values under the names that they came with."""


def _activity_only(part: LeadPingActivity) -> Pairs:
    return (
        ("secondaryEventType", part.secondary_event_type),
        ("eventCategory", part.event_category),
        ("activityCategory", part.activity_category),
        ("timelineCategory", part.timeline_category),
        ("telnyxId", part.telnyx_id),
        ("providerMessageId", part.provider_message_id),
        ("statusReason", part.status_reason),
        ("scheduledReason", part.scheduled_reason),
        ("cancelReason", part.cancel_reason),
        ("outboundPhoneNumberId", part.outbound_phone_number_id),
        ("errorCode", part.error_code),
        ("retryCount", part.retry_count),
        ("wasManuallyOverridden", part.was_manually_overridden),
        ("tenDlcCampaignId", part.ten_dlc_campaign_id),
        ("complianceAction", part.compliance_action),
        ("relatedEntityType", part.related_entity_type),
        ("relatedEntityId", part.related_entity_id),
        ("selectionReason", part.selection_reason),
        ("media", part.media),
        ("automationRunId", part.automation_run_id),
        ("isDemo", part.is_demo),
        ("actorEmail", part.actor_email),
        ("userEmail", part.user_email),
    )


def _sms_row_only(row: Sms) -> Pairs:
    return (
        ("errorMessage", row.error_message),
        ("isAutomated", row.is_automated),
        ("outboundSource", row.outbound_source),
        ("consoleEntries", row.console_entries),
        ("senderName", row.sender_name),
        ("organization", row.organization),
        ("organizationName", row.organization_name),
    )


def _call_only(call: LeadPingCall) -> Pairs:
    return (
        ("telnyxId", call.telnyx_id),
        ("businessId", call.business_id),
        ("business", call.business),
        ("organizationId", call.organization_id),
        ("organization", call.organization),
        ("organizationName", call.organization_name),
        ("billingPhoneNumberId", call.billing_phone_number_id),
        ("callerId", call.caller_id),
        ("providerStatus", call.provider_status),
        ("duration", call.duration),
        ("leadName", call.lead_name),
        ("userEmail", call.user_email),
        ("outboundSource", call.outbound_source),
        ("consoleEntries", call.console_entries),
    )


def _shared(part: LeadPingActivity | LeadPingCall) -> Pairs:
    """Return what an activity and its call both have a canonical place for: the activity's own word stands first."""
    return (
        ("createdAt", part.created_at),
        ("leadId", part.lead_id),
        ("conversationId", part.conversation_id),
        ("userId", part.user_id),
        ("fromPhoneNumber", part.from_phone_number),
        ("fromPhoneNumberId", part.from_phone_number_id),
        ("toPhoneNumber", part.to_phone_number),
        ("billingStatus", part.billing_status),
        ("statusReason", part.status_reason),
    )


def _present(pairs: Pairs) -> dict[str, Any]:
    """Return the values that say something: neither null nor empty, but zero and false."""
    return {name: value for name, value in pairs if value is not None and (value or value == 0)}


def activity_extra(part: LeadPingActivity, direction: str | None, actor: Actor | None) -> dict[str, Any]:
    """Return what has no canonical place, verbatim, and what a canonical place could not hold."""
    extra = _present(_activity_only(part))
    if isinstance(part, Sms):
        extra |= _sms_only(part)
    if part.voicemail_url and url(part.voicemail_url) is None:
        extra["voicemailUrl"] = part.voicemail_url
    if part.billable_amount and amount_of(part.billable_amount) is None:
        extra["billableAmount"] = part.billable_amount
    if part.direction and direction is None:
        extra["direction"] = part.direction
    if part.traffic_type and fold(part.traffic_type) not in _PLAIN_TRAFFIC:
        extra["trafficType"] = part.traffic_type
    if part.created_by and (actor is None or actor.id != part.created_by):
        extra["createdBy"] = part.created_by
    return extra


def _sms_only(row: Sms) -> dict[str, Any]:
    """Return what only a row of the SMS lists says; its `user` may be a name or an id, whichever `userName` is not."""
    extra = _present(_sms_row_only(row))
    if row.lead is not None and row.lead.name:
        extra["leadName"] = row.lead.name
    if row.user_name and row.user and row.user != row.user_name:
        extra["user"] = row.user
    return extra


def call_extra(call: LeadPingCall, data: Data) -> dict[str, Any]:
    """Return what of a call has no canonical place, verbatim; what has one stands in `data` already."""
    extra = _present(_call_only(call))
    if call.user and call.user_name and call.user not in (call.user_name, call.user_id):
        extra["user"] = call.user
    if call.metadata and not isinstance(call.metadata, dict):
        extra["metadata"] = call.metadata
    if call.recording_url and "recording" not in (data.urls or ()):
        extra["recordingUrl"] = call.recording_url
    if call.voicemail_url and url(call.voicemail_url) is None:
        extra["voicemailUrl"] = call.voicemail_url
    if call.billable_amount and amount_of(call.billable_amount) is None:
        extra["billableAmount"] = call.billable_amount
    if call.billable_seconds and (data.cost is None or data.cost.billable_seconds is None):
        extra["billableSeconds"] = call.billable_seconds
    return extra


def add_call(extra: dict[str, Any], part: LeadPingActivity, call: LeadPingCall, data: Data) -> None:
    """Add what a call says beside its activity; as `call.<name>` where the activity says something else there."""
    for name, value in call_extra(call, data).items():
        if extra.setdefault(name, value) != value:
            extra[f"call.{name}"] = value
    for (key, value), (_, own) in zip(_shared(call), _shared(part), strict=True):
        if value and own and value != own:
            extra[f"call.{key}"] = value
    if call.direction and part.direction and call.direction.lower() != part.direction.lower():
        extra["call.direction"] = call.direction
    if (
        part.billable_amount
        and call.billable_amount
        and part.billable_amount != call.billable_amount
        and one_form(part.billable_amount) != one_form(call.billable_amount)
    ):
        extra["call.billableAmount"] = call.billable_amount
    user = call.user_name or call.user
    if user and (data.actor is None or data.actor.name != user):
        extra["call.user"] = user
