"""Settings of topics on which the promises cannot be kept, each refused with one sentence. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from headrace.kafka.admin import Topic

DAY_MS: Final = 86_400_000
FOR_EVER_MS: Final = 365_000 * DAY_MS
HEADER_ROOM_BYTES: Final = 8 * 1024
"""What the header may take beside the body of a webhook."""
LETTER_ROOM_BYTES: Final = 64 * 1024
"""What a dead letter may take beside the raw record that it holds."""
IN_SYNC: Final = 2
"""Copies that an acknowledged record must have, where there is more than one broker."""
COMPACTED: Final = ("cursors",)
"""Topics of which only the last record of each key counts."""

Topics = Mapping[str, Topic]
"""The topics by their short names."""


def check(topics: Topics, *, window_ms: int, body_bytes: int, brokers: int = 3) -> list[str]:
    """Return what is wrong with the topics, for a dedupe window in ms and a body in bytes.

    A cluster of one broker is a machine of its own for development: it cannot keep more than one copy.
    """
    return [
        *_check_partitions(topics["raw"], topics["seen"]),
        *_check_copies(topics, brokers),
        *_check_clean_up(topics),
        *_check_times(topics),
        *_check_retention(topics, window_ms),
        *_check_sizes(topics, body_bytes),
    ]


def check_raw(raw: Topic, seen: Topic | None, *, placed_by: int | None, body_bytes: int, brokers: int) -> list[str]:
    """Return why nothing may be appended to raw, for whoever uses no other topic; `seen` is None where it is not seen.

    `placed_by` is the number of partitions by which ids were placed before, None where none were.
    """
    alone = {"raw": raw}
    return [
        *(_check_partitions(raw, seen) if seen else _check_placement(raw, placed_by)),
        *_check_copies(alone, brokers),
        *_check_clean_up(alone),
        *_check_times(alone),
        *_check_body(raw, body_bytes),
    ]


def _check_placement(raw: Topic, placed_by: int | None) -> Iterator[str]:
    if placed_by not in (None, raw.partitions):
        yield (
            f"{raw.name} has {raw.partitions} partitions and had {placed_by}: ids would change their place; see the "
            "runbook on how to re-split"
        )


def _check_partitions(raw: Topic, seen: Topic) -> Iterator[str]:
    if raw.partitions != seen.partitions:
        yield (
            f"{raw.name} has {raw.partitions} partitions and {seen.name} has {seen.partitions}: they belong together "
            "one to one; see the runbook on how to re-split"
        )


def _check_copies(topics: Topics, brokers: int) -> Iterator[str]:
    """Refuse what one broker can lose after it was acknowledged, and what can never be acknowledged."""
    for topic in topics.values():
        in_sync = int(topic.config.get("min.insync.replicas") or 1)
        if in_sync > topic.replicas:
            yield (
                f"{topic.name} has min.insync.replicas={in_sync} and {_copies(topic)}: Kafka would take no record; "
                f"lower it, or add replicas with `kafka-reassign-partitions.sh`"
            )
        elif brokers > 1 and topic.replicas < IN_SYNC:
            yield (
                f"{topic.name} has {_copies(topic)} on {brokers} brokers: what was acknowledged is lost with one disk; "
                "add replicas with `kafka-reassign-partitions.sh`, three are usual, and set min.insync.replicas=2"
            )
        elif brokers > 1 and in_sync < IN_SYNC:
            yield (
                f"{topic.name} has min.insync.replicas={in_sync}: a broker alone may acknowledge what is lost with it; "
                f"set it to {IN_SYNC}"
            )
        if topic.config.get("unclean.leader.election.enable") == "true":
            yield (
                f"{topic.name} has unclean.leader.election.enable=true: a replica that lags behind may become leader, "
                "and acknowledged records are lost; set it to false"
            )


def _check_clean_up(topics: Topics) -> Iterator[str]:
    for name, topic in topics.items():
        policy = topic.config.get("cleanup.policy") or "delete"
        if name in COMPACTED:
            if policy != "compact":
                yield (
                    f"{topic.name} must have cleanup.policy=compact: any other forgets cursors, watch-lists and tokens"
                )
            if int(topic.config.get("delete.retention.ms") or DAY_MS) < DAY_MS:
                yield (
                    f"{topic.name} has delete.retention.ms={topic.config['delete.retention.ms']}: what was removed "
                    f"would live on in pollers that do not see it in time; set it to at least {DAY_MS}, a day"
                )
            continue
        if policy != "delete":
            yield f"{topic.name} must have cleanup.policy=delete: compaction would drop {_dropped(name)}"
        if int(topic.config.get("retention.bytes") or -1) >= 0:
            yield (
                f"{topic.name} has retention.bytes={topic.config['retention.bytes']}: under load it would forget early "
                "what it must keep for a time; set it to -1 and size the disk for its retention.ms"
            )


def _check_times(topics: Topics) -> Iterator[str]:
    for topic in topics.values():
        if topic.config.get("message.timestamp.type", "LogAppendTime") != "LogAppendTime":
            yield (
                f"{topic.name} must have message.timestamp.type=LogAppendTime: under a producer's clock that is wrong "
                "its records would be deleted early or late"
            )


def _check_retention(topics: Topics, window_ms: int) -> Iterator[str]:
    raw, seen = topics["raw"], topics["seen"]
    needed = max(window_ms, retention_ms(raw)) + int(raw.config.get("segment.ms") or DAY_MS) + DAY_MS
    if retention_ms(seen) < min(needed, FOR_EVER_MS):
        yield (
            f"{seen.name} is kept {_days(seen)}, it must outlive {raw.name} and the dedupe window: "
            f"set its retention.ms to at least {needed}"
        )
    for name in ("raw", "events"):
        if retention_ms(topics[name]) < DAY_MS:
            yield (
                f"{topics[name].name} is kept {_days(topics[name])}: what is not read by then is lost; "
                f"set its retention.ms to at least {DAY_MS}, a day"
            )
    for name in ("nudges", "dead-letters"):
        if retention_ms(topics[name]) < retention_ms(raw):
            yield (
                f"{topics[name].name} is kept {_days(topics[name])} and {raw.name} {_days(raw)}: it must not be gone "
                f"before the raw records that it is about; set its retention.ms to at least {retention_ms(raw)}"
            )


def _check_sizes(topics: Topics, body_bytes: int) -> Iterator[str]:
    raw, events, letters = (
        int(topics[name].config.get("max.message.bytes") or 0) for name in ("raw", "events", "dead-letters")
    )
    name = topics["raw"].name
    yield from _check_body(topics["raw"], body_bytes)
    if not raw + LETTER_ROOM_BYTES <= min(events, letters):
        yield (
            f"max.message.bytes must grow: {name} has {raw}, events {events}, dead-letters {letters}; "
            f"raise the latter two to at least {LETTER_ROOM_BYTES} more than raw"
        )


def _check_body(raw: Topic, body_bytes: int) -> Iterator[str]:
    most = int(raw.config.get("max.message.bytes") or 0)
    if body_bytes + HEADER_ROOM_BYTES > most:
        yield (
            f"{raw.name} takes {most} bytes, the receiver bodies of {body_bytes}: lower [receiver] max_body, or raise "
            f"max.message.bytes of {raw.name} to at least {body_bytes + HEADER_ROOM_BYTES}"
        )


def retention_ms(topic: Topic) -> int:
    """Return a topic's retention in milliseconds; "for ever" is a thousand years."""
    millis = int(topic.config.get("retention.ms") or -1)
    return millis if millis >= 0 else FOR_EVER_MS


def _copies(topic: Topic) -> str:
    return f"{topic.replicas} replica{'' if topic.replicas == 1 else 's'}"


def _dropped(name: str) -> str:
    return "positions" if name == "seen" else "all but the last record of each key"


def _days(topic: Topic) -> str:
    return f"{retention_ms(topic) / DAY_MS:.3g} d"
