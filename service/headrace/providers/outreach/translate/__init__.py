"""Translate a record by its shape."""

from headrace.core.mapping import Mapping
from headrace.providers.outreach import wire
from headrace.providers.outreach.translate import events, webhook_events
from headrace.sdk.provider import Draft, Dropped, RawEvent


def translate(raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
    """Return the draft of a record. Raises `Undecodable`, or what msgspec raises."""
    if raw.shape == wire.WEBHOOK:
        return webhook_events.translate(raw, mapping)
    return events.translate(raw, mapping)
