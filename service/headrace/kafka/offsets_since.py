"""Where a time begins in a partition."""

from aiokafka import TopicPartition

from headrace.kafka.call import call
from headrace.kafka.client import CALL_DEADLINE
from headrace.kafka.consumer import Consumer


async def offset_since(log: Consumer, topic: str, partition: int, since: int) -> int | None:
    """Return the offset of the first record appended at `since` (ms since the epoch) or later; None where none was.

    Raises `KafkaError`, `TimeoutError`.
    """
    at = TopicPartition(topic, partition)
    found = await call(log._consumer.offsets_for_times({at: since}), CALL_DEADLINE)  # noqa: SLF001  (one room)
    return None if found.get(at) is None else int(found[at].offset)
