"""The port of the page: who is let in, which answers it gives, and the headers of all of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from headrace.config import Config
from headrace.config.live import LiveConfig
from headrace.console.access import COOKIE, LASTS_SECONDS, Access, security_headers
from headrace.console.live_updates import LiveUpdates
from headrace.console.pages import Pages
from headrace.console.rendering import render
from headrace.console.watch import Watch
from headrace.observe.admin import CannotServe

STATIC: Final = Path(__file__).parent / "static"
IDLE_SECONDS: Final = 30.0
STOP_SECONDS: Final = 2.0
LOGIN_SECONDS: Final = 10.0
_SERVED: Final[Mapping[str, Any]] = {
    "access_log": None,
    "handler_cancellation": True,  # whoever has left needs nothing to be read
    "keepalive_timeout": IDLE_SECONDS,
    "shutdown_timeout": STOP_SECONDS,
}
MOST_LOGIN_BYTES: Final = 4_096
_OPEN: Final = ("/login", "/static/")
"""What is shown before anybody has logged in."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = structlog.get_logger()


class PageServer:
    """The application: routes, and what stands before each of them."""

    def __init__(self, live: LiveConfig, watch: Watch) -> None:
        self._settings = live.config.console
        self._access = Access(self._settings)
        pages, self._updates = Pages(live, watch), LiveUpdates(watch)
        self.app: Final = web.Application(
            client_max_size=MOST_LOGIN_BYTES, middlewares=[_middleware(self._guard), _middleware(pages.explain)]
        )
        self.app.router.add_get("/login", self._login_page)
        self.app.router.add_post("/login", self._log_in)
        self.app.router.add_get("/logout", self._log_out)
        self.app.router.add_get("/live", self._updates.answer, allow_head=False)
        self.app.router.add_static("/static/", STATIC)
        for path, handler in pages.routes().items():
            self.app.router.add_get(path, handler)

    def follow(self, config: Config) -> None:
        """Take over who may see the page: a new token logs everybody out, from pages that are open as well.

        Where an address that needs a restart would leave the page open to all, what was in force stays until then.
        """
        settings = config.console
        if settings == self._settings or any(settings.faults()):
            return
        if settings.token != self._settings.token:
            self._updates.end_all()
        self._settings, self._access = settings, Access(settings)

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer only whoever calls the page by its name and is logged in."""
        headers = security_headers()
        if not self._access.knows(request.headers.get("Host", "")):
            text = "This page is not called so: [console] hosts names what it answers to.\n"
            return web.Response(status=421, text=text, headers=headers)
        is_open = self._access.is_open or request.path.startswith(_OPEN)
        if not is_open and not self._access.lets_in(request.cookies.get(COOKIE, "")):
            if request.path == "/live":
                return web.Response(status=401, text="Log in again.\n", headers=headers)
            return web.Response(status=303, headers={**headers, "Location": "/login"})
        try:
            response = await handler(request)
        except web.HTTPException as refusal:
            refusal.headers.update(headers)
            raise
        if not response.prepared:
            response.headers.update(headers)
        return response

    async def _login_page(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002  (aiohttp's signature)
        if self._access.is_open:
            raise web.HTTPSeeOther("/")
        return _page(render("login.html", wrong=""))

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                form = await request.post()
        except (ValueError, LookupError, TimeoutError):
            raise web.HTTPBadRequest from None
        token = form.get("token")
        cookie = await self._access.log_in(token) if isinstance(token, str) else None
        if cookie is None:
            shut = self._access.is_shut
            wrong = "Too many wrong tokens: wait a minute." if shut else "That is not the token."
            _log.warning("console_login_refused", shut=shut)
            return _page(render("login.html", wrong=wrong), 429 if shut else 401)
        response = web.Response(status=303, headers={"Location": "/"})
        # A proxy that ends TLS says so; whoever forges it gets a cookie that is sent more seldom, and nothing else.
        secure = request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"
        response.set_cookie(COOKIE, cookie, max_age=LASTS_SECONDS, httponly=True, samesite="Strict", secure=secure)
        return response

    async def _log_out(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002  (aiohttp's signature)
        response = web.Response(status=303, headers={"Location": "/login"})
        response.del_cookie(COOKIE)
        return response


def _middleware(before: Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]) -> Middleware:
    """Return a method as what aiohttp calls before each handler."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await before(request, handler)

    return middleware


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")


@asynccontextmanager
async def serving(live: LiveConfig, watch: Watch) -> AsyncIterator[str]:
    """Serve the page until the block ends; yield its address. Raises `CannotServe` where the port is taken."""
    settings, server = live.config.console, PageServer(live, watch)
    runner = web.AppRunner(server.app, **_SERVED)
    await runner.setup()
    live.follow(server.follow)
    try:
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as error:
            place = f"{settings.host}:{settings.port}"
            sentence = f"the page's port {place} cannot be had ({error.strerror}): choose another [console] port"
            raise CannotServe(sentence) from None
        host = settings.host if ":" not in settings.host else f"[{settings.host}]"
        yield f"http://{host}:{runner.addresses[0][1]}/"
    finally:
        live.unfollow(server.follow)
        await runner.cleanup()
