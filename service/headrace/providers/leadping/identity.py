"""Which record this is, and which version of it: computed once for each record, from a few fields.

Row, detail and bundle of one event have one name, and one version where they carry the same milestones. A shape that
carries fewer (the detail of the old generation has none) has the lower number: it never replaces what a fuller one
said. `modifiedAt` takes no part, because rows do not have it.
"""

import hashlib
from typing import Final

import msgspec

from headrace.core.problems import Undecodable, bad_value
from headrace.providers.leadping import cut, wire
from headrace.providers.leadping.stages import ACTIVE, SETTLED, call_rank_of, rank_of, version_of
from headrace.providers.leadping.times import Times, call_milestones, in_order, milestones, newest, when
from headrace.sdk.provider import Identity, RawEvent, Version

_DIGITS: Final = 16
_ALWAYS: Final = 2**63
"""A receipt behind every milestone."""


def identity(raw: RawEvent) -> Identity:
    """Return the name and version of a record. Raises `Undecodable`, or what msgspec raises, where it carries no id."""
    match raw.shape:
        case wire.ROW | wire.DETAIL:
            return _activity(wire.stamp(raw.value), raw.received, "activity")
        case wire.SMS:
            return _activity(wire.stamp(raw.value), raw.received, "sms")
        case wire.BUNDLE | wire.ROWLESS:
            return _bundle(wire.bundle_stamp(raw.value), raw.received)
        case wire.CALL:
            return _call(wire.call_stamp(raw.value), raw.received)
        case wire.AUTOMATION:
            return Identity("automation", automation_id(raw), None)
        case _:
            raise cut.unreadable(raw.value)


def automation_id(raw: RawEvent) -> str:
    """Return the run that delivered the body, else (a file, a mode without headers) a digest of it."""
    return raw.hint or raw.delivery or hashlib.blake2b(raw.value, digest_size=_DIGITS // 2).hexdigest()


def is_torn(bundle: bytes) -> bool:
    """Return whether detail or call are further than what was read before them: the row, else the detail.

    A call beside a detail says more of it than five coarse words do, so this is a reason to look again, not a proof.
    """
    try:
        parts = wire.bundle_stamp(bundle)
        head, call = parts.row or parts.detail, parts.call
        if head is None:
            return False
        both = wire.BundleStamp(row=head, detail=parts.detail)
        if _version(both, _ALWAYS) != _version(wire.BundleStamp(row=head), _ALWAYS):
            return True
        times = milestones(head, "$")
        return call is not None and _reached(call) > rank_of(head.status, times, newest(times))
    except (Undecodable, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False  # the normalizer says what is wrong with it


def _reached(call: wire.CallStamp) -> int:
    """Return how far a call has come, by its times where it has no status."""
    if call.status:
        return call_rank_of(call.status)
    return SETTLED if call.ended_at else ACTIVE if call.answered_at else 0


def _activity(part: wire.Stamp, received: int, resource: str) -> Identity:
    times = milestones(part, "$")
    last = newest(times)
    created = when(part.created_at, "$", "createdAt")
    rank = rank_of(part.status, times, last)
    return Identity(resource, _id(part.id, "$.id"), version_of(times, last, created, rank, received))


def _call(part: wire.CallStamp, received: int) -> Identity:
    times = call_milestones(part, "$")
    created = when(part.created_at, "$", "createdAt")
    rank = call_rank_of(part.status) if part.status else 0
    return Identity("call", _id(part.id, "$.id"), version_of(times, newest(times), created, rank, received))


def _bundle(bundle: wire.BundleStamp, received: int) -> Identity:
    row, detail = bundle.row, bundle.detail
    part = row or detail
    if part is None:
        raise bad_value("$.row", "a bundle needs a row or a detail: a call alone is a call")
    if row and detail and row.id != detail.id:
        raise bad_value("$.detail.id", "the detail of another event stands beside the row")
    return Identity("activity", _id(part.id, "$.row.id" if row else "$.detail.id"), _version(bundle, received))


def _version(bundle: wire.BundleStamp, received: int) -> Version:
    """Return the number of a bundle: a call that moved on while its row did not makes a new version, too."""
    row, detail, call = bundle.row, bundle.detail, bundle.call
    times: Times = {}
    created = status = None
    for part, at in ((detail, "$.detail"), (row, "$.row")):
        if part is not None:
            times |= milestones(part, at)
            created = when(part.created_at, at, "createdAt") or created
            status = part.status or status
    times = in_order(times)
    rank = rank_of(status, times, newest(times))
    if call is not None:
        times |= call_milestones(call, "$.call")
        rank = call_rank_of(call.status) if call.status else rank
    return version_of(times, newest(times), created, rank, received)


def _id(text: str, pointer: str) -> str:
    if not text:
        raise bad_value(pointer, "a record needs an id")
    return text
