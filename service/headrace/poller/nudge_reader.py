"""Hear the nudges of all tenants, and pass each on to the one who polls its tenant.

They are read without a group from a while back: whoever takes a tenant over hears what came shortly before. A nudge
that nobody hears costs freshness only.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from headrace.config import KafkaSettings
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Record, read
from headrace.records.nudge import decode_nudge
from headrace.sdk.provider import Nudge

BACK: Final = 15 * 60.0
MOST: Final = 20_000
PAUSE: Final = 5.0

_log = structlog.get_logger()


class NudgeReader:
    """Hears nudges. `heard` is called with source, nudge, and when it came (ms); `recent` repeats the latest ones."""

    def __init__(self, kafka: KafkaSettings, topic: str, heard: Callable[[str, Nudge, int], None]) -> None:
        self._kafka: Final = kafka
        self._topic: Final = topic
        self._heard: Final = heard
        self._recent: Final[deque[tuple[int, str, Nudge]]] = deque(maxlen=MOST)

    def recent(self, source: str) -> Iterator[tuple[int, Nudge]]:
        """Give the nudges of a source that came lately."""
        since = _since()
        return ((at, nudge) for at, whose, nudge in self._recent if whose == source and at >= since)

    async def run(self) -> None:
        """Hear until cancelled, however often Kafka is away. Raises `NewerFormat`."""
        since = _since()
        while True:
            try:
                # Of an open transaction, too: a nudge too many is a call too many.
                async for record in read(self._kafka, self._topic, since=since, follow=True, committed=False):
                    since = record.timestamp
                    self._take(record)
            except (KafkaError, TimeoutError, OSError) as error:
                _log.warning("nudges_not_read", reason=type(error).__name__)
            await asyncio.sleep(PAUSE)

    def _take(self, record: Record) -> None:
        try:
            source, nudge = decode_nudge(self._topic, record.key, record.value)
        except ValueError:
            _log.warning("nudge_not_understood", partition=record.partition, offset=record.offset)
            return
        self._recent.append((record.timestamp, source, nudge))
        self._heard(source, nudge, record.timestamp)


def _since() -> int:
    return int((time.time() - BACK) * 1000)
