"""Which record this is, and which version of it: computed once at the door, from a few fields."""

import hashlib

from headrace.problems import bad_value
from headrace.providers.base import Identity, RawEvent, Version
from headrace.providers.leadping import stages, wire
from headrace.providers.leadping.cut import AUTOMATION, BUNDLE, CALL, DETAIL, ROW, SMS, explain_unreadable


def identify(raw: RawEvent) -> Identity:
    """Name a record; row, detail and bundle of one event have one name, and one version where they say the same.

    Raises `Undecodable`, or what msgspec raises, where it carries no id.
    """
    match raw.shape:
        case "row" | "detail" | "sms":
            part = wire.stamp(raw.value)
            resource = "sms" if raw.shape == SMS else "activity"
            return Identity(resource, said(part.id, "$.id"), _version(part, None, None, raw.received))
        case "bundle":
            return _bundle(wire.bundle_stamp(raw.value), raw.received)
        case "call":
            return _call(wire.call_stamp(raw.value), raw.received)
        case "automation":
            return Identity("automation", raw.delivery or digest(raw.value), None)
        case _:
            raise explain_unreadable(raw.value)
