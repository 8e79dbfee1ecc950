"""LeadSquared's activities in the shapes of its reads and of its webhooks; Retrieve has a field that no other has.

Calls, visits of pages, an activity of the account's own, changes of stage, opportunities with their mirrors. The mark
of a version stands where people write: in the note, or in the comment or description of what the platform notes itself.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from headrace_demo.simulators import history
from headrace_demo.simulators.clock import iso
from headrace_demo.simulators.history import Payload
from headrace_demo.simulators.ledger import Key, Move, Plan, mark

MIRROR: Final = 3011


class Kind(NamedTuple):
    """A type of activity: `own` fields can be edited, what the platform notes itself cannot."""

    code: int
    name: str
    type: int
    direction: str
    own: bool


CALL: Final = Kind(22, "Outbound Phone Call Activity", 3, "Outbound", own=True)
ANSWERED: Final = Kind(21, "Inbound Phone Call Activity", 3, "Inbound", own=True)
CUSTOM: Final = Kind(203, "Site Survey", 2, "Inbound", own=True)
OPPORTUNITY: Final = Kind(12000, "Opportunity", 2, "Inbound", own=True)
VISIT: Final = Kind(2, "Page Visited on Website", 1, "Inbound", own=False)
STAGE: Final = Kind(3002, "Stage Change", 26, "Information", own=False)
KINDS: Final = (CALL, ANSWERED, CUSTOM, OPPORTUNITY, VISIT, STAGE)
_WEIGHTED: Final = (*[CALL] * 6, *[ANSWERED] * 2, *[CUSTOM] * 4, OPPORTUNITY, *[VISIT] * 4, *[STAGE] * 2)


class History(history.History):
    """Activities as rows of each read; the same in webhooks."""

    provider = "leadsquared"

    def lead_id(self, number: int) -> str:
        """Return the id of a lead."""
        return self.guid("lead", number)

    def id_of(self, plan: Plan) -> str:
        """Return the GUID of an activity; an opportunity's mirror has the same."""
        return self.guid("activity", plan.number)

    def key_of(self, plan: Plan) -> Key:
        """Return the key of the activity."""
        return Key("activity", self.id_of(plan))

    def moves_of(self, number: int, moves: list[Move]) -> list[Move]:
        """Return one version of what cannot be edited."""
        return moves if self.kind_of(number).own else moves[:1]

    def kind_of(self, number: int) -> Kind:
        """Return the type of an activity."""
        return self.pick(number, _WEIGHTED)

    def modified(self, plan: Plan, version: int) -> float:
        """Return ModifiedOn; of some activities it is, at first, before CreatedOn, as on the API's own page."""
        at = plan.moves[version].at
        return at - 3600 if version == 0 and plan.number % 50 == 0 else at

    def row(self, plan: Plan, version: int, *, mirror: bool = False) -> Payload:
        """Return an activity as a row of Retrieve; `mirror` is the second row of an opportunity."""
        kind, ident = self.kind_of(plan.number), self.id_of(plan)
        fields = {} if mirror else self.fields(plan, version)
        row: Payload = {
            "Id": ident,
            "EventCode": MIRROR if mirror else kind.code,
            "EventName": kind.name,
            "ActivityScore": 0,
            "CreatedOn": spaced(plan.created),
            "ActivityType": kind.type,
            "IsEmailType": False,
            "Type": kind.direction,
            "SessionId": ident,
            "TrackLocation": 0,
            "Latitude": 0,
            "Longitude": 0,
            "RelatedProspectId": self.leads[plan.lead],
            "Data": [] if mirror else self.data(plan, version),
        }
        if fields:
            row["ActivityFields"] = fields | {
                "Campaign": f"Campaign {plan.number % 5}",
                "ProspectActivityAutoId": 500_000 + plan.number,
                "CreatedBy": self._agent(plan),
                "CreatedOn": american(plan.created),
            }
        return row | {"ModifiedOn": spaced(self.modified(plan, version))}

    def flat_row(self, plan: Plan, version: int) -> Payload:
        """Return an activity as a row of RetrieveByActivityEvent."""
        kind = self.kind_of(plan.number)
        values = self.values_of(plan.number)
        fields = self.fields(plan, version) or {"ActivityEvent_Note": mark(plan.number, version)}
        return {
            "ProspectActivityId": self.id_of(plan),
            "RelatedProspectId": self.leads[plan.lead],
            "ActivityType": str(kind.type),
            "ActivityEvent": str(kind.code),
            "CreatedBy": self._agent(plan),
            "CreatedByName": values.person(),
            "CreatedByEmailAddress": f"agent{plan.lead}@example.com",
            "CreatedOn": spaced(plan.created),
            "ModifiedOn": spaced(self.modified(plan, version)),
        } | fields

    def modified_row(self, plan: Plan, version: int, *, fields: bool) -> Payload:
        """Return an activity as a row of RetrieveRecentlyModified, with or without the custom fields."""
        row = self.row(plan, version)
        row.pop("ActivityFields", None)
        pairs = self.fields(plan, version) if fields else {}
        return row | {"Fields": [{"Key": key, "Value": value} for key, value in pairs.items()]}

    def item(self, plan: Plan, version: int, *, modified: bool = False) -> Payload:
        """Return an activity as an item of a webhook; `modified` adds ModifiedOn, which creations do not carry."""
        kind = self.kind_of(plan.number)
        fields = self.fields(plan, version)
        note = fields.pop("ActivityEvent_Note", mark(plan.number, version))
        item: Payload = {
            "ProspectActivityId": self.id_of(plan),
            "RelatedProspectId": self.leads[plan.lead],
            "ActivityEvent": str(kind.code),
            "ActivityEventName": kind.name,
            "ActivityType": str(kind.type),
            "CreatedBy": self._agent(plan),
            "CreatedOn": spaced(plan.created),
            "Score": 0.0,
            "Data": fields | {"Note": note},
        }
        return item | ({"ModifiedOn": spaced(self.modified(plan, version))} if modified else {})

    def lead(self, lead: str, modified: float) -> Payload:
        """Return a lead as a row of Leads.RecentlyModified."""
        number = self.leads.index(lead)
        attributes = {
            "ProspectID": lead,
            "ProspectAutoId": str(70_000 + number),
            "ModifiedOn": iso(modified, ".000").replace("T", " "),
            "ProspectStage": "Prospect",
        }
        return {"LeadPropertyList": [{"Attribute": name, "Value": value} for name, value in attributes.items()]}

    def fields(self, plan: Plan, version: int) -> Payload:
        """Return the custom fields, the note among them; none of what the platform notes itself."""
        kind, values = self.kind_of(plan.number), self.values_of(plan.number)
        note = mark(plan.number, version)
        if kind in (CALL, ANSWERED):
            seconds = str(values.rng.randrange(5, 900))
            call = {
                "Caller": values.person(),
                "UserId": "",
                "Duration": seconds,
                "Status": "Answered",
                "CallNotes": note,
            }
            return {
                "Status": "Answered",
                "Owner": self._agent(plan),
                "ActivityEvent_Note": "".join(f"{key}{{=}}{value}{{next}}" for key, value in call.items()),
                "mx_Custom_1": "",
                "mx_Custom_2": spaced(plan.created),
                "mx_Custom_3": seconds,
            }
        if kind == CUSTOM:
            packed = f'{{"mx_CustomObject_1":"plan-{plan.number}.png","Status":""}}'
            return {
                "Status": "Active",
                "ActivityEvent_Note": note,
                "mx_Custom_1": packed,
                "mx_Custom_2": values.text(4),
            }
        if kind == OPPORTUNITY:
            return {"Status": "Open", "Owner": self._agent(plan), "ActivityEvent_Note": note}
        return {}

    def data(self, plan: Plan, version: int) -> list[Payload]:
        """Return the pairs beside the fields."""
        kind, values, note = self.kind_of(plan.number), self.values_of(plan.number), mark(plan.number, version)
        pairs = {"CreatedByName": values.person()}
        if kind == STAGE:
            pairs = {"PreviousStage": "Fresh", "CurrentStage": "Engaged", "CreatedBy": values.person(), "Comment": note}
        elif kind == VISIT:
            pairs = {"CreatedBy": "System", "NotableEventDescription": note, "HasAttachments": "False"}
        return [{"Key": key, "Value": value} for key, value in pairs.items()]

    def _agent(self, plan: Plan) -> str:
        return self.guid("agent", plan.lead % 20)


def spaced(moment: float) -> str:
    """Return a time as rows have it: UTC, no zone."""
    return iso(moment, "").replace("T", " ")


def american(moment: float) -> str:
    """Return a time as custom fields have it: the month first, a twelve-hour clock."""
    at = datetime.fromtimestamp(moment, UTC)
    return f"{at.month}/{at.day}/{at.year} {at.hour % 12 or 12}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"
