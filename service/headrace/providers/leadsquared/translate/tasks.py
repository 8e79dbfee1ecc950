"""Translate task webhooks. Their body is not documented; the fields are those of the API's task reads.

https://apidocs.leadsquared.com/retrieve-tasks/
"""

from typing import Any, Final

from headrace.core.mapping import Mapping, Row
from headrace.providers.leadsquared.guids import one_guid
from headrace.providers.leadsquared.identity import task, task_identity, task_kind, text
from headrace.providers.leadsquared.times import canonical_or_none, one_word
from headrace.providers.leadsquared.translate.custom_fields import content
from headrace.providers.leadsquared.translate.people import who_did
from headrace.providers.leadsquared.wire import TABLE, Fields
from headrace.sdk.provider import UNPUBLISHED, Draft, RawEvent
from headrace_events import Actor, Data, Native

_TIMES: Final = {"created": "CreatedOn", "scheduled": "DueDate", "ended": "CompletedOn"}
_RELATED: Final = {"1": "lead", "5": "opportunity"}
"""RelatedEntity: what RelatedEntityId is the id of; 0 is nothing."""
_LEAD: Final = ("LeadId", "RelatedProspectId", "ProspectID")
_TAKEN: Final = (
    "UserTaskId",
    "TaskId",
    "TaskID",
    "Name",
    "Description",
    "RelatedEntity",
    "RelatedEntityId",
    *_LEAD,
    "OwnerId",
    "OwnerID",
    "ModifiedOn",
    "StatusCode",
    "Status",
    *_TIMES.values(),
)
_WHO: Final = {
    "task.created": ("CreatedBy", "CreatedByName"),
    "task.updated": ("ModifiedBy", "ModifiedByName"),
    "task.completed": ("ModifiedBy", "ModifiedByName"),
}
_WHEN: Final = {
    "task.created": ("created",),
    "task.completed": ("ended", "revised"),
    "task.due": ("scheduled",),
    "task.updated": ("revised",),
    "task.deleted": ("revised",),
}


def translate(raw: RawEvent, mapping: Mapping) -> Draft:
    """Return the draft of a task. Raises `Undecodable`, or what msgspec raises."""
    name = task_identity(raw).id.partition("/")[0]
    values, before, pointer = task(raw)
    status = text(values, "StatusCode", pointer) or text(values, "Status", pointer)
    times = {
        key: time
        for key, native in _TIMES.items()
        if (time := canonical_or_none(text(values, native, pointer), f"{pointer}.{native}")) is not None
    }
    revised = canonical_or_none(text(values, "ModifiedOn", pointer), f"{pointer}.ModifiedOn")
    kind = task_kind(raw, values, pointer)
    row = mapping.find(TABLE, kind)
    refs = _refs(values, pointer)
    data = Data(
        category=row.category,
        action=row.action,
        direction=row.direction,
        channel=row.channel,
        outcome=row.outcome,
        revised=revised,
        refs={**refs, "task": name},
        times=times or None,
        title=text(values, "Name", pointer),
        text=text(values, "Description", pointer),
        native=Native(provider=raw.provider, tenant=raw.tenant, resource="task", id=name, code=kind, status=status),
        provenance=UNPUBLISHED,
    )
    data.actor = _actor(row, values, pointer)
    meaning = (tuple(sorted(refs.items())), times.get("scheduled"), data.title, data.text, one_word(status))
    _keep(data, row, values, before)
    return Draft(
        row=row,
        subject=_subject(refs, name),
        time=_when(row, times, revised),
        data=data,
        meaning=meaning,
        traffic=row.traffic,
    )


def _refs(values: Fields, pointer: str) -> dict[str, str]:
    refs: dict[str, str] = {}
    related = _RELATED.get(text(values, "RelatedEntity", pointer) or "")
    entity = text(values, "RelatedEntityId", pointer)
    if related and entity and (guid := one_guid(entity)):
        refs[related] = guid
    for key in _LEAD:
        lead = text(values, key, pointer)
        if lead and (guid := one_guid(lead)):
            refs.setdefault("lead", guid)
    owner = text(values, "OwnerId", pointer) or text(values, "OwnerID", pointer)
    if owner and (guid := one_guid(owner)):
        refs["owner"] = guid
    return refs


def _actor(row: Row, values: Fields, pointer: str) -> Actor | None:
    """Return who made or changed the task: id and name, as far as they are there."""
    keys = _WHO.get(row.type)
    return who_did(*(text(values, key, pointer) for key in keys)) if keys else None


def _subject(refs: dict[str, str], name: str) -> str:
    for entity in ("lead", "opportunity"):
        if entity in refs:
            return f"{entity}/{refs[entity]}"
    return f"task/{name}"


def _when(row: Row, times: dict[str, str], revised: str | None) -> str | None:
    """Return when it happened: the milestone that the type names, else the last change, else the creation."""
    milestones = {**times, "revised": revised}
    for key in (*_WHEN.get(row.type, ()), "revised", "created"):
        if milestones.get(key):
            return milestones[key]
    return None


def _keep(data: Data, row: Row, values: Fields, before: Fields | None) -> None:
    """Keep every other value of the task, and what it was before."""
    extra: dict[str, Any] = {}
    if before is not None:
        old = {key: value for key, value in before.items() if value != values.get(key)}
        was = content(old).fields
        extra |= {"Before": was} if was else {}
    for key in (*_TAKEN, *_WHO.get(row.type, ())):
        values.pop(key, None)
    found = content(values)
    data.fields = {**row.fields, **found.fields} or None
    extra |= found.originals or {}
    data.native.extra = extra or None
