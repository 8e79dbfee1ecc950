"""What webhooks told and a feed was left to bring, sent to raw again: for when nudges are gone.

Raw does not say which records those were. All that webhooks brought goes, as it is: what is known comes out as a
duplicate, and what is not wakes its feed again.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Final

from msgspec import Struct

from headrace.cli._kafka_errors import existing_topics
from headrace.config import Config
from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.kafka.consumer import read
from headrace.kafka.raw_writer import RawWriter
from headrace.records.raw import from_raw_record
from headrace_events import Via

_MILLIS: Final = 1_000


class AppendedBetween(Struct, frozen=True):
    """The time in which records were appended to raw; no `until` means now."""

    since: datetime
    until: datetime | None

    def holds(self, timestamp: int) -> bool:
        """Return whether a time (ms) lies in it."""
        return self.until is None or timestamp < self.until.timestamp() * _MILLIS


async def count_nudged(config: Config, span: AppendedBetween, wanted: Callable[[str], bool]) -> Counter[str]:
    """Count the records of webhooks that would go, by source. `wanted` says of which sources."""
    found: Counter[str] = Counter()
    async with contextlib.aclosing(_records(config, span, wanted)) as records:
        async for source, _ in records:
            found[source] += 1
    return found


async def send_nudged(config: Config, span: AppendedBetween, wanted: Callable[[str], bool]) -> tuple[int, int]:
    """Append the records of webhooks again; return how many that made, and how many are too large for raw now."""
    too_large = 0
    (raw,) = await existing_topics(config, "raw")
    async with Appender(config.kafka) as appender:
        writer = RawWriter(appender, raw)
        async with contextlib.aclosing(_records(config, span, wanted)) as records:
            async for _, out in records:
                if out.size <= writer.limit:
                    await writer.add(out)
                else:
                    too_large += 1
        await writer.flush()
        return writer.appended, too_large


async def _records(
    config: Config, span: AppendedBetween, wanted: Callable[[str], bool]
) -> AsyncGenerator[tuple[str, ProducerRecord]]:
    """Yield what stands in raw now. What went back as told was published: it is left out."""
    since = int(span.since.timestamp() * _MILLIS)
    async with contextlib.aclosing(read(config.kafka, f"{config.topic_prefix}raw", since=since)) as log:
        async for record in log:
            if not span.holds(record.timestamp):
                continue
            try:
                raw = from_raw_record(record.headers, record.value)
            except (
                LookupError,
                ValueError,
                RecursionError,
            ):  # damaged: a dead letter has it
                continue
            if raw.via is Via.WEBHOOK and not (raw.as_told or raw.replay) and wanted(raw.source):
                yield raw.source, ProducerRecord(record.key or b"", record.value or b"", list(record.headers))
