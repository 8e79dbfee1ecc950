"""Which record this is, and which version of it: computed once for each record, from a few fields.

Row, detail and bundle of one event have one name, and one version where they carry the same milestones. A shape that
carries fewer (the detail of the old generation has none) has the lower number: it never replaces what a fuller one
said. `modifiedAt` takes no part, because rows do not have it.
"""

import hashlib
from collections.abc import Callable
from typing import Final, NoReturn

import msgspec

from headrace.core.problems import Undecodable, bad_value
from headrace.providers.leadping import cut, wire
from headrace.providers.leadping.stages import ACTIVE, SETTLED, call_rank_of, rank_of, version_of
from headrace.providers.leadping.times import Times, add_call_milestones, add_milestones, in_order, newest, when
from headrace.sdk.provider import Identity, RawEvent, Version

_DIGITS: Final = 16
_ALWAYS: Final = 2**63
"""A receipt behind every milestone."""


def identity(raw: RawEvent) -> Identity:
    """Return the name and version of a record. Raises `Undecodable`, or what msgspec raises, where it carries no id."""
    named = _NAMED.get(raw.shape)
    if named is None:
        raise cut.unreadable(raw.value)
    return named(raw)


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
        times: Times = {}
        last = add_milestones(times, head, "$")
        return call is not None and _reached(call) > rank_of(head.status, times, last)
    except (Undecodable, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False  # the normalizer says what is wrong with it


def _reached(call: wire.CallStamp) -> int:
    """Return how far a call has come, by its times where it has no status."""
    if call.status:
        return call_rank_of(call.status)
    return SETTLED if call.ended_at else ACTIVE if call.answered_at else 0


def _activity(raw: RawEvent, resource: str = "activity") -> Identity:
    part = wire.stamp(raw.value)
    times: Times = {}
    last = add_milestones(times, part, "$")
    created = when(part.created_at, "$", "createdAt")
    rank = rank_of(part.status, times, last)
    return Identity(resource, part.id or _no_id("$.id"), version_of(times, last, created, rank, raw.received))


def _sms(raw: RawEvent) -> Identity:
    return _activity(raw, "sms")


def _call(raw: RawEvent) -> Identity:
    part = wire.call_stamp(raw.value)
    times: Times = {}
    add_call_milestones(times, part, "$")
    created = when(part.created_at, "$", "createdAt")
    rank = call_rank_of(part.status) if part.status else 0
    return Identity("call", part.id or _no_id("$.id"), version_of(times, newest(times), created, rank, raw.received))


def _bundle(raw: RawEvent) -> Identity:
    bundle = wire.bundle_stamp(raw.value)
    row, detail = bundle.row, bundle.detail
    part = row or detail
    if part is None:
        raise bad_value("$.row", "a bundle needs a row or a detail: a call alone is a call")
    if row and detail and row.id != detail.id:
        raise bad_value("$.detail.id", "the detail of another event stands beside the row")
    named = part.id or _no_id("$.row.id" if row else "$.detail.id")
    return Identity("activity", named, _version(bundle, raw.received))


def _automation(raw: RawEvent) -> Identity:
    return Identity("automation", automation_id(raw), None)


def _version(bundle: wire.BundleStamp, received: int) -> Version:
    """Return the number of a bundle: a call that moved on while its row did not makes a new version, too."""
    call = bundle.call
    times: Times = {}
    last = created = status = None
    merged = False
    for part, at in ((bundle.detail, "$.detail"), (bundle.row, "$.row")):
        if part is not None:
            merged = bool(times)
            last = add_milestones(times, part, at)
            created = when(part.created_at, at, "createdAt") or created
            status = part.status or status
    if merged:
        times = in_order(times)
        last = newest(times)
    rank = rank_of(status, times, last)
    if call is not None:
        add_call_milestones(times, call, "$.call")
        last = newest(times)
        rank = call_rank_of(call.status) if call.status else rank
    return version_of(times, last, created, rank, received)


def _no_id(pointer: str) -> NoReturn:
    raise bad_value(pointer, "a record needs an id")


_NAMED: Final[dict[str, Callable[[RawEvent], Identity]]] = {
    wire.ROW: _activity,
    wire.DETAIL: _activity,
    wire.SMS: _sms,
    wire.BUNDLE: _bundle,
    wire.ROWLESS: _bundle,
    wire.CALL: _call,
    wire.AUTOMATION: _automation,
}
