"""The topics of Headrace: what `topics.toml` says, how to create them, and what the service refuses to run on."""

import asyncio
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

import headrace_events
from headrace.config import Config
from headrace.core.record import Out
from headrace.kafka.admin import Admin, Topic, admin
from headrace.kafka.appender import Appender
from headrace.kafka.client import CALL_DEADLINE
from headrace.kafka.consumer import Consumer
from headrace.records.seen import TOTALS, encode_record

DAY_MS: Final = 86_400_000
_UNITS_MS: Final = {"d": DAY_MS, "h": 3_600_000, "m": 60_000, "s": 1000}
FOR_EVER_MS: Final = 365_000 * DAY_MS
HEADER_ROOM_BYTES: Final = 8 * 1024
"""What the header may take beside the body of a webhook."""
LETTER_ROOM_BYTES: Final = 64 * 1024
"""What a dead letter may take beside the raw record that it holds."""
DESCRIBE_PAUSE: Final = 0.05
"""Seconds between looks whether the broker knows of what it created."""
NAMES: Final = ("raw", "events", "seen", "cursors", "nudges", "dead-letters")


class UnfitTopics(Exception):  # noqa: N818  (a sentence for the operator)
    """The topics are not what the promises need; the text says what to do."""


class Wanted(Struct, frozen=True):
    """One topic as `topics.toml` wants it, durations in milliseconds."""

    name: str
    partitions: int
    replicas: int
    config: dict[str, str]


def wanted(prefix: str, profile: str = "") -> list[Wanted]:
    """Read `topics.toml` for one profile ("" for production, "dev" for one broker)."""
    raw = tomllib.loads(_file().read_text("utf-8"))
    defaults, over = raw["defaults"], raw["profiles"][profile] if profile else {}
    return [_wanted(prefix, name, raw["topics"][name], defaults, over) for name in NAMES]


async def apply(config: Config, profile: str = "", partitions: int | None = None) -> list[tuple[Wanted, bool]]:
    """Create what is missing; return each topic and whether it was created. What exists is never changed.

    A new `seen` gets a first record in each partition, by which the service knows that it may begin without memory.
    Raises `UnfitTopics` where `seen` is missing or empty while `raw` holds records: they would all be published again.
    So it does where `raw` is missing while `seen` knows positions in it: a new raw would be passed over up to them.
    """
    topics = wanted(config.topic_prefix, profile)
    done: list[tuple[Wanted, bool]] = []
    async with admin(config.kafka) as client:
        present = await client.topics({topic.name for topic in topics})
        raw, seen = present.get(f"{config.topic_prefix}raw"), present.get(f"{config.topic_prefix}seen")
        if raw is None and seen is not None:
            await _refuse_positions(config, seen)
        for topic in topics:
            count = partitions or topic.partitions
            if raw is not None and topic.name.endswith("seen"):
                count = raw.partitions
            made = msgspec.structs.replace(topic, partitions=count)
            done.append((made, await client.create(made.name, made.partitions, made.replicas, made.config)))
        await _until_known(client, {topic.name for topic in topics})
    await _begin(config)
    return done


async def _until_known(client: Admin, names: set[str]) -> None:
    """Wait until the broker describes what it created: it answers before it knows that itself."""
    async with asyncio.timeout(CALL_DEADLINE):
        while len(await client.topics(names)) < len(names):  # noqa: ASYNC110  (the client offers nothing to wait for)
            await asyncio.sleep(DESCRIBE_PAUSE)


async def _begin(config: Config) -> None:
    """Write the first record of every seen partition that has none, as long as nothing was ever written to raw.

    A seen partition that is empty beside a raw topic in use was emptied, or the topics were given more partitions:
    both would publish events again, the one because they are forgotten, the other because ids change their place.
    """
    raw, seen = f"{config.topic_prefix}raw", f"{config.topic_prefix}seen"
    first = Out(b"", encode_record(0, (0,) * len(TOTALS), {}), [])
    async with Consumer(config.kafka, committed=False) as log, Appender(config.kafka) as appender:
        partitions = range(await appender.partitions_of(seen))
        empty = [p for p in partitions if (await log.bounds(seen, p))[1] == 0]
        used = [p for p in range(await appender.partitions_of(raw)) if (await log.bounds(raw, p))[1] > 0]
        if empty and used:
            raise UnfitTopics(
                f"{seen}-{empty[0]} is empty, but {raw}-{used[0]} was written: what was published is forgotten, or the "
                f"topics were given more partitions (see the README on how to re-split); restore {seen}, or delete "
                f"{raw} and {seen} together"
            )
        for partition in empty:
            await appender.append(seen, partition, first)


async def _refuse_positions(config: Config, seen: Topic) -> None:
    """Raise `UnfitTopics` where a partition of `seen` holds more than its first record."""
    async with Consumer(config.kafka, committed=False) as log:
        for partition in range(seen.partitions):
            if (await log.bounds(seen.name, partition))[1] > 1:
                raise UnfitTopics(
                    f"{config.topic_prefix}raw is missing, but {seen.name}-{partition} knows a position in it, up to "
                    f"which a new one would be passed over: restore it, or delete {seen.name} as well"
                )


async def describe(config: Config) -> dict[str, Topic]:
    """Return those of the topics that exist, by name."""
    async with admin(config.kafka) as client:
        return await client.topics({config.topic_prefix + name for name in NAMES})


async def verify(config: Config) -> dict[str, Topic]:
    """Return the topics, or raise `UnfitTopics` with everything about them on which the promises cannot be kept."""
    async with admin(config.kafka) as client:
        return await _verify(config, client)


async def _verify(config: Config, client: Admin) -> dict[str, Topic]:
    prefix = config.topic_prefix
    present = await client.topics({prefix + name for name in NAMES})
    missing = [prefix + name for name in NAMES if prefix + name not in present]
    if missing:
        raise UnfitTopics(f"topics are missing: {', '.join(missing)}; run `headrace topics apply`")
    faults = check(
        {name: present[prefix + name] for name in NAMES},
        window_ms=config.dedupe.window * 1000,
        body_bytes=config.receiver.max_body,
    )
    if faults:
        raise UnfitTopics("; ".join(faults))
    return present


def check(topics: dict[str, Topic], *, window_ms: int, body_bytes: int) -> list[str]:
    """Return what is wrong with the topics, by short name, for a dedupe window in ms and a body in bytes."""
    raw, seen = topics["raw"], topics["seen"]
    faults = []
    if raw.partitions != seen.partitions:
        faults.append(
            f"{raw.name} has {raw.partitions} partitions and {seen.name} has {seen.partitions}: they belong together "
            "one to one; see the README on how to re-split"
        )
    return [*faults, *_check_retention(raw, seen, topics["cursors"], window_ms), *_check_sizes(topics, body_bytes)]


def _check_retention(raw: Topic, seen: Topic, cursors: Topic, window_ms: int) -> Iterator[str]:
    needed = max(window_ms, retention_ms(raw)) + int(raw.config.get("segment.ms") or DAY_MS) + DAY_MS
    if retention_ms(seen) < min(needed, FOR_EVER_MS):
        yield (
            f"{seen.name} is kept {_days(retention_ms(seen))}, it must outlive {raw.name} and the dedupe window: "
            f"set its retention.ms to at least {needed}"
        )
    if seen.config.get("cleanup.policy", "delete") != "delete":
        yield f"{seen.name} must have cleanup.policy=delete: compaction would drop positions"
    if cursors.config.get("cleanup.policy") != "compact":
        yield (f"{cursors.name} must have cleanup.policy=compact: any other forgets cursors, watch-lists and tokens")


def _check_sizes(topics: dict[str, Topic], body_bytes: int) -> Iterator[str]:
    raw, events, letters = (
        int(topics[name].config.get("max.message.bytes") or 0) for name in ("raw", "events", "dead-letters")
    )
    name = topics["raw"].name
    if body_bytes + HEADER_ROOM_BYTES > raw:
        yield (
            f"{name} takes {raw} bytes, the receiver bodies of {body_bytes}: lower [receiver] max_body, or raise "
            f"max.message.bytes of {name} to at least {body_bytes + HEADER_ROOM_BYTES}"
        )
    if not raw + LETTER_ROOM_BYTES <= min(events, letters):
        yield (
            f"max.message.bytes must grow: {name} has {raw}, events {events}, dead-letters {letters}; "
            f"raise the latter two to at least {LETTER_ROOM_BYTES} more than raw"
        )


def retention_ms(topic: Topic) -> int:
    """Return a topic's retention in milliseconds; "for ever" is a thousand years."""
    millis = int(topic.config.get("retention.ms") or -1)
    return millis if millis >= 0 else FOR_EVER_MS


def _days(millis: int) -> str:
    return f"{millis / DAY_MS:g} d"


def _file() -> Any:
    """Find `topics.toml`: inside the installed package, or beside it in a checkout."""
    packaged = files(headrace_events) / "topics.toml"
    return packaged if packaged.is_file() else Path(headrace_events.__file__).parents[1] / "topics.toml"


def _wanted(prefix: str, name: str, topic: dict[str, Any], defaults: dict[str, Any], over: dict[str, Any]) -> Wanted:
    config = defaults["config"] | over.get("config", {}) | topic.get("config", {})
    return Wanted(
        prefix + name,
        topic.get("partitions", defaults["partitions"]),
        over.get("replication_factor", defaults["replication_factor"]),
        {key: _millis(value) if key.endswith(".ms") else value for key, value in config.items()},
    )


def _millis(text: str) -> str:
    return str(int(text[:-1]) * _UNITS_MS[text[-1]]) if text[-1] in _UNITS_MS else text
