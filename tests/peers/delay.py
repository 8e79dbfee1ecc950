"""How long after raw an event is visible: a steady rate, one contender after another."""

import time
from collections.abc import Iterator
from statistics import quantiles
from threading import Event, Thread
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from msgspec import Struct

from headrace.core.record import ProducerRecord
from headrace.records.raw import place
from tests.peers.contenders import Contender
from tests.peers.projection import Name, name_of, reduced
from tests.peers.stage import OURS, Failed, Load, Turn

RATE: Final = 500
"""Records a second."""
FIRST: Final = 500
"""Records that come at once before: what it takes to start does not count."""
STARTS_WITHIN: Final = 90.0
_NAME: Final = ("provider", "tenant", "resource", "id")


class Delay(Struct, frozen=True):
    """Milliseconds from the append to raw until a `read_committed` consumer has the event."""

    p50: float
    p99: float


class _Reader(Thread):
    """Reads a topic from now on, `read_committed`; notes each value with the time of its arrival."""

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        super().__init__(daemon=True)
        self.arrived: list[tuple[bytes, float]] = []
        self._ends = Event()
        settings = {"bootstrap.servers": servers, "group.id": "peers-delay", "enable.auto.commit": False}
        self._consumer = Consumer(settings | {"isolation.level": "read_committed"})
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])

    def run(self) -> None:
        """Read until closed."""
        while not self._ends.is_set():
            message = self._consumer.poll(0.1)
            if message is not None and message.error() is None:
                self.arrived.append((message.value() or b"", time.time()))
        self._consumer.close()

    def wait_for(self, count: int, within: float) -> None:
        """Return once so many arrived; raise Failed when they do not."""
        deadline = time.monotonic() + within
        while len(self.arrived) < count:
            if time.monotonic() > deadline:
                raise Failed(f"{len(self.arrived):,} of {count:,} events came in time")
            time.sleep(0.05)

    def close(self) -> None:
        """End, and wait for the end."""
        self._ends.set()
        self.join()


def delay(turn: Turn, contender: Contender, records: Load) -> Delay:
    """Append records at the rate, the first of them at once; return how late their events were. No duplicates here."""
    setting = turn.setting
    outs = [out for number, out in records if number is not None]
    reader = _Reader(setting.servers, turn.topic(contender), setting.partitions)
    child = turn.start(contender)
    reader.start()
    try:
        sender = _Sender(setting.servers, f"{turn.prefix}raw", setting.partitions)
        sender.send(outs[:FIRST], rate=None)
        reader.wait_for(FIRST, STARTS_WITHIN)
        sender.appended.clear()
        sender.send(outs[FIRST:], rate=RATE)
        reader.wait_for(len(outs), STARTS_WITHIN)
    except Failed as failed:
        raise Failed(f"{failed}\n{turn.tail(contender)}") from failed
    finally:
        child.kill()
        reader.close()
    return _of(sender.appended, dict(_named(reader.arrived, contender)))


class _Sender:
    """Appends raw records; `appended` says when Kafka took each, in seconds of its clock."""

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        self.appended: dict[Name, float] = {}
        self._producer = Producer({"bootstrap.servers": servers, "linger.ms": 0})
        self._topic, self._partitions = topic, partitions

    def send(self, outs: list[ProducerRecord], rate: float | None) -> None:
        """Append these, in time, and wait until all are."""
        due = time.monotonic()
        for out in outs:
            if rate is not None:
                time.sleep(max(0.0, due - time.monotonic()))
                due += 1 / rate
            self._produce(out)
            self._producer.poll(0)
        self._producer.flush()

    def _produce(self, out: ProducerRecord) -> None:
        about = msgspec.json.decode(out.headers[0][1][1:])
        provider, tenant, resource, ident = (about[name] for name in _NAME)

        def delivered(error: Any, message: Any) -> None:
            if error:
                raise RuntimeError(error)
            self.appended[f"/{provider}/{tenant}", f"{resource}/{ident}"] = message.timestamp()[1] / 1000

        partition = place(out.key, self._partitions)
        self._producer.produce(
            self._topic,
            key=out.key,
            value=out.value,
            headers=dict(out.headers),
            partition=partition,
            on_delivery=delivered,
        )


def _named(arrived: list[tuple[bytes, float]], contender: Contender) -> Iterator[tuple[Name, float]]:
    """Yield the name of each event, the last arrival first: of events that came again the first arrival counts."""
    for value, at in reversed(arrived):
        event = msgspec.json.decode(value)
        yield name_of(reduced(event) if contender is OURS else event), at


def _of(appended: dict[Name, float], arrived: dict[Name, float]) -> Delay:
    cut = quantiles([(arrived[name] - at) * 1000 for name, at in appended.items()], n=100)
    return Delay(cut[49], cut[98])
