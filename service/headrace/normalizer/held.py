"""What waits for its tenant: records of one that is paused, or that this normalizer does not know (yet). Pure.

A held record has its fate, leaves no mark, and the position moves on: no tenant stops a partition. Where it lies is
remembered as one range a source, since raw has it anyway. When the tenant goes on, what lies in the range is appended
to raw again, at its partition and key; copies fall to their marks, so once too often does no harm. What would be held
for longer than raw keeps it goes the same way, marked as expired, and becomes a dead letter.

An id's records are in order by their versions only: what comes while its older ones are still on their way back is
decided first.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping as Dict, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from headrace.config.tenants import Account, Tenants
from headrace.core.record import ProducerRecord
from headrace.normalizer.commit import RawRecord
from headrace.records.held import HeldRange
from headrace.records.raw import from_raw_record, headers_of
from headrace.sdk.provider import RawEvent
from headrace_events import Problem

MOST_SOURCES: Final = 1_000
"""Sources of which a partition holds records: some hundred bytes each, in memory and now and then in seen."""
EXPIRED_TOGETHER_MS: Final = 3_600_000
"""What would be too old within this time goes with what is too old now."""
_DAY_SECONDS: Final = 86_400
NEVER: Final = 0
"""The time up to which records are too old where their tenant goes on."""
_NAME: Final = re.compile(r"/[a-z0-9_-]{1,40}/[a-z0-9-]{1,40}")


class Returned(Struct, frozen=True):
    """What one stretch of raw gives back: copies to append, and the ranges that are shorter, or over, behind it."""

    copies: list[ProducerRecord]
    ranges: list[HeldRange]
    sources: list[str]
    """The source of each copy."""
    lost: dict[str, int] = {}
    """How many records retention took before they went back, at most, by their source."""


class HeldInBatch:
    """What one batch holds, besides what was `held` before."""

    def __init__(self, held: Dict[str, HeldRange]) -> None:
        self.changed: Final[dict[str, HeldRange]] = {}
        self._held: Final = held
        self._new = 0

    def hold(self, source: str, record: RawRecord) -> bool:
        """Hold a record; return whether there is room for its source."""
        known = self.changed.get(source) or self._held.get(source)
        if known is None:
            if len(self._held) + self._new >= MOST_SOURCES:
                return False
            self._new += 1
            known = HeldRange(source, record.offset, record.offset, 0, record.timestamp)
        self.changed[source] = replace(known, last=record.offset, count=known.count + 1)
        return True


def held_for(retention: int) -> int:
    """Return for how many seconds records are held where raw keeps them for `retention` seconds.

    A day before raw takes them: time to read them once more. Of a retention below two days, half of it.
    """
    return max(retention - _DAY_SECONDS, retention // 2)


def can_be_held(raw: RawEvent) -> bool:
    """Return whether a record may wait: it did not wait for too long, and there may be a tenant of that name."""
    return not raw.expired and _NAME.fullmatch(raw.source) is not None


def why_not_held(raw: RawEvent, account: Account | None, *, full: bool = False) -> Problem:
    """Return the problem of a record that cannot be held; `full`: records of too many other sources are."""
    remedy = f"configure {raw.source}, then redrive" if account is None else f"let {raw.source} go on, then redrive"
    if raw.expired:
        return Problem("held_too_long", "Its tenant did not come (back) in time", f"raw would have lost it: {remedy}")
    if full:
        detail = f"records of {MOST_SOURCES:,} other tenants wait in this partition: {remedy}"
        return Problem("too_many_held", "Too many tenants are held", detail)
    return Problem("unknown_tenant", "The tenant is not configured", remedy)


def is_held(account: Account | None) -> bool:
    """Return whether records of a tenant are held; None is one that is not known."""
    return account is None or account.settings.paused


def due(held: Iterable[HeldRange], tenants: Tenants, now: int, held_for: int) -> dict[str, int]:
    """Return the sources with records that go back now, each with the time (ms) up to which they are too old.

    That is `NEVER` where the tenant goes on: then all of them go. Others are too old after `held_for` seconds.
    """
    oldest = now - held_for * 1000
    found: dict[str, int] = {}
    for one in held:
        if not is_held(tenants.by_source.get(one.source)):
            found[one.source] = NEVER
        elif one.since < oldest:
            found[one.source] = oldest + EXPIRED_TOGETHER_MS
    return found


def give_back(
    held: Dict[str, HeldRange],
    due: Dict[str, int],
    records: Sequence[RawRecord],
    reached: int,
    *,
    partition: int,
    limit: int,
) -> Returned:
    """Return what the records of raw up to `reached` give back of the sources that are `due` (see there).

    They begin at the first record that any of these holds; `limit` is the size of a record that raw takes. Raises
    `NewerFormat`.
    """
    found = Returned([], [], [])
    young: dict[str, RawRecord] = {}
    for record in records:
        raw = _ours(record)
        if raw is None or raw.source not in due or raw.source in young:
            continue
        one, upto = held[raw.source], due[raw.source]
        if one.first <= record.offset <= one.last:
            if upto and record.timestamp >= upto:
                young[raw.source] = record
                continue
            found.copies.append(_copy(record, raw, partition, limit, expired=upto != NEVER))
            found.sources.append(raw.source)
    at, counts = records[-1].timestamp if records else 0, Counter(found.sources)
    for source in due:
        stop = young.get(source)
        upto, since = (stop.offset, stop.timestamp) if stop else (reached, at)
        if (left := shortened(held[source], upto, since, counts[source])) is not None:
            found.ranges.append(left)
    return found


def shortened(one: HeldRange, upto: int, since: int, count: int) -> HeldRange | None:
    """Return a range without its `count` records before `upto`; None where nothing changes.

    `since` is the time (ms) of the last record before `upto`, or of the record there: a range whose first record came
    later than the range says is changed, too, or it would be due for ever.
    """
    if upto < one.first or (upto == one.first and since <= one.since):
        return None
    if upto > one.last:
        return replace(one, first=upto, count=0)
    return replace(one, first=upto, count=max(one.count - count, 1), since=max(one.since, since))


def cut_off(held: Iterable[HeldRange], begin: int) -> list[HeldRange]:
    """Return the ranges that change because raw begins at `begin` now."""
    changed = (shortened(one, begin, one.since, 0) for one in held)
    return [one for one in changed if one is not None]


def lost_of(held: Iterable[HeldRange], begin: int) -> dict[str, int]:
    """Return how many held records raw has lost, at most, by their source, because it begins at `begin` now."""
    return {one.source: min(one.count, begin - one.first) for one in held if one.count and one.first < begin}


def first_of(held: Dict[str, HeldRange], sources: Collection[str]) -> int:
    """Return where the records of sources begin."""
    return min(held[source].first for source in sources)


def _ours(record: RawRecord) -> RawEvent | None:
    """Return the raw event of a record, None where it never was held because it is none. Raises `NewerFormat`."""
    try:
        return from_raw_record(record.headers, record.value)
    except (LookupError, ValueError, RecursionError):
        return None


def _copy(record: RawRecord, raw: RawEvent, partition: int, limit: int, *, expired: bool) -> ProducerRecord:
    """Return the copy of a held record: its key, bytes and envelope, marked; as it was where the mark has no room."""
    key = record.key or b""
    place = raw.held or f"{partition}@{record.offset}"
    copy = ProducerRecord(key, raw.value, headers_of(replace(raw, held=place, expired=expired)))
    return copy if copy.size <= limit else ProducerRecord(key, raw.value, list(record.headers))
