"""What all tenants of a poller share."""

import random
import time
from collections.abc import Callable, Iterable

import aiohttp
from msgspec import Struct

from headrace.config import Config
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.poller.metrics_protocol import Metrics
from headrace.sdk.provider import Nudge


class Shared(Struct, frozen=True):
    """Connections, topics and clocks. `recent` gives the nudges of a source that came lately, and when (ms)."""

    config: Config
    topics: dict[str, Topic]
    metrics: Metrics
    session: aiohttp.ClientSession
    appender: Appender
    recent: Callable[[str], Iterable[tuple[int, Nudge]]] = lambda _: ()
    now: Callable[[], float] = time.time
    jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2)  # noqa: S311  (jitter is no secret)

    def topic(self, name: str) -> Topic:
        """Give a topic by its short name."""
        return self.topics[self.config.topic_prefix + name]
