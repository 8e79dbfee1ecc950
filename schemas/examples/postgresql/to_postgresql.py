"""Keep the latest state of every record in PostgreSQL, and how many events of each type came: each counts once.

    python to_postgresql.py localhost:9092 headrace.events my-group postgresql://localhost/mine

What a batch changes and the position behind it are one transaction of PostgreSQL; the offsets of the consumer group
are not used. So neither a crash at any moment, nor a process that wakes up when another one has its partitions, changes
anything twice.
"""

import sys
from collections import Counter
from operator import itemgetter
from typing import Any, Final

import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from headrace_events import decode

SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS latest (
        source text, resource text, native_id text,
        id text NOT NULL, type text NOT NULL, subject text NOT NULL, traffic text,
        revised timestamptz, recorded timestamptz NOT NULL,
        event json NOT NULL,  -- not jsonb, which refuses texts that hold \\u0000
        PRIMARY KEY (source, resource, native_id)
    );
    CREATE TABLE IF NOT EXISTS counts (type text PRIMARY KEY, events bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS positions (
        topic text, partition int, next_offset bigint NOT NULL, PRIMARY KEY (topic, partition)
    );
"""
# The later `revised` wins; where it is equal, or one has none, what was published later.
UPSERT: Final = """
    INSERT INTO latest AS old VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (source, resource, native_id) DO UPDATE SET
        id = excluded.id, type = excluded.type, subject = excluded.subject, traffic = excluded.traffic,
        revised = excluded.revised, recorded = excluded.recorded, event = excluded.event
    WHERE CASE WHEN excluded.revised <> old.revised THEN excluded.revised > old.revised
               ELSE excluded.recorded >= old.recorded END
"""
COUNT: Final = """
    INSERT INTO counts AS old VALUES (%s, %s)
    ON CONFLICT (type) DO UPDATE SET events = old.events + excluded.events
"""
# Not where it lies further: then another process has written these records.
ADVANCE: Final = """
    INSERT INTO positions AS old VALUES (%s, %s, %s)
    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset WHERE old.next_offset <= %s
"""
POSITION: Final = "SELECT next_offset FROM positions WHERE topic = %s AND partition = %s"


def follow(servers: str, topic: str, group: str, database: str) -> None:
    """Read for ever; raise what Kafka or PostgreSQL says, and begin again at the positions after a restart."""
    settings = {
        "bootstrap.servers": servers,
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",  # where retention took what lies behind a position
    }
    # A process that is frozen in a transaction must not hold up the one that takes over.
    options = "-c idle_in_transaction_session_timeout=10s"
    with psycopg.connect(database, autocommit=True, options=options) as db:
        db.execute(SCHEMA)
        consumer = Consumer(settings)

        def begin(_: Consumer, partitions: list[TopicPartition]) -> None:
            for partition in partitions:
                row = db.execute(POSITION, (partition.topic, partition.partition)).fetchone()
                partition.offset = row[0] if row else OFFSET_BEGINNING
            consumer.assign(partitions)

        consumer.subscribe([topic], on_assign=begin)
        try:
            while True:
                write(db, consumer.consume(num_messages=500, timeout=1.0))
        finally:
            consumer.close()


def write(db: psycopg.Connection[Any], records: list[Any]) -> None:
    """Write a batch and the positions behind it, or nothing; raise RuntimeError where another process was faster.

    The records are of `confluent_kafka.Message`, by whose types anything may be None.
    """
    first: dict[tuple[str, int], int] = {}
    last: dict[tuple[str, int], int] = {}
    for record in records:
        if record.error():
            raise KafkaException(record.error())
        first.setdefault((record.topic(), record.partition()), record.offset())
        last[record.topic(), record.partition()] = record.offset()
    rows = sorted((row_of(record.value()) for record in records), key=itemgetter(0, 1, 2))  # one order of locks for all
    counts = Counter(row[4] for row in rows)
    with db.transaction(), db.cursor() as cursor:
        for topic, partition in sorted(last):
            place = topic, partition
            cursor.execute(ADVANCE, (*place, last[place] + 1, first[place]))
            if cursor.rowcount == 0:
                raise RuntimeError(f"another process has written records of {topic}-{partition}")
        cursor.executemany(UPSERT, rows)
        cursor.executemany(COUNT, sorted(counts.items()))


def row_of(value: bytes) -> tuple[str | None, ...]:
    """Return an event as a row of `latest`; raise msgspec.DecodeError where it is none."""
    event = decode(value)
    native, revised = event.data.native, event.data.revised
    key = (event.source, native.resource, native.id)
    return (*key, event.id, event.type, event.subject, event.traffic, revised, event.recordedtime, value.decode())


if __name__ == "__main__":
    follow(*sys.argv[1:])
