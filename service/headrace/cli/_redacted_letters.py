"""The records that dead letters without bytes are about, read where they lie: on raw, for as long as it keeps them."""

import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable

from headrace.cli._kafka_errors import existing_topics
from headrace.config import Config
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.records_at import records_at
from headrace_events import DeadLetter, RawPosition

LetterPlace = tuple[int, int]
"""Partition and offset of a letter on dead-letters."""


async def raw_records(
    config: Config, letters: Iterable[tuple[LetterPlace, DeadLetter]]
) -> AsyncGenerator[tuple[LetterPlace, Record | None]]:
    """Yield the place of each letter with its record on raw; None where that is gone, or never was there.

    Of a raw record that is named by several letters each gets it. Raises `KafkaError`, `TimeoutError`.
    """
    letters = list(letters)
    if not letters:
        return
    (topic,) = await existing_topics(config, "raw")
    places: defaultdict[int, defaultdict[int, list[LetterPlace]]] = defaultdict(lambda: defaultdict(list))
    for place, letter in letters:
        if _may_be_there(letter.raw, topic.name, topic.partitions):
            places[letter.raw.partition][letter.raw.offset].append(place)
        else:
            yield place, None
    async with Consumer(config.kafka) as log:
        for partition, of_partition in sorted(places.items()):
            async with contextlib.aclosing(records_at(log, topic.name, partition, of_partition)) as records:
                async for offset, record in records:
                    for place in of_partition.pop(offset):
                        yield place, record
            for place in (each for left in of_partition.values() for each in left):  # behind the end of raw
                yield place, None


def _may_be_there(raw: RawPosition, topic: str, partitions: int) -> bool:
    """Return whether raw can hold a record; what a poller found too large never came there."""
    return raw.topic == topic and 0 <= raw.partition < partitions and raw.offset >= 0
