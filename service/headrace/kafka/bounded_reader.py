"""Take records from a consumer by their weight, not by their number alone.

A record of a megabyte may take a few hundred bytes in the log, so what the client has fetched says nothing about what
it becomes; the client's `getmany` would unpack all of it at once. What the client holds itself stays compressed but for
the one batch that is being read, which its producer bounded: `FETCH_BYTES` for each partition, and a batch.
"""

from collections.abc import Iterable
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.structs import ConsumerRecord

from headrace.core.weight import weight

FETCH_BYTES: Final = 1024 * 1024
"""Compressed bytes that the client fetches ahead of each partition; a larger batch is fetched all the same."""
MOST_WEIGHT: Final = 8 * 1024 * 1024
"""Of the records that are handed over at once; one that alone weighs more is handed over alone."""


class BoundedReader:
    """Reads through one consumer. Of each partition it keeps back at most one record: the one that was too much."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer: Final = consumer
        self._leftover: Final[dict[TopicPartition, ConsumerRecord]] = {}

    async def next(self, parts: Iterable[TopicPartition], wait: float, most: int) -> list[ConsumerRecord]:
        """Return records of one of the partitions, `most` and `MOST_WEIGHT` at most; none where none came in time.

        Raises what the client's `getmany` raises.
        """
        for at in parts:
            if (leftover := self._take_leftover(at)) is not None:
                return self._fill(at, leftover, most)
        found = await self._consumer.getmany(*parts, timeout_ms=int(wait * 1000), max_records=1)
        for at, (first,) in found.items():
            return self._fill(at, first, most)
        return []

    def seek(self, at: TopicPartition, offset: int) -> None:
        """Read on from an offset."""
        self._leftover.pop(at, None)
        self._consumer.seek(at, offset)

    async def position(self, at: TopicPartition) -> int:
        """Return the offset to read next; markers of transactions have offsets, too."""
        leftover = self._leftover.get(at)
        position: int = leftover.offset if leftover is not None else await self._consumer.position(at)
        return position

    def _take_leftover(self, at: TopicPartition) -> ConsumerRecord | None:
        """Return the record that was kept back, unless the partition went away or was read elsewhere since."""
        leftover = self._leftover.pop(at, None)
        if leftover is None or at not in self._consumer.assignment():
            return None
        state = self._consumer._subscription.subscription.assignment.state_value(at)  # noqa: SLF001  (position() would wait)
        return leftover if state.has_valid_position and state.position == leftover.offset + 1 else None

    def _fill(self, at: TopicPartition, first: ConsumerRecord, most: int) -> list[ConsumerRecord]:
        """Return `first`, and behind it what the client has of that partition, as far as it fits."""
        taken, left = [first], MOST_WEIGHT - weight_of(first)
        fetcher = self._consumer._fetcher  # noqa: SLF001  (nothing public unpacks one record after the other)
        fetched = fetcher._records.get(at)  # noqa: SLF001  (as above)
        if most == 1 or left <= 0 or not isinstance(fetched, FetchResult) or not fetched.check_assignment(at):
            return taken
        if self._take(at, fetched, taken, most, left):
            del fetcher._records[at]  # noqa: SLF001  (as the client does it: more is fetched while these are worked on)
            fetcher._notify(fetcher._wait_consume_future)  # noqa: SLF001  (as above)
        return taken

    def _take(
        self, at: TopicPartition, fetched: FetchResult, taken: list[ConsumerRecord], most: int, left: int
    ) -> bool:
        """Add to `taken` what fits; return whether the client has nothing more.

        What follows a record that cannot be read is fetched again: then it comes first, and its error is raised.
        """
        try:
            for record in fetched._partition_records or ():  # noqa: SLF001  (getone() would take a microsecond for each)
                left -= weight_of(record)
                if left < 0:
                    self._leftover[at] = record
                    return False
                taken.append(record)
                if len(taken) == most:
                    return False
        except Exception:  # noqa: BLE001  (whatever it is)
            return True
        else:
            return True
        finally:
            if fetched.has_more():
                fetched._update_position()  # noqa: SLF001  (as its getall does)


def weight_of(record: ConsumerRecord) -> int:
    """Return what a record weighs, headers included."""
    found = weight(record.value) if record.value else 0
    for _, data in record.headers:
        found += len(data) if data else 0
    return found
