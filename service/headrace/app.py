"""One process: logging, the admin port, signals, and the roles that the command line names."""

import asyncio
import contextlib
import faulthandler
import gc
import os
import signal
import socket
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, cast

import structlog
import uvloop

from headrace import __version__
from headrace.config import Config
from headrace.config.config_watch import ConfigWatch
from headrace.config.live import LiveConfig
from headrace.config.live_report import LiveReport
from headrace.kafka.notice_writer import writing_notices
from headrace.kafka.producer import Transactions
from headrace.observe.admin import CannotServe, serve
from headrace.observe.logging import configure
from headrace.observe.notice_metrics import show_notices
from headrace.observe.registry import Registry
from headrace.observe.span_export import CannotTrace, SpanExport, exporting_spans, show_spans
from headrace.observe.tracer import Tracer
from headrace.roles import CANNOT_RUN, NormalizerRole, PollerRole, ReceiverRole, Role, RoleBeside, leaves, run_beside
from headrace.spool import CannotSpool

ROLES: Final[Mapping[str, type[Role]]] = {
    "receiver": ReceiverRole,
    "normalizer": NormalizerRole,
    "poller": PollerRole,
}
"""Every role by its name, in the order in which they start."""
NOTHING: Final[Mapping[str, type[Role]]] = MappingProxyType({})
STOP_DEADLINE_SECONDS: Final = 25.0
"""From SIGTERM to the end: below the 30 that Kubernetes gives."""
MOST_HOST: Final = 64
NO_TRACES: Final = "OTEL_SDK_DISABLED"
"""The variable by which OpenTelemetry is switched off, whatever a configuration says."""
STUCK_LIMIT: Final = 3
"""So many producers that cannot be stopped end the process: only a new one is clean."""
SELDOM: Final = (20_000, 10, 10)
"""Objects made until the garbage collector looks for cycles, where a process normalizes and does nothing else.

At 700, Python's own, it takes a tenth of the CPU or more. Bodies and pages would wait in cycles for longer, too: so not
where a receiver or a poller runs.
"""

_log = structlog.get_logger()


class Stuck(Exception):  # noqa: N818  (a state, not an error)
    """Too many producers of this process hang: only a new process is clean."""


def run(config: Config, roles: Iterable[str], *, more: Mapping[str, type[Role]] = NOTHING, admin: bool = True) -> int:
    """Run roles until SIGTERM or SIGINT; return the exit code. Errors for the operator are logged as one sentence.

    A role that cannot run ends the process, the others in order; where it receives as well, the receiver goes on.
    `more` are roles by their names that stand above this room, and only read. Without `admin` there is no admin port.
    """
    configure(config.log.format, config.log.level)
    gc.collect()
    gc.freeze()  # what was imported stays: looking through it now and then would block the loop for 40 ms
    if (roles := tuple(roles)) == ("normalizer",):
        gc.set_threshold(*SELDOM)
    code = 0
    try:
        uvloop.run(_main(config, {name: {**ROLES, **more}[name] for name in roles}, admin=admin))
    except* (*CANNOT_RUN, CannotServe, CannotSpool, CannotTrace, Stuck) as refusals:
        for refusal in leaves(refusals):
            _log.error("refused_to_run", reason=str(refusal))
        code = 1
    return code


async def _main(config: Config, kinds: Mapping[str, type[Role]], *, admin: bool) -> None:
    """Run roles, with what exports their spans around them where tracing is on."""
    traces = config.traces
    if not traces.enabled or os.environ.get(NO_TRACES, "").lower() == "true":
        await _run_roles(config, kinds, admin=admin)
        return
    async with exporting_spans(traces.endpoint, traces.named_headers) as export:
        await _run_roles(config, kinds, export, admin=admin)


async def _run_roles(
    config: Config, kinds: Mapping[str, type[Role]], export: SpanExport | None = None, *, admin: bool
) -> None:
    registry = Registry(__version__, None if export is None else Tracer(config.traces.ratio, export.add))
    show_spans(export, registry)
    notices = registry.notices
    show_notices(notices, registry)
    live = LiveConfig(config)
    live.follow(lambda config: configure(config.log.format, config.log.level))
    report = LiveReport(live, registry)
    names, roles = list(kinds), [kind(live, registry) for kind in kinds.values()]
    main = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, main, number)
    probed = (*(role.health for role in roles), report)
    async with contextlib.AsyncExitStack() as stack:
        port = 0
        if admin:
            port = await stack.enter_async_context(serve(config.admin.host, config.admin.port, registry, *probed))
        if not ROLES.keys().isdisjoint(names):  # what only reads has no right to write, either
            await stack.enter_async_context(writing_notices(config, notices))
        notices.process = process_source(names, port)
        fields = {key: value for role in roles for key, value in role.log_fields.items()}
        _log.info("started", version=__version__, roles=names, admin=port, **fields)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_guard())
                group.create_task(ConfigWatch(live, os.environ, notices).run())
                receives = any(isinstance(role, ReceiverRole) for role in roles)
                for name, role in zip(names, roles, strict=True):
                    goes_on = receives if name in ROLES else len(roles) > 1
                    beside = goes_on and not isinstance(role, ReceiverRole)
                    group.create_task(run_beside(cast("RoleBeside", role)) if beside else role.run())
        except asyncio.CancelledError:
            _log.info("stopped")


def process_source(roles: Sequence[str], port: int) -> str:
    """Return the source of what a process notes of itself: its host, which is a pod's name, admin port and roles.

    The port tells apart processes of one host, and is the same after a restart.
    """
    host = "".join(letter for letter in socket.gethostname() if letter.isalnum() or letter in "-._")
    return f"/headrace/{host[:MOST_HOST] or 'host'}:{port}/{'all' if len(roles) == len(ROLES) else '+'.join(roles)}"


def _stop(main: asyncio.Task[None] | None, number: int) -> None:
    """End in order: cancellation runs through every task. A hang is cut off by the deadline."""
    _log.info("stopping", signal=signal.Signals(number).name, deadline=STOP_DEADLINE_SECONDS)
    if main is not None:
        main.cancel()
    # Ends a process whose stop hangs, and says where. SIGALRM would not end the first process of a container.
    faulthandler.dump_traceback_later(STOP_DEADLINE_SECONDS, exit=True)


async def _guard() -> None:
    """End the process when too many producers hang. Raises `Stuck`."""
    while Transactions.stuck < STUCK_LIMIT:  # noqa: ASYNC110  (counted wherever a producer is closed)
        await asyncio.sleep(1.0)
    raise Stuck(f"{Transactions.stuck} producers could not be stopped: the process ends, start it again")
