"""The name of a record: one activity has one id in all four shapes; what has no id of its own gets a composed one.

- `activity/<guid>`, version ModifiedOn in microseconds, `unknown` where the shape lacks it. `<guid>/3011` for the
  mirror of another activity, `<guid>/deleted` for an opportunity that a webhook says is gone: both would else be taken
  for a version of the activity.
- `activity/<lead>/<code>/<digest>` for what an automation posts without the activity's id: its content names it.
- `lead/<guid>/<kind>[:<field>]/<ModifiedOn in microseconds>`: lead webhooks carry no event id. Two changes in one
  second have one name, so the version is `unknown` and the meaning keeps them apart.
- `lead/<guid>/lead_created`: what happens once is named without a time, since ModifiedOn moves on.
- `task/<guid>`, version ModifiedOn; `<guid>/created`, `<guid>/due` and `<guid>/deleted` are facts of their own.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from headrace.core.mapping import fold
from headrace.core.problems import bad_value
from headrace.providers.leadsquared import cut, wire
from headrace.providers.leadsquared.guids import one_guid
from headrace.providers.leadsquared.times import micros, one_form, one_word
from headrace.sdk.provider import Identity, RawEvent, Version

MIRROR: Final = "3011"
DELETED: Final = "opportunity_deleted"
_KINDS: Final = {bool: "true or false", dict: "an object", list: "an array"}
_ONCE: Final = ("lead_created", "lead_deleted")
_AT_ONCE: Final = 60_000_000
"""Microseconds by which CreatedOn and ModifiedOn of what was just made may differ."""
_sorted: Final = msgspec.json.Encoder(order="sorted").encode
_TASK_IDS: Final = ("UserTaskId", "TaskId", "TaskID")


def identity(raw: RawEvent) -> Identity:
    """Return the name and version of a record. Raises `Undecodable`, or what msgspec raises."""
    match raw.shape:
        case wire.LEAD_ACTIVITY | wire.MODIFIED_ACTIVITY:
            row = wire.decode_activity_key(raw.value)
            return _activity(row.id, "$.Id", row.event_code, row.modified_on, raw.hint)
        case wire.CODE_ACTIVITY | wire.WEBHOOK_ACTIVITY:
            item = wire.decode_item_key(raw.value)
            return _activity(
                item.prospect_activity_id, "$.ProspectActivityId", item.activity_event, item.modified_on, raw.hint
            )
        case wire.AUTOMATION_ACTIVITY:
            return Identity("activity", automation_id(raw.value), None)
        case wire.LEAD | wire.LEAD_CHANGE:
            name, kind = lead(raw)
            return Identity("lead", name, None if kind in _ONCE else "unknown")
        case wire.TASK | wire.TASK_CHANGE:
            return task_identity(raw)
        case _:
            raise cut.refuse(raw.value)


def guid(text: str, pointer: str) -> str:
    """Return an id in its one form. Raises `Undecodable` where it is empty."""
    found = one_guid(text)
    if not found:
        raise bad_value(pointer, "an id is never empty")
    return found


def lead(raw: RawEvent) -> tuple[str, str]:
    """Return the name of what happened to a lead, and its kind. Raises `Undecodable`, or what msgspec raises."""
    if raw.shape == wire.LEAD:
        key = wire.decode_lead_key(raw.value)
        kind = raw.hint or ("lead_created" if is_new(key.created_on, key.modified_on, "$") else "lead_updated")
        return _change_id(key, kind, "$"), kind
    change = wire.decode_change_key(raw.value)
    kind = raw.hint or kind_of(change)
    return _change_id(change.after, kind, "$.After"), kind


def automation_id(value: bytes) -> str:
    """Return `<lead>/<code>/<digest>` of what an automation posts. Raises `Undecodable`, or what msgspec raises."""
    key = wire.decode_automation(value)
    name = guid(key.prospect_id or key.related_prospect_id or "", "$.ProspectID")
    carried = {each: one_form(found) for each, found in wire.decode_fields(value).items() if found not in (None, "")}
    carried |= {each: one_word(found) for each, found in carried.items() if each == "Status"}
    carried |= {each: one_guid(found) for each, found in carried.items() if each in {"ProspectID", "RelatedProspectId"}}
    return f"{name}/{key.activity_event}/{hashlib.blake2b(_sorted(carried), digest_size=8).hexdigest()}"


def is_new(created: str | None, modified: str | None, pointer: str) -> bool:
    """Return whether a record was just made: its times agree within a minute. Raises `Undecodable`."""
    made, changed = micros(created, f"{pointer}.CreatedOn"), micros(modified, f"{pointer}.ModifiedOn")
    return made is not None and changed is not None and abs(changed - made) <= _AT_ONCE


def is_new_deal(created: str | None, modified: str | None) -> bool:
    """Return whether an opportunity was just made: a minute may pass until it is seen; its webhook says no ModifiedOn.

    ModifiedOn may lie before CreatedOn, an edit never does. Raises `Undecodable`.
    """
    made, changed = micros(created, "$.CreatedOn"), micros(modified, "$.ModifiedOn")
    return made is not None and (changed is None or changed - made <= _AT_ONCE)


def kind_of(change: wire.LeadChangeKey) -> str:
    """Return the kind of a lead's change by what differs, where the webhook's URL does not say it."""
    before, after = change.before, change.after
    if before is None:
        return "lead_updated"
    if _differs(before.prospect_stage, after.prospect_stage):
        return "lead_stage_changed"
    if _differs(before.owner_id, after.owner_id, _owner):
        return "lead_owner_changed"
    if _differs(before.score, after.score):
        return "lead_score_changed"
    return "lead_updated"


def task(raw: RawEvent) -> tuple[wire.Fields, wire.Fields | None, str]:
    """Return the values of a task, those before where they are there, and the pointer of the values."""
    if raw.shape == wire.TASK:
        return wire.decode_fields(raw.value), None, "$"
    change = wire.decode_change(raw.value)
    return change.after, change.before, "$.After"


def task_identity(raw: RawEvent) -> Identity:
    """Return the name and version of a task, or of what happened to it."""
    values, _, pointer = task(raw)
    for key in _TASK_IDS:
        if key in values:
            break
    else:
        raise bad_value(f"{pointer}.{_TASK_IDS[0]}", "a task has a UserTaskId, TaskId or TaskID")
    name = guid(text(values, key, pointer) or "", f"{pointer}.{key}")
    if task_kind(raw, values, pointer) == "task_created":
        return Identity("task", f"{name}/created", None)
    if raw.hint == "task_due":
        return Identity("task", f"{name}/due", "unknown")
    if raw.hint == "task_deleted":
        return Identity("task", f"{name}/deleted", None)
    return Identity("task", name, _version(text(values, "ModifiedOn", pointer), f"{pointer}.ModifiedOn"))


def task_kind(raw: RawEvent, values: wire.Fields, pointer: str) -> str:
    """Return what happened to a task: what the webhook's URL says, else what status and times do.

    Reminders and deletions do not show. Raises `Undecodable`.
    """
    if raw.hint:
        return raw.hint
    status = text(values, "StatusCode", pointer) or text(values, "Status", pointer)
    if status is not None and fold(status) in {"1", "completed"}:
        return "task_completed"
    created, modified = (text(values, key, pointer) for key in ("CreatedOn", "ModifiedOn"))
    return "task_created" if raw.shape == wire.TASK and is_new(created, modified, pointer) else "task_updated"


def text(values: wire.Fields, key: str, pointer: str) -> str | None:
    """Return a value of an open object as text, None where there is none. Raises `Undecodable` for any other type."""
    found: Any = values.get(key)
    if type(found) is str:
        return found or None
    if found is None:
        return None
    if isinstance(found, int | float) and not isinstance(found, bool):
        return str(found)
    raise bad_value(f"{pointer}.{key}", f"this is {_KINDS[type(found)]}, where a text belongs")


def _activity(ident: str, pointer: str, code: int | str, modified: str | None, hint: str) -> Identity:
    name = guid(ident, pointer)
    if str(code) == MIRROR:
        return Identity("activity", f"{name}/{MIRROR}", _version(modified, "$.ModifiedOn"))
    if hint == DELETED:
        return Identity("activity", f"{name}/deleted", None)
    return Identity("activity", name, _version(modified, "$.ModifiedOn"))


def _change_id(key: wire.LeadKey, kind: str, pointer: str) -> str:
    name = guid(key.prospect_id, f"{pointer}.ProspectID")
    if kind in _ONCE:
        return f"{name}/{kind}"
    at = micros(key.modified_on, f"{pointer}.ModifiedOn") or micros(key.created_on, f"{pointer}.CreatedOn")
    return f"{name}/{kind}/{at}" if at else f"{name}/{kind}"


def _version(modified: str | None, pointer: str) -> Version:
    at = micros(modified, pointer)
    return "unknown" if at is None or at <= 0 else at


def _owner(found: Any) -> Any:
    return one_form(one_guid(found) if isinstance(found, str) else found)


def _differs(before: Any, after: Any, form: Callable[[Any], Any] = one_form) -> bool:
    if type(before) is str and before == after:
        return False
    old = "" if before is None or before == "" else form(before)
    new = "" if after is None or after == "" else form(after)
    return bool(old != new)
