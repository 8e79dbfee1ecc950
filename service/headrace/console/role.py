"""The role `console`: the page, for as long as the process runs. It owns nothing, and nothing depends on it."""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from headrace.cli._output import without_progress
from headrace.config.live import LiveConfig
from headrace.console.server import serving
from headrace.console.watch import Watch
from headrace.kafka.role_rights import RoleRights
from headrace.kafka.wait_for_kafka import when_kafka_answers
from headrace.observe.health import Check, HealthReport
from headrace.observe.registry import Registry

_log = structlog.get_logger()


class PageHealth:
    """Health of the page: it is there once its port is open, whatever Kafka does, for then it says so."""

    def __init__(self) -> None:
        self.is_open = False
        self._reason = ""

    def opened(self) -> None:
        """Note that the port is open."""
        self.is_open, self._reason = True, ""

    def stopped(self, reason: str) -> None:
        """Note why it is not shown, while the process goes on for others."""
        self.is_open, self._reason = False, reason

    def startup(self) -> HealthReport:
        """Return whether it has started."""
        return self._report()

    def live(self) -> HealthReport:
        """Return whether it should go on: while it can answer this, it can show the page."""
        return HealthReport((Check("console", "loop", ok=True, why="it answers"),))

    def ready(self) -> HealthReport:
        """Return whether it shows the page."""
        return self._report()

    def _report(self) -> HealthReport:
        why = "its port is open" if self.is_open else self._reason or "its port is not open yet"
        return HealthReport((Check("console", "port", ok=self.is_open, why=why),))


class ConsoleRole:
    """See `roles.Role`. It starts at once, whether Kafka answers or not: the page says which."""

    name = "console"
    log_fields: Mapping[str, object] = {}

    def __init__(self, live: LiveConfig, registry: Registry) -> None:  # noqa: ARG002  (the signature of a role)
        self._live: Final = live
        self.health: Final = PageHealth()

    async def run(self) -> None:
        """Serve the page until cancelled. Raises `CannotServe`."""
        watch = Watch(self._live)
        with without_progress():
            await self._serve(watch)

    async def _serve(self, watch: Watch) -> None:
        async with serving(self._live, watch) as url, asyncio.TaskGroup() as group:
            self.health.opened()
            _log.info("console_open", url=url)
            group.create_task(watch.run())
            group.create_task(self._look_at_rights())

    async def _look_at_rights(self) -> None:
        """Log which rights it lacks, once; the page says by itself what it cannot read."""
        kafka, rights = self._live.config.kafka, RoleRights(self._live.config, self.name)
        await when_kafka_answers(kafka, rights.check)
