"""The same facts in every shape that tells them. Values are written once, each shape puts them where it has them."""

import json
from collections.abc import Sequence
from typing import Any

from headrace.providers.leadsquared import wire
from headrace.sdk.provider import Piece
from headrace_events import Via
from tests.providers.kit import Rendering, Twin

LEAD = "6f1f3a10-5c1e-4b7a-9d43-1f0f6b2ad001"
USER = "0d9c1b2a-3e4f-11f0-9a11-0242ac120003"
CREATED = "2026-03-02 08:15:30"


def rendering(shape: str, via: Via, body: dict[str, Any], hint: str = "") -> Rendering:
    """Write a record down as one shape of it came in."""
    return Rendering(Piece(shape, json.dumps(body).encode(), hint), via)


def packed(status: str, seconds: int, start: str) -> str:
    """Write a call's note, its first UserId empty."""
    return (
        f"Caller{{=}}Nora Sample{{next}}UserId{{=}}{{next}}UserId{{=}}{USER}{{next}}Duration{{=}}{seconds}{{next}}"
        f"Status{{=}}{status}{{next}}CallNotes{{=}}{{next}}StartTime{{=}}{start}{{next}}SourceData{{=}}{{next}}"
    )


def lead_row(number: int, code: int, fields: dict[str, Any] | None, modified: str, **more: Any) -> Rendering:
    """Write a row of Retrieve."""
    body = {
        "Id": f"{number:08X}-4a10-11f1-8f00-0242ac120010",
        "EventCode": code,
        "EventName": "A name",
        "ActivityScore": 3,
        "CreatedOn": CREATED,
        "ActivityType": 2,
        "Type": "Inbound",
        "RelatedProspectId": LEAD,
        "Data": [{"Key": "CreatedByName", "Value": "Nora Sample"}],
        "ModifiedOn": modified,
    } | more
    return rendering(wire.LEAD_ACTIVITY, Via.POLL, body | ({"ActivityFields": fields} if fields is not None else {}))


def modified_row(number: int, code: int, fields: dict[str, Any], modified: str) -> Rendering:
    """Write a row of RetrieveRecentlyModified."""
    body = {
        "Id": f"{number:08x}-4a10-11f1-8f00-0242ac120010",
        "EventCode": str(code),
        "EventName": "A name",
        "CreatedOn": CREATED,
        "RelatedProspectId": LEAD,
        "Fields": [{"Key": key, "Value": value} for key, value in fields.items()],
        "Data": [{"Key": "Caller", "Value": "Nora Sample"}],
        "ModifiedOn": modified,
    }
    return rendering(wire.MODIFIED_ACTIVITY, Via.POLL, body)


def code_row(number: int, code: int, fields: dict[str, Any], modified: str) -> Rendering:
    """Write a row of RetrieveByActivityEvent: flat, no name of the code."""
    body = {
        "ProspectActivityId": f"{number:08x}-4a10-11f1-8f00-0242ac120010",
        "RelatedProspectId": LEAD.upper(),
        "ActivityType": "2",
        "ActivityEvent": str(code),
        "CreatedByName": "Nora Sample",
        "CreatedByEmailAddress": "nora@example.com",
        "CreatedOn": CREATED,
        "ModifiedOn": modified,
    }
    return rendering(wire.CODE_ACTIVITY, Via.POLL, body | fields)


def item(number: int, code: int, fields: dict[str, Any], *, note: str = "", hint: str = "", **more: Any) -> Rendering:
    """Write an item of a webhook: empty fields are there, ModifiedOn and the name are not."""
    body = {
        "ProspectActivityId": f"{number:08x}-4a10-11f1-8f00-0242ac120010",
        "RelatedProspectId": LEAD,
        "ActivityEvent": str(code),
        "ActivityType": "2",
        "CreatedBy": USER,
        "CreatedOn": CREATED,
        "Score": 3.0,
        "Data": {"mx_Custom_1": "", "mx_Custom_8": None, **fields} | ({"Note": note} if note else {}),
    } | more
    return rendering(wire.WEBHOOK_ACTIVITY, Via.WEBHOOK, body, hint)


def call(status: str, seconds: int, modified: str, *, webhook: bool) -> list[Rendering]:
    """Return a call in all four shapes; the start is written in two forms, the number as text and not."""
    note = packed(status, seconds, "3/2/2026 8:13:55 AM")
    fields = {"Status": status, "Owner": USER, "mx_Custom_3": str(seconds)}
    american = {**fields, "mx_Custom_2": "3/2/2026 8:13:55 AM", "ActivityEvent_Note": note}
    polled = [
        lead_row(2, 22, {**american, "CreatedBy": USER, "ProspectActivityAutoId": "77"}, modified),
        code_row(2, 22, {**american, "mx_Custom_4": "https://rec.example.net/2.mp3"}, modified),
        modified_row(2, 22, {**american, "mx_Custom_3": seconds}, modified),
    ]
    plain = {**fields, "mx_Custom_2": "2026-03-02 08:13:55"}
    return [item(2, 22, plain, note=note), *polled] if webhook else polled


def custom(state: str, note: str, modified: str, *, webhook: bool) -> list[Rendering]:
    """Return an activity of the account's own with a custom object; Retrieve has the note among the pairs of Data."""
    inner = json.dumps({"mx_CustomObject_1": "roof.png", "ModifiedOn": "2026-03-02 08:20:11", "Status": ""})
    fields = {"Status": state, "Owner": USER, "mx_Custom_1": inner, "mx_Custom_2": "3/2/2026 12:00:00 AM"}
    pairs = [{"Key": "NotableEventDescription", "Value": note}, {"Key": "HasAttachments", "Value": "False"}]
    polled = [
        lead_row(1, 171, fields, modified, Data=pairs),
        code_row(1, 171, {**fields, "mx_Custom_2": "2026-03-02 00:00:00", "ActivityEvent_Note": note}, modified),
        modified_row(1, 171, {**fields, "ActivityEvent_Note": note}, modified),
    ]
    return [item(1, 171, {**fields, "mx_Custom_8": ""}, note=note), *polled] if webhook else polled


def deal(status: str, modified: str, hint: str) -> list[Rendering]:
    """Return an opportunity's creation or change."""
    fields = {"Status": status, "Owner": USER, "mx_Custom_1": "12 kW"}
    return [
        item(7, 12000, fields, hint=hint),
        lead_row(7, 12000, fields, modified),
        code_row(7, 12000, fields, modified),
        modified_row(7, 12000, fields, modified),
    ]


def stage(old: str, new: str, modified: str) -> list[Rendering]:
    """Return a lead's change of stage, as two deliveries of one webhook do."""
    lead = {"ProspectID": LEAD, "OwnerId": USER, "CreatedOn": CREATED}
    body = {
        "Before": {**lead, "ProspectStage": old, "ModifiedOn": CREATED},
        "After": {**lead, "ProspectStage": new, "ModifiedOn": modified},
    }
    return [
        rendering(wire.LEAD_CHANGE, Via.WEBHOOK, body),
        rendering(wire.LEAD_CHANGE, Via.WEBHOOK, body, "lead_stage_changed"),
    ]


def task(status: int, modified: str, kind: str) -> list[Rendering]:
    """Return a task's state, its kind said and not said."""
    body = {
        "UserTaskId": "5d4c3b2a-1900-4e8f-8a7b-000000000006",
        "Name": "Call back",
        "RelatedEntity": "1",
        "RelatedEntityId": LEAD,
        "StatusCode": status,
        "CreatedOn": f"{CREATED}.000",
        "ModifiedOn": modified,
    }
    return [rendering(wire.TASK, Via.WEBHOOK, body, hint) for hint in ("", kind)]


def twins() -> Sequence[Twin]:
    """Return the twins of every resource."""
    later, latest = "2026-03-02 09:00:00", "2026-03-02 09:00:01"
    calls = [
        call("NotAnswered", 0, CREATED, webhook=True),
        call("Answered", 64, later, webhook=False),
        call("Answered", 65, latest, webhook=True),
    ]
    notes = [
        custom("Active", "roof measured", CREATED, webhook=True),
        custom("Active", "roof measured again", later, webhook=True),
    ]
    still = [notes[0], custom("Active", "roof measured", later, webhook=False)]
    return [
        Twin("a call, edited twice", calls),
        Twin("a custom activity, its note edited", notes),
        Twin("a custom activity, modified but the same", still, published=1),
        Twin("an opportunity", [deal("Open", CREATED, ""), deal("Won", later, "opportunity_updated")]),
        Twin("a stage, back in one second", [stage("New", "Qualified", later), stage("Qualified", "New", later)]),
        Twin("a task", [task(0, f"{CREATED}.000", "task_created"), task(1, later, "task_completed")]),
    ]
