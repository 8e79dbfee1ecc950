"""LeadSquared: rows of Retrieve, and webhooks."""

from typing import Any

from tests.benchmarks.payloads.invent import Invented

Payload = dict[str, Any]


def call_row(told: Invented) -> Payload:
    """Give a call as the telephony connector writes it: length and status in custom fields and in a packed note."""
    agent, seconds = told.guid(), str(told.rng.randrange(5, 900))
    return _row(told, 22, "Outbound Phone Call Activity", 3, "Outbound") | {
        "Data": _pairs(CallType="Complete", Caller=told.person(), Duration=seconds, ResourceUrl=""),
        "ActivityFields": {
            "ProspectActivityAutoId": str(900_000 + told.number),
            "Status": "Answered",
            "Owner": agent,
            "CreatedBy": agent,
            "CreatedOn": "11/20/2026 9:12:40 AM",
            "ActivityEvent_Note": _note(told, agent, seconds),
            "mx_Custom_1": "",
            "mx_Custom_2": "11/20/2026 9:12:39 AM",
            "mx_Custom_3": seconds,
        },
    }


def visit_row(told: Invented) -> Payload:
    """Give a visit of a page, which the platform itself notes: no custom fields."""
    return _row(told, 2, "Page Visited on Website", 1, "Inbound") | {
        "Data": _pairs(
            EventName="Page Visited on Website",
            NotableEventDescription=f"Visited offers/{told.rng.randrange(400)}",
            CreatedBy="System",
            HasAttachments="False",
        ),
    }


def custom_row(told: Invented) -> Payload:
    """Give an activity of a tenant's own type, with an object packed into one of its fields."""
    name = told.person()
    packed = (
        f'{{"mx_CustomObject_1":"plan-{told.number}.png","ModifiedByName":"{name}",'
        f'"ModifiedOn":"{told.moment()}","Status":""}}'
    )
    return _row(told, 164, "Site Survey", 2, "Inbound") | {
        "Data": _pairs(CreatedByName=name, EventName="Site Survey", NotableEventDescription="", HasAttachments="False"),
        "ActivityFields": {"mx_Custom_1": packed, "mx_Custom_2": told.text(6), "Status": "Active"},
    }


def call_webhook(told: Invented) -> Payload:
    """Give a call as the webhook brings it: another layout, no ModifiedOn."""
    agent, seconds, moment = told.guid(), str(told.rng.randrange(5, 900)), told.moment()
    return {
        "ProspectActivityId": told.guid(),
        "RelatedProspectId": told.guid(),
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
            "Note": _note(told, agent, seconds),
            "mx_Custom_3": seconds,
            "mx_Custom_1": "",
        },
    }


def lead_webhook(told: Invented) -> Payload:
    """Give the change of a lead's stage: the lead before and after."""
    lead: Payload = {
        "ProspectID": told.guid(),
        "ProspectAutoId": str(told.next()),
        "FirstName": told.person(),
        "EmailAddress": f"lead{told.number}@example.com",
        "Phone": told.phone(),
        "Source": "Referral Sites",
        "ProspectStage": "Prospect",
        "Score": "30",
        "OwnerId": told.guid(),
        "CreatedOn": "2026-03-02 08:00:00",
        "ModifiedOn": told.moment(),
        "mx_City": "Springfield",
        "mx_Product": told.text(3),
    }
    return {"Before": lead, "After": lead | {"ProspectStage": "Opportunity", "Score": "45"}}


def _row(told: Invented, code: int, name: str, kind: int, direction: str) -> Payload:
    told.next()
    ident = told.guid()
    return {
        "Id": ident,
        "EventCode": code,
        "EventName": name,
        "ActivityScore": 0,
        "CreatedOn": told.moment(),
        "ActivityType": kind,
        "IsEmailType": False,
        "Type": direction,
        "SessionId": ident,
        "TrackLocation": 0,
        "Latitude": 0,
        "Longitude": 0,
        "RelatedProspectId": told.guid(),
        "ModifiedOn": told.moment(later=70),
    }


def _pairs(**said: str) -> list[Payload]:
    return [{"Key": key, "Value": value} for key, value in said.items()]


def _note(told: Invented, agent: str, seconds: str) -> str:
    pairs = (
        ("Caller", told.person()),
        ("UserId", ""),
        ("UserId", agent),
        ("Duration", seconds),
        ("Status", "Answered"),
        ("CallNotes", ""),
        ("ResourceURL", ""),
        ("StartTime", "11/20/2026 9:12:40 AM"),
        ("Tag", ""),
        ("DisplayNumber", told.phone()),
        ("EventNote", ""),
        ("SourceData", ""),
    )
    return "".join(f"{key}{{=}}{value}{{next}}" for key, value in pairs)
