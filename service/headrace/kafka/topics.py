"""The topics of Headrace: what `topics.toml` says, how to create them, and what the service refuses to run on."""

import asyncio
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

import headrace_events
from headrace.config import Config
from headrace.core.record import ProducerRecord
from headrace.kafka.admin import Admin, Topic, admin
from headrace.kafka.appender import Appender
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Consumer
from headrace.kafka.positions import last_position
from headrace.kafka.topic_rules import DAY_MS, check
from headrace.records.seen import TOTALS, encode_record

_UNITS_MS: Final = {"d": DAY_MS, "h": 3_600_000, "m": 60_000, "s": 1000}
DESCRIBE_PAUSE: Final = 0.05
"""Seconds between looks whether every broker knows of what was created."""
KNOWN_SECONDS: Final = 30.0
"""Time in which every broker must know of what was created."""
NAMES: Final = ("raw", "events", "seen", "cursors", "nudges", "dead-letters")
OPTIONAL: Final = ("notices",)
"""Topics that the service does without where they are missing."""
ALL: Final = (*NAMES, *OPTIONAL)


class UnfitTopics(Exception):  # noqa: N818  (a sentence for the operator)
    """The topics are not what the promises need; the text says what to do, `faults` one by one."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


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
    return [_wanted(prefix, name, raw["topics"][name], defaults, over) for name in ALL]


async def apply(config: Config, profile: str = "", partitions: int | None = None) -> list[tuple[Wanted, bool]]:
    """Create what is missing; return each topic and whether it was created. What exists is never changed.

    A new `seen` gets a first record in each partition, by which the service knows that it may begin without memory.
    `raw` is created last, so that whatever fails in between, nothing can be appended before that: run it again.
    Raises `UnfitTopics` where `seen` is missing or empty while `raw` holds records: they would all be published again.
    So it does where `raw` is missing while `seen` knows positions in it: a new raw would be passed over up to them.
    """
    topics = wanted(config.topic_prefix, profile)
    async with admin(config.kafka) as client:
        present = await client.topics({topic.name for topic in topics})
        raw, seen = present.get(f"{config.topic_prefix}raw"), present.get(f"{config.topic_prefix}seen")
        if raw is None and seen is not None:
            await _refuse_positions(config, seen)
        others = [_sized(topic, partitions, raw) for topic in topics if not topic.name.endswith("raw")]
        done = await _create(client, others)
        # the first look may have been at a broker that had not heard of it yet
        seen = (await client.topics({f"{config.topic_prefix}seen"}))[f"{config.topic_prefix}seen"]
        await _begin(config, raw)
        done += await _create(
            client, [_sized(topic, partitions, seen) for topic in topics if topic.name.endswith("raw")]
        )
    return sorted(done, key=lambda pair: [topic.name for topic in topics].index(pair[0].name))


def _sized(topic: Wanted, partitions: int | None, twin: Topic | None) -> Wanted:
    """Return a topic with as many partitions as are wanted; raw and seen have as many as the one that exists."""
    count = twin.partitions if twin and topic.name.endswith(("raw", "seen")) else partitions or topic.partitions
    return msgspec.structs.replace(topic, partitions=count)


async def _create(client: Admin, topics: Sequence[Wanted]) -> list[tuple[Wanted, bool]]:
    """Create topics, and wait until every broker knows them: whoever is asked next may be any of them."""
    done = [(one, await client.create(one.name, one.partitions, one.replicas, one.config)) for one in topics]
    async with asyncio.timeout(KNOWN_SECONDS):
        while not await _known(client, {one.name for one in topics}):  # noqa: ASYNC110  (the client offers nothing to wait for)
            await asyncio.sleep(DESCRIBE_PAUSE)
    return done


async def _known(client: Admin, names: set[str]) -> bool:
    try:
        return await client.known_everywhere(names)
    except KafkaError:  # a broker that has just come or gone: the next look says
        return False


async def _begin(config: Config, raw: Topic | None) -> None:
    """Write the first record of every seen partition that has none, as long as nothing was ever written to raw.

    A seen partition that is empty (barriers do not count) beside a raw topic in use was emptied, or the topics were
    given more partitions: both would publish events again, the one because they are forgotten, the other because ids
    change their place. A raw partition that ends before the position that seen knows would be passed over up to it.
    """
    seen = f"{config.topic_prefix}seen"
    first = ProducerRecord(b"", encode_record(0, (0,) * len(TOTALS), {}), [])
    async with (
        Consumer(config.kafka) as committed,
        Consumer(config.kafka, committed=False) as log,
        Appender(config.kafka) as appender,
    ):
        known = {p: await last_position(committed, seen, p) for p in range(await appender.partitions_of(seen))}
        ends = {p: (await log.bounds(raw.name, p))[1] for p in range(raw.partitions)} if raw else {}
        empty = [p for p, position in known.items() if position is None]
        used = [f"{config.topic_prefix}raw-{p}" for p, end in ends.items() if end > 0]
        if empty and used:
            raise UnfitTopics(
                f"{seen}-{empty[0]} is empty, but {used[0]} was written: what was published is forgotten, or the "
                f"topics were given more partitions (see the runbook on how to re-split); restore {seen}, or choose a "
                "new topic_prefix to begin without memory"
            )
        for partition, position in known.items():
            if (end := ends.get(partition, 0)) < (position or 0):
                name = f"{config.topic_prefix}raw"
                raise UnfitTopics(
                    f"{name}-{partition} ends at {end}, but {position} was published already: {name} was made anew, or "
                    "lost its end; restore it, or choose a new topic_prefix to begin anew"
                )
        for partition in empty:
            await appender.append(seen, partition, first)


async def _refuse_positions(config: Config, seen: Topic) -> None:
    """Raise `UnfitTopics` where a partition of `seen` knows a position in a raw that is not there."""
    async with Consumer(config.kafka) as log:
        for partition in range(seen.partitions):
            if await last_position(log, seen.name, partition):
                raise UnfitTopics(
                    f"{config.topic_prefix}raw is missing, but {seen.name}-{partition} knows a position in it, up to "
                    "which a new one would be passed over: restore it, or choose a new topic_prefix to begin anew"
                )


async def describe(config: Config) -> dict[str, Topic]:
    """Return those of the topics that exist, by name."""
    async with admin(config.kafka) as client:
        return await client.topics({config.topic_prefix + name for name in ALL})


async def verify(config: Config) -> dict[str, Topic]:
    """Return the topics, or raise `UnfitTopics` with everything about them on which the promises cannot be kept."""
    async with admin(config.kafka) as client:
        return await _verify(config, client)


async def _verify(config: Config, client: Admin) -> dict[str, Topic]:
    prefix = config.topic_prefix
    present = await client.topics({prefix + name for name in NAMES})
    missing = [prefix + name for name in NAMES if prefix + name not in present]
    if missing:
        raise UnfitTopics(f"topics are missing: {', '.join(missing)}; {_remedy(prefix, missing)}")
    faults = check(
        {name: present[prefix + name] for name in NAMES},
        window_ms=config.dedupe.window * 1000,
        body_bytes=config.receiver.max_body,
        brokers=len(await client.brokers()),
    )
    if faults:
        raise UnfitTopics(*faults)
    return present


def _remedy(prefix: str, missing: Sequence[str]) -> str:
    """Return what to do about missing topics: `raw` is made last, so that beside it `seen` was lost, not never made."""
    seen, raw = f"{prefix}seen", f"{prefix}raw"
    if seen not in missing or raw in missing:
        return "run `headrace topics apply`"
    return (
        f"{seen} was lost, for {raw} is there: restore it, what was published is forgotten without it; see "
        "`When something is lost` in deploy/RUNBOOK.md. `headrace topics apply` makes it where nothing was ever "
        f"written to {raw}, and refuses otherwise"
    )


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
