"""The barrier: a record of our own by which whoever takes over knows where the log ends.

The end that a broker tells may be that of a leader which is cut off from its peers and does not know it. A record that
a majority took stands behind everything that was committed before it, and only the log that holds it is the right one.
"""

from typing import Final

import structlog
from msgspec import Struct

from headrace.observe.tasks import TaskMetrics

_log = structlog.get_logger()


class Barrier(Struct, frozen=True):
    """Our last barrier: `value` is the whole record, `offset` is where its commit put it."""

    topic: str
    partition: int
    offset: int
    value: bytes


class StaleEnds:
    """Ends that were told and lie before what is known: each is counted, and logged once until the log goes on."""

    def __init__(self, partition: int, metrics: TaskMetrics) -> None:
        self._partition: Final = partition
        self._metrics: Final = metrics
        self._stale: Final[set[str]] = set()

    def found(self, topic: str, *, end: int, known: int) -> None:
        """Take note that a broker says that a topic ends at `end`, although it reaches to `known`."""
        self._metrics.stale_end(self._partition)
        if topic not in self._stale:
            self._stale.add(topic)
            _log.warning(
                "log_end_is_stale",
                topic=topic,
                partition=self._partition,
                end=end,
                known=known,
                hint="a broker may be cut off from the others; all are asked again",
            )

    def over(self, topic: str) -> None:
        """Take note that a topic was read to what is known of it."""
        if topic in self._stale:
            self._stale.discard(topic)
            _log.info("log_end_is_known", topic=topic, partition=self._partition)
