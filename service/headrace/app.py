"""One process: configuration, logging, the admin port, and the roles it was asked for."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
import structlog
import uvloop

from headrace import __version__
from headrace.commit import Decision
from headrace.config import Config
from headrace.kafka.admin import Topic
from headrace.kafka.log import KafkaError, Transactions
from headrace.kafka.task import CannotRun
from headrace.kafka.topics import Refused, verify
from headrace.normalizer import Normalizer
from headrace.observe.admin import CannotServe, serve
from headrace.observe.health import Health
from headrace.observe.logging import configure
from headrace.observe.metrics import Metrics
from headrace.seen import NewerFormat

ROLES: Final = ("normalizer",)
STOP_DEADLINE: Final = 25.0
"""Seconds from SIGTERM to the end: below the 30 that Kubernetes gives."""
MOST_STUCK: Final = 3

_log = structlog.get_logger()


class Stuck(Exception):  # noqa: N818  (a state, told in a sentence)
    """Too many producers of this process hang: only a new process is clean."""


def run(config: Config, roles: Iterable[str]) -> int:
    """Run roles until SIGTERM or SIGINT; give the exit code. Errors for the operator are logged as one sentence."""
    configure(config.log.format, config.log.level)
    code = 0
    try:
        uvloop.run(_main(config, tuple(roles)))
    except* (CannotRun, CannotServe, NewerFormat, Refused, Stuck) as refusals:
        for refusal in _leaves(refusals):
            _log.error("refused_to_run", reason=str(refusal))
        code = 1
    return code


async def _main(config: Config, roles: Sequence[str]) -> None:
    metrics = Metrics(config.tenants, __version__)
    health = Health(time.monotonic)
    main = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, main, number)
    async with serve(config.admin.host, config.admin.port, metrics, health) as port:
        _log.info("started", version=__version__, roles=list(roles), admin=port)
        try:
            topics = await _verified(config)
            health.verified()
            async with asyncio.TaskGroup() as group:
                group.create_task(_guard())
                group.create_task(Normalizer(config, topics, metrics, health, _told(config)).run())
        except asyncio.CancelledError:
            _log.info("stopped")


def _stop(main: asyncio.Task[None] | None, number: int) -> None:
    """End in order: cancellation runs through every task. A hang is cut off by the deadline."""
    _log.info("stopping", signal=signal.Signals(number).name, deadline=STOP_DEADLINE)
    if main is not None:
        main.cancel()
    signal.setitimer(signal.ITIMER_REAL, STOP_DEADLINE)  # SIGALRM ends a process whose stop hangs


async def _verified(config: Config) -> dict[str, Topic]:
    """Verify the topics when Kafka first answers. Raises `Refused`."""
    pause = 0.5
    while True:
        try:
            return await verify(config)
        except (KafkaError, TimeoutError, OSError) as error:
            _log.warning("kafka_awaited", servers=config.kafka.bootstrap_servers, reason=type(error).__name__)
        await asyncio.sleep(pause)
        pause = min(pause * 2, 15.0)


async def _guard() -> None:
    """End the process when too many producers hang. Raises `Stuck`."""
    while Transactions.stuck < MOST_STUCK:  # noqa: ASYNC110  (counted wherever a producer is closed)
        await asyncio.sleep(1.0)
    raise Stuck(f"{Transactions.stuck} producers could not be stopped: the process ends, start it again")


def _told(config: Config) -> Callable[[list[Decision]], None]:
    """Log every decision where debug logs are wanted, and nothing otherwise."""
    if config.log.level != "debug":
        return lambda _: None

    def tell(decisions: list[Decision]) -> None:
        for decision in decisions:
            _log.debug("record_decided", **msgspec.structs.asdict(decision))

    return tell


def _leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
