"""Short ways to read one LeadSquared record in a test."""

import json
from typing import Any

import msgspec

from headrace.core.mapping_file import build, read
from headrace.explain import Explanation, explain_piece
from headrace.providers.leadsquared import provider
from headrace.sdk.provider import Draft, Dropped, Piece, RawEvent
from headrace_events import Via
from tests.providers import suite
from tests.providers.kit import RECEIVED, TENANT

HOME = next(home for home in suite.HOMES if home.name == "leadsquared")

GUID = "3f2a1b0c-4a10-11f1-8f00-0242ac120099"
ROW: dict[str, Any] = {
    "Id": GUID,
    "EventCode": 171,
    "EventName": "Site Survey",
    "CreatedOn": "2026-03-02 08:15:30",
    "RelatedProspectId": "6f1f3a10-5c1e-4b7a-9d43-1f0f6b2ad001",
    "ActivityFields": {},
    "ModifiedOn": "2026-03-02 08:16:00",
}


def raw_of(body: Any, hint: str = "") -> RawEvent:
    """Make the raw event of a single object, its shape guessed."""
    value = json.dumps(body).encode()
    shape = next(iter(provider.cut(value))).shape
    return RawEvent(
        provider=provider.name, tenant=TENANT, shape=shape, value=value, via=Via.POLL, received=RECEIVED, hint=hint
    )


def explained(body: Any, hint: str = "", overlay: str = "") -> Explanation:
    """Explain a single object under the built-in table, with an overlay in front."""
    mapping = suite.mapping_of(HOME)
    if overlay:
        mapping = build(mapping.entries, read(overlay, "acme.toml", provider.tables))
    raw = raw_of(body, hint)
    return explain_piece(provider, TENANT, mapping, Piece(raw.shape, raw.value, hint), now=RECEIVED)


def event(body: Any, hint: str = "", overlay: str = "") -> dict[str, Any]:
    """Return the event of a single object as plain data."""
    found = explained(body, hint, overlay)
    assert found.problem is None, found.problem
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found.event))
    return written


def draft(body: Any, hint: str = "") -> Draft | Dropped:
    """Translate a single object under the built-in table."""
    return provider.translate(raw_of(body, hint), suite.mapping_of(HOME))
