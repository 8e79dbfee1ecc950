"""Bring a record of raw back to raw as told: a webhook's, which woke a feed that did not bring it."""

import time
from typing import Final

import structlog
from msgspec.structs import replace

from headrace.config import KafkaSettings
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.kafka.client import CALL_DEADLINE
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.raw_writer import RawWriter
from headrace.records.raw import from_raw_record, to_raw_record
from headrace.sdk.provider import Provider

_log = structlog.get_logger()


class RawReturn:
    """Reads records of raw by their coordinates, and appends them again."""

    def __init__(self, kafka: KafkaSettings, raw: Topic, appender: Appender) -> None:
        self._kafka: Final = kafka
        self._raw: Final = raw
        self._appender: Final = appender

    async def as_told(self, provider: Provider, source: str, *, partition: int, offset: int) -> bool:
        """Append the record of a source at an offset again, marked; return False where it is not there any more.

        Raises `KafkaError`, `TimeoutError`.
        """
        record = await self._record(partition, offset)
        raw = from_raw_record(record.headers, record.value) if record else None
        if raw is None or raw.source != source:
            _log.error("nudged_record_gone", source=source, partition=partition, offset=offset)
            return False
        writer = RawWriter(self._appender, self._raw)
        await writer.append(to_raw_record(provider, replace(raw, as_told=True)))
        return True

    async def _record(self, partition: int, offset: int) -> Record | None:
        async with Consumer(self._kafka, committed=False) as log:
            first, end = await log.bounds(self._raw.name, partition)
            if not first <= offset < end:
                return None
            log.seek(self._raw.name, partition, offset)
            deadline = time.monotonic() + CALL_DEADLINE
            while time.monotonic() < deadline:
                records, _ = await log.next(self._raw.name, partition)
                if records:
                    return records[0] if records[0].offset == offset else None
        raise TimeoutError("the record was not read in time")
