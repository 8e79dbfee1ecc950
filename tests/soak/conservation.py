"""What is in the topics at the end against what was sent: judged partition by partition, in bounded memory.

Another client than the program's own reads, and none of the program's code decides. Of an event no more is decoded than
names it, and no more of it stays than sixteen bytes; what a partition holds is forgotten with it.
"""

import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

import msgspec
import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from msgspec import Struct

from headrace.records.seen import TOTALS, SeenRecord, decode_record, is_barrier
from tests.acceptance.judge import Judge
from tests.soak.books import PolledBook
from tests.soak.facts import Digests, digest_of

_TOGETHER: Final = 5_000
_STANDSTILL: Final = 60
"""Reads of half a second that may bring nothing."""
_ANSWERS_WITHIN: Final = 60.0
_MOST_NAMED: Final = 10


class _Raw(Struct):
    partition: int
    offset: int


class _Provenance(Struct):
    raw: _Raw


class _Native(Struct):
    resource: str
    id: str


class _Data(Struct):
    native: _Native
    provenance: _Provenance


class NamedEvent(Struct):
    """Of a canonical event, what names it and where it is from."""

    id: str
    source: str
    data: _Data


def decoder() -> msgspec.json.Decoder[NamedEvent]:
    """Return what reads the value of an event."""
    return msgspec.json.Decoder(NamedEvent)


class Books:
    """What must be published, may be, and is."""

    def __init__(self, offered: Digests, accepted: Digests, polled: dict[str, PolledBook]) -> None:
        self.events = 0
        self.faults: Final[dict[str, list[str]]] = {}
        self._offered, self._accepted, self._polled = offered, accepted, polled
        self._named: Final = array("Q")
        self._facts: Final = array("Q")
        self._reached: dict[int, tuple[int, int]] = {}

    def begin(self) -> None:
        """Begin a partition of events: an event goes where its subject goes, each of its versions too."""
        self._reached = {}

    def add(self, event: NamedEvent) -> None:
        """Enter an event, in the order of its partition."""
        self.events += 1
        self._named.append(digest_of(event.source, "", event.id))
        native, raw = event.data.native, event.data.provenance.raw
        fact = digest_of(event.source, native.resource, native.id)
        if book := self._polled.get(event.source):
            if complaint := book.add(native.resource, native.id):
                self.note("from nowhere", complaint)
        else:
            self._facts.append(fact)
        partition, offset = self._reached.get(fact, (raw.partition, -1))
        if partition == raw.partition and raw.offset < offset:
            self.note("disordered", f"{event.source} {event.id} of raw-{raw.partition} offset {raw.offset}")
        self._reached[fact] = raw.partition, raw.offset

    def close(self, now: float) -> None:
        """Compare what was published with what had to be, as things stood on the platforms at `now`."""
        named, facts = np.frombuffer(self._named, np.uint64), np.frombuffer(self._facts, np.uint64)
        published, counts = np.unique(facts, return_counts=True)
        self._count("doubled", len(named) - len(np.unique(named)), "events of an id that was published before")
        self._count("doubled", int((counts > 1).sum()), "facts of webhooks")
        lost = np.setdiff1d(self._accepted, published, assume_unique=True)
        self._count("lost", len(lost), f"facts that were accepted: digests {[f'{each:x}' for each in lost[:5]]}")
        strange = np.setdiff1d(published, self._offered, assume_unique=True)
        self._count("from nowhere", len(strange), "facts that no webhook told")
        for source, book in self._polled.items():
            for kind, found in book.close(now).items():
                self._count(kind, len(found), f"rows of {source}: {', '.join(found[:3])}")

    def note(self, kind: str, complaint: str) -> None:
        """Add what is wrong; the first ones are named."""
        found = self.faults.setdefault(kind, [])
        if len(found) < _MOST_NAMED:
            found.append(complaint)

    def _count(self, kind: str, count: int, what: str) -> None:
        if count:
            self.note(kind, f"{count} {what}")


class Reader:
    """Reads the committed records of whole partitions, as they come."""

    def __init__(self, servers: str, prefix: str) -> None:
        self._judge: Final = Judge(servers, prefix)
        self._prefix: Final = prefix
        self._client: Final[dict[str, str | int | float | bool]] = {
            "bootstrap.servers": servers,
            "group.id": "soak-judge",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "queued.max.messages.kbytes": 32_768,
            "log_level": 2,
        }

    def ends(self, name: str) -> dict[int, int]:
        """Return where each partition of a topic ends; raise what Kafka says where it says so for a minute."""
        give_up = time.monotonic() + _ANSWERS_WITHIN
        while True:
            try:
                return self._judge.ends(name)
            except (KafkaException, TimeoutError):  # a leader that has just changed is not known everywhere yet
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.5)

    def hanging(self) -> list[str]:
        """Return the partitions with a transaction that stays open."""
        return self._judge.hanging()

    def values(self, name: str, partition: int) -> Iterator[bytes]:
        """Yield the values of a partition in order. Raises `TimeoutError` where nothing comes for half a minute."""
        with closing(Consumer(self._client)) as consumer:
            consumer.assign([TopicPartition(self._prefix + name, partition, 0)])
            idle = 0
            while idle < _STANDSTILL:
                messages = consumer.consume(_TOGETHER, 0.5)
                idle = 0 if messages else idle + 1
                for message in messages:
                    if _is_end(message):
                        return
                    if message.error() is None:
                        yield message.value() or b""
            raise TimeoutError(f"{name}-{partition} cannot be read to its end")


def judge(reader: Reader, books: Books, now: float, progress: Callable[[str], None]) -> Counter[str]:
    """Judge all topics; return the fates of all raw records. What is wrong stands in the books."""
    for open_still in reader.hanging():
        books.note("hanging", open_still)
    read = decoder().decode
    for partition in sorted(reader.ends("events")):
        books.begin()
        for value in reader.values("events", partition):
            books.add(read(value))
        progress(f"judged {books.events:,} events, up to events-{partition}")
    totals = _fates(reader, books)
    letters = sum(1 for partition in reader.ends("dead-letters") for _ in reader.values("dead-letters", partition))
    for fate, count in {"published": books.events, "dead": letters}.items():
        if totals[fate] != count:
            books.note("unbalanced", f"{totals[fate]} {fate} as the totals say, {count} in the topic")
    if letters:
        books.note("dead", f"{letters} dead letters, of records that can all be read")
    books.close(now)
    return totals


def _fates(reader: Reader, books: Books) -> Counter[str]:
    """Add up the fates; each partition's sum is its position and its end, and positions never went back."""
    totals: Counter[str] = Counter()
    for partition, end in reader.ends("raw").items():
        last: SeenRecord | None = None
        for value in reader.values("seen", partition):
            if is_barrier(value):
                continue
            record = decode_record(value)
            if last and record.next_offset < last.next_offset:
                books.note("rewound", f"seen-{partition}: from {last.next_offset} to {record.next_offset}")
            last = record
        if last is None or not sum(last.totals) == last.next_offset == end:
            books.note(
                "unbalanced", f"raw-{partition} ends at {end}, seen says {last and (last.next_offset, last.totals)}"
            )
        if last:
            totals.update(dict(zip(TOTALS, last.totals, strict=True)))
    return totals


def _is_end(message: Message) -> bool:
    if (error := message.error()) is None:
        return False
    if error.code() == KafkaError._PARTITION_EOF:
        return True
    if not error.retriable():
        raise KafkaException(error)
    return False
