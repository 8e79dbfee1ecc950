"""Cut a body into records: pages of three reads, webhook batches, single objects. The bytes stay as they came."""

from collections.abc import Iterator

from msgspec import UNSET, Raw, UnsetType

from headrace.core.problems import Problem, Source, Undecodable
from headrace.providers.leadsquared import wire
from headrace.sdk.array_items import array_items
from headrace.sdk.json_structure import UNCUTTABLE, decoded_once, open_object, without_bom
from headrace.sdk.provider import UNREADABLE, Piece


def cut(body: bytes, resource: str | None = None, hint: str = "") -> Iterator[Piece]:
    """Cut a body; `hint` is the kind that its webhook has, `resource` names what no shape shows. Never raises."""
    body = decoded_once(without_bom(body))
    try:
        if body.lstrip()[:1] == b"[":
            for item in array_items(body):
                yield _single(item, resource, hint)
            return
        probe = open_object(wire.probe, body)
        activities, rows = _rows(probe.prospect_activities), _rows(probe.rows)
    except UNCUTTABLE:
        yield Piece(UNREADABLE, body)
        return
    if activities is not None:
        yield from (Piece(_row_shape(row), row) for row in activities)
    elif rows is not None:
        yield from (Piece(wire.CODE_ACTIVITY, row) for row in rows)
    elif probe.prospect_activities is UNSET and probe.rows is UNSET:
        yield Piece(_shape(probe, body, resource), body, hint)


def refuse(value: bytes) -> Undecodable:
    """Return why a body could not be cut. Raises what msgspec raises where it is not JSON."""
    wire.decode_raw(value)
    probe = wire.probe.decode(value)
    detail = "neither a page of activities, nor an activity, lead or task"
    if isinstance(probe.data, Raw) or probe.id is not UNSET:
        detail += ": an activity has Id and EventCode, or ProspectActivityId and ActivityEvent"
    return Undecodable(Problem("unknown_shape", "The payload is nothing that we know", detail, Source(pointer="$")))


def _single(body: bytes, resource: str | None, hint: str) -> Piece:
    body = decoded_once(body)
    try:
        return Piece(_shape(open_object(wire.probe, body), body, resource), body, hint)
    except UNCUTTABLE:
        return Piece(UNREADABLE, body)


def _rows(page: Raw | UnsetType) -> Iterator[bytes] | None:
    """Return the rows of a page, None where there is none. Raises what msgspec raises where it is no array."""
    return None if page is UNSET or bytes(page) == b"null" else array_items(bytes(page))


def _row_shape(row: bytes) -> str:
    """Return which of two reads a row is of: a quote inside a string is escaped, so the key cannot be found in one."""
    return wire.MODIFIED_ACTIVITY if b'"Fields"' in row else wire.LEAD_ACTIVITY


def _shape(probe: wire.Probe, body: bytes, resource: str | None) -> str:
    """Return the shape of a single object."""
    if probe.prospect_activity_id is not UNSET and probe.activity_event is not UNSET:
        # A flat row has no Data; in a webhook it holds the custom fields.
        return wire.CODE_ACTIVITY if probe.data is UNSET and b'"ModifiedOn"' in body else wire.WEBHOOK_ACTIVITY
    if probe.id is not UNSET and probe.event_code is not UNSET:
        return wire.MODIFIED_ACTIVITY if b'"Fields"' in body else wire.LEAD_ACTIVITY
    if isinstance(probe.after, Raw):
        return _change_shape(bytes(probe.after), resource)
    if _is_task(probe):
        return wire.TASK
    return _lead_shape(probe, resource)


def _lead_shape(probe: wire.Probe, resource: str | None) -> str:
    """Return the shape of what names a lead at most: with a code it is an activity, never a lead."""
    if probe.activity_event is not UNSET and (probe.prospect_id is not UNSET or probe.related_prospect_id is not UNSET):
        return wire.AUTOMATION_ACTIVITY
    if probe.prospect_id is not UNSET:
        return wire.LEAD
    return wire.TASK if resource == "task" else wire.LEAD if resource == "lead" else UNREADABLE


def _change_shape(after: bytes, resource: str | None) -> str:
    try:
        if _is_task(open_object(wire.probe, after)):
            return wire.TASK_CHANGE
    except UNCUTTABLE:
        return wire.LEAD_CHANGE  # its decoder will say what is wrong, and where
    return wire.TASK_CHANGE if resource == "task" else wire.LEAD_CHANGE


def _is_task(probe: wire.Probe) -> bool:
    return any(key is not UNSET for key in (probe.user_task_id, probe.task_id, probe.task_id_in_capitals))
