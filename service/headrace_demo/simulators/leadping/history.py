"""What LeadPing tells of an activity: messages and calls that come forward in place, notes and changes of stage.

The facts are those of the API reference and of the vendor's OpenAPI description; every value is invented.
"""

from typing import Final, Literal, NamedTuple

from headrace_demo.simulators import history
from headrace_demo.simulators.clock import iso
from headrace_demo.simulators.history import Payload, Shape
from headrace_demo.simulators.ledger import Key, Move, Plan, mark

Generation = Literal["g1", "g3", "g4"]
"""g1 is the API reference, g3 the OpenAPI description of August 2026, g4 the vendor's client of October 2026."""


class Stage(NamedTuple):
    """A state of an activity: the word of the row, the coarse word of a detail, of a call, and what is set by it."""

    row: str
    detail: str
    milestone: str = ""
    call: str = ""


_SENT: Final = (
    Stage("Queued", "Pending", "queuedAt"),
    Stage("Sending", "InProgress", "sendingStartedAt"),
    Stage("Sent", "InProgress", "sentAt"),
    Stage("Delivered", "Completed", "deliveredAt"),
)
_LOST: Final = (*_SENT[:2], Stage("Failed", "Failed", "failedAt"))
_CALL: Final = (
    Stage("Initiated", "InProgress", "", "initiated"),
    Stage("Ringing", "InProgress", "", "ringing"),
    Stage("Active", "InProgress", "answeredAt", "in_progress"),
    Stage("Ended", "Completed", "endedAt", "completed"),
)


class Kind(NamedTuple):
    """A kind of activity, and how it comes forward."""

    type: str
    event_type: str
    direction: str | None
    stages: tuple[Stage, ...]


_KINDS: Final = (
    *[Kind("Sms", "sms.outbound", "outbound", _SENT)] * 9,
    Kind("Sms", "sms.outbound", "outbound", _LOST),
    *[Kind("Sms", "sms.inbound", "inbound", (Stage("Received", "Completed", "receivedAt"),))] * 4,
    *[Kind("Call", "call.outbound", "outbound", _CALL)] * 4,
    Kind("Note", "note.created", None, (Stage("Completed", "Completed"),)),
    Kind("Disposition", "lead.status", None, (Stage("Completed", "Completed"),)),
)
_MILESTONES: Final = (
    "queuedAt", "sendingStartedAt", "sentAt", "deliveredAt", "receivedAt", "failedAt", "undeliverableAt", "blockedAt",
    "canceledAt",
)  # fmt: skip
_UNSAID: Final = (
    "outboundPhoneNumberId", "complianceAction", "errorCode", "nextRetryAt", "scheduledFor", "scheduledReason",
    "cancelReason", "statusReason",
)  # fmt: skip


class History(history.History):
    """Activities with their rows, details and calls; `summary` of a row and of a detail has the mark."""

    provider = "leadping"

    def __init__(
        self, seed: int, events: int = 10_000, *, leads: int | None = None, shape: Shape | None = None
    ) -> None:
        if shape is not None and shape.edits >= len(_SENT):
            raise ValueError(f"an activity of this platform changes up to {len(_SENT) - 1} times")
        super().__init__(seed, events, leads=leads, shape=shape)

    def lead_id(self, number: int) -> str:
        """Return the id of a lead."""
        return f"ld_{self.digits('lead', number).hex()[:20]}"

    def id_of(self, plan: Plan) -> str:
        """Return the opaque id of an activity."""
        return f"ev_{self.digits('event', plan.number).hex()[:24]}"

    def call_id(self, plan: Plan) -> str:
        """Return the id that a call has where it has one of its own."""
        return f"ce_{self.digits('call', plan.number).hex()[:24]}"

    def key_of(self, plan: Plan) -> Key:
        """Return the key of the activity; its call is part of it."""
        return Key("activity", self.id_of(plan))

    def moves_of(self, number: int, moves: list[Move]) -> list[Move]:
        """Return no more versions than the kind has stages."""
        return moves[: len(self.kind_of(number).stages)]

    def organization(self, generation: Generation) -> str:
        """Return the id of the organization, which the oldest generation calls a business."""
        return "biz_1" if generation == "g1" else "org_1"

    def kind_of(self, number: int) -> Kind:
        """Return the kind of an activity."""
        return self.pick(number, _KINDS)

    def row(self, plan: Plan, version: int, generation: Generation = "g4", *, own_calls: bool = False) -> Payload:
        """Return an activity as a row of a list. `own_calls`: a call has an id of its own, which the row names."""
        kind, stage, values = self.kind_of(plan.number), self._stage(plan, version), self.values_of(plan.number)
        times = self._times(plan, version)
        row: Payload = dict.fromkeys((*_UNSAID, *_MILESTONES)) | {
            "id": self.id_of(plan),
            "eventType": kind.event_type,
            "eventCategory": "communication",
            "conversationId": f"cv_{plan.lead:06d}",
            "leadId": self.leads[plan.lead],
            "summary": f"{kind.type} {mark(plan.number, version)}",
            "direction": kind.direction,
            "status": stage.row,
            "fromPhoneNumberId": "pn_3",
            "fromPhoneNumber": values.phone(),
            "toPhoneNumber": values.phone(),
            "wasManuallyOverridden": False,
            "campaignId": "cmp_8",
            "sourceId": f"src_{values.rng.randrange(9)}",
            "billingStatus": "billed",
            "billableAmount": 0.0079,
            "retryCount": 0,
            "createdAt": iso(plan.created, "Z"),
            "createdBy": f"usr_{values.rng.randrange(30)}",
        }
        row |= {name: moment for name, moment in times.items() if name in _MILESTONES}
        if stage.milestone == "failedAt":
            row |= {"statusReason": "The number is not in service", "errorCode": "40010"}
        if generation != "g3":
            row["description"] = values.text(12)
        return row | self._of_generation(plan, generation, own_calls=own_calls)

    def detail(self, plan: Plan, version: int, generation: Generation = "g4") -> Payload:
        """Return the detail of an activity: with a coarse status, the user, and when it changed."""
        row, stage = self.row(plan, version, generation), self._stage(plan, version)
        values = self.values_of(plan.number)
        left_out = {"createdBy", "billableAmount", "billingStatus", "retryCount", "campaignId", "sourceId"}
        if generation == "g1":  # the detail of the reference has no milestones
            left_out |= {*_MILESTONES, "fromPhoneNumber", "toPhoneNumber", "fromPhoneNumberId", "telnyxId"}
        shown = {name: value for name, value in row.items() if name not in left_out}
        return shown | {
            "secondaryEventType": None,
            "status": stage.detail,
            "modifiedAt": iso(plan.moves[version].at, "Z"),
            "userId": row["createdBy"],
            "user": {"id": row["createdBy"], "name": values.person()},
        }

    def call(self, plan: Plan, version: int, generation: Generation = "g4", *, own_calls: bool = False) -> Payload:
        """Return the call of an activity."""
        row, stage, times = self.row(plan, version, generation), self._stage(plan, version), self._times(plan, version)
        values = self.values_of(plan.number)
        ended, organization = "endedAt" in times, self.organization(generation)
        call: Payload = {
            "id": self.call_id(plan) if own_calls else row["id"],
            "leadId": row["leadId"],
            "userId": row["createdBy"],
            "user": values.person(),
            "conversationId": row["conversationId"],
            "fromPhoneNumberId": row["fromPhoneNumberId"],
            "fromPhoneNumber": row["fromPhoneNumber"],
            "toPhoneNumber": row["toPhoneNumber"],
            "callerId": None,
            "status": stage.call,
            "statusReason": None,
            "direction": row["direction"],
            "createdAt": row["createdAt"],
            "answeredAt": times.get("answeredAt"),
            "endedAt": times.get("endedAt"),
            "duration": 61 if ended else None,
            "billableSeconds": 120 if ended else None,
            "billableAmount": 0.035 if ended else None,
            "billingStatus": "billed" if ended else None,
        }
        if generation == "g4":
            return call | {"leadName": values.person(), "organizationId": organization, "outboundSource": "manual"}
        call["recordingUrl"] = f"https://recordings.example.com/{plan.number}.mp3" if ended else None
        if generation == "g3":
            return call | {"leadName": values.person(), "organizationId": organization, "consoleEntries": []}
        return call | {"telnyxId": row["telnyxId"], "businessId": organization, "providerStatus": None, "metadata": {}}

    def _stage(self, plan: Plan, version: int) -> Stage:
        """Return the stage of a version: the last version has the last stage, those before it the stages before it."""
        stages = self.kind_of(plan.number).stages
        return stages[len(stages) - len(plan.moves) + version]

    def _times(self, plan: Plan, version: int) -> dict[str, str]:
        """Return the milestones up to a version; those without a version of their own happened at the creation."""
        stages = self.kind_of(plan.number).stages
        first = len(stages) - len(plan.moves)
        return {
            stage.milestone: iso(plan.moves[max(0, number - first)].at, "Z")
            for number, stage in enumerate(stages[: first + version + 1])
            if stage.milestone
        }

    def _of_generation(self, plan: Plan, generation: Generation, *, own_calls: bool) -> Payload:
        """Return the fields that generations name differently, or that only one of them has."""
        kind = self.kind_of(plan.number)
        if generation == "g1":
            return {
                "activityType": kind.type,
                "activityCategory": "Messaging",
                "isWarmup": False,
                "telnyxId": self.guid("telnyx", plan.number),
                "providerMessageId": f"pm_{plan.number}",
                "tenDlcCampaignId": None,
            }
        related = own_calls and kind.type == "Call"
        newest = {"actorLeadId": None, "automationRunId": None, "isDemo": False, "voicemailUrl": None}
        return {
            "timelineType": "LeadStatusChange" if kind.type == "Disposition" else kind.type,
            "timelineCategory": "Messaging",
            "trafficType": "RealLead",
            "relatedEntityType": "CallEvent" if related else None,
            "relatedEntityId": self.call_id(plan) if related else None,
            "selectionReason": "Preferred",
            "actorUserId": None,
            "actorDisplayName": None,
            "actorEmail": None,
            "media": [],
        } | (newest if generation == "g4" else {})
