"""Outreach for the contract suite: signatures, API answers that are no events, and facts that come twice."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import headrace.providers.outreach as home
from headrace.core.mapping import Entry
from headrace.core.mapping_file import read
from headrace.providers.outreach import provider
from headrace.providers.outreach.settings import OutreachSettings
from headrace.providers.outreach.webhook import SIGNATURE, sign
from headrace.sdk.provider import Piece
from headrace_events import Via
from tests.providers.kit import Kit, Rendering, Twin

SECRET = "samples-secret"  # noqa: S105  (it signs samples)

FOLDER = Path(home.__file__).parent


def entries() -> list[Entry]:
    """Read the built-in table, without a look at other providers."""
    return read((FOLDER / "mapping.toml").read_text("utf-8"), "outreach/mapping.toml", provider.tables)


def signed(headers: dict[str, str], body: bytes) -> dict[str, str]:
    """Sign as Outreach does."""
    return headers | {SIGNATURE: sign(body, SECRET)}


def event(name: str = "message_opened", **attributes: Any) -> dict[str, Any]:
    """Make a row of `GET /events`."""
    own = {"name": name, "eventAt": "2026-04-01T08:00:00.000Z", "createdAt": "2026-04-01T08:00:01.000Z", **attributes}
    return {"type": "event", "id": 70001, "attributes": own, "relationships": {"prospect": {"data": {"id": 41}}}}


def webhook(name: str, record: int = 12, *, job: str = "job-1", delivered: str = "", **data: Any) -> dict[str, Any]:
    """Make a webhook body; `data` adds attributes, relationships or beforeUpdate."""
    meta = {"eventName": name, "deliveredAt": delivered or "2026-04-01T01:00:02.100-07:00", "jobId": job}
    return {"data": {"type": name.partition(".")[0], "id": record, **data}, "meta": meta}


def renderings(*bodies: Any, via: Via = Via.WEBHOOK) -> list[Rendering]:
    """Cut bodies as they come in."""
    cut: list[Piece] = [piece for body in bodies for piece in provider.cut(json.dumps(body).encode())]
    return [Rendering(piece, via) for piece in cut]


def twins() -> Sequence[Twin]:
    """Return the facts that come twice: pages and single events, overlapping webhooks, states and actions."""
    row = event()
    sent = {"state": "delivered", "stateChangedAt": "2026-04-01T08:00:00.000Z", "updatedAt": "2026-04-01T08:00:01.000Z"}
    changed = {"title": "CFO", "updatedAt": "2026-04-01T08:00:01.000Z"}
    later = {"title": "CEO", "updatedAt": "2026-04-01T08:00:01.000Z"}
    old = {"attributes": {"title": "COO"}}
    return [
        Twin("an event", [renderings({"data": [row], "meta": {"count": 1}}, {"data": row}, row, via=Via.POLL)]),
        Twin(
            "a delivered mailing",
            [
                renderings(
                    webhook("mailing.delivered"),
                    webhook("mailing.delivered", job="job-2", delivered="2026-04-01T08:00:03+00:00"),
                    webhook("mailing.updated", attributes=sent, relationships={}),
                    webhook("mailing.updated", attributes={"deliveredAt": "2026-04-01T08:00:00.000Z"}),
                )
            ],
        ),
        Twin(
            "a prospect that changes twice in one second",
            [
                renderings(
                    webhook("prospect.updated", attributes=changed, relationships={}),
                    webhook("prospect.updated", job="job-2", attributes=changed),
                    webhook("prospect.updated", job="job-3", attributes=changed, beforeUpdate=old),
                ),
                renderings(webhook("prospect.updated", attributes=later, relationships={})),
            ],
        ),
        Twin(
            "a task that is done",
            [
                renderings(webhook("task.created", attributes={"createdAt": "2026-04-01T07:00:00.000Z"})),
                renderings(
                    webhook("task.completed"),
                    webhook("task.updated", attributes={"state": "complete", "completed": True}),
                ),
            ],
        ),
        Twin("an update with nothing in it", [renderings(webhook("prospect.updated", attributes={}))], published=0),
    ]


kit = Kit(
    settings=OutreachSettings(webhook_secrets=["another-secret", SECRET]),
    sign=signed,
    not_payloads=(
        "api/*-40?-*.json",  # error bodies
        "api/amp-labs-list-mailings.json",  # records, not activity: polling reads events alone
        "api/amp-labs-list-opportunities.json",
        "api/hull-list-prospects-*.json",
        "api/hull-create-webhook.json",
        "api/hull-existing-webhook.json",
        "api/hull-event-names.json",
        "api/hull-refresh-token-response.json",
        "api/hull-unauthorized-response.json",
        "schema/*",
    ),
    twins=twins,
    credentials={"access_token": "tok-invented"},
)
