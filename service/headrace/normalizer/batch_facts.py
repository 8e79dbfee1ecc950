"""What a batch adds to the loss ledger, while it is decided. Pure.

A fact opens where its id was never seen before, and whoever tells it is one of the two ways: nothing that was handed
in, replayed, redriven or published as told, no test traffic, and nothing that only webhooks ever tell.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

from headrace.core.record import ProducerRecord
from headrace.core.timestamps import micros
from headrace.normalizer.commit import Commit, CommitLimits, close_hours
from headrace.normalizer.decode import DecodedRecord
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.ledger import MOST_FACTS, Hour, Ledger, OpenFact
from headrace.records.facts import HOUR_MS, POLL, WEBHOOK, CommitFacts, FactSeen, pack_facts
from headrace.records.nudge import LEDGER, AddressedNudge, encode_nudge
from headrace.records.seen import Fate
from headrace.sdk.provider import Draft
from headrace_events import Via

NEWS_MS: Final = 900_000
"""A fact that is older than that when the sweep brings it was missed by discovery."""
_LONGEST: Final = 64
_TEST: Final = ("test", "warmup")
_WAYS: Final = {Via.WEBHOOK: WEBHOOK, Via.POLL: POLL}


def last_closed(now: int, settle: int) -> int:
    """Return the last hour that is over for `settle` seconds at a time (ms)."""
    return (now - settle * 1000) // HOUR_MS - 1


class BatchFacts:
    """The facts of one batch, which begins at `began` (append time, ms). `sources` are polled and take webhooks.

    `settle` (seconds) is how long an hour stays open after its end.
    """

    def __init__(self, ledger: Ledger, sources: Collection[str], *, began: int, settle: int) -> None:
        self.missed: Final[Counter[str]] = Counter()
        """Facts by source that only the sweep found."""
        self.closed: Final = max(ledger.closed, last_closed(began, settle))
        self._ledger: Final = ledger
        self._sources: Final = sources
        self._new: Final[dict[bytes, FactSeen]] = {}
        self._others: Final[dict[bytes, FactSeen]] = {}
        self._uncounted: Final[Counter[Hour]] = Counter()
        self._missed: Final[Counter[Hour]] = Counter()

    def hour(self, decoded: DecodedRecord, draft: Draft) -> int:
        """Return the hour to which a fact that opens now belongs, 0 where it is not counted."""
        raw = decoded.raw
        if decoded.source not in self._sources or raw.via not in _WAYS or raw.as_told or raw.replay or raw.redriven:
            return 0
        if draft.row.reach == "only" or draft.traffic in _TEST:
            return 0
        hour = _hour_of(decoded, draft)
        return hour if hour > self.closed else 0

    def saw(self, decoded: DecodedRecord, draft: Draft, fate: Fate, *, known: bool) -> None:
        """Note what became of a draft; `known`: its id was seen before."""
        if decoded.raw.swept and fate == "published":
            self._note_swept(decoded, draft)
        if decoded.source not in self._sources:  # only one way tells of its facts
            return
        hour = 0 if known or self._find(decoded.key) else self.hour(decoded, draft)
        if not hour:
            self.again(decoded, "" if fate != "nudged" else _kind(decoded, draft, nudged=True))
        elif len(self._ledger) + len(self._new) < MOST_FACTS:
            kind = _kind(decoded, draft, nudged=fate == "nudged")
            self._new[decoded.key] = FactSeen(
                decoded.key, decoded.source, kind, hour, _WAYS[decoded.raw.via], _came_at(decoded)
            )
        else:
            self._uncounted[decoded.source, hour] += 1

    def again(self, decoded: DecodedRecord, kind: str = "") -> None:
        """Note that a copy came of what was seen before: the other way may have told it."""
        way = _WAYS.get(decoded.raw.via)
        if way is None or decoded.source not in self._sources or decoded.raw.as_told:
            return
        known = self._find(decoded.key)
        if known is not None and known.way != way and decoded.key not in self._others:
            came_at = _came_at(decoded)
            self._others[decoded.key] = FactSeen(decoded.key, decoded.source, kind, known.hour, way, came_at)

    def part(self) -> CommitFacts | None:
        """Return what the commit says of it, None where that is nothing."""
        texts, rows = pack_facts((*self._new.values(), *self._others.values()))
        hours = [fact.hour for fact in (*self._new.values(), *self._others.values())]
        hours += [hour for _, hour in (*self._uncounted, *self._missed)]
        if not hours and not self._ledger.due(self.closed, self._sources):
            return None
        return CommitFacts(
            self.closed,
            max(hours, default=0),
            texts,
            rows,
            [(*hour, count) for hour, count in self._uncounted.items()],
            [(*hour, count) for hour, count in self._missed.items()],
        )

    def reports(self, partition: int, sources: Iterable[str]) -> list[ProducerRecord]:
        """Return the records of the hours that close."""
        return report_records(self._ledger, self.closed, partition, sources)

    def _find(self, key: bytes) -> FactSeen | OpenFact | None:
        return self._new.get(key) or self._ledger.find(key)

    def _note_swept(self, decoded: DecodedRecord, draft: Draft) -> None:
        """Count what only the sweep found: a feed that discovers should have named its lead long ago."""
        time = draft.data.revised or draft.time
        received = decoded.raw.received
        if time is not None and received - micros(time) // 1000 > NEWS_MS:
            self.missed[decoded.source] += 1
            hour = decoded.record.timestamp // HOUR_MS
            self._missed[decoded.source, max(hour, self.closed + 1)] += 1


def report_records(ledger: Ledger, upto: int, partition: int, sources: Iterable[str]) -> list[ProducerRecord]:
    """Return the records that report the hours up to one, keyed by their tenants."""
    return [
        encode_nudge(source, AddressedNudge(feed=LEDGER, hour=report))
        for source, report in ledger.reports(upto, partition, sources)
    ]


def close_quiet(seen: Seen, sources: Collection[str], limits: CommitLimits, now: int) -> Commit | None:
    """Return the commit that closes the hours that are over at a time (ms), None where there is nothing to report."""
    upto = last_closed(now, limits.settle)
    if not seen.ledger.due(upto, sources):
        return None
    return close_hours(seen, CommitFacts(upto), report_records(seen.ledger, upto, limits.partition, sources))


def _hour_of(decoded: DecodedRecord, draft: Draft) -> int:
    """Return the hour of a fact's time; of one without a time, or with one that lies ahead, when it came."""
    came = _came_at(decoded)
    return (came if draft.time is None else min(came, micros(draft.time) // 1000)) // HOUR_MS


def _came_at(decoded: DecodedRecord) -> int:
    """Return when (ms) a way told something: of what waited in a spool, or for its tenant, when it was received."""
    appended = decoded.record.timestamp
    return min(appended, decoded.raw.received) if decoded.raw.via is Via.WEBHOOK or decoded.raw.held else appended


def _kind(decoded: DecodedRecord, draft: Draft, *, nudged: bool) -> str:
    """Return what a fact is called (ledger.py)."""
    account, native = decoded.account, draft.data.native
    nudge = account.provider.nudge(draft, account.settings) if nudged and account else None
    if nudge is not None and nudge.span is not None:
        return "|".join(nudge.types or (draft.row.type,))
    name = f"{native.resource}#{(native.code or draft.row.type)[:_LONGEST]}"
    return f"{draft.row.type} {name}" if decoded.raw.via is Via.POLL else name
