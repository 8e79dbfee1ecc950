"""The roles of a process: each with its metrics and health, and the order in which its parts start and stop."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from headrace.config import Config
from headrace.config.live import LiveConfig
from headrace.kafka.admin import Topic
from headrace.kafka.partition_owner import CannotRun
from headrace.kafka.role_rights import RoleRights
from headrace.kafka.topics import UnfitTopics, verify
from headrace.kafka.wait_for_kafka import when_kafka_answers
from headrace.normalizer.commit import Decision
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.normalizer.normalizer import Normalizer
from headrace.observe.admin import CannotServe, Probed
from headrace.observe.health import Health, ReceiverHealth
from headrace.observe.registry import Registry
from headrace.poller.metrics import PollerMetrics
from headrace.poller.poller import Poller
from headrace.receiver.ingress import Ingress
from headrace.receiver.metrics import ReceiverMetrics
from headrace.receiver.receiver import Receiver
from headrace.records.newer_format import NewerFormat
from headrace.spool import Spool
from headrace.spool.volume import missing_bytes

CANNOT_RUN: Final = (CannotRun, NewerFormat, UnfitTopics)
"""Why a role that owns partitions cannot run, each with a sentence for the operator."""
RETRY_SECONDS: Final = 5.0
"""Between two attempts of a role whose process goes on without it."""
ALL_INTERFACES: Final = ("0.0.0.0", "::")  # noqa: S104  (compared with, not listened on)

_log = structlog.get_logger()


class Role(Protocol):
    """One role; `log_fields` go into the log line of the process's start."""

    log_fields: Mapping[str, object]

    def __init__(self, live: LiveConfig, registry: Registry) -> None:
        """Build the role; nothing is opened yet."""

    @property
    def health(self) -> Probed:
        """What the probes of the admin port ask."""

    async def run(self) -> None:
        """Work until cancelled, then end in order. Raises errors with a sentence for the operator."""


class Stoppable(Probed, Protocol):
    """The health of a role that may not run while its process goes on."""

    def stopped(self, reason: str) -> None:
        """Note why it does not run."""


class RoleBeside(Protocol):
    """A role that runs beside others, which go on where it cannot."""

    name: str

    @property
    def health(self) -> Stoppable:
        """What the probes of the admin port ask."""

    async def run(self) -> None:
        """See Role."""


class ReceiverRole:
    """The receiver with its ingress and spool. It starts at once, whether Kafka answers or not.

    It ends from the outside in: first the port closes and requests in progress are finished, then the ingress drains
    what it can, then the spool is closed. What stays in it is drained by the next process.
    """

    def __init__(self, live: LiveConfig, registry: Registry) -> None:
        self._live: Final = live
        config = live.config
        self._metrics: Final = ReceiverMetrics(registry, config.tenants)
        live.follow(lambda config: self._metrics.know(config.tenants))
        self.health: Final = ReceiverHealth(time.monotonic)
        self._metrics.kafka.show(self.health.contact)
        host = "localhost" if config.receiver.host in ALL_INTERFACES else config.receiver.host
        self.log_fields: Mapping[str, object] = {
            "webhooks": f"http://{host}:{config.receiver.port}/webhooks/PROVIDER/TENANT"
        }

    async def run(self) -> None:
        """See Role. Raises `CannotSpool`, `CannotServe`."""
        config = self._live.config
        async with Spool(config.spool.path, config.spool.max_bytes) as spool:
            self._check_volume()
            ingress = Ingress(config, spool, self._metrics, self.health)
            async with _running_beside(ingress.run()):
                await Receiver(self._live, ingress, self._metrics, self.health).run()

    def _check_volume(self) -> None:
        """Log where the spool's volume is too small for it: it would be full before its limit."""
        spool = self._live.config.spool
        missing = missing_bytes(Path(spool.path), spool.max_bytes)
        self._metrics.volume_lacks(missing)
        if missing:
            _log.error(
                "spool_volume_too_small",
                path=str(spool.path),
                missing_bytes=missing,
                reason=f"[spool] max_bytes is {spool.max_bytes}: enlarge the volume by {missing} bytes, or lower it",
            )


class NormalizerRole:
    """The normalizer, once Kafka answers and the topics are verified."""

    name = "normalizer"
    log_fields: Mapping[str, object] = {}

    def __init__(self, live: LiveConfig, registry: Registry) -> None:
        self._live: Final = live
        self._metrics: Final = NormalizerMetrics(registry, live.config.tenants)
        live.follow(lambda config: self._metrics.know(config.tenants))
        self.health: Final = Health(time.monotonic)
        self._metrics.kafka.show(self.health.contact)

    async def run(self) -> None:
        """See Role. Raises `UnfitTopics`, `CannotRun`, `NewerFormat`."""
        config = self._live.config
        topics = await _verified(config, self.name)
        self.health.verified()
        self.health.kafka(answers=True)
        normalizer = Normalizer(
            self._live,
            topics,
            metrics=self._metrics,
            health=self.health,
            decided=_decision_log(self._live),
        )
        await normalizer.run()


class PollerRole:
    """The poller, once Kafka answers and the topics are verified. Without a tenant to poll it idles, and is ready."""

    name = "poller"

    def __init__(self, live: LiveConfig, registry: Registry) -> None:
        self._live: Final = live
        self._metrics: Final = PollerMetrics(registry, live.config.tenants)
        live.follow(lambda config: self._metrics.know(config.tenants))
        self.health: Final = Health(time.monotonic, role="poller")
        self._metrics.kafka.show(self.health.contact)
        self.log_fields: Mapping[str, object] = {
            "polled": sum(account.settings.is_polled for account in live.config.tenants)
        }

    async def run(self) -> None:
        """See Role. Raises `UnfitTopics`, `CannotRun`, `NewerFormat`."""
        config = self._live.config
        topics = await _verified(config, self.name)
        self.health.verified()
        self.health.kafka(answers=True)
        self._metrics.spread(topics[f"{config.topic_prefix}cursors"].partitions)
        await Poller(self._live, topics, self._metrics, self.health).run()


async def run_beside(role: RoleBeside) -> None:
    """Run a role in a process that receives as well: while it cannot run, say so and try again; the port stays open.

    So what only shows runs beside any other role.
    """
    reason = ""
    while True:
        try:
            await role.run()
        except* (*CANNOT_RUN, CannotServe) as refusals:
            found = "; ".join(map(str, leaves(refusals)))
            if found != reason:
                _log.error("role_cannot_run", role=role.name, reason=found, again_in_seconds=RETRY_SECONDS)
            reason = found
            role.health.stopped(reason)
        await asyncio.sleep(RETRY_SECONDS)


def leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    """Return the errors in a group, and in the groups in it."""
    found: list[Exception] = []
    for error in group.exceptions:
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


async def _verified(config: Config, role: str) -> dict[str, Topic]:
    """Return the topics once Kafka answers. Raises `UnfitTopics` where a role lacks a right, or they are unfit."""
    rights = RoleRights(config, role)

    async def attempt() -> dict[str, Topic]:
        await rights.check()  # first: a topic that may not be seen would be taken for missing
        return await verify(config)

    return await when_kafka_answers(config.kafka, attempt)


@contextlib.asynccontextmanager
async def _running_beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run work while the block runs, and cancel it afterwards; where the work fails, the block is cancelled."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(work)
        try:
            yield
        finally:
            running.cancel()


def _decision_log(live: LiveConfig) -> Callable[[list[Decision]], None]:
    """Return what logs every decision under the level debug, and nothing otherwise."""

    def log(decisions: list[Decision]) -> None:
        for decision in decisions if live.config.log.level == "debug" else ():
            _log.debug("record_decided", **decision.log_fields)

    return log
