"""Turn a LeadPing record of any shape into a draft of the canonical event."""

from collections.abc import Callable
from typing import Final

from headrace.core.lift import lift
from headrace.core.mapping import UNMAPPED, Mapping
from headrace.providers.leadping import cut, wire
from headrace.providers.leadping.identity import automation_id
from headrace.providers.leadping.translate import activity, call, parts
from headrace.providers.leadping.translate.mapping_rules import row_of_webhook
from headrace.sdk.provider import UNPUBLISHED, Draft, RawEvent
from headrace_events import Data, Native, Via

_WEBHOOK: Final = Via.WEBHOOK
_NAMES: Final = ("eventType", "type", "event", "trigger")
"""Where a free-form body may name itself; a tenant's overlay can give such a name a row."""


def translate(raw: RawEvent, mapping: Mapping) -> Draft:
    """Return the draft of a record. Raises `Undecodable`, or what msgspec raises."""
    drafted = _DRAFTED.get(raw.shape)
    if drafted is None:
        raise cut.unreadable(raw.value)
    found = drafted(raw, mapping)
    if raw.via is _WEBHOOK:
        found.row = row_of_webhook(found.row, raw)
    return found


def _alone(raw: RawEvent, mapping: Mapping) -> Draft:
    return activity.draft(raw, mapping, activity.alone(wire.activity(raw.value)))


def _bundle(raw: RawEvent, mapping: Mapping) -> Draft:
    return activity.draft(raw, mapping, activity.bundled(wire.bundle(raw.value)))


def _sms(raw: RawEvent, mapping: Mapping) -> Draft:
    return activity.draft(raw, mapping, activity.alone(_typed(wire.sms(raw.value)), "sms"))


def _typed(row: wire.Sms) -> wire.Sms:
    """Return a row of the SMS lists under the names that activities have."""
    row.activity_type = row.activity_type or row.timeline_type or "Sms"
    row.description = row.description or row.text
    row.lead_id = row.lead_id or (row.lead.id if row.lead else None)
    return row


def _automation(raw: RawEvent, mapping: Mapping) -> Draft:
    """Return the draft of a body without an event in it: published once, under the run's own id, as it came."""
    body = wire.anything(raw.value)
    fields = dict(body) if isinstance(body, dict) else {"body": body}
    name = next((word for key in _NAMES if isinstance(word := fields.get(key), str) and word), wire.AUTOMATION)
    row = mapping.find(wire.AUTOMATION, name)
    if row.type == UNMAPPED:
        row = mapping.find(wire.AUTOMATION, wire.AUTOMATION)
    id = automation_id(raw)  # noqa: A001  (CloudEvents' own word)
    lead = fields.get("leadId")
    refs = {"lead": lead} if isinstance(lead, str) and lead else None
    data = Data(
        category=row.category,
        action=row.action,
        direction=row.direction,
        channel=row.channel,
        outcome=row.outcome,
        refs=refs,
        actor=parts.applied(None, row.actor),
        fields={**fields, **row.fields} or None,
        native=Native(provider=raw.provider, tenant=raw.tenant, resource=wire.AUTOMATION, id=id, code=name),
        provenance=UNPUBLISHED,
    )
    lift(data, row.lift)
    subject = parts.subject_of(refs, wire.AUTOMATION, id)
    return Draft(row=row, subject=subject, time=None, data=data, meaning=(), traffic=row.traffic)


_DRAFTED: Final[dict[str, Callable[[RawEvent, Mapping], Draft]]] = {
    wire.ROW: _alone,
    wire.DETAIL: _alone,
    wire.BUNDLE: _bundle,
    wire.ROWLESS: _bundle,
    wire.CALL: call.draft,
    wire.SMS: _sms,
    wire.AUTOMATION: _automation,
}
