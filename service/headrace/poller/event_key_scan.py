"""Search `events` for the leads that they name: a lead that only ever was in a webhook is watched, too.

An event's key says it all (`/<provider>/<tenant>/lead/<id>`): nothing is decoded. How far the search has got is
remembered in each partition of `cursors`, behind the leads that it found; it goes on from the least of them.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from headrace.config import KafkaSettings
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import read

PAUSE: Final = 5.0
LEAD: Final = "lead"
_PARTS: Final = 5

_log = structlog.get_logger()

Named = Callable[[str, str], None]


def lead_of(key: bytes) -> tuple[str, str] | None:
    """Give source and lead of an event's key, None where its subject is none."""
    parts = key.decode("utf-8", "replace").split("/", _PARTS - 1)
    if len(parts) < _PARTS or parts[3] != LEAD:
        return None
    return f"/{parts[1]}/{parts[2]}", parts[4]


class Naming:
    """Searches while anybody wants leads. `start` gives where to begin in each partition, None where nobody does."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        start: Callable[[], Mapping[int, int] | None],
        named: Named,
        passed: Callable[[int, int], None],
    ) -> None:
        self._kafka: Final = kafka
        self._topic: Final = topic
        self._start: Final = start
        self._named: Final = named
        self._passed: Final = passed
        self._anew: Final = asyncio.Event()

    def anew(self) -> None:
        """Begin anew: others want leads now."""
        self._anew.set()

    async def run(self) -> None:
        """Search until cancelled, however often Kafka is away."""
        while True:
            self._anew.clear()
            searching = asyncio.create_task(self._search())
            waiting = asyncio.create_task(self._anew.wait())
            try:
                await asyncio.wait((searching, waiting), return_when=asyncio.FIRST_COMPLETED)
            finally:
                searching.cancel()
                waiting.cancel()
                await asyncio.gather(searching, waiting, return_exceptions=True)
            if not searching.cancelled() and (error := searching.exception()):
                raise error

    async def _search(self) -> None:
        while True:
            start = self._start()
            try:
                if start is None:
                    await self._anew.wait()
                    return
                async for record in read(self._kafka, self._topic, begin=start, follow=True):
                    found = lead_of(record.key or b"")
                    if found:
                        self._named(*found)
                    self._passed(record.partition, record.offset + 1)
            except (KafkaError, TimeoutError, OSError) as error:
                _log.warning("events_not_searched", reason=type(error).__name__)
            await asyncio.sleep(PAUSE)
