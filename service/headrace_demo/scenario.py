"""The scenario: what three providers send within a minute, and what must become of it.

Every step is a body as the provider would send it and the fates that it must have, one per record in it. Names,
numbers and texts are invented.
"""

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any] | list[Any] | bytes


@dataclass(frozen=True)
class Expected:
    """What one record must become: its fate, and the type where it is published."""

    fate: str
    type: str = ""


@dataclass(frozen=True)
class Step:
    """One body of a provider: a page or row of its API or, with `hook`, a webhook.

    With `appears` the simulated platform comes to that time first, and what appears is polled; the body may be empty.
    """

    provider: str
    resource: str
    body: Body
    expected: list[Expected] = field(default_factory=list)
    """What must become of each record in it."""
    hook: bool = False
    tenant: str = "acme"
    appears: float = 0.0

    @property
    def payload(self) -> bytes:
        """The bytes to hand in."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


OVERLAY = """\
# What this tenant's own activity codes mean.
[[row]]
code = "203"
name = "WhatsApp Message"
type = "message.received"
direction = "inbound"
channel = "whatsapp"
lift = { mx_Custom_1 = "text", mx_Custom_2 = "fields.campaign" }
"""

DUPLICATE, UNCHANGED, STALE, NOOP, MIRROR, NUDGED, DEAD = (
    Expected(fate) for fate in ("duplicate", "unchanged", "stale", "noop", "mirror", "nudged", "dead")
)


def published(type_: str) -> Expected:
    """Return the expectation of an event of this type."""
    return Expected("published", type_)


def scripted(rng: random.Random) -> Iterator[Step]:
    """Yield the scripted part, where every kind of thing happens once."""
    yield from _leadsquared(rng)
    yield from _leadping(rng)
    yield from _outreach(rng)


def outage(rng: random.Random) -> Iterator[Step]:
    """Yield what comes in during an outage of Kafka: a webhook of each provider, and one of them again."""
    lead = _guid(rng)
    call = {
        "ProspectActivityId": _guid(rng), "RelatedProspectId": lead, "ActivityEvent": "21", "ActivityType": "3",
        "CreatedBy": _guid(rng), "CreatedOn": "2026-11-20 11:15:00",
        "Data": {"Status": "Missed", "mx_Custom_2": "2026-11-20 11:15:00", "mx_Custom_3": "0"},
    }  # fmt: skip
    yield Step("leadsquared", "activity", [call], [published("call.unanswered")], hook=True)
    reply = {**_sms("ev_2003", "ld_77", delivered=False), "direction": "inbound", "status": "Received",
             "description": "Thursday is fine", "sentAt": None, "receivedAt": "2026-11-20T11:16:02Z"}  # fmt: skip
    yield Step("leadping", "activity", {"event": reply}, [published("message.received")], hook=True)
    bounced = {
        "data": {"type": "mailing", "id": 42},
        "meta": {"deliveredAt": "2026-11-20T03:17:00.000-08:00", "eventName": "mailing.bounced"},
    }
    yield Step("outreach", "mailing", bounced, [published("email.bounced")], hook=True)
    yield Step("leadsquared", "activity", [call], [DUPLICATE], hook=True)


def crowd(rng: random.Random, number: int) -> Step:
    """Return one page of ordinary traffic: some events of one provider, one of them twice."""
    size = rng.randint(2, 4)
    match number % 3:
        case 0:
            names = {
                "message_opened": "email.opened",
                "outbound_message": "email.sent",
                "complete_task": "task.completed",
            }
            chosen = [rng.choice(list(names)) for _ in range(size)]
            rows = [_event(90_000 + number * 10 + i, name, rng.randint(2, 9)) for i, name in enumerate(chosen)]
            return Step(
                "outreach", "event", {"data": [*rows, rows[0]]}, [published(names[n]) for n in chosen] + [DUPLICATE]
            )
        case 1:
            codes = {2: "web.page_viewed", 1: "email.clicked", 23: "lead.captured"}
            chosen_codes = [rng.choice(list(codes)) for _ in range(size)]
            acts = [
                _activity(_guid(rng), code, _guid(rng), f"12:{number % 60:02d}:{i:02d}")
                for i, code in enumerate(chosen_codes)
            ]
            page = {"RecordCount": size, "ProspectActivities": [*acts, acts[0]]}
            return Step("leadsquared", "activity", page, [published(codes[c]) for c in chosen_codes] + [DUPLICATE])
        case _:
            messages = [_sms(f"ev_{number}_{i}", f"ld_{rng.randint(10, 40)}", delivered=True) for i in range(size)]
            return Step(
                "leadping",
                "activity",
                {"items": [*messages, messages[0]], "continuationToken": None},
                [published("message.delivered")] * size + [DUPLICATE],
            )


def _leadsquared(rng: random.Random) -> Iterator[Step]:
    lead, call, user = _guid(rng), _guid(rng), _guid(rng)
    hook = {
        "ProspectActivityId": call, "RelatedProspectId": lead, "ActivityEvent": "22", "ActivityType": "3",
        "ActivityEventName": "Outbound Phone Call Activity", "CreatedBy": user, "CreatedOn": "2026-11-20 10:15:00",
        "Data": {"Status": "Answered", "Owner": user, "mx_Custom_2": "2026-11-20 10:15:00", "mx_Custom_3": "95"},
    }  # fmt: skip
    whatsapp = {
        "ProspectActivityId": _guid(rng), "RelatedProspectId": lead, "ActivityEvent": "203", "CreatedBy": user,
        "ActivityEventName": "WhatsApp Message", "CreatedOn": "2026-11-20 10:18:30",
        "Data": {"Status": "Active", "Owner": user, "mx_Custom_1": "Is Thursday fine?", "mx_Custom_2": "Autumn"},
    }  # fmt: skip
    yield Step(
        "leadsquared", "activity", [hook, whatsapp], [published("call.completed"), published("message.received")],
        hook=True,
    )  # fmt: skip
    yield Step("leadsquared", "activity", [hook], [DUPLICATE], hook=True)
    stage = _activity(_guid(rng), 3002, lead, "10:20:00", name="Stage Change")
    stage["Data"] = [{"Key": "PreviousStage", "Value": "New"}, {"Key": "CurrentStage", "Value": "Qualified"}]
    unmapped = _activity(_guid(rng), 350, lead, "10:21:00", name="Contract Countersigned")
    custom = _activity(_guid(rng), 211, lead, "10:22:00", name="Site Survey")
    deal = _activity(_guid(rng), 12000, lead, "10:23:00", name="Opportunity")
    mirror = {**deal, "EventCode": 3011, "EventName": "Mirror"}
    rows = [stage, unmapped, custom, deal, mirror]
    yield Step(
        "leadsquared", "activity", {"RecordCount": 5, "ProspectActivities": rows},
        [published("lead.stage_changed"), published("unmapped"), published("custom.logged"),
         published("opportunity.created"), MIRROR],
    )  # fmt: skip
    broken = _activity(_guid(rng), 2, lead, "10:24:00")
    yield Step(
        "leadsquared", "activity",
        {"RecordCount": 2, "ProspectActivities": [{**broken, "CreatedOn": "yesterday"}, broken]},
        [DEAD, published("web.page_viewed")],
    )  # fmt: skip
    edited = {**deal, "ModifiedOn": "2026-11-20 11:05:00", "ActivityFields": {"Status": "Won"}}
    yield Step(
        "leadsquared",
        "activity",
        {"RecordCount": 1, "ProspectActivities": [edited]},
        [published("opportunity.updated")],
    )
    yield Step("leadsquared", "activity", {"RecordCount": 1, "ProspectActivities": [deal]}, [STALE])


def _leadping(_: random.Random) -> Iterator[Step]:
    sent = _sms("ev_2001", "ld_77", delivered=False)
    delivered = _sms("ev_2001", "ld_77", delivered=True)
    yield Step("leadping", "activity", {"event": sent}, [published("message.sent")], hook=True)
    yield Step(
        "leadping", "activity", {"items": [delivered], "continuationToken": None}, [published("message.delivered")]
    )
    call = {
        "id": "ce_310", "leadId": "ld_77", "userId": "usr_4", "user": "Priya Nair", "status": "completed",
        "direction": "outbound", "fromPhoneNumber": "+12025550110", "toPhoneNumber": "+12025550168",
        "createdAt": "2026-11-20T10:30:00Z", "answeredAt": "2026-11-20T10:30:09Z", "endedAt": "2026-11-20T10:34:51Z",
        "billableSeconds": "300", "billableAmount": "0.0350", "billingStatus": "billed",
    }  # fmt: skip
    yield Step("leadping", "call", call, [published("call.completed")])
    yield Step("leadping", "activity", b'{"items": [{"id": "ev_2002", "activityType": "Sms", ', [DEAD])


def _outreach(_: random.Random) -> Iterator[Step]:
    events = [
        _event(70_001, "outbound_message", 5),
        _event(70_002, "message_opened", 5, requestProxied=True, requestCity="Council Bluffs"),
        _event(70_003, "message_opened_sender", 5),
        _event(70_004, "inbound_message", 5),
        _event(70_005, "deal_room_visited", 5),
        _event(70_006, "calendly:meeting_booked", 5),
    ]
    types = ("email.sent", "email.opened", "email.opened", "email.received", "unmapped", "custom.logged")
    yield Step("outreach", "event", {"data": events}, [published(t) for t in types])
    yield Step("outreach", "event", {"data": events[:3]}, [DUPLICATE] * 3)
    delivered: dict[str, Any] = {
        "data": {"type": "mailing", "id": 41},
        "meta": {"deliveredAt": "2026-11-20T03:02:09.120-08:00", "eventName": "mailing.delivered"},
    }
    yield Step("outreach", "mailing", delivered, [published("email.delivered")], hook=True)
    again = {**delivered, "meta": {**delivered["meta"], "deliveredAt": "2026-11-20T03:02:10.310-08:00"}}
    yield Step("outreach", "mailing", again, [DUPLICATE], hook=True)
    nothing = {"data": {"type": "prospect", "id": 5, "attributes": {}, "relationships": {}},
               "meta": {"deliveredAt": "2026-11-20T03:02:11.000-08:00", "eventName": "prospect.updated"}}  # fmt: skip
    yield Step("outreach", "prospect", nothing, [NOOP], hook=True)


def _activity(guid: str, code: int, lead: str, clock: str, name: str = "") -> dict[str, Any]:
    moment = f"2026-11-20 {clock}"
    return {
        "Id": guid, "EventCode": code, "EventName": name or f"Activity {code}", "ActivityScore": 0, "CreatedOn": moment,
        "ActivityType": 2, "IsEmailType": False, "Type": "Information", "SessionId": guid, "RelatedProspectId": lead,
        "Data": [{"Key": "CreatedByName", "Value": "Priya Nair"}], "ActivityFields": {"Status": "Active"},
        "ModifiedOn": moment,
    }  # fmt: skip


def _sms(id_: str, lead: str, *, delivered: bool) -> dict[str, Any]:
    row = {
        "id": id_, "activityType": "Sms", "eventType": "sms.outbound", "status": "Completed" if delivered else "Sent",
        "direction": "outbound", "leadId": lead, "conversationId": "cv_8", "summary": "SMS to lead",
        "description": "See you on Thursday", "fromPhoneNumber": "+12025550110", "toPhoneNumber": "+12025550168",
        "isWarmup": False, "createdAt": "2026-11-20T10:40:00Z", "queuedAt": "2026-11-20T10:40:01Z",
        "sentAt": "2026-11-20T10:40:02Z", "deliveredAt": None, "createdBy": "usr_4",
    }  # fmt: skip
    return {**row, "deliveredAt": "2026-11-20T10:40:06Z"} if delivered else row


def _event(number: int, name: str, prospect: int, **more: Any) -> dict[str, Any]:
    attributes = {
        "name": name, "eventAt": "2026-11-20T11:02:03.000Z", "createdAt": "2026-11-20T11:02:04.000Z", "body": None,
        "payload": None, "mailingId": None, "requestProxied": False, **more,
    }  # fmt: skip
    related = {"prospect": {"data": {"type": "prospect", "id": prospect}}, "user": {"data": {"type": "user", "id": 3}}}
    return {"type": "event", "id": number, "attributes": attributes, "relationships": related}


def _guid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
