"""Translate lead webhooks: a new lead, or a lead before and after."""

from operator import itemgetter
from typing import Any, Final

from headrace.core.mapping import Mapping, Row
from headrace.providers.leadsquared import identity, wire
from headrace.providers.leadsquared.guids import one_guid
from headrace.providers.leadsquared.identity import text
from headrace.providers.leadsquared.times import canonical_or_none, one_form
from headrace.providers.leadsquared.translate.custom_fields import content
from headrace.providers.leadsquared.translate.people import who_did
from headrace.providers.leadsquared.wire import TABLE
from headrace.sdk.provider import UNPUBLISHED, Draft, RawEvent
from headrace_events import Change, Data, Native

_WORDS: Final = {"ProspectStage": "stage", "OwnerId": "owner", "Score": "score"}
_CHANGES: Final = {
    "lead_stage_changed": "ProspectStage",
    "lead_owner_changed": "OwnerId",
    "lead_score_changed": "Score",
}
_IDS: Final = frozenset(("CreatedBy", "OwnerId", "ProspectID", "RelatedCompanyId"))
_NOISE: Final = frozenset(("ModifiedOn", "ModifiedBy", "ModifiedByName", "LastModifiedOn"))
"""What every change changes."""


def translate(raw: RawEvent, mapping: Mapping) -> Draft:
    """Return the draft of what happened to a lead. Raises `Undecodable`, or what msgspec raises."""
    name, kind = identity.lead(raw)
    if raw.shape == wire.LEAD:
        before, after, pointer = None, wire.decode_fields(raw.value), "$"
    else:
        change = wire.decode_change(raw.value)
        before, after, pointer = change.before, change.after, "$.After"
    kind, _, field = kind.partition(":")
    row = mapping.find(TABLE, kind)
    changed = changes(before, after)
    # A flat lead that says it changed is known by what it says; of a new one, the name and the time say enough.
    news = changed if before is not None or row.type == "lead.created" else changes({}, after)
    created = canonical_or_none(text(after, "CreatedOn", pointer), f"{pointer}.CreatedOn")
    revised = canonical_or_none(text(after, "ModifiedOn", pointer), f"{pointer}.ModifiedOn")
    data = _data(raw, row, kind, name)
    data.revised = revised
    data.times = {"created": created} if created else None
    data.change = _change(changed, field or _CHANGES.get(kind, ""))
    _people(data, after, pointer, made=row.type == "lead.created")
    _keep(data, row, after, before, changed)
    lead = name.partition("/")[0]
    time = (created if row.type == "lead.created" else None) or revised or created
    meaning = (lead, time, [(key, one_form(old), one_form(new)) for key, old, new in news])
    return Draft(row=row, subject=f"lead/{lead}", time=time, data=data, meaning=meaning, traffic=row.traffic)


def changes(before: wire.Fields | None, after: wire.Fields) -> list[tuple[str, Any, Any]]:
    """Return the fields that differ, with old and new value, sorted by name, whatever the forms of a value."""
    if before is None:
        return []
    found = []
    for key, new in after.items():
        old = before.get(key)
        if type(new) is str and old == new:  # equal texts have equal forms
            continue
        if key not in _NOISE and _form(key, old) != _form(key, new):
            found.append((key, old, new))
    for key, old in before.items():
        if key not in after and key not in _NOISE and _form(key, old):
            found.append((key, old, None))
    found.sort(key=itemgetter(0))
    return found


def _form(key: str, value: Any) -> str:
    """Return a value so that equal ones compare equal: ids, times and numbers in any form, nothing as null or empty."""
    if value is None or value == "":
        return ""
    return one_guid(value) if isinstance(value, str) and key in _IDS else one_form(value)


def _data(raw: RawEvent, row: Row, kind: str, name: str) -> Data:
    return Data(
        category=row.category,
        action=row.action,
        direction=row.direction,
        channel=row.channel,
        outcome=row.outcome,
        native=Native(provider=raw.provider, tenant=raw.tenant, resource="lead", id=name, code=kind),
        provenance=UNPUBLISHED,
    )


def _change(changed: list[tuple[str, Any, Any]], field: str) -> Change | None:
    """Return the change of one field: the one that the kind is about, else the only one."""
    chosen = [each for each in changed if each[0] == field] if field else changed
    if len(chosen) != 1:
        return None
    key, old, new = chosen[0]
    return Change(_WORDS.get(key, key), _plain(old), _plain(new))


def _plain(value: Any) -> str | None:
    return None if value is None or value == "" else value if isinstance(value, str) else str(value)


def _people(data: Data, after: wire.Fields, pointer: str, *, made: bool) -> None:
    """Name lead, owner and company, and who made or changed the lead."""
    lead = text(after, "ProspectID", pointer) or ""
    owner, account = text(after, "OwnerId", pointer), text(after, "RelatedCompanyId", pointer)
    data.refs = {"lead": one_guid(lead)}
    for entity, found in (("owner", owner), ("account", account)):
        if found and (guid := one_guid(found)):
            data.refs[entity] = guid
    who = "Created" if made else "Modified"
    data.actor = who_did(text(after, f"{who}By", pointer), text(after, f"{who}ByName", pointer))


def _keep(
    data: Data, row: Row, after: wire.Fields, before: wire.Fields | None, changed: list[tuple[str, Any, Any]]
) -> None:
    """Keep every other value of the lead, and what the changed ones were."""
    for key in ("ProspectID", "OwnerId", "RelatedCompanyId", "CreatedOn", "ModifiedOn"):
        after.pop(key, None)
    for key in ("CreatedBy", "CreatedByName") if row.type == "lead.created" else ("ModifiedBy", "ModifiedByName"):
        after.pop(key, None)
    found = content(after)
    data.fields = ({**row.fields, **found.fields} if row.fields else found.fields) or None
    extra: dict[str, Any] = dict(found.originals or {})
    if before is not None:
        extra["Changed"] = [key for key, _, _ in changed]
        was = content({key: old for key, old, _ in changed}).fields
        extra |= {"Before": was} if was else {}
    data.native.extra = extra or None
