"""Native codes without a row of their own: how often they came, and the row that is proposed."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from headrace.cli._code_uses import EventFilter
from headrace.cli._letter_filter import moment
from headrace.cli._open_codes import OpenCode, open_codes
from headrace.cli._overlay_file import draft_rows
from headrace.config import Config
from headrace.config.live import LiveConfig
from headrace.core.overlay_draft import rows as overlay_rows
from headrace.kafka.consumer import Consumer
from headrace.kafka.offsets_since import offset_since

SINCE: Final = ("1min", "10min", "1h", "24h", "7d")
"""How far back somebody may want to look."""
MOST_EVENTS: Final = 100_000
"""That are looked at: of a stream with more, a shorter time."""
MOST_LISTED: Final = 200
REMEMBERED_SECONDS: Final = 30.0


def since_of(query: Mapping[str, str]) -> str:
    """Return how far back a query wants to look; a day where it names nothing that is offered."""
    since = query.get("since", "")
    return since if since in SINCE else "24h"


class CodePage:
    """Reads what the page of codes shows; one answer is remembered for a while, for all who look."""

    def __init__(self, live: LiveConfig) -> None:
        self._live: Final = live
        self._turn: Final = asyncio.Lock()
        self._known: Final[dict[str, tuple[float, Mapping[str, Any]]]] = {}

    async def read(self, since: str) -> Mapping[str, Any]:
        """Return the values of the list. Raises `KafkaError`, `TimeoutError`."""
        async with self._turn:
            at, found = self._known.get(since, (0.0, {}))
            if not found or time.monotonic() - at > REMEMBERED_SECONDS:
                found = await self._read(since)
                self._known[since] = time.monotonic(), found
        return found

    async def _read(self, since: str) -> Mapping[str, Any]:
        config = self._live.config
        looked, events = await _within_bounds(config, since)
        found = await open_codes(config, EventFilter(since=moment(looked)), places=True)
        codes = found.codes[:MOST_LISTED]
        return {
            "rows": [(one, self._row(one)) for one in codes],
            "more": len(found.codes) - len(codes),
            "events": found.events,
            "remark": found.remark or "",
            "looked": looked,
            "wanted": since if looked != since else "",
            "would_be": events,
        }

    def _row(self, one: OpenCode) -> str:
        """Return the row that is proposed, as an overlay has it."""
        account = self._live.config.tenants.by_source.get(one.source)
        return overlay_rows(draft_rows(account, [one])).strip() if account else ""


async def _within_bounds(config: Config, since: str) -> tuple[str, int]:
    """Return the longest time up to `since` that has few enough events, and about how many `since` itself has."""
    topic, wanted = f"{config.topic_prefix}events", -1
    async with Consumer(config.kafka) as log:
        partitions = range(await log.partitions_of(topic))
        ends = await log.bounds_of_all(topic, partitions) if partitions else {}
        for choice in reversed(SINCE[: SINCE.index(since) + 1]):
            begin, events = int(moment(choice).timestamp() * 1000), 0
            for partition in partitions:
                offset = await offset_since(log, topic, partition, begin)
                events += 0 if offset is None else ends[partition][1] - offset
            wanted = events if wanted < 0 else wanted
            if events <= MOST_EVENTS:
                return choice, wanted
    return f"{max(1, 60 * MOST_EVENTS // events)}s", wanted
