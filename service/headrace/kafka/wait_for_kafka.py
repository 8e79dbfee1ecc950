"""Start, however long Kafka is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from headrace.config import KafkaSettings
from headrace.kafka.client import KafkaError, why

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 15.0
"""Seconds between attempts: the pause doubles from the first to the longest."""

T = TypeVar("T")

_log = structlog.get_logger()


async def when_kafka_answers(
    kafka: KafkaSettings,
    attempt: Callable[[], Awaitable[T]],
    *,
    first_pause: float = FIRST_PAUSE,
    longest_pause: float = LONGEST_PAUSE,
) -> T:
    """Try until Kafka answers, and return what the attempt returned. Raises what else it raises."""
    pause = first_pause
    while True:
        try:
            return await attempt()
        except (KafkaError, TimeoutError, OSError) as error:
            _log.warning("kafka_awaited", servers=kafka.bootstrap_servers, reason=why(error))
        await asyncio.sleep(pause)
        pause = min(pause * 2, longest_pause)
