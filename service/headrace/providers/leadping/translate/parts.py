"""The canonical parts of an event, each from the LeadPing fields that hold it."""

from functools import lru_cache
from typing import Any, Final

from headrace.core import values
from headrace.core.mapping import Row, fold
from headrace.core.problems import bad_value
from headrace.providers.leadping.wire import IdName, LeadPingActivity, LeadPingCall, Sms
from headrace_events import Actor, Cost, Parties, Party

_TRAFFIC: Final = {
    "reallead": "real",
    "warmup": "warmup",
    "test": "test",
    "systeminternal": "internal",
    "failedattempt": "internal",
}
_WARMUP: Final = {"true": "warmup", "false": "real"}
_LONGEST_AMOUNT: Final = 64
"""Characters of an amount that is cached: messages of one kind cost the same, and there are few kinds."""


@lru_cache(maxsize=256)
def words_of(type: str) -> tuple[str, str | None]:  # noqa: A002  (CloudEvents' own word)
    """Return category and action of a type; `unmapped` has no action."""
    category, _, action = type.partition(".")
    return category, action or None


def refs_of(part: LeadPingActivity, call: LeadPingCall | None, *, voice: bool) -> dict[str, str] | None:
    """Return the ids of the entities around an activity. The carrier's id of a voice call is none of a message."""
    refs: dict[str, str] = {}
    if lead := part.lead_id or (call and call.lead_id):
        refs["lead"] = lead
    if conversation := part.conversation_id or (call and call.conversation_id):
        refs["conversation"] = conversation
    if part.campaign_id:
        refs["campaign"] = part.campaign_id
    if part.source_id:
        refs["lead_source"] = part.source_id
    if not voice and (message := part.provider_message_id or part.telnyx_id):
        refs["message"] = message
    if user := part.user_id or (call and call.user_id):
        refs["user"] = user
    if call is not None:
        refs["call"] = call.id
    return refs or None


def subject_of(refs: dict[str, str] | None, resource: str, id: str) -> str:  # noqa: A002  (CloudEvents' own word)
    """Return the lead, else the nearest entity: the conversation, else the record itself."""
    if refs is not None:
        if "lead" in refs:
            return f"lead/{refs['lead']}"
        if "conversation" in refs:
            return f"conversation/{refs['conversation']}"
    return f"{resource}/{id}"


def reason_of(row: Row, part: LeadPingActivity, call: LeadPingCall | None, *, by_call: bool) -> str | None:
    """Return the reason that belongs to the stage, in the provider's words; a call's own where the call decided."""
    if part.scheduled_reason and row.type.endswith(".scheduled"):
        return part.scheduled_reason
    if part.cancel_reason and (row.type.endswith(".canceled") or row.outcome == "canceled"):
        return part.cancel_reason
    own = part.status_reason or None
    if call is None or not call.status_reason:
        return own
    return call.status_reason if by_call else own or call.status_reason


def urls_of(part: LeadPingActivity | None, call: LeadPingCall | None) -> dict[str, str] | None:
    """Return the links to what can be listened to."""
    urls: dict[str, str] = {}
    if call is not None and call.recording_url and (recording := values.url(call.recording_url)):
        urls["recording"] = recording
    link = (part and part.voicemail_url) or (call and call.voicemail_url)
    if link and (voicemail := values.url(link)):
        urls["voicemail"] = voicemail
    return urls or None


def fields_of(row: Row, metadata: Any) -> dict[str, Any] | None:
    """Return the tenant's own data with the constants of the row, which win."""
    if not metadata and not row.fields:
        return None
    own = metadata if isinstance(metadata, dict) else {}
    return {**own, **row.fields} or None


def applied(actor: Actor | None, kind: str | None) -> Actor | None:
    """Return the actor, of the kind that a row says."""
    if kind is None:
        return actor
    return Actor(kind=kind) if actor is None else Actor(kind=kind, id=actor.id, name=actor.name)


def traffic_of(part: LeadPingActivity) -> str | None:
    """Return the word for real or other traffic: from `trafficType` where it is there, the older `isWarmup` else."""
    if part.traffic_type:
        return _TRAFFIC.get(fold(part.traffic_type))
    return None if part.is_warmup is None else _WARMUP.get(fold(str(part.is_warmup)))


def actor_of(part: LeadPingActivity, call: LeadPingCall | None) -> Actor | None:
    """Return who did it: the newest generations say so, a detail has its user, a row only who created it."""
    name = part.actor_display_name or None
    if part.actor_user_id:
        return Actor(kind="user", id=part.actor_user_id, name=name)
    if part.actor_lead_id:
        return Actor(kind="lead", id=part.actor_lead_id, name=name)
    user = _user_of(part) or (call_actor(call) if call else None)
    if user is not None:
        return user
    if part.created_by:
        kind = "system" if fold(part.created_by) == "system" else None
        return Actor(kind=kind, id=part.created_by, name=name)
    return Actor(name=name) if name else None


def _user_of(part: LeadPingActivity) -> Actor | None:
    user, number, name = part.user, part.user_id, None
    if isinstance(part, Sms) and part.user_name:
        name = part.user_name
    elif isinstance(user, IdName):
        number, name = user.id or number, user.name
    else:
        name = user
    return Actor(kind="user", id=number or None, name=name or None) if number or name else None


def call_actor(call: LeadPingCall) -> Actor | None:
    """Return the user of a call; `user` is a name."""
    name = call.user_name or call.user or None
    return Actor(kind="user", id=call.user_id or None, name=name) if call.user_id or name else None


def parties_of(part: LeadPingActivity | LeadPingCall, call: LeadPingCall | None = None) -> Parties | None:
    """Return both ends; a row that does not know them takes them from its call."""
    address, number, to = part.from_phone_number, part.from_phone_number_id, part.to_phone_number
    if call is not None:
        address, number = address or call.from_phone_number, number or call.from_phone_number_id
        to = to or call.to_phone_number
    if not (address or number or to):
        return None
    return Parties(
        from_=Party(address=values.address(address), id=number or None) if address or number else None,
        to=Party(address=values.address(to)) if to else None,
    )


def cost_of(part: LeadPingActivity | LeadPingCall, at: str, call: LeadPingCall | None = None) -> Cost | None:
    """Return the platform's bill; a row that does not know it takes it from its call. Raises `Undecodable`."""
    amount, status, seconds = amount_of(part.billable_amount), part.billing_status or None, None
    if call is not None:
        amount = amount or amount_of(call.billable_amount)
        status = status or call.billing_status or None
        seconds = _seconds(call.billable_seconds, "$.call")
    elif isinstance(part, LeadPingCall):
        seconds = _seconds(part.billable_seconds, at)
    if amount is None and status is None and seconds is None:
        return None
    return Cost(amount=amount, billable_seconds=seconds, status=status)


def meaning_of_cost(cost: Cost | None) -> tuple[object, ...] | None:
    """Return what counts of a bill, whatever the spelling of its amount."""
    return None if cost is None else (_form_of(cost.amount), cost.billable_seconds, fold(cost.status or ""))


def amount_of(amount: float | str | None) -> str | None:
    """Return an amount of money as a decimal, None for what is no number."""
    if type(amount) is str and len(amount) <= _LONGEST_AMOUNT:
        return _decimal_of(amount)
    return values.decimal(amount)


@lru_cache(maxsize=1024)
def _decimal_of(amount: str) -> str | None:
    return values.decimal(amount)


@lru_cache(maxsize=1024)
def _form_of(amount: str | None) -> object:
    return values.one_form(amount)


def _seconds(seconds: float | str | None, at: str) -> int | None:
    """Return whole seconds, None for what is no number of them. Raises `Undecodable` where they are negative."""
    whole = values.whole(seconds)
    if whole is None and (number := values.decimal(seconds)) is not None and number[0] == "-":
        raise bad_value(f"{at}.billableSeconds", "a length of time is not negative")
    return whole
