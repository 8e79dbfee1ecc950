"""The platform of the fake provider on loopback: lists of rows, leads with news, tokens, and whatever goes wrong.

Everything that a test wants to go wrong stands in `FakePlatform.answers`, first come, first served.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
from aiohttp import web

from tests.fake_provider import Row


class FakePlatform:
    """What the platform holds, and how it behaves."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = defaultdict(list)
        """By path of the list."""
        self.found: list[str] = []
        self.keys = {"good"}
        self.refresh: set[str] = set()
        self.minted: list[str] = []
        self.answers: dict[str, list[tuple[int, Mapping[str, str]]]] = defaultdict(list)
        self.calls: Counter[str] = Counter()
        self.spoil_mint = False
        self.date: str | None = None
        self.hang: asyncio.Event | None = None
        """Lists answer when it is set."""
        self.hang_mints: asyncio.Event | None = None
        """Mints are answered when it is set; they are done before."""
        self.url = ""

    def add(self, *ids: int, path: str = "/rows") -> None:
        """Add rows to a list."""
        self.rows[path] += [Row(number, 1, f"row {number}") for number in ids]

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one call."""
        path = request.path
        self.calls[path] += 1
        if self.answers[path]:
            status, headers = self.answers[path].pop(0)
            return web.Response(status=status, headers=headers)
        if path == "/token":
            return await self._mint(request)
        if self.hang is not None:
            await self.hang.wait()
        if request.query.get("key") not in self.keys:
            return web.Response(status=401, text="it says no")
        headers = {"Date": self.date} if self.date else {}
        found = self._found(path, int(request.query.get("after", 0)), int(request.query.get("size", 0)))
        if found is None:
            return web.Response(status=404)
        return web.Response(body=msgspec.json.encode(found), headers=headers)

    def _found(self, path: str, after: int, size: int) -> Any:
        if path == "/found":
            return {"leads": self.found[after : after + size], "last": len(self.found)}
        if path in self.rows:
            rows = self.rows[path]
            return {
                "rows": rows[after : after + size],
                "last": min(after + size, len(rows)),
                "more": after + size < len(rows),
            }
        return next((row for rows in self.rows.values() for row in rows if path == f"/rows/{row.id}"), None)

    async def _mint(self, request: web.Request) -> web.Response:
        used = (await request.read()).decode()
        if used not in self.refresh:
            return web.Response(status=401)
        number = len(self.minted) + 1
        self.minted.append(used)
        self.keys = {f"access{number}"}
        self.refresh = {used, f"refresh{number}"} if number == 1 else {f"refresh{number}"}
        if self.hang_mints is not None:
            await self.hang_mints.wait()
        if self.spoil_mint:
            return web.Response(status=502)
        return web.Response(body=msgspec.json.encode((f"access{number}", f"refresh{number}", 3600.0)))


@contextlib.asynccontextmanager
async def platform() -> AsyncIterator[FakePlatform]:
    """Open a platform on loopback."""
    there = FakePlatform()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", there.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    try:
        await site.start()
        host, port = runner.addresses[0][:2]
        there.url = f"http://{host}:{port}"
        yield there
    finally:
        await runner.cleanup()
