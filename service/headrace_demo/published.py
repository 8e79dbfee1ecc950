"""What is on the topics after the scenario, beside what the normalizer decided."""

import asyncio
import contextlib
from collections import Counter
from typing import Final

import msgspec

from headrace.config import Config
from headrace.kafka.consumer import read
from headrace_demo.screen import Screen
from headrace_events import decode

_READABLE_SECONDS: Final = 10.0


async def log_differs(config: Config, screen: Screen) -> list[str]:
    """Return how the topics differ from the decisions: they must agree, each id once.

    Kafka reports a commit shortly before all consumers can read it: differences are looked at again for a while.
    """
    faults = await _compared(config, screen)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_READABLE_SECONDS):
            while faults:
                faults = await _compared(config, screen)
    return faults


async def _compared(config: Config, screen: Screen) -> list[str]:
    ids: Counter[tuple[str, str]] = Counter()
    async for record in read(config.kafka, f"{config.topic_prefix}events"):
        event = decode(record.value or b"")
        ids[event.source, event.id] += 1
    letters = 0
    async for _ in read(config.kafka, f"{config.topic_prefix}dead-letters"):
        letters += 1
    faults = [f"{source} {id_} stands {count} times on events" for (source, id_), count in ids.items() if count > 1]
    fates = Counter(decision["fate"] for decision in screen.decisions)
    for what, found in (("published", len(ids)), ("dead", letters)):
        if fates[what] != found:
            faults.append(f"{fates[what]} {what}, but {found} on the topic")
    return faults


async def show_one_event(config: Config, screen: Screen) -> None:
    """Show one event as it is on the topic."""
    async for record in read(config.kafka, f"{config.topic_prefix}events"):
        event = decode(record.value or b"")
        if event.word == "call.completed" and "leadping" in event.source:
            screen.event(msgspec.json.format(record.value or b"", indent=2).decode())
            return
