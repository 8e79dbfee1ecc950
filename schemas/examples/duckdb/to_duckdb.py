"""Bring a file of DuckDB up to date with the topic; its view `latest` shows the latest event of each record.

    python to_duckdb.py localhost:9092 headrace.events events.duckdb
    duckdb events.duckdb "SELECT type, count(*) FROM latest GROUP BY ALL"

The table `events` is its own position: a run goes on behind the last offset that it holds of each partition.
"""

import sys
from typing import Any, Final

import duckdb
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

TABLE: Final = """
    CREATE TABLE IF NOT EXISTS events ("partition" INTEGER, "offset" BIGINT, event JSON)
"""
# Of one record the later `revised` wins; where it is equal, or one has none, what was published later.
VIEW: Final = """
    CREATE OR REPLACE VIEW latest AS
    WITH parts AS (
        SELECT event->>'source' AS source, event->>'$.data.native.resource' AS resource,
            event->>'$.data.native.id' AS native_id, event->>'id' AS id, event->>'type' AS type,
            event->>'subject' AS subject, event->>'traffic' AS traffic,
            (event->>'$.data.revised')::TIMESTAMPTZ AS revised, (event->>'recordedtime')::TIMESTAMPTZ AS recorded,
            event, "offset"
        FROM events
    )
    SELECT unnest(list_reduce(list(parts ORDER BY recorded, "offset"),
        lambda old, new: CASE WHEN new.revised < old.revised THEN old ELSE new END))
    FROM parts
    GROUP BY source, resource, native_id
"""
POSITIONS: Final = 'SELECT "partition", max("offset") + 1 FROM events GROUP BY ALL'
INSERT: Final = "INSERT INTO events SELECT unnest(?), unnest(?), unnest(?)"


def bring_up_to_date(servers: str, topic: str, file: str) -> None:
    """Read to the end of each partition; raise what Kafka or DuckDB says."""
    settings = {
        "bootstrap.servers": servers,
        "group.id": "to-duckdb",  # the client wants one; it joins no group, and commits nothing
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
    }
    with duckdb.connect(file) as db:
        db.execute(TABLE)
        db.execute(VIEW)
        positions = dict(db.execute(POSITIONS).fetchall())
        consumer = Consumer(settings)
        try:
            unread = set(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
            if not unread:
                raise LookupError(f"there is no topic {topic}")
            consumer.assign([TopicPartition(topic, n, positions.get(n, OFFSET_BEGINNING)) for n in unread])
            while unread:
                records = consumer.consume(num_messages=5000, timeout=1.0)
                unread -= {record.partition() for record in records if at_end(record)}
                insert(db, [record for record in records if record.error() is None])
        finally:
            consumer.close()


def at_end(record: Message) -> bool:
    """Return whether this says that a partition ends here; raise KafkaException for any other error."""
    error = record.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  (its public name)
        raise KafkaException(error)
    return error is not None


def insert(db: duckdb.DuckDBPyConnection, records: list[Any]) -> None:
    """Add a batch in one statement: all of it, or nothing."""
    if records:
        columns = zip(
            *((record.partition(), record.offset(), record.value().decode()) for record in records), strict=True
        )
        db.execute(INSERT, [list(column) for column in columns])


if __name__ == "__main__":
    bring_up_to_date(*sys.argv[1:])
