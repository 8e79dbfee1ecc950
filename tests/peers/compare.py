"""Whether a contender wrote what we wrote: every event, reduced, by source and id."""

import time
from collections.abc import Iterator
from typing import Final

import msgspec
from confluent_kafka import Consumer, KafkaError, TopicPartition
from msgspec import Struct

from tests.peers.projection import Json, Name, digest_of, name_of, reduced

PATIENCE_SECONDS: Final = 30.0
AT_ONCE: Final = 2_000
SHOWN: Final = 3


class Difference(Struct):
    """How many events lack, are more, differ, or stand there again (at least once); the first that differ."""

    events: int = 0
    lacking: int = 0
    more: int = 0
    different: int = 0
    again: int = 0
    names: list[Name] = []

    @property
    def is_none(self) -> bool:
        """Whether each event stands there, and as we wrote it."""
        return not (self.lacking or self.more or self.different)

    def __str__(self) -> str:
        if self.is_none:
            return "equal" + (f", {self.again:,} again" if self.again else "")
        shown = ", ".join("".join(name) for name in self.names)
        return f"{self.lacking:,} lack, {self.more:,} more, {self.different:,} differ ({shown})"


def ours_on(servers: str, topic: str) -> dict[Name, bytes]:
    """Return the digest of each of our events, reduced."""
    return {name_of(event): digest_of(event) for event in map(reduced, events_on(servers, topic))}


def compared(servers: str, topic: str, expected: dict[Name, bytes]) -> Difference:
    """Compare what stands on a contender's topic with our events."""
    difference, seen = Difference(), set[Name]()
    for event in events_on(servers, topic):
        name = name_of(event)
        difference.events += 1
        difference.again += name in seen
        seen.add(name)
        if name not in expected:
            difference.more += 1
        elif expected[name] != digest_of(event):
            difference.different += 1
        else:
            continue
        if len(difference.names) < SHOWN:
            difference.names.append(name)
    difference.lacking = len(expected.keys() - seen)
    return difference


def events_on(servers: str, topic: str) -> Iterator[Json]:
    """Yield the committed events of a topic, to its ends as they are."""
    settings = {"bootstrap.servers": servers, "group.id": "peers-compare", "enable.auto.commit": False}
    reader = Consumer(settings | {"isolation.level": "read_committed", "enable.partition.eof": True})
    try:
        partitions = reader.list_topics(topic, PATIENCE_SECONDS).topics[topic].partitions
        reader.assign([TopicPartition(topic, number, 0) for number in partitions])
        left, last = set(partitions), time.monotonic()
        while left:
            for message in reader.consume(AT_ONCE, 1.0):
                last = time.monotonic()
                if (error := message.error()) is None:
                    yield msgspec.json.decode(message.value() or b"")
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                else:
                    raise RuntimeError(error)
            if time.monotonic() - last > PATIENCE_SECONDS:
                raise TimeoutError(f"{topic} cannot be read to its end")
    finally:
        reader.close()
