"""One raw partition without Kafka: what is appended is decided on, and memory follows the commit."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from headrace.config.tenants import Tenants
from headrace.core.record import Headers, ProducerRecord
from headrace.normalizer.commit import Commit, CommitLimits
from headrace.normalizer.decide import decide
from headrace.normalizer.dedupe import Seen
from headrace.records.raw import to_raw_record
from headrace.records.seen import decode_record
from headrace.sdk.provider import Provider, RawEvent
from headrace_events import DeadLetter, Event, decode, decode_dead_letter
from tests.fake_provider import TABLE, tenants

NOW: Final = 1_800_000_000_000
LIMITS: Final = CommitLimits(topic="headrace.raw", partition=3)


class Raw(NamedTuple):
    """A record of raw, as the client gives it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Partition:
    """One raw partition and the memory of its task."""

    def __init__(self, tenants: Tenants, limits: CommitLimits = LIMITS, now: int = NOW) -> None:
        self.tenants = tenants
        self.limits = limits
        self.now = now
        self.seen = Seen()
        self.events: list[Event] = []
        self.letters: list[DeadLetter] = []
        self.fates: list[str] = []

    def records(self, outs: Iterable[ProducerRecord]) -> list[Raw]:
        """Place records behind what was decided."""
        return [Raw(n, self.now, *_parts(out)) for n, out in enumerate(outs, self.seen.next_offset)]

    def take(self, *outs: ProducerRecord) -> Commit:
        """Decide on records as one batch, and remember what the commit says."""
        return self.decide(self.records(outs))

    def decide(self, records: list[Raw]) -> Commit:
        """Decide on raw records as one batch, and remember what the commit says."""
        commit = decide(records, self.seen, self.tenants, self.limits, self.now)
        self.seen.apply([decode_record(commit.seen_value)], self.seen.read_to + 1)
        self.events += [decode(out.value) for out in commit.events]
        self.letters += [decode_dead_letter(out.headers) for out in commit.letters]
        self.fates += [decision.fate for decision in commit.decisions]
        return commit

    def hear(self, provider: Provider, *raws: RawEvent) -> Commit:
        """Append raw events and decide on them as one batch."""
        return self.take(*(to_raw_record(provider, raw) for raw in raws))


def _parts(out: ProducerRecord) -> tuple[bytes, bytes, Headers]:
    return out.key, out.value, out.headers


def partition(*names: str, polling: bool = False, limits: CommitLimits = LIMITS, now: int = NOW) -> Partition:
    """Return a partition of raw for the tenants `names` of the fake provider."""
    return Partition(tenants(TABLE, *names, polling=polling), limits, now)
