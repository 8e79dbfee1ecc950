"""The admin port: metrics and health over HTTP. It answers as long as the event loop turns."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

from aiohttp import web

from headrace.observe.health import Check, HealthReport
from headrace.observe.registry import CONTENT_TYPE, Registry

IDLE_SECONDS: Final = 15.0
"""Time after which an idle connection is closed."""
STOP_SECONDS: Final = 2.0
"""Time that open connections get when the port closes."""

_INDEX: Final = """\
Headrace

/metrics           metrics as Prometheus text
/healthz/startup   configuration and topics are verified
/healthz/live      the process should go on; if not, restart it
/healthz/ready     the roles do their work
"""

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Probed(Protocol):
    """A role whose health can be probed."""

    def startup(self) -> HealthReport:
        """Return whether it has started."""

    def live(self) -> HealthReport:
        """Return whether it should go on."""

    def ready(self) -> HealthReport:
        """Return whether it does its work."""


class CannotServe(Exception):  # noqa: N818  (a sentence for the operator)
    """The admin port cannot be opened; the text says which and what to do."""


@asynccontextmanager
async def serve(host: str, port: int, registry: Registry, *roles: Probed) -> AsyncIterator[int]:
    """Serve until the block ends; yield the port, a free one for port 0. Raises `CannotServe` where it is taken.

    A probe is answered 200 where every role's every check holds, else 503; the body lists all of them.
    """
    runner = web.AppRunner(
        _app(registry, roles), access_log=None, keepalive_timeout=IDLE_SECONDS, shutdown_timeout=STOP_SECONDS
    )
    await runner.setup()
    try:
        await _listen(web.TCPSite(runner, host, port), host, port)
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _listen(site: web.TCPSite, host: str, port: int) -> None:
    try:
        await site.start()
    except OSError as error:
        sentence = f"the admin port {host}:{port} cannot be had ({error.strerror}): choose another [admin] port"
        raise CannotServe(sentence) from None


def _app(registry: Registry, roles: tuple[Probed, ...]) -> web.Application:
    app = web.Application(client_max_size=1024)
    app.router.add_get("/", _index)
    app.router.add_get("/metrics", _metrics(registry))
    app.router.add_get("/healthz/startup", _probe(lambda: [role.startup() for role in roles]))
    app.router.add_get("/healthz/live", _probe(lambda: [role.live() for role in roles]))
    app.router.add_get("/healthz/ready", _probe(lambda: [role.ready() for role in roles]))
    return app


async def _index(_: web.Request) -> web.Response:
    return web.Response(text=_INDEX)


def _metrics(registry: Registry) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=registry.render(), headers={"Content-Type": CONTENT_TYPE})

    return answer


def _probe(reports: Callable[[], list[HealthReport]]) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        checks: list[Check] = [check for each in reports() for check in each.checks]
        report = HealthReport(tuple(checks))
        return web.Response(body=report.json(), status=200 if report.ok else 503, content_type="application/json")

    return answer
