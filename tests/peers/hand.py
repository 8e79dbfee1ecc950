"""A plain loop on librdkafka that maps by hand, exactly once: `python -m tests.peers.hand SERVERS RAW OUT CODEC`.

A batch is one transaction: its events, and the offsets of its records. The keys that were seen stand in a set of this
process, which nothing would restore.
"""

import sys
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, Producer

from tests.peers.by_hand import event_of, key_of

BATCH: Final = 2_000
WAIT_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 30.0

_loads: Final = msgspec.json.Decoder().decode
_dumps: Final = msgspec.json.Encoder().encode


def main(servers: str, raw: str, out: str, codec: str) -> None:
    """Work until killed."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": out,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "transactional.id": out,
            "compression.type": codec,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 2 * BATCH,
        }
    )
    consumer.subscribe([raw])
    producer.init_transactions(PATIENCE_SECONDS)
    seen: set[bytes] = set()
    while True:
        batch = consumer.consume(BATCH, WAIT_SECONDS)
        if batch:
            _write(batch, seen, consumer, producer, out)


def _write(batch: list[Any], seen: set[bytes], consumer: Consumer, producer: Producer, out: str) -> None:
    """Map what was not seen, and commit it with its offsets."""
    producer.begin_transaction()
    for message in batch:
        if message.error():
            raise RuntimeError(message.error())
        key = message.key()
        if key not in seen:
            seen.add(key)
            ((_, header),) = message.headers()
            event = event_of(header, _loads(message.value()), _loads)
            producer.produce(out, value=_dumps(event), key=key_of(event))
    producer.send_offsets_to_transaction(consumer.position(consumer.assignment()), consumer.consumer_group_metadata())
    producer.commit_transaction(PATIENCE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
