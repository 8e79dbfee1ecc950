"""Keep the records of deliveries: in Kafka, or in the spool while Kafka is away or its topic unfit.

Guarantees: what `keep` returned for is durable, in Kafka under acks=all or in the spool behind an fsync; records reach
Kafka in the order of `keep`, at least once (a record whose answer came too late is appended again); whatever happens,
`keep` ends within seconds. A record that no answer was given for may be appended all the same.
"""

from collections.abc import Sequence
from typing import Final, Literal

from headrace.config import Config
from headrace.observe.health import ReceiverHealth
from headrace.receiver.metrics import ReceiverMetrics
from headrace.receiver.topic_writer import Item, TopicWriter
from headrace.spool import Spool
from headrace_events import Via


class RecordTooLarge(Exception):  # noqa: N818  (what is the case, not whose error)
    """A record that raw would never take: nothing was kept."""


class Ingress:
    """The way into raw. `run` connects and drains; `keep` may be called before, during and after it."""

    def __init__(self, config: Config, spool: Spool, metrics: ReceiverMetrics, health: ReceiverHealth) -> None:
        self._spool: Final = spool
        self._metrics: Final = metrics
        self._writer: Final = TopicWriter(config, spool, metrics, health)
        metrics.show_spool(spool)

    @property
    def answers(self) -> bool:
        """Whether Kafka answers, as of the last call."""
        return self._writer.answers

    @property
    def has_room(self) -> bool:
        """Whether the spool has room."""
        return self._spool.has_room

    async def run(self) -> None:
        """Connect, for ever; drain what waits, and whatever comes to wait.

        Cancelled, it drains what it can in a few seconds.
        """
        await self._writer.run()

    async def keep(self, items: Sequence[Item]) -> Literal["kafka", "spool"]:
        """Make items durable; return whether Kafka has all of them, or some wait in the spool.

        Raises `RecordTooLarge` before anything is kept, and `NoRoom` where neither took all of them in time.
        """
        limit = self._writer.limit
        for item in items:
            if not item.record.fits(limit):
                raise RecordTooLarge(f"a record of {item.record.size:,} bytes; raw takes {limit:,}")
        result = await self._writer.keep(items)
        for item in result.appended:
            self._metrics.appended(item.source, Via.WEBHOOK)
        for item in result.spooled:
            self._metrics.spooled(item.source)
        return "spool" if result.spooled else "kafka"
