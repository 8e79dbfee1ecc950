"""The roles as one process runs them: each with its metrics, its health, and what it needs around it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

import msgspec
import structlog

from headrace.config import Config
from headrace.kafka.topics import verify
from headrace.kafka.wait_for_kafka import when_kafka_answers
from headrace.normalizer.commit import Decision
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.normalizer.normalizer import Normalizer
from headrace.observe.admin import Probed
from headrace.observe.health import Health, ReceiverHealth
from headrace.observe.registry import Registry
from headrace.poller.metrics import PollerMetrics
from headrace.poller.poller import Poller
from headrace.receiver.ingress import Intake
from headrace.receiver.metrics import ReceiverMetrics
from headrace.receiver.receiver import Receiver
from headrace.spool import Spool

EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104  (only to name it for people)

_log = structlog.get_logger()


class Role(Protocol):
    """One role: `told` is what the log says of it when the process starts."""

    told: Mapping[str, object]

    def __init__(self, config: Config, registry: Registry) -> None:
        """Make it; nothing is opened yet."""

    @property
    def health(self) -> Probed:
        """How it is."""

    async def run(self) -> None:
        """Work until cancelled, then end in order. Raises errors with a sentence for the operator."""


class Receiving:
    """The receiver with its intake and spool. It starts at once, whether Kafka answers or not.

    It ends from the outside in: first the port closes and what is in flight is finished, then the intake drains what
    it can, then the spool is closed. What stays in it is drained by the next process.
    """

    def __init__(self, config: Config, registry: Registry) -> None:
        self._config: Final = config
        self._metrics: Final = ReceiverMetrics(registry, config.tenants)
        self.health: Final = ReceiverHealth(time.monotonic)
        host = "localhost" if config.receiver.host in EVERYWHERE else config.receiver.host
        self.told: Mapping[str, object] = {"webhooks": f"http://{host}:{config.receiver.port}/webhooks/PROVIDER/TENANT"}

    async def run(self) -> None:
        """See Role. Raises `CannotSpool`, `CannotServe`, `UnfitTopics`."""
        config = self._config
        async with Spool(config.spool.path, config.spool.max_bytes) as spool:
            intake = Intake(config, spool, self._metrics, self.health)
            async with _beside(intake.run()):
                await Receiver(config, intake, self._metrics, self.health).run()


class Normalizing:
    """The normalizer, once Kafka answers and the topics are verified."""

    told: Mapping[str, object] = {}

    def __init__(self, config: Config, registry: Registry) -> None:
        self._config: Final = config
        self._metrics: Final = NormalizerMetrics(registry, config.tenants)
        self.health: Final = Health(time.monotonic)

    async def run(self) -> None:
        """See Role. Raises `UnfitTopics`, `CannotRun`, `NewerFormat`."""
        topics = await when_kafka_answers(self._config.kafka, lambda: verify(self._config))
        self.health.verified()
        await Normalizer(self._config, topics, self._metrics, self.health, _told(self._config)).run()


class Polling:
    """The poller, once Kafka answers and the topics are verified. With nobody to poll it waits, ready, for nothing."""

    def __init__(self, config: Config, registry: Registry) -> None:
        self._config: Final = config
        self._metrics: Final = PollerMetrics(registry, config.tenants)
        self.health: Final = Health(time.monotonic, role="poller")
        self.told: Mapping[str, object] = {"polled": sum(account.settings.polling for account in config.tenants)}

    async def run(self) -> None:
        """See Role. Raises `UnfitTopics`, `CannotRun`, `NewerFormat`."""
        topics = await when_kafka_answers(self._config.kafka, lambda: verify(self._config))
        self.health.verified()
        self._metrics.spread(topics[f"{self._config.topic_prefix}cursors"].partitions)
        await Poller(self._config, topics, self._metrics, self.health).run()


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run work beside the block and end it after the block, however that ends; where the work fails, end the block."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(work)
        try:
            yield
        finally:
            running.cancel()


def _told(config: Config) -> Callable[[list[Decision]], None]:
    """Log every decision where debug logs are wanted, and nothing otherwise."""
    if config.log.level != "debug":
        return lambda _: None

    def tell(decisions: list[Decision]) -> None:
        for decision in decisions:
            _log.debug("record_decided", **msgspec.structs.asdict(decision))

    return tell
