"""Drain the spool into raw, batch by batch, oldest first; what Kafka cannot take is set aside."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

import structlog

from headrace.config import Config
from headrace.kafka.appender import Appender
from headrace.kafka.client import KafkaError, is_definite
from headrace.receiver.metrics import ReceiverMetrics
from headrace.records.raw import place
from headrace.spool import Spool, Waiting
from headrace_events import Via

RAW: Final = "raw"
BATCH_RECORDS: Final = 1_000
BATCH_BYTES: Final = 4 * 2**20
BATCH_DEADLINE_SECONDS: Final = 15.0
EMPTY_PAUSE_SECONDS: Final = 0.1

_log = structlog.get_logger()


class SpoolDrain:
    """Takes what waits out of the spool once Kafka has it. A copy may be left in Kafka, never a gap."""

    def __init__(self, config: Config, spool: Spool, metrics: ReceiverMetrics) -> None:
        self._name: Final = f"{config.topic_prefix}{RAW}"
        self._max_age_ms: Final = config.spool.max_age * 1000
        self._spool: Final = spool
        self._metrics: Final = metrics

    async def drain_batch(self, appender: Appender, partitions: int) -> int:
        """Drain the oldest records that wait; return how many they were.

        Raises `KafkaError` or `TimeoutError` where Kafka does not take them, `OSError` where the spool cannot be read.
        """
        batch = await self._spool.oldest(RAW, BATCH_RECORDS, BATCH_BYTES)
        if not batch:
            await asyncio.sleep(EMPTY_PAUSE_SECONDS)  # what was on its way into the spool did not arrive
        groups: dict[int, list[Waiting]] = defaultdict(list)
        for waiting in self._sorted_out(batch):
            groups[place(waiting.out.key, partitions)].append(waiting)
        records = {partition: [waiting.out for waiting in group] for partition, group in groups.items()}
        taken = await appender.append_all(self._name, records, BATCH_DEADLINE_SECONDS)
        self._remove([waiting for partition, group in groups.items() for waiting in group[: taken[partition].count]])
        for partition, result in taken.items():
            if result.error is not None:
                if not is_definite(result.error):
                    raise result.error
                await self._one_by_one(appender, partition, groups[partition][result.count :])
        return len(batch)

    def _sorted_out(self, batch: Sequence[Waiting]) -> list[Waiting]:
        """Return what may be appended; set the rest aside."""
        oldest = int(time.time() * 1000) - self._max_age_ms
        fit: list[Waiting] = []
        unfit: dict[str, list[Waiting]] = defaultdict(list)
        for waiting in batch:
            if not waiting.sound:
                unfit["damaged"].append(waiting)
            elif waiting.received < oldest:
                unfit["too_old"].append(waiting)
            else:
                fit.append(waiting)
        for reason, records in unfit.items():
            self._set_aside(records, reason)
        return fit

    async def _one_by_one(self, appender: Appender, partition: int, records: Sequence[Waiting]) -> None:
        """Find which records of a refused batch Kafka refuses."""
        for waiting in records:
            try:
                await appender.append(self._name, partition, waiting.out, BATCH_DEADLINE_SECONDS)
            except KafkaError as error:
                if not is_definite(error):
                    raise
                self._set_aside([waiting], "refused")
            else:
                self._remove([waiting])

    def _remove(self, records: Sequence[Waiting]) -> None:
        """Take records out of the spool that Kafka has."""
        self._spool.remove(records)
        self._metrics.drained(len(records))
        for source, count in Counter(waiting.source for waiting in records).items():
            self._metrics.appended(source, Via.WEBHOOK, count)

    def _set_aside(self, records: Sequence[Waiting], reason: str) -> None:
        """Set records aside; a line for each source, not for each record: after a long absence all are too old."""
        self._spool.set_aside(records, reason)
        self._metrics.set_aside(reason, len(records))
        for source, count in Counter(waiting.source for waiting in records).items():
            _log.warning("records_set_aside", source=source, records=count, reason=reason)
