"""Server-sent events: the parts of a page that have changed, as HTML, for as long as it is open."""

import asyncio
from typing import Final

import msgspec
from aiohttp import web

from headrace.console.access import security_headers
from headrace.console.parts import Filter, parts_of
from headrace.console.watch import Watch

MOST_VIEWERS: Final = 50
"""Pages that are open at once: each takes a connection and some CPU."""
SEND_SECONDS: Final = 10.0
"""Within which a browser has to take what is sent."""
PAUSE_SECONDS: Final = 0.5
"""Between two updates of one page."""
BEAT_SECONDS: Final = 15.0
"""Without news, so that both sides notice when the other is gone."""


class LiveUpdates:
    """Sends each open page what has changed of its parts."""

    def __init__(self, watch: Watch) -> None:
        self._watch: Final = watch
        self._viewers = 0
        self._begun = 0
        """Grows where all who look have to log in again."""
        self._rendered: Final[dict[tuple[str, Filter], list[tuple[str, str]]]] = {}
        self._version = -1
        """The version that is rendered."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send changes until the browser goes, or the process ends."""
        if self._viewers >= MOST_VIEWERS:
            return web.Response(status=503, text="Too many pages are open.\n", headers={"Retry-After": "30"})
        page, wanted = request.query.get("page", "overview"), Filter.of(request.query)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **security_headers()})
        await response.prepare(request)
        self._viewers += 1
        try:
            with self._watch.viewing():
                await self._send_all(response, page, wanted)
        except (ConnectionError, TimeoutError):  # it went, or does not read: a browser begins again by itself
            if request.transport is not None:
                request.transport.abort()  # else what it did not take is waited for, without end
        finally:
            self._viewers -= 1
        return response

    def end_all(self) -> None:
        """End every answer with its next update; a browser that is still logged in begins again by itself."""
        self._begun += 1

    async def _send_all(self, response: web.StreamResponse, page: str, wanted: Filter) -> None:
        sent: dict[str, str] = {}
        begun = self._begun
        while self._begun == begun:
            version = self._watch.version
            for name, html in self._parts(page, wanted):
                if sent.get(name) != html:
                    await _send(response, name, html)
                    sent[name] = html
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._watch.change(version)
            except TimeoutError:
                await _write(response, ": still here\n\n")
            await asyncio.sleep(PAUSE_SECONDS)

    def _parts(self, page: str, wanted: Filter) -> list[tuple[str, str]]:
        """Return the parts of a page: of one version, all who look at the same see what was rendered once."""
        if self._version != self._watch.version:
            self._rendered.clear()
            self._version = self._watch.version
        found = self._rendered.get((page, wanted))
        if found is None:
            if len(self._rendered) >= MOST_VIEWERS:
                self._rendered.clear()
            found = self._rendered[page, wanted] = list(parts_of(page, self._watch, wanted))
        return found


async def _send(response: web.StreamResponse, name: str, html: str) -> None:
    data = msgspec.json.encode({"part": name, "html": html}).decode()
    await _write(response, f"data: {data}\n\n")


async def _write(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await response.write(text.encode())
