"""A topic with the story on it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Producer

from headrace.kafka.partitioner import partitions
from headrace.records.event import encode_event
from headrace_events import Event
from tests.examples.stream import PARTITIONS, State, Transaction, committed, latest_of, story
from tests.kafka.client import create_topic

SEED: Final = 11
DEADLINE: Final = 60.0
"""Seconds that one call to Kafka may take on a busy machine."""


@dataclass(frozen=True)
class Published:
    """A topic with events, and what a consumer must make of them."""

    servers: str
    topic: str
    events: Sequence[Event]
    latest: State


def fill(servers: str, topic: str) -> Published:
    """Create a topic and write the story there: what is committed, and what is taken back."""
    transactions = story(SEED)
    asyncio.run(create_topic(servers, topic, partitions=PARTITIONS))
    publish(servers, topic, transactions)
    events = committed(transactions)
    return Published(servers, topic, events, latest_of(events))


def publish(servers: str, topic: str, transactions: Iterable[Transaction]) -> None:
    """Write them as the normalizer does: gzip, one partition a lead, a transaction each."""
    producer = Producer(
        {"bootstrap.servers": servers, "transactional.id": f"{topic}-writer", "compression.type": "gzip"}
    )
    producer.init_transactions(DEADLINE)
    for transaction in transactions:
        producer.begin_transaction()
        records = [encode_event(each) for each in transaction.events]
        placed = partitions([record.key for record in records], PARTITIONS)
        for record, partition in zip(records, placed, strict=True):
            producer.produce(topic, record.value, record.key, partition, headers=list(record.headers))
        producer.flush(DEADLINE)  # what is taken back is in the log all the same
        (producer.commit_transaction if transaction.committed else producer.abort_transaction)(DEADLINE)
