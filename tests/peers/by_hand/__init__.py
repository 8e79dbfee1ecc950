"""The mapping of README.md by hand, over dicts: `hand.py` and `quix.py` share it. The standard library alone."""

import json
from collections.abc import Callable
from typing import Any, Final

from tests.peers.by_hand import leadping, leadsquared, outreach

FORMAT_BYTES: Final = 1
"""What stands before the JSON in the header of a raw record."""

Json = dict[str, Any]

KINDS: Final[dict[tuple[str, str], Callable[[Json, Json], Json]]] = {
    ("leadsquared", "lead-activity"): leadsquared.activity_row,
    ("leadsquared", "webhook-activity"): leadsquared.activity_webhook,
    ("leadsquared", "lead-change"): leadsquared.lead_change,
    ("leadping", "row"): leadping.message_row,
    ("leadping", "bundle"): leadping.bundle,
    ("leadping", "call"): leadping.call_record,
    ("outreach", "event"): outreach.event_row,
    ("outreach", "webhook"): outreach.mailing_webhook,
}
"""By provider and shape; each takes `native` as far as the header fills it, and the body."""


def event_of(header: bytes, body: Json, loads: Callable[[bytes], Any] = json.loads) -> Json:
    """Return the reduced event of a raw record: its header `headrace`, and its value as a dict."""
    about = loads(header[FORMAT_BYTES:])
    provider, resource, ident = about["provider"], about["resource"], about["id"]
    native = {"provider": provider, "tenant": about["tenant"], "resource": resource, "id": ident}
    event = KINDS[provider, about["shape"]](native, body)
    event["id"] = f"{resource}/{ident}"
    event["source"] = f"/{provider}/{about['tenant']}"
    return event


def key_of(event: Json) -> str:
    """Return the key of the record: source and subject."""
    return f"{event['source']}/{event['subject']}"
