"""LeadSquared: rows of Retrieve, and webhooks."""

from typing import Any

from headrace_demo.payloads.invent import InventedValues

Payload = dict[str, Any]


def call_row(values: InventedValues) -> Payload:
    """Return a call as the telephony connector writes it: length and status in custom fields and in a packed note."""
    agent, seconds = values.guid(), str(values.rng.randrange(5, 900))
    return _row(values, 22, "Outbound Phone Call Activity", 3, "Outbound") | {
        "Data": _pairs(CallType="Complete", Caller=values.person(), Duration=seconds, ResourceUrl=""),
        "ActivityFields": {
            "ProspectActivityAutoId": str(900_000 + values.number),
            "Status": "Answered",
            "Owner": agent,
            "CreatedBy": agent,
            "CreatedOn": "11/20/2026 9:12:40 AM",
            "ActivityEvent_Note": _note(values, agent, seconds),
            "mx_Custom_1": "",
            "mx_Custom_2": "11/20/2026 9:12:39 AM",
            "mx_Custom_3": seconds,
        },
    }


def visit_row(values: InventedValues) -> Payload:
    """Return a visit of a page, which the platform itself notes: no custom fields."""
    return _row(values, 2, "Page Visited on Website", 1, "Inbound") | {
        "Data": _pairs(
            EventName="Page Visited on Website",
            NotableEventDescription=f"Visited offers/{values.rng.randrange(400)}",
            CreatedBy="System",
            HasAttachments="False",
        ),
    }


def custom_row(values: InventedValues) -> Payload:
    """Return an activity of a tenant's own type, with an object packed into one of its fields."""
    name = values.person()
    packed = (
        f'{{"mx_CustomObject_1":"plan-{values.number}.png","ModifiedByName":"{name}",'
        f'"ModifiedOn":"{values.moment()}","Status":""}}'
    )
    return _row(values, 164, "Site Survey", 2, "Inbound") | {
        "Data": _pairs(CreatedByName=name, EventName="Site Survey", NotableEventDescription="", HasAttachments="False"),
        "ActivityFields": {"mx_Custom_1": packed, "mx_Custom_2": values.text(6), "Status": "Active"},
    }


def call_webhook(values: InventedValues) -> Payload:
    """Return a call as the webhook brings it: another layout, no ModifiedOn."""
    agent, seconds, moment = values.guid(), str(values.rng.randrange(5, 900)), values.moment()
    return {
        "ProspectActivityId": values.guid(),
        "RelatedProspectId": values.guid(),
        "ActivityEvent": "22",
        "ActivityEventName": "Outbound Phone Call Activity",
        "ActivityType": "3",
        "CreatedBy": agent,
        "CreatedOn": moment,
        "Score": 0.0,
        "Data": {
            "Status": "Answered",
            "Owner": agent,
            "mx_Custom_2": moment,
            "Note": _note(values, agent, seconds),
            "mx_Custom_3": seconds,
            "mx_Custom_1": "",
        },
    }


def lead_webhook(values: InventedValues) -> Payload:
    """Return the change of a lead's stage: the lead before and after."""
    lead: Payload = {
        "ProspectID": values.guid(),
        "ProspectAutoId": str(values.next()),
        "FirstName": values.person(),
        "EmailAddress": f"lead{values.number}@example.com",
        "Phone": values.phone(),
        "Source": "Referral Sites",
        "ProspectStage": "Prospect",
        "Score": "30",
        "OwnerId": values.guid(),
        "CreatedOn": "2026-03-02 08:00:00",
        "ModifiedOn": values.moment(),
        "mx_City": "Springfield",
        "mx_Product": values.text(3),
    }
    return {"Before": lead, "After": lead | {"ProspectStage": "Opportunity", "Score": "45"}}


def _row(values: InventedValues, code: int, name: str, kind: int, direction: str) -> Payload:
    values.next()
    ident = values.guid()
    return {
        "Id": ident,
        "EventCode": code,
        "EventName": name,
        "ActivityScore": 0,
        "CreatedOn": values.moment(),
        "ActivityType": kind,
        "IsEmailType": False,
        "Type": direction,
        "SessionId": ident,
        "TrackLocation": 0,
        "Latitude": 0,
        "Longitude": 0,
        "RelatedProspectId": values.guid(),
        "ModifiedOn": values.moment(later=70),
    }


def _pairs(**pairs: str) -> list[Payload]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def _note(values: InventedValues, agent: str, seconds: str) -> str:
    pairs = (
        ("Caller", values.person()),
        ("UserId", ""),
        ("UserId", agent),
        ("Duration", seconds),
        ("Status", "Answered"),
        ("CallNotes", ""),
        ("ResourceURL", ""),
        ("StartTime", "11/20/2026 9:12:40 AM"),
        ("Tag", ""),
        ("DisplayNumber", values.phone()),
        ("EventNote", ""),
        ("SourceData", ""),
    )
    return "".join(f"{key}{{=}}{value}{{next}}" for key, value in pairs)
