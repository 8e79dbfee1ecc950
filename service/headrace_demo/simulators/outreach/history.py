"""What Outreach tells of an event: a name, an integer id, no change ever; some happened long before they were stored.

There is no room for marks in most events, and no need: an event has one version.
"""

from typing import Final

from headrace_demo.simulators import history
from headrace_demo.simulators.clock import iso
from headrace_demo.simulators.history import Payload
from headrace_demo.simulators.ledger import Key, Move, Plan

FIRST: Final = 1_000_000
_NAMES: Final = (
    *["outbound_message"] * 6, *["message_opened"] * 5, *["message_clicked"] * 2, *["outbound_call_completed"] * 3,
    "inbound_message", "bounced_message", "outbound_call_no_answer", "complete_task", "calendar_event_created_inbound",
    "prospect_stage_changed", "sequence_state_finished", "emails_opt_out", "mailbox_updated", "tag_created",
)  # fmt: skip
_ADMIN: Final = frozenset({"mailbox_updated", "tag_created"})
_RELATIONS: Final = ("account", "call", "mailing", "opportunity", "plugin", "prospect", "task", "user")


class History(history.History):
    """Events, as rows of the list and as single ones."""

    provider = "outreach"
    marked = False

    def lead_id(self, number: int) -> str:
        """Return the id of a prospect."""
        return str(number + 1)

    def id_of(self, plan: Plan) -> str:
        """Return the id of an event as text."""
        return str(FIRST + plan.number)

    def key_of(self, plan: Plan) -> Key:
        """Return the key of the event."""
        return Key("event", self.id_of(plan))

    def moves_of(self, number: int, moves: list[Move]) -> list[Move]:  # noqa: ARG002  (all alike)
        """Return one version."""
        return moves[:1]

    def name_of(self, plan: Plan) -> str:
        """Return the name of an event."""
        return self.pick(plan.number, _NAMES)

    def happened(self, plan: Plan) -> float:
        """Return eventAt: of one event in twenty it is up to three days before createdAt."""
        return plan.created - plan.number * 7919 % (3 * 86_400) if plan.number % 20 == 0 else plan.created

    def mailing_of(self, plan: Plan) -> int | None:
        """Return the mailing that an event is about."""
        return 40_000 + plan.number if "message" in self.name_of(plan) else None

    def row(self, plan: Plan, root: str) -> Payload:
        """Return an event as a row; `root` is where its link begins."""
        name, values, mailing = self.name_of(plan), self.values_of(plan.number), self.mailing_of(plan)
        call = name.startswith("outbound_call")
        by_prospect = name in {"message_opened", "message_clicked"}
        ident = FIRST + plan.number
        payload = {"from": values.phone(), "to": values.phone(), "callDispositionName": "Connected"} if call else None
        related: dict[str, int | None] = dict.fromkeys(_RELATIONS) | {
            "user": 1 + values.rng.randrange(9),
            "prospect": None if name in _ADMIN else plan.lead + 1,
            "call": 70_000 + plan.number if call else None,
            "task": 90_000 + plan.number if name == "complete_task" else None,
            "mailing": mailing,
        }
        return {
            "type": "event",
            "id": ident,
            "attributes": {
                "body": None,
                "createdAt": iso(plan.created),
                "eventAt": iso(self.happened(plan)),
                "externalUrl": None,
                "mailingId": mailing,
                "name": name,
                "payload": payload,
                "requestCity": "Lakeside" if by_prospect else None,
                "requestDevice": "desktop" if by_prospect else None,
                "requestHost": "mail.example.net" if by_prospect else None,
                "requestProxied": by_prospect and plan.number % 3 == 0,
                "requestRegion": "Ohio" if by_prospect else None,
            },
            "relationships": {
                kind: {"data": {"type": kind, "id": other} if other is not None else None}
                for kind, other in related.items()
            },
            "links": {"self": f"{root}/api/v2/events/{ident}"},
        }
