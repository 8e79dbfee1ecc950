"""An independent judge of what came out: another client than the program's own, and none of the program's code.

Only how a record is written is taken from the program: events and dead letters as consumers decode them, and the
position and totals of a record on `seen`. It reads whole topics, so it is for tests, and it blocks: call it from a
coroutine through `asyncio.to_thread`.
"""

import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from headrace.records.seen import TOTALS, SeenRecord, decode_record, is_barrier
from headrace_events import Event, decode, decode_dead_letter

TOPICS: Final = ("raw", "events", "seen", "cursors", "nudges", "dead-letters")
SETTLES_WITHIN: Final = 90.0
CLOSES_WITHIN: Final = 30.0
"""Seconds: no transaction of the program stays open for longer than 15."""
_READS_WITHIN: Final = 60.0
_ASKS_WITHIN: Final = 20.0

_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # its module is not typed throughout

Position: TypeAlias = tuple[int, int]
"""Partition and offset of a raw record."""


class ReadRecord(NamedTuple):
    """A record as it was read."""

    partition: int
    offset: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


Expected: TypeAlias = Callable[[Sequence[ReadRecord]], set[Position]]
"""Returns which of these raw records, in the order of each partition, must have been published."""


@dataclass
class Verdict:
    """What is wrong, each with where it was seen; and how much was looked at."""

    raw: int
    events: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    """Each copy of an event beyond the first, and of a dead letter."""
    nowhere: list[str] = field(default_factory=list)
    """Events that no raw record asks for."""
    disordered: list[str] = field(default_factory=list)
    """Events that came out before an older version of the same."""
    rewound: list[str] = field(default_factory=list)
    """Records on `seen` whose position lies before that of the record before."""
    unbalanced: list[str] = field(default_factory=list)
    """Partitions whose fates, position and end are not equal, and totals that are not what is in the topics."""
    hanging: list[str] = field(default_factory=list)
    """Partitions with a transaction that stays open."""

    def faults(self) -> dict[str, list[str]]:
        """Return what is wrong, by kind."""
        return {kind: found for kind, found in vars(self).items() if isinstance(found, list) and found}

    def __str__(self) -> str:
        counts = ", ".join(f"{len(found)} {kind}" for kind, found in vars(self).items() if isinstance(found, list))
        return f"{self.raw} raw, {self.events} events: {counts}"


class Judge:
    """Judges the topics under one prefix."""

    def __init__(self, servers: str, prefix: str) -> None:
        self._client: dict[str, str | int | float | bool] = {
            "bootstrap.servers": servers,
            "reconnect.backoff.max.ms": 500,  # the default is 10 s, which would count as time to recover
            "log_level": 2,
        }
        self._admin = AdminClient(self._client)
        self._prefix = prefix

    def settled(self, still_possible: Callable[[], bool], deadline: float = SETTLES_WITHIN) -> bool:
        """Wait until each raw record has its fate; return whether that came in time."""
        end = time.monotonic() + deadline
        while still_possible() and time.monotonic() < end:
            last = _last(self.read("seen"))
            if all(p in last and last[p].next_offset == offset for p, offset in self.ends("raw").items()):
                return True
            time.sleep(0.5)
        return False

    def verdict(self, expected: Expected) -> Verdict:
        """Judge what stands in the topics, once nobody works on them any more."""
        hanging = self.hanging()  # first: what a killed process left open is ended by Kafka, and hides what follows it
        raw, seen, letters = self.read("raw"), self.read("seen"), self.read("dead-letters")
        events = [(record, decode(record.value)) for record in self.read("events")]
        verdict = Verdict(len(raw), len(events), hanging=hanging)
        must = expected(raw)
        published = Counter(_position(event) for _, event in events)
        verdict.lost = [f"raw-{p} offset {o}" for p, o in sorted(must - set(published))]
        verdict.nowhere = [f"raw-{p} offset {o}" for p, o in sorted(set(published) - must)]
        refused = Counter(f"dead letter of raw-{p} offset {o}" for p, o in map(_refused, letters))
        names = Counter(f"{event.source} {event.id}" for _, event in events)
        verdict.doubled = [name for name, count in (names | refused).items() for _ in range(count - 1)]
        verdict.disordered = list(_disorder(events))
        verdict.rewound = list(_rewound(seen))
        verdict.unbalanced = list(self._unbalanced(_last(seen), {"published": len(events), "dead": len(letters)}))
        return verdict

    def read(self, name: str) -> list[ReadRecord]:
        """Return the committed records of a topic, in the order of each partition, up to its last stable offsets."""
        how = {"group.id": secrets.token_hex(8), "isolation.level": "read_committed", "enable.partition.eof": True}
        records: list[ReadRecord] = []
        with closing(Consumer({**self._client, **how, "enable.auto.commit": False})) as consumer:
            left = set(self.ends(name))
            consumer.assign([TopicPartition(self._prefix + name, partition, 0) for partition in left])
            end = time.monotonic() + _READS_WITHIN
            while left:
                for message in consumer.consume(1000, 0.2):
                    if (error := message.error()) is None:
                        records.append(_record(message))
                    elif error.code() == KafkaError._PARTITION_EOF:
                        left.discard(_partition(message))
                    elif not error.retriable():
                        raise KafkaException(error)
                if time.monotonic() > end:
                    raise TimeoutError(f"{name} cannot be read to its end: partitions {sorted(left)}")
        return sorted(records)

    def ends(self, name: str, *, committed: bool = False) -> dict[int, int]:
        """Return where each partition of a topic ends: its high watermark, or its last stable offset."""
        topic = self._prefix + name
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        known = self._admin.list_topics(topic, timeout=_ASKS_WITHIN).topics[topic]
        requested = {TopicPartition(topic, partition): _LATEST for partition in known.partitions}
        answers = self._admin.list_offsets(requested, isolation_level=level, request_timeout=_ASKS_WITHIN)
        return {at.partition: answer.result(_ASKS_WITHIN).offset for at, answer in answers.items()}

    def hanging(self, deadline: float = CLOSES_WITHIN) -> list[str]:
        """Return the partitions with a transaction that stays open for so long."""
        give_up = time.monotonic() + deadline
        while True:
            found = [
                f"{name}-{partition}: stable up to {stable} of {end}"
                for name in TOPICS
                for partition, (stable, end) in self._stable(name).items()
                if stable < end
            ]
            if not found or time.monotonic() > give_up:
                return found
            time.sleep(0.5)

    def _stable(self, name: str) -> dict[int, tuple[int, int]]:
        stable, ends = self.ends(name, committed=True), self.ends(name)
        return {partition: (stable[partition], end) for partition, end in ends.items()}

    def _unbalanced(self, last: dict[int, SeenRecord], counted: dict[str, int]) -> Iterable[str]:
        totals: Counter[str] = Counter()
        for partition, end in self.ends("raw").items():
            record = last[partition]
            totals.update(dict(zip(TOTALS, record.totals, strict=True)))
            if not sum(record.totals) == record.next_offset == end:
                yield f"raw-{partition}: fates {sum(record.totals)}, position {record.next_offset}, end {end}"
        for fate, count in counted.items():
            if totals[fate] != count:
                yield f"{totals[fate]} {fate} as the totals say, {count} in the topic"


def _record(message: Message) -> ReadRecord:
    offset = message.offset()
    assert offset is not None
    headers: Any = message.headers() or ()  # a list of pairs, though the client's types say more
    return ReadRecord(_partition(message), offset, message.value() or b"", tuple(headers))


def _partition(message: Message) -> int:
    partition = message.partition()
    assert partition is not None
    return partition


def _refused(letter: ReadRecord) -> Position:
    raw = decode_dead_letter(letter.headers).raw
    return raw.partition, raw.offset


def _position(event: Event) -> Position:
    return event.data.provenance.raw.partition, event.data.provenance.raw.offset


def _commits(seen: Iterable[ReadRecord]) -> Iterator[tuple[ReadRecord, SeenRecord]]:
    """Yield what commits say; a barrier says nothing."""
    for record in seen:
        if not is_barrier(record.value):
            yield record, decode_record(record.value)


def _last(seen: Iterable[ReadRecord]) -> dict[int, SeenRecord]:
    return {record.partition: commit for record, commit in _commits(seen)}


def _rewound(seen: Iterable[ReadRecord]) -> Iterable[str]:
    reached: dict[int, int] = {}
    for record, commit in _commits(seen):
        position = commit.next_offset
        if position < reached.get(record.partition, 0):
            yield f"seen-{record.partition} offset {record.offset}: from {reached[record.partition]} to {position}"
        reached[record.partition] = position


def _disorder(events: Iterable[tuple[ReadRecord, Event]]) -> Iterable[str]:
    """Find events of one id that came out in another order than they stand on raw; a copy is not looked at again."""
    reached: defaultdict[tuple[str, str, str], int] = defaultdict(lambda: -1)
    met: set[tuple[str, str]] = set()
    for record, event in events:
        if (event.source, event.id) in met:
            continue
        met.add((event.source, event.id))
        fact = event.source, event.data.native.resource, event.data.native.id
        _, offset = _position(event)
        if offset < reached[fact]:
            yield f"events-{record.partition} offset {record.offset}: {event.id}"
        reached[fact] = offset
