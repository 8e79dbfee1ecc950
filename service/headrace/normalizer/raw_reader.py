"""Read one raw partition, and find out what is missing in it.

Headrace writes raw without transactions, so it has no gaps, but for what retention took at its begin; a foreign
transaction leaves its marker in one.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from headrace.config import KafkaSettings
from headrace.kafka.barrier import StaleEnds
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.live_reader import LiveReader
from headrace.kafka.partition_owner import CannotRun
from headrace.normalizer.metrics import NormalizerMetrics

LIVE_WAIT: Final = 0.5
"""Seconds that a task waits for records where it has nothing else to do."""
PROOF_WAIT: Final = 2.0
"""Seconds in which a consumer of its own must show what stands behind a gap."""
STALE_PAUSE: Final = 1.0
"""Seconds until all brokers are asked again where raw seems to end too early."""


class Gap(Struct, frozen=True):
    """Offsets before `end` that hold no records any more, and the log event that says why."""

    end: int
    event: str


class RawReader:
    """Partition `partition` of raw, the topic. Positions are offsets of the record to read next."""

    def __init__(
        self, kafka: KafkaSettings, topic: str, metrics: NormalizerMetrics, partition: int, stale: StaleEnds
    ) -> None:
        self._kafka: Final = kafka
        self._topic: Final = topic
        self._metrics: Final = metrics
        self._partition: Final = partition
        self._stale: Final = stale
        self._gap_at = -1
        self._log: Final = LiveReader(kafka, topic, partition)

    async def open(self) -> None:
        """Connect, where it is not connected. Raises `KafkaError`, `TimeoutError`."""
        await self._log.open()

    async def close(self) -> None:
        """Let its client go."""
        await self._log.close()

    async def next(self, position: int, most: int, wait: float = LIVE_WAIT) -> list[Record]:
        """Return up to `most` records, none where nothing came within `wait` seconds; they should begin at `position`.

        Raises `OutOfRange` where the consumer's position does not exist, `CannotRun` where a record cannot be read.
        """
        try:
            records = await self._log.next(most, wait)
        except UnicodeDecodeError as error:
            raise CannotRun(
                f"the client cannot read a record of {self._topic}-{self._partition} at or behind offset "
                f"{position}: the name of a header is not UTF-8, so it is none of ours; find out who "
                f"writes there; no record from {position} on is decided yet, so copy them before you remove any"
            ) from error
        end = self.end()
        if end is not None:
            self._metrics.end_offset(self._partition, end, records[0].timestamp if records else None)
        return records

    def end(self) -> int | None:
        """Return the offset behind the last record, as the latest fetch knew it."""
        return self._log.end()

    async def gap(self, position: int, found: int | None) -> Gap | None:
        """Return what is missing from `position` on; None where nothing is, or where that is still unknown.

        `found` is the record that came in place of the one at `position`. Where it comes for the second time, a
        consumer of its own has to prove that nothing is in between.
        """
        if found is None or self._gap_at != position or found < position:
            if found is not None:
                self._gap_at = position
            first, _ = await self._log.bounds()
            return Gap(first, "raw_records_lost") if first > position else None
        if await self._next_for_others(position) == found:
            return Gap(found, "raw_offsets_without_records")
        return None

    async def seek(self, position: int) -> None:
        """Read on from `position`, once a broker answers whose raw reaches so far: an end before it is stale."""
        while (end := (await self._log.bounds())[1]) < position:
            self._stale.found(self._topic, end=end, known=position)
            await asyncio.sleep(STALE_PAUSE)
            await self._log.look_around()
        self._stale.over(self._topic)
        self._log.seek(position)

    def seek_again(self, position: int) -> None:
        """Read on from a position that was read before."""
        self._log.seek(position)

    async def _next_for_others(self, position: int) -> int | None:
        """Return the offset that another consumer reads first from `position` on, None where it reads nothing."""
        async with Consumer(self._kafka, committed=False) as log:
            log.seek(self._topic, self._partition, position)
            records, _ = await log.next(self._topic, self._partition, wait=PROOF_WAIT)
        return records[0].offset if records else None


def until_gap(records: Sequence[Record]) -> Sequence[Record]:
    """Return the records up to the first offset that is missing between them."""
    first = records[0].offset
    if records[-1].offset - first == len(records) - 1:
        return records
    return [record for number, record in enumerate(records) if record.offset == first + number]
