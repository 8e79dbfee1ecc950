"""Writes orders for a tenant's poller from outside: they are carried out by the poller alone."""

import asyncio
from collections.abc import Sequence
from typing import Final

from headrace.config import Config
from headrace.kafka.appender import Appender
from headrace.kafka.partitioner import partitions
from headrace.records.order import Order, SpentCalls, encode_order

SPENT_DEADLINE_SECONDS: Final = 10.0
"""How long a command waits until it is durable that it makes calls; then it makes none."""


async def append_orders(config: Config, source: str, orders: Sequence[Order]) -> None:
    """Append orders, one after the other; a poller takes them within seconds. Raises `KafkaError`, `TimeoutError`."""
    nudges = f"{config.topic_prefix}nudges"
    async with Appender(config.kafka) as appender:
        records = [encode_order(source, order) for order in orders]
        places = partitions([record.key for record in records], await appender.partitions_of(nudges))
        for record, partition in zip(records, places, strict=True):
            await appender.append(nudges, partition, record)


async def announce_calls(config: Config, source: str, calls: int, *, within: int = 0) -> None:
    """Let a tenant's budget count calls, before they are made outside of its poller.

    They are made within so many seconds. The poller counts them about a second later. Raises `KafkaError`,
    `TimeoutError`: then the calls are not to be made.
    """
    async with asyncio.timeout(SPENT_DEADLINE_SECONDS):
        await append_orders(config, source, [SpentCalls(calls, within)])
