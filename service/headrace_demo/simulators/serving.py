"""Serve simulated platforms on loopback: one at the root of its own port, or several below prefixes of one port."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Self

from aiohttp import web

Answering = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]
"""Answers a request, given its path below the prefix."""


class Served:
    """A port with something on it. `parts` are by their prefixes (`/leadping`); the empty one takes what is left."""

    def __init__(self, parts: Mapping[str, Answering], host: str = "127.0.0.1", port: int = 0) -> None:
        self._parts: Final = dict(parts)
        self._host: Final = host
        self._port: Final = port
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """The root of the port, without a slash behind it."""
        if self._runner is None:
            raise RuntimeError("nothing is served yet")
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def start(self) -> Self:
        """Listen."""
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        return self

    async def stop(self) -> None:
        """Close the port and what is open."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        head, _, rest = request.path.removeprefix("/").partition("/")
        part = self._parts.get(f"/{head}")
        if part is not None:
            return await part(request, f"/{rest}")
        whole = self._parts.get("")
        return await whole(request, request.path) if whole else web.Response(status=404, text="no platform is here\n")
