"""Invented records of `raw`, `seen`, `nudges`, `dead-letters` and `notices`: each kind, each field."""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from headrace.core.record import ProducerRecord
from headrace.normalizer.dedupe import Seen
from headrace.records.dead_letter import encode_letter
from headrace.records.facts import BOTH, POLL, WEBHOOK, CommitFacts, FactSeen, pack_facts
from headrace.records.held import HeldRange
from headrace.records.hour_report import HourReport
from headrace.records.mark import IMMUTABLE, UNKNOWN, Mark, unpack
from headrace.records.notice import decode_notice, encode_notice
from headrace.records.nudge import LEDGER, AddressedNudge, encode_nudge
from headrace.records.order import (
    CancelBackfill,
    Order,
    Pause,
    Resume,
    Rewind,
    SpentCalls,
    StartBackfill,
    Wake,
    decode_nudge_or_order,
    encode_order,
)
from headrace.records.raw import digest, from_raw_record, headers_of, place
from headrace.records.seen import decode_record, encode_barrier, encode_record, is_barrier
from headrace.sdk.provider import RawEvent
from headrace_events import DeadLetter, Notice, NoticeData, Problem, RawPosition, Source, Via, decode_dead_letter
from tests.formats.golden import PrivateFormat

PARTITIONS: Final = 12
SOURCE: Final = "/toy/acme"
AT: Final = 1_790_841_845_042

_ROW: Final = RawEvent(
    provider="toy", tenant="acme", resource="thing", id="t-1", version=7, shape="row", via=Via.POLL, received=AT
)
RAW: Final = {
    "polled": replace(_ROW, value=b'{"id":"t-1"}'),
    "found by a sweep": replace(_ROW, swept=True, value=b'{"id":"t-2"}'),
    "told by a webhook": replace(
        _ROW,
        via=Via.WEBHOOK,
        version="unknown",
        hint="thing.made",
        delivery="d-9",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        value=b'{"id":"t-1","x":"\xc3\xa9"}',
    ),
    "handed in": replace(_ROW, via=Via.INGEST, version=None, value=b"{}"),
    "without a name": RawEvent(
        provider="toy", tenant="acme", shape="unreadable", via=Via.WEBHOOK, received=AT, value=b"\xff{"
    ),
    "returned as told": replace(_ROW, via=Via.WEBHOOK, as_told=True, value=b"{}"),
    "twin of what was told": replace(_ROW, twin=True, value=b"{}"),
    "replayed": replace(_ROW, replay="0b6d3e58", replaces="00112233aabbccdd", becomes="ffee", later=True, value=b"{}"),
    "redriven": replace(_ROW, redriven=True, letter="3@120", value=b"{}"),
    "was held": replace(_ROW, held="2@55", value=b"{}"),
    "was held for too long": replace(_ROW, held="2@56", expired=True, value=b"{}"),
}


class SeenCommit(Struct, frozen=True):
    """What a commit writes to `seen`; or the token of a barrier."""

    next_offset: int = 0
    totals: tuple[int, ...] = ()
    marks: dict[bytes, Mark] = {}
    facts: CommitFacts | None = None
    held: tuple[HeldRange, ...] = ()
    barrier: bytes = b""


_FACTS: Final = [
    FactSeen(b"f" * 16, SOURCE, "thing made", 497_456, WEBHOOK, AT),
    FactSeen(b"g" * 16, SOURCE, "", 497_456, POLL, AT + 1),
    FactSeen(b"h" * 16, "/toy/birch", "thing made", 497_455, BOTH, AT + 2),
]
_MARKS: Final = {
    b"a" * 16: Mark(5, 1, (2,), 1_790_841_845),
    b"b" * 16: Mark(UNKNOWN, 2, (9, 7, 5, 3), 1_790_841_845),
    b"c" * 16: Mark(IMMUTABLE, 1, (2,), 1_790_841_845),
    b"d" * 16: Mark(5, 65_535, (2**64 - 1,), 2**32 - 1, replayed=11),
    b"e" * 16: Mark(UNKNOWN, 2, (9, 7), 1_790_841_845, replayed=13),
}
_TOTALS: Final = (21, 8, 7, 6, 5, 4, 3, 2, 1, 0)
SEEN: Final = {
    "marks": SeenCommit(57, (*_TOTALS, 0), _MARKS),
    "position alone": SeenCommit(57, (*_TOTALS, 0)),
    "facts": SeenCommit(
        57,
        (*_TOTALS, 0),
        facts=CommitFacts(497_450, 497_456, *pack_facts(_FACTS), [(SOURCE, 497_456, 2)], [(SOURCE, 497_455, 1)]),
    ),
    "held": SeenCommit(60, (*_TOTALS, 3), held=(HeldRange(SOURCE, 57, 59, 3, AT), HeldRange("/toy/birch", 0, 0, 0, 0))),
    "barrier": SeenCommit(barrier=b"token"),
}

_EARLIER_HOUR: Final = HourReport(
    hour=497_455,
    partition=3,
    both=9,
    webhook=1,
    poll={"thing made": 2},
    webhook_kinds=("thing made",),
    poll_later=(0, 4),
    webhook_later=(5,),
    missed=1,
    uncounted=2,
)
NUDGES: Final[dict[str, AddressedNudge | Order]] = {
    "of a person": AddressedNudge(feed="things"),
    "of a webhook": AddressedNudge(
        feed="things",
        lead="l-1",
        event="thing/t-1",
        partition=3,
        offset=70,
        record="aa" * 16,
        time=AT,
        types=("headrace.message.sent.v1",),
        traits={"channel": "sms"},
        span=90,
        counted=497_456,
    ),
    "hour of the ledger": AddressedNudge(feed=LEDGER, hour=_EARLIER_HOUR),
    "pause": Pause("things"),
    "pause all": Pause(),
    "resume": Resume("things"),
    "wake": Wake("things"),
    "rewind": Rewind(AT, "things", beyond=True),
    "back-fill": StartBackfill("gap-1", "things", AT, AT + 1, 0.5, beyond=True),
    "cancel": CancelBackfill("gap-1"),
    "spent": SpentCalls(7, 60),
}

_LETTER: Final = DeadLetter(
    problem=Problem("bad_value", "A value makes no sense", "no such day", Source("$.at")),
    source=SOURCE,
    resource="thing",
    id="t-1",
    via="poll",
    received="2026-10-01T06:44:05.042Z",
    recordedtime="2026-10-01T06:44:06Z",
    raw=RawPosition(topic="headrace.raw", partition=3, offset=70),
    mapping="0b6d3e58",
)
LETTERS: Final = {
    "with its bytes": (_LETTER, RAW["polled"]),
    "at a byte": (
        replace(_LETTER, problem=Problem("bad_json", "No JSON", "cut off", Source(offset=3))),
        RAW["without a name"],
    ),
    "redacted": (replace(_LETTER, redacted=True), replace(RAW["polled"], value=b"")),
}

_NOTICE: Final = Notice(
    specversion="1.0",
    id=f"feed_stale/things/{AT}",
    source=SOURCE,
    type="headrace.notice.feed_stale.v1",
    subject="feed_stale/things",
    time="2026-10-01T06:40:00Z",
    recordedtime="2026-10-01T06:44:05.042Z",
    datacontenttype="application/json",
    dataschema="urn:headrace:notice:1",
    partitionkey=f"{SOURCE}/feed_stale/things",
    data=NoticeData(
        notice="feed_stale",
        state="open",
        summary="not read to its end for 20 minutes",
        item="things",
        since="2026-10-01T06:40:00Z",
        until="2026-10-01T09:40:00Z",
        mapping="0b6d3e58",
    ),
)
NOTICES: Final = {
    "open": _NOTICE,
    "over": replace(_NOTICE, data=replace(_NOTICE.data, state="over", until=None, ended="2026-10-01T07:00:00Z")),
}


def _write_raw(raw: RawEvent) -> ProducerRecord:
    key = digest(raw.source, raw.resource, raw.id)
    return ProducerRecord(key, raw.value, headers_of(raw), place(key, PARTITIONS))


def _write_seen(commit: SeenCommit) -> ProducerRecord:
    if commit.barrier:
        return ProducerRecord(b"", encode_barrier(commit.barrier), [])
    value = encode_record(commit.next_offset, commit.totals, commit.marks, commit.facts, commit.held)
    return ProducerRecord(b"", value, [])


def _read_seen(out: ProducerRecord) -> SeenCommit:
    """Read a record as a restore does: marks come out of the table that they go into."""
    if is_barrier(out.value):
        return SeenCommit(barrier=out.value.removeprefix(encode_barrier(b"")))
    record, seen = decode_record(out.value), Seen()
    seen.apply([record], 1)
    keys = [row.tobytes()[:16] for row in unpack(record.rows)]
    facts = record.facts[0][1] if record.facts else None
    return SeenCommit(record.next_offset, tuple(record.totals), seen.marks.find(keys), facts, tuple(record.held))


def _write_nudge(one: AddressedNudge | Order) -> ProducerRecord:
    return encode_nudge(SOURCE, one) if isinstance(one, AddressedNudge) else encode_order(SOURCE, one)


def _read_nudge(out: ProducerRecord) -> AddressedNudge | Order:
    source, one = decode_nudge_or_order("headrace.nudges", out.key, out.value)
    assert source == SOURCE
    return one


def _write_letter(one: tuple[DeadLetter, RawEvent]) -> ProducerRecord:
    letter, raw = one
    out = _write_raw(raw)
    return encode_letter(letter, out.key, out.value, out.headers, 3)


def _read_letter(out: ProducerRecord) -> tuple[DeadLetter, RawEvent]:
    return decode_dead_letter(out.headers), from_raw_record(out.headers, out.value)


TOPICS: Final = (
    PrivateFormat("raw", RAW, _write_raw, lambda out: from_raw_record(out.headers, out.value)),
    PrivateFormat("seen", SEEN, _write_seen, _read_seen),
    PrivateFormat("nudges", NUDGES, _write_nudge, _read_nudge),
    PrivateFormat("dead-letters", LETTERS, _write_letter, _read_letter),
    PrivateFormat("notices", NOTICES, encode_notice, lambda out: decode_notice(out.key, out.value)),
)
