"""What the normalizer makes of the corpus: partitions with their memory, and the outputs record by record."""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headrace.config.tenants import Tenants
from headrace.core.record import ProducerRecord
from headrace.normalizer.commit import Commit, CommitLimits, Decision
from headrace.normalizer.decide import decide
from headrace.normalizer.decode import decode, translate
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.replay_change import change_of
from headrace.records.mark import IMMUTABLE, ROW
from headrace.records.raw import from_raw_record, headers_of, place
from headrace.records.seen import decode_record
from headrace.sdk.provider import Draft
from tests.corpus.accounts import OVERLAID, tenants
from tests.corpus.inputs import SEED, STEP_MS, Input, Inputs
from tests.providers.kit import RECEIVED
from tests.unit.partition import Raw

PARTITIONS: Final = 3
BATCHES: Final = (1, 2, 7, 40, 150, 600, 1_300)
_REPLAYED: Final = 400
_LIMITS: Final = (
    CommitLimits(topic="headrace.raw", partition=0),
    CommitLimits(topic="headrace.raw", partition=1, lifetime=30 * 86_400 + 7_200),  # marks are renewed in two hours
    CommitLimits(topic="headrace.raw", partition=2, event_bytes=60_000),
)
_HOUR_MS: Final = 3_600_000


class Output(Struct):
    """One record of raw, and all that came of it; `commit` is what the commit that ends with it says."""

    input: Input
    decision: tuple[Any, ...]
    written: list[ProducerRecord]
    commit: tuple[Any, ...] = ()


class Partition:
    """One partition of raw: what waits to be decided on, and the memory of its task."""

    def __init__(self, number: int) -> None:
        self.limits: Final = _LIMITS[number]
        self.seen: Final = Seen()
        self.waiting: Final[list[Input]] = []
        self.size = 1

    def decide(self, tenants: Tenants, now: int) -> list[Output]:
        """Decide on what waits as one batch, and remember it as the task does."""
        batch, self.waiting[:] = list(self.waiting), []
        records = [_raw(one, offset) for offset, one in enumerate(batch, self.seen.next_offset)]
        commit = decide(records, self.seen, tenants, self.limits, now)
        self.seen.apply([decode_record(commit.seen_value)], self.seen.read_to + 1)
        return _by_record(batch, commit)


class Corpus:
    """A run of the whole corpus; `outputs` may be called once."""

    def __init__(self, seed: int = SEED) -> None:
        self.rng: Final = Random(seed + 1)
        self.partitions: Final = [Partition(number) for number in range(PARTITIONS)]
        self.inputs: Final = Inputs(seed)
        self.published: Final[list[tuple[Input, bytes]]] = []
        self.tenants = tenants(changed=False)

    def outputs(self) -> Iterator[Output]:
        """Yield what comes of each record, batch by batch; then some of it is replayed under other tables."""
        for one in self.inputs.all():
            yield from self.append(one)
        yield from self.flush()
        self.tenants = tenants(changed=True)
        for one in self.replays():
            yield from self.append(one)
        yield from self.flush()

    def append(self, one: Input) -> list[Output]:
        """Append a record, and decide on its partition where a batch is full."""
        here = self.partitions[place(one.out.key, PARTITIONS)]
        here.waiting.append(one)
        return self.decide(here) if len(here.waiting) >= here.size else []

    def flush(self) -> Iterator[Output]:
        """Decide on what waits."""
        for here in self.partitions:
            if here.waiting:
                yield from self.decide(here)

    def decide(self, here: Partition) -> list[Output]:
        """Decide on one batch; the next one of the partition has another size."""
        here.size = self.rng.choice(BATCHES)
        found = here.decide(self.tenants, RECEIVED + self.inputs.number * STEP_MS + 1_234)
        for output in found:
            if output.decision[1] == "published" and output.input.raw.tenant == OVERLAID:
                self.published.append((output.input, output.written[0].value))
        return found

    def replays(self) -> list[Input]:
        """Return records that a replay appends for the last events of the tenant whose tables have changed."""
        found: list[Input] = []
        for one, event in self.published[-_REPLAYED * 5 :]:
            here = self.partitions[place(one.out.key, PARTITIONS)]
            decoded = decode(_raw(one, 0), self.tenants)
            draft = translate(decoded)
            mark = here.seen.marks.find([decoded.key]).get(decoded.key)
            change = change_of(event, decoded, draft, mark) if isinstance(draft, Draft) else None
            if change is not None and change.record is not None and len(found) < _REPLAYED:
                found += [replace(one, out=self.replay(change.record))] * self.rng.choice((1, 1, 2))
        return found

    def replay(self, record: ProducerRecord) -> ProducerRecord:
        """Return the record of a replay, which may say that it becomes another event than it will."""
        if self.rng.random() < 0.9:
            return record
        raw = replace(from_raw_record(record.headers, record.value), becomes="0" * 16)
        return replace(record, headers=headers_of(raw))


def decided(decision: Decision) -> tuple[Any, ...]:
    """Return what of a decision is held to."""
    d = decision
    return d.offset, d.fate, d.source, d.type, d.code, d.provisional, d.subject, d.note


def _by_record(batch: list[Input], commit: Commit) -> list[Output]:
    """Return a commit record by record; what no record made alone belongs to the last one."""
    outs = {"published": iter(commit.events), "dead": iter(commit.letters), "nudged": iter(commit.nudges)}
    found = []
    for one, decision in zip(batch, map(decided, commit.decisions), strict=True):
        found.append(Output(one, decision, [next(outs[decision[1]])] if decision[1] in outs else []))
    found[-1].written += [out for left in outs.values() for out in left]
    found[-1].commit = (commit.next_offset, commit.totals, _stable(commit.seen_value), sorted(commit.missed.items()))
    return found


def _stable(seen_value: bytes) -> bytes:
    """Return a record of seen without the digests of dead letters: the version of the program is in them."""
    rows = decode_record(seen_value).rows
    for at in range(0, len(rows), ROW.itemsize):
        row = rows[at : at + ROW.itemsize]
        if row[16:24] == IMMUTABLE.to_bytes(8, "little", signed=True) and row[24:32] == bytes(8):
            seen_value = seen_value.replace(row[:16], bytes(16))
    return seen_value


def _raw(one: Input, offset: int) -> Raw:
    """Return a record as the client would. A replay under a mapping that never comes has waited for long enough."""
    old = _HOUR_MS if b'"replay":"00000000"' in b"".join(value for _, value in one.out.headers) else 0
    return Raw(offset, one.raw.received + 40 - old, one.out.key, one.out.value, one.out.headers)


def packed(output: Output) -> bytes:
    """Return all of one output as bytes."""
    written = [(out.key, out.value, out.headers) for out in output.written]
    return msgspec.msgpack.encode((output.decision, written, output.commit))
