"""Reads the nudges of all tenants.

They are read without a consumer group from a while back, for whoever takes a tenant over needs those that came shortly
before. A lost nudge only delays a read.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from typing import Final

import structlog

from headrace.config import KafkaSettings
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Record, read
from headrace.records.nudge import AddressedNudge, decode_nudge

BACK_SECONDS: Final = 15 * 60.0
MOST_RECENT: Final = 20_000
PAUSE_SECONDS: Final = 5.0

_log = structlog.get_logger()


class NudgeReader:
    """Follows the topic of nudges, and remembers the latest."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._kafka: Final = kafka
        self._topic: Final = topic
        self._recent: Final[deque[tuple[int, str, AddressedNudge]]] = deque(maxlen=MOST_RECENT)

    def recent(self, source: str) -> Iterator[tuple[int, AddressedNudge]]:
        """Yield the nudges of a source that came lately, each with when it came (ms)."""
        since = _since()
        return ((at, nudge) for at, whose, nudge in self._recent if whose == source and at >= since)

    async def follow(self) -> AsyncGenerator[tuple[str, AddressedNudge, int]]:
        """Yield source, nudge, and when it came (ms), until cancelled, however often Kafka is away.

        Raises `NewerFormat`.
        """
        since = _since()
        while True:
            try:
                async for record in read(self._kafka, self._topic, since=since, follow=True):
                    since = record.timestamp
                    addressed = self._decoded(record)
                    if addressed is not None:
                        source, nudge = addressed
                        self._recent.append((record.timestamp, source, nudge))
                        yield source, nudge, record.timestamp
            except (KafkaError, TimeoutError, OSError) as error:
                _log.warning("nudges_not_read", reason=type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)

    def _decoded(self, record: Record) -> tuple[str, AddressedNudge] | None:
        """Return source and nudge, None where the record is damaged. Raises `NewerFormat`."""
        try:
            return decode_nudge(self._topic, record.key, record.value)
        except ValueError:
            _log.warning("nudge_not_understood", partition=record.partition, offset=record.offset)
            return None


def _since() -> int:
    return int((time.time() - BACK_SECONDS) * 1000)
