"""Bring a record of raw back to raw as told: a webhook's, which woke a feed that did not bring it."""

import time
from typing import Final

import structlog
from msgspec.structs import replace

from headrace.config import KafkaSettings
from headrace.config.tenants import Account
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.kafka.client import CALL_DEADLINE
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.raw_writer import RawWriter
from headrace.kafka.topic_rules import retention_ms
from headrace.poller.metrics import PollerMetrics
from headrace.records.raw import from_raw_record, to_raw_record
from headrace.sdk.provider import RawEvent

_log = structlog.get_logger()


class RawReturn:
    """Reads records of raw by their coordinates, and appends them again."""

    def __init__(self, kafka: KafkaSettings, raw: Topic, appender: Appender, metrics: PollerMetrics) -> None:
        self.lifetime: Final = retention_ms(raw) / 1000
        """For how many seconds a record can be read."""
        self._kafka: Final = kafka
        self._raw: Final = raw
        self._appender: Final = appender
        self._metrics: Final = metrics

    async def as_told(self, account: Account, *, partition: int, offset: int) -> None:
        """Append the record of a tenant at an offset again, marked; log where it is not there (any more).

        Raises `KafkaError`, `TimeoutError`, and `NewerFormat` where a newer Headrace wrote it.
        """
        record = await self._record(partition, offset)
        raw = _event_of(record) if record else None
        if raw is None or raw.source != account.source:
            _log.error("nudged_record_gone", source=account.source, partition=partition, offset=offset)
            return
        writer = RawWriter(self._appender, self._raw)
        await writer.append(to_raw_record(account.provider, replace(raw, as_told=True)))
        self._metrics.nudge_returned(account.provider.name, account.name)

    async def _record(self, partition: int, offset: int) -> Record | None:
        """Return the record at an offset, None where there is none any more."""
        async with Consumer(self._kafka, committed=False) as log:
            first, end = await log.bounds(self._raw.name, partition)
            if offset < first:
                return None
            if offset >= end:
                raise TimeoutError("the leader that answers does not know the record yet")
            log.seek(self._raw.name, partition, offset)
            deadline = time.monotonic() + CALL_DEADLINE
            while time.monotonic() < deadline:
                records, _ = await log.next(self._raw.name, partition)
                if records:
                    return records[0] if records[0].offset == offset else None
        raise TimeoutError("the record was not read in time")


def _event_of(record: Record) -> RawEvent | None:
    """Return the raw event of a record, None where it is none of ours, or damaged: no other nudge waits for it."""
    try:
        return from_raw_record(record.headers, record.value)
    except (LookupError, ValueError, RecursionError):
        return None
