"""Which record this is: the id of a polled event, or the record and fact of a webhook body. Neither has versions.

README.md says why a webhook body has the id that it has.
"""

from headrace.core.problems import bad_value
from headrace.providers.outreach import wire
from headrace.providers.outreach.facts import fact_of
from headrace.sdk.provider import Identity, RawEvent


def identity(raw: RawEvent) -> Identity:
    """Return the name of a record. Raises `Undecodable`, or what msgspec raises, where it carries none."""
    if raw.shape == wire.WEBHOOK:
        fact = fact_of(wire.decode_webhook(raw.value))
        return Identity(fact.resource, fact.id, None)
    key = wire.decode_event_key(raw.value)
    if key.type is not None and key.type != wire.EVENT:
        raise bad_value("$.type", "only rows of GET /events are events, this is a row of another resource")
    if type(key.id) is int:
        return Identity(wire.EVENT, str(key.id), None)
    ident = wire.id_text(key.id)
    if not (ident.isascii() and ident.isdigit()):
        raise bad_value("$.id", "an event's id is an integer")
    return Identity(wire.EVENT, ident, None)
