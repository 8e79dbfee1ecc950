"""What has no canonical place goes to `native.extra`, verbatim, under the name it came with."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from headrace.core.mapping import fold
from headrace.core.values import one_form, url
from headrace.providers.leadping.translate.parts import amount_of
from headrace.providers.leadping.wire import LeadPingActivity, LeadPingCall, Sms
from headrace_events import Actor, Data

_PLAIN_TRAFFIC: Final = frozenset({"reallead", "warmup", "test"})
"""Words of `trafficType` that the canonical word holds whole."""

_ACTIVITY_EXTRA: Final = (
    "secondaryEventType",
    "eventCategory",
    "activityCategory",
    "timelineCategory",
    "telnyxId",
    "providerMessageId",
    "statusReason",
    "scheduledReason",
    "cancelReason",
    "outboundPhoneNumberId",
    "errorCode",
    "retryCount",
    "wasManuallyOverridden",
    "tenDlcCampaignId",
    "complianceAction",
    "relatedEntityType",
    "relatedEntityId",
    "selectionReason",
    "media",
    "automationRunId",
    "isDemo",
    "actorEmail",
    "userEmail",
)
_SMS_EXTRA: Final = (
    "errorMessage",
    "isAutomated",
    "outboundSource",
    "consoleEntries",
    "senderName",
    "organization",
    "organizationName",
)
_CALL_EXTRA: Final = (
    "telnyxId",
    "businessId",
    "business",
    "organizationId",
    "organization",
    "organizationName",
    "billingPhoneNumberId",
    "callerId",
    "providerStatus",
    "duration",
    "leadName",
    "userEmail",
    "outboundSource",
    "consoleEntries",
)


def _attributes(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a reader of attributes by their wire names: `telnyxId` is `telnyx_id`."""
    return attrgetter(*("".join(f"_{c.lower()}" if c.isupper() else c for c in name) for name in names))


_SHARED: Final = (
    "createdAt",
    "leadId",
    "conversationId",
    "userId",
    "fromPhoneNumber",
    "fromPhoneNumberId",
    "toPhoneNumber",
    "billingStatus",
    "statusReason",
)
"""What an activity and its call both have a canonical place for: there the activity's own word stands first."""

_activity_extra: Final = _attributes(_ACTIVITY_EXTRA)
_sms_extra: Final = _attributes(_SMS_EXTRA)
_call_extra: Final = _attributes(_CALL_EXTRA)
_shared: Final = _attributes(_SHARED)


def present(names: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Any]:
    """Return the values that say something: neither null nor empty, but zero and false."""
    return {
        name: value for name, value in zip(names, values, strict=True) if value is not None and (value or value == 0)
    }


def activity_extra(part: LeadPingActivity, direction: str | None, actor: Actor | None) -> dict[str, Any]:
    """Return what has no canonical place, verbatim, and what a canonical place could not hold."""
    extra = present(_ACTIVITY_EXTRA, _activity_extra(part))
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
    extra = present(_SMS_EXTRA, _sms_extra(row))
    if row.lead is not None and row.lead.name:
        extra["leadName"] = row.lead.name
    if row.user_name and row.user and row.user != row.user_name:
        extra["user"] = row.user
    return extra


def call_extra(call: LeadPingCall, data: Data) -> dict[str, Any]:
    """Return what of a call has no canonical place, verbatim; what has one stands in `data` already."""
    extra = present(_CALL_EXTRA, _call_extra(call))
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
    for key, value, own in zip(_SHARED, _shared(call), _shared(part), strict=True):
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
