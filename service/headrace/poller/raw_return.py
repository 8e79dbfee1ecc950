"""Bring records of raw back to raw as told: those of webhooks that woke a feed which did not bring them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from msgspec.structs import replace

from headrace.config import KafkaSettings
from headrace.core.record import ProducerRecord
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.kafka.client import CALL_DEADLINE, KafkaError
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.raw_writer import GROUP_BYTES, GROUP_RECORDS
from headrace.kafka.records_at import records_at
from headrace.kafka.topic_rules import retention_ms
from headrace.poller.metrics import PollerMetrics
from headrace.records.nudge import AddressedNudge
from headrace.records.raw import from_raw_record, headers_of, place

Nudged = tuple[str, AddressedNudge]
"""A source, and a nudge of it, which holds the place of its record in raw."""

_log = structlog.get_logger()


class RawReturn:
    """Reads records of raw by their coordinates, and appends them again: their own keys, bytes and headers, marked."""

    def __init__(self, kafka: KafkaSettings, raw: Topic, appender: Appender, metrics: PollerMetrics) -> None:
        self.lifetime: Final = retention_ms(raw) / 1000
        """For how many seconds a record can be read."""
        self._kafka: Final = kafka
        self._raw: Final = raw
        self._limit: Final = int(raw.config["max.message.bytes"])
        self._appender: Final = appender
        self._metrics: Final = metrics

    async def as_told(self, nudges: Sequence[Nudged]) -> list[Nudged]:
        """Append the records of nudges again; return the nudges that need nothing more: try the others again later.

        Those whose records are not there (any more) need nothing: they are logged. Raises `NewerFormat`.
        """
        returned: list[Nudged] = []
        if not nudges:
            return returned
        reason = "not there yet"
        try:
            async with Consumer(self._kafka, committed=False) as log:
                for partition, offsets in _by_place(nudges).items():
                    try:
                        await self._return(log, partition, offsets, returned)
                    except (KafkaError, TimeoutError, OSError) as error:  # its leader may be away, and others not
                        reason = type(error).__name__
        except (KafkaError, TimeoutError, OSError) as error:
            reason = type(error).__name__
        if len(returned) < len(nudges):
            _log.warning("nudges_not_returned", nudges=len(nudges) - len(returned), reason=reason)
        return returned

    async def _return(
        self, log: Consumer, partition: int, nudges: Mapping[int, Sequence[Nudged]], returned: list[Nudged]
    ) -> None:
        """Append what stands at the offsets of one partition; add to `returned`. Raises as the client does."""
        group: list[tuple[Nudged, ProducerRecord]] = []
        size = 0
        try:
            async for offset, record in records_at(log, self._raw.name, partition, nudges):
                for one in nudges[offset]:
                    copy = _marked_copy(one, record)
                    if copy is None or copy.size > self._limit:
                        _log_end(one, "nudged_record_gone" if copy is None else "nudged_record_too_large")
                        returned.append(one)
                        continue
                    if len(group) == GROUP_RECORDS or size + copy.size > GROUP_BYTES:
                        await self._append(group, returned)
                        size = 0
                    group.append((one, copy))
                    size += copy.size
        except (KafkaError, TimeoutError, OSError):
            await self._append(group, returned)  # what was found before that does not wait for the rest
            raise
        await self._append(group, returned)

    async def _append(self, group: list[tuple[Nudged, ProducerRecord]], returned: list[Nudged]) -> None:
        """Append a group and empty it; raise the first error once all that is durable is added to `returned`."""
        records = [(place(copy.key, self._raw.partitions), copy) for _, copy in group]
        errors = await self._appender.append_each(self._raw.name, records, CALL_DEADLINE) if records else []
        for (one, _), error in zip(group, errors, strict=True):
            if error is None:
                returned.append(one)
                self._metrics.nudge_returned(one[0])
        group.clear()
        for error in errors:
            if error is not None:
                raise error


def _by_place(nudges: Sequence[Nudged]) -> dict[int, dict[int, list[Nudged]]]:
    """Return nudges by the partition and offset of their records in raw."""
    places: dict[int, dict[int, list[Nudged]]] = defaultdict(lambda: defaultdict(list))
    for one in nudges:
        places[one[1].partition][one[1].offset].append(one)
    return places


def _marked_copy(one: Nudged, record: Record | None) -> ProducerRecord | None:
    """Return what is appended for a record, None where it is not the one that was nudged, or damaged."""
    source, nudge = one
    if record is None or record.key is None or record.key.hex() != nudge.record:
        return None
    try:
        raw = from_raw_record(record.headers, record.value)
    except (LookupError, ValueError, RecursionError):
        return None
    if raw.source != source:
        return None
    return ProducerRecord(record.key, raw.value, headers_of(replace(raw, as_told=True, redriven=False, expired=False)))


def _log_end(one: Nudged, what: str) -> None:
    source, nudge = one
    _log.error(what, source=source, partition=nudge.partition, offset=nudge.offset, record=nudge.record)
