"""The three platforms as senders of webhooks: invented deliveries in real shapes, signed as each of them signs.

    sender = senders.make("leadsquared", tenant="acme", seed=7)
    config = senders.toml(sender)                  # [tenants.leadsquared.acme] with its secret
    for sending in islice(sender.stream(), 100):
        async with http.post(url + sending.path, data=sending.body, headers=sending.headers()) as answer: ...
        wanted |= sending.facts                    # after a 2xx
    ...
    found = [senders.fact_of(event) for event in events]   # of the committed records of `events`

A `Sending` is one delivery. Sent twice, it is the platform's retry: same body, signed anew where the platform does so.
Each of its `facts` is one event that must be published, once, whatever the order and however often it is sent, with
`polling` off and the built-in tables. No fact is in two sendings of one sender, nor in those of another seed.
`sending_of` returns a genuine sending of any bytes; `hidden` lists what may appear nowhere but on the wire.

Signatures are computed here, without code of the service: that both agree is a test of it.
"""

import base64
import calendar
import hashlib
import hmac
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from headrace_demo.payloads import leadping, leadsquared, outreach
from headrace_demo.payloads.invent import InventedValues
from headrace_events import Event

Payload = dict[str, Any]

_ROOM: Final = 10_000_000
"""Numbers that one seed may use up."""


class Fact(NamedTuple):
    """Identity of one event: the CloudEvents source, the native resource and id (without the version)."""

    source: str
    resource: str
    id: str


def fact_of(event: Event) -> Fact:
    """Return the fact of a published event."""
    return Fact(event.source, event.data.native.resource, event.data.native.id)


@dataclass(frozen=True)
class Sending:
    """One delivery of a sender, to be sent by POST; `query` is what its URL says, `extra` are headers of its own."""

    sender: "Sender" = field(repr=False)
    body: bytes
    facts: frozenset[Fact] = frozenset()
    query: str = ""
    run: str = ""
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """The path and query of the webhook's URL."""
        return self.sender.path + (f"?{self.query}" if self.query else "")

    def headers(self, now: float | None = None) -> dict[str, str]:
        """Return the headers of one attempt, signed at `now` (seconds since the epoch, by default this moment)."""
        return dict(self.extra) | self.sender.signed(self, time.time() if now is None else now)


class Sender(ABC):
    """One account at a platform. `secret` signs; a receiver may know several (`secrets`) while they are rotated."""

    provider: str

    def __init__(self, tenant: str = "acme", seed: int = 0, secret: str | None = None) -> None:
        self.tenant: Final = tenant
        self.values: Final = InventedValues(seed, seed * _ROOM)
        self.secret = secret if secret is not None else self.invent_secret(f"{self.provider}/{tenant}/{seed}")

    @property
    def source(self) -> str:
        """The CloudEvents source of what is sent."""
        return f"/{self.provider}/{self.tenant}"

    @property
    def path(self) -> str:
        """The path of the webhook's URL."""
        return f"/webhooks/{self.provider}/{self.tenant}"

    @property
    def hidden(self) -> Sequence[str]:
        """What must be found in no log, metric, answer, raw header, event or dead letter."""
        return (self.secret,)

    def stream(self) -> Iterator[Sending]:
        """Yield deliveries without end, of all kinds in turn."""
        while True:
            yield from self.round()

    def sending_of(self, body: bytes, query: str = "") -> Sending:
        """Return a genuine delivery of any bytes."""
        return Sending(self, body, query=query, run=f"run-{self.values.next()}")

    def fact(self, resource: str, ident: object) -> Fact:
        """Return a fact of this account."""
        return Fact(self.source, resource, str(ident))

    @staticmethod
    @abstractmethod
    def invent_secret(of: str) -> str:
        """Return a secret of the form that the platform issues."""

    @abstractmethod
    def round(self) -> Iterator[Sending]:
        """Yield one delivery of every kind."""

    @abstractmethod
    def signed(self, sending: Sending, now: float) -> dict[str, str]:
        """Return the headers that the platform sends."""


class LeadPing(Sender):
    """Automations' webhooks: an event in the template, several, and a free form; Standard Webhooks signatures."""

    provider = "leadping"

    @staticmethod
    def invent_secret(of: str) -> str:
        """`whsec_` and the base64 of a key."""
        return "whsec_" + base64.b64encode(hashlib.sha256(of.encode()).digest()).decode()

    def round(self) -> Iterator[Sending]:
        """Yield a message, two of them in one delivery, a call, and what has no event in it."""
        yield self._events([leadping.message(self.values)], alone=True)
        yield self._events([leadping.message(self.values), leadping.message(self.values)])
        yield self._events([leadping.call_bundle(self.values)["row"]], alone=True)
        run = f"run-{self.values.next()}"
        free = {"type": "lead.hot", "leadId": f"ld_{self.values.rng.randrange(50_000)}", "note": self.values.text(9)}
        yield Sending(self, _json(free), frozenset({self.fact("automation", run)}), run=run)

    def signed(self, sending: Sending, now: float) -> dict[str, str]:
        """Sign id, time and body; the time is that of the attempt."""
        timestamp = str(int(now))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = hmac.digest(key, f"{sending.run}.{timestamp}.".encode() + sending.body, "sha256")
        return {
            "Content-Type": "application/json",
            "User-Agent": "LeadPing-Webhooks",
            "webhook-id": sending.run,
            "webhook-timestamp": timestamp,
            "webhook-signature": "v1," + base64.b64encode(signed).decode(),
        }

    def _events(self, rows: list[Payload], *, alone: bool = False) -> Sending:
        facts = frozenset(self.fact("activity", row["id"]) for row in rows)
        body = {"automation": "Tell Headrace", "event": rows[0] if alone else rows}
        return Sending(self, _json(body), facts, run=f"run-{self.values.next()}")


class LeadSquared(Sender):
    """Activities in per-minute arrays, changes of leads, tasks; a static secret in a header."""

    provider = "leadsquared"
    header: str = "X-Headrace-Secret"

    @staticmethod
    def invent_secret(of: str) -> str:
        """Make a word that nobody guesses."""
        return hashlib.sha256(of.encode()).hexdigest()

    def round(self) -> Iterator[Sending]:
        """Yield an array of activities, a stage, a lead's update and a task."""
        calls = [leadsquared.call_webhook(self.values) for _ in range(self.values.rng.randint(1, 5))]
        yield Sending(
            self, _json(calls), frozenset(self.fact("activity", call["ProspectActivityId"]) for call in calls)
        )
        yield self.stage()
        task = self._task()
        yield Sending(self, _json(task), frozenset({self.fact("task", task["UserTaskId"])}), "kind=task_created")

    def stage(self) -> Sending:
        """Return the change of a lead's stage: a nudge where the account is polled."""
        change = leadsquared.lead_webhook(self.values)
        lead = change["After"]["ProspectID"]
        changed = _micros(change["After"]["ModifiedOn"])
        fact = self.fact("lead", f"{lead}/lead_stage_changed/{changed}")
        return Sending(self, _json(change), frozenset({fact}), "kind=lead_stage_changed")

    def check(self) -> Sending:
        """Return the check of a new webhook: no body, no secret; sent as HEAD, GET or POST."""
        return Sending(_Unsigned(self.tenant), b"")

    def signed(self, sending: Sending, now: float) -> dict[str, str]:  # noqa: ARG002  (it signs nothing)
        """Send the secret as it is."""
        return {"Content-Type": "application/json; charset=utf-8", self.header: self.secret}

    def _task(self) -> Payload:
        self.values.next()
        made = self.values.moment() + ".000"
        return {
            "UserTaskId": self.values.guid(), "Name": "Call back", "Category": 1, "Description": self.values.text(5),
            "RelatedEntity": 1, "RelatedEntityId": self.values.guid(), "DueDate": "2026-12-05 09:00:00.000",
            "Reminder": 15, "NotifyBy": "1000", "StatusCode": 0, "OwnerId": self.values.guid(),
            "OwnerName": self.values.person(), "CreatedBy": self.values.guid(), "CreatedByName": self.values.person(),
            "CreatedOn": made, "ModifiedBy": self.values.guid(), "ModifiedOn": made, "CompletedOn": "",
        }  # fmt: skip


class _Unsigned(LeadSquared):
    def signed(self, sending: Sending, now: float) -> dict[str, str]:  # noqa: ARG002  (there is nothing to sign)
        """Send nothing."""
        return {}


class Outreach(Sender):
    """Webhooks of records: made, changed, and bare actions; hex HMAC of the body."""

    provider = "outreach"
    cleanup = "cleanup-token-that-nobody-may-keep"

    @staticmethod
    def invent_secret(of: str) -> str:
        """Make a word that nobody guesses."""
        return hashlib.sha256(of.encode()).hexdigest()

    @property
    def hidden(self) -> Sequence[str]:
        """The secret, and the token that every delivery carries."""
        return (self.secret, self.cleanup)

    def round(self) -> Iterator[Sending]:
        """Yield a mailing made, opened and delivered, and a call."""
        made = outreach.webhook(self.values)
        yield self._hook(made, f"{made['data']['id']}/created")
        yield self.opened()
        yield self.action("mailing", "delivered")
        call = self.values.next()
        attributes = {
            "createdAt": self.values.moment("T", ".000Z"), "updatedAt": self.values.moment("T", ".000Z", 250),
            "direction": "outbound", "from": self.values.phone(), "to": self.values.phone(), "outcome": "Answered",
            "state": "completed", "note": self.values.text(6), "answeredAt": self.values.moment("T", ".000Z", 4),
            "completedAt": self.values.moment("T", ".500Z", 240), "voicemailRecordingUrl": None, "tags": ["warm"],
        }  # fmt: skip
        data = {"type": "call", "id": call, "attributes": attributes, "relationships": self._related()}
        yield self._hook({"data": data, "meta": self._meta("call.created")}, f"{call}/created")

    def opened(self) -> Sending:
        """Return an open of a mailing: a nudge where the account is polled."""
        return self.action("mailing", "opened")

    def action(self, resource: str, action: str) -> Sending:
        """Return a bare action: nothing but type and id."""
        number = self.values.next()
        body = {"data": {"type": resource, "id": number}, "meta": self._meta(f"{resource}.{action}")}
        return self._hook(body, f"{number}/{action}")

    def signed(self, sending: Sending, now: float) -> dict[str, str]:  # noqa: ARG002  (no time is signed)
        """Sign the body: lower-case hex, no prefix."""
        return {
            "Content-Type": "application/vnd.api+json",
            "User-Agent": "Ruby",
            "Outreach-Webhook-Id": "12",
            "Outreach-Org-Id": "8f14e45f-ceea-467f-9d2b-3c1e6b0f4a77",
            "Outreach-Webhook-Cleanup-Token": self.cleanup,
            "Outreach-Webhook-Signature": hmac.digest(self.secret.encode(), sending.body, "sha256").hex(),
        }

    def _hook(self, body: Payload, ident: str) -> Sending:
        extra = (("Outreach-Webhook-Event-Id", self.values.guid()),)
        return Sending(self, _json(body), frozenset({self.fact(body["data"]["type"], ident)}), extra=extra)

    def _meta(self, name: str) -> Payload:
        return {"deliveredAt": self.values.moment("T", ".207-08:00"), "eventName": name, "jobId": self.values.guid()}

    def _related(self) -> Payload:
        return {name: {"type": name, "id": self.values.rng.randrange(1, 50_000)} for name in ("prospect", "user")}


SENDERS: Final[dict[str, type[Sender]]] = {kind.provider: kind for kind in (LeadPing, LeadSquared, Outreach)}


def make(provider: str, tenant: str = "acme", seed: int = 0, secret: str | None = None) -> Sender:
    """Make the sender of an account."""
    return SENDERS[provider](tenant, seed, secret)


def toml(*senders: Sender, **more: object) -> str:
    """Configure the accounts of senders; `more` are further keys of each tenant (`polling=True`)."""
    tables = []
    for sender in senders:
        keys = {"webhook_secrets": [sender.secret], **more}
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        tables.append("\n".join([f"[tenants.{sender.provider}.{sender.tenant}]", *lines, ""]))
    return "\n".join(tables)


def query(**parameters: str) -> str:
    """Return a query string."""
    return urlencode(parameters)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _micros(moment: str) -> int:
    """Read `2026-11-20 10:00:00`, UTC, as microseconds since the epoch."""
    return calendar.timegm(time.strptime(moment, "%Y-%m-%d %H:%M:%S")) * 1_000_000
