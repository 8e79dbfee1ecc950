"""LeadPing for the contract suite: signatures, and the same state as row, detail, bundle and webhook."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import headrace.providers.leadping as home
from headrace.core.mapping import Mapping
from headrace.core.mapping_file import build, read
from headrace.providers.leadping import provider
from headrace.providers.leadping.cut import automation
from headrace.providers.leadping.settings import LeadPingSettings
from headrace.providers.leadping.webhook import sign
from headrace.sdk.provider import Piece, RawEvent
from headrace_events import Via
from tests.providers.kit import RECEIVED, TENANT, Kit, Rendering, Twin

FOLDER = Path(home.__file__).parent
SECRET = "whsec_" + base64.b64encode(b"a key that signs nothing but samples").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"the key before the rotation of keys").decode()


def table() -> Mapping:
    """Read the built-in table, without a look at other providers."""
    return build(read((FOLDER / "mapping.toml").read_text("utf-8"), "leadping/mapping.toml", provider.tables))


def signed(headers: dict[str, str], body: bytes) -> dict[str, str]:
    """Sign as LeadPing does; a body without an id of its run gets one."""
    run, timestamp = headers.get("webhook-id", "run-action-1"), str(RECEIVED // 1000)
    signatures = f"v1a,ignored v1,AAAA {sign(SECRET, run, timestamp, body)}"
    return headers | {"webhook-id": run, "webhook-timestamp": timestamp, "webhook-signature": signatures}


def raw_of(shape: str, record: Any, via: Via = Via.POLL, received: int = RECEIVED) -> RawEvent:
    """Make the raw event of a record."""
    return RawEvent(
        provider=provider.name,
        tenant=TENANT,
        shape=shape,
        value=json.dumps(record).encode(),
        via=via,
        received=received,
    )


def rendered(record: Any, *, via: Via = Via.POLL, resource: str | None = None) -> Rendering:
    """Render a record as the poller or a file brings it."""
    (piece,) = provider.cut(json.dumps(record).encode(), resource)
    return Rendering(piece, via)


def delivered(body: Any, pointer: str | None = "/event") -> Rendering:
    """Render what a webhook brings."""
    (piece,) = automation(json.dumps(body).encode(), pointer)
    return Rendering(Piece(piece.shape, piece.value, "run-1" if piece.shape == "automation" else ""), Via.WEBHOOK)


def row(**fields: Any) -> dict[str, Any]:
    """Make a list row of the newest generation, nulls left in."""
    empty = dict.fromkeys(("queuedAt", "sendingStartedAt", "sentAt", "deliveredAt", "failedAt", "scheduledFor"))
    return {
        "id": "act-9001",
        "eventType": "message.outbound",
        "timelineType": "Sms",
        "leadId": "lead-9",
        "direction": "outbound",
        "summary": "A reminder",
        "createdAt": "2026-09-01T08:00:00Z",
        "retryCount": 0,
        **empty,
        **fields,
    }


def detail(of: dict[str, Any], status: str, **fields: Any) -> dict[str, Any]:
    """Make the detail beside a row: its own coarse status, a user, a time of change."""
    shared = {name: value for name, value in of.items() if name != "retryCount"}
    user = {"user": {"id": "user-9", "name": "Ines Okafor"}, "userId": "user-9", "modifiedAt": "2026-09-01T08:59:00Z"}
    return shared | user | {"status": status} | fields


def bundle(of: dict[str, Any] | None, beside: dict[str, Any] | None = None, call: Any = None) -> dict[str, Any]:
    """Make a bundle."""
    return {"row": of, "detail": beside, "call": call}


def message() -> Twin:
    """Return a message from the queue to the lead."""
    queued = row(status="Queued", queuedAt="2026-09-01T08:00:01Z")
    sending = row(status="Sending", queuedAt="2026-09-01T08:00:01Z", sendingStartedAt="2026-09-01T08:00:01Z")
    sent = sending | {"status": "Sent", "sentAt": "2026-09-01T08:00:02Z"}
    there = sent | {"status": "Delivered", "deliveredAt": "2026-09-01T08:00:04Z"}
    versions = [
        [
            rendered(queued),
            rendered(detail(queued, "Pending")),
            rendered(bundle(queued)),
            rendered(bundle(queued, detail(queued, "Pending"))),
            rendered(bundle(None, detail(queued, "Pending"))),
            delivered({"event": queued}),
        ],
        [
            rendered(sending),
            rendered(detail(sending, "InProgress")),
            rendered(bundle(None, detail(sending, "InProgress"))),
        ],
        [
            rendered(sent),
            rendered(detail(sent, "Completed")),
            rendered(bundle(sent)),
            rendered(bundle(sent, detail(sent, "Completed"))),
            delivered({"event": sent}),
        ],
        [
            rendered(there),
            rendered(detail(there, "Completed")),
            rendered(bundle(there)),
            rendered(bundle(there, detail(there, "Completed"))),
            rendered(bundle(None, detail(there, "Completed"))),
            delivered({"event": there}),
        ],
    ]
    return Twin("a message", versions)


def retried() -> Twin:
    """Return a message that failed, and was sent again."""
    failed = row(status="Failed", failedAt="2026-09-01T08:00:05Z", nextRetryAt="2026-09-01T08:05:00Z")
    again = failed | {"status": "Sent", "sentAt": "2026-09-01T08:05:01Z", "nextRetryAt": None, "retryCount": 1}
    return Twin(
        "a message that failed once",
        [
            [rendered(failed), rendered(bundle(failed, detail(failed, "Failed")))],
            [rendered(again), rendered(detail(again, "Completed")), rendered(bundle(again))],
        ],
    )


def note() -> Twin:
    """Return a note, which has neither milestones nor a time of change, and an edit of it."""
    first = row(timelineType="Note", eventType="note.added", status="Completed", direction=None)
    edited = first | {"summary": "A reminder, edited"}
    return Twin(
        "a note",
        [
            [
                rendered(bundle(first)),
                rendered(bundle(first, detail(first, "Completed"))),
            ],
            [rendered(bundle(edited)), rendered(bundle(edited, detail(edited, "Completed")))],
        ],
    )


def voice() -> Twin:
    """Return a call whose record moves on while the row says little."""
    ringing = row(timelineType="Call", eventType="call.outbound", status="Ringing")
    over = ringing | {"status": "Ended"}
    call = {
        "id": "call-9",
        "callerId": None,
        "leadId": "lead-9",
        "direction": "outbound",
        "createdAt": "2026-09-01T08:00:00Z",
    }
    ended = call | {"status": "completed", "answeredAt": "2026-09-01T08:00:09Z", "endedAt": "2026-09-01T08:01:09Z"}
    billed = ended | {"billableSeconds": 60, "billableAmount": 0.01, "billingStatus": "charged"}
    return Twin(
        "a call and its bill",
        [
            [
                rendered(ringing),
                delivered({"event": ringing}),
                rendered(bundle(ringing, None, call | {"status": "ringing"})),
                rendered(bundle(None, detail(ringing, "InProgress"), call | {"status": "ringing"})),
            ],
            [rendered(bundle(over, None, ended)), rendered(bundle(over, detail(over, "Completed"), ended))],
            [rendered(bundle(over, None, billed)), rendered(bundle(over, detail(over, "Completed"), billed))],
        ],
    )


def lone_call() -> Twin:
    """Return a call by its own resource."""
    call = {"id": "call-9", "callerId": None, "leadId": "lead-9", "createdAt": "2026-09-01T08:00:00Z"}
    answered = call | {"status": "in_progress", "answeredAt": "2026-09-01T08:00:09Z"}
    ended = answered | {"status": "completed", "endedAt": "2026-09-01T08:01:09Z", "duration": "60"}
    return Twin(
        "a call alone",
        [
            [rendered(call | {"status": "queued"}), rendered({"items": [call | {"status": "queued"}]})],
            [rendered(answered), delivered({"event": answered})],
            [
                rendered(ended),
                rendered(ended | {"duration": 60}),
                rendered(ended | {"recordingUrl": "https://voice.example/9"}),
            ],
        ],
    )


def partial() -> Twin:
    """Return an event by a template that leaves all times out: each new meaning is news, no copy is."""
    event = {"id": "act-9002", "timelineType": "Sms", "leadId": "lead-9"}
    sent, there = event | {"status": "Sent"}, event | {"status": "Delivered"}
    return Twin(
        "an event without times",
        [
            [delivered({"event": sent}), delivered({"event": [sent]}), delivered(sent, "")],
            [delivered({"event": there}), delivered({"event": there, "run": 2})],
        ],
    )


def twins() -> Sequence[Twin]:
    """Return the facts that come in several renderings."""
    sms = row(status="delivered", text="Hi", isAutomated=True, deliveredAt="2026-09-01T08:00:04Z")
    sms = {name: value for name, value in sms.items() if name not in ("timelineType", "eventType")}
    free = {"type": "lead.hot", "leadId": "lead-9"}
    return [
        message(),
        retried(),
        note(),
        voice(),
        lone_call(),
        partial(),
        Twin("a row of the SMS lists", [[rendered(sms), rendered({"items": [sms]}), rendered(sms, resource="sms")]]),
        Twin("an automation without an event", [[delivered(free), delivered(free | {"attempt": 2})]]),
    ]


kit = Kit(
    settings=LeadPingSettings(webhook_secrets=[OLD_SECRET, SECRET]),
    sign=signed,
    not_payloads=("openapi-*.json",),  # descriptions of the API
    twins=twins,
    credentials={"api_key": "sk_invented"},
)
