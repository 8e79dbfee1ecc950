"""Acme on loopback: its list of events, a page at a time, with faults on demand."""

from collections.abc import Sequence
from typing import Any, Final, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

KEY: Final = "invented-key"

Row = dict[str, Any]


class AcmeSimulator:
    """An account: `rows` by id, which may change and grow at any time. Use it as `async with`.

    The next answers have the `statuses` instead of good ones. A page of more than `heaviest` rows is too much. Tokens
    of pages are good as long as `tokens` says.
    """

    def __init__(self, *rows: Row) -> None:
        self.rows: Final[dict[int, Row]] = {row["id"]: row for row in rows}
        self.statuses: Final[list[int]] = []
        self.heaviest = 1000
        self.tokens = "t"
        self.limits: Final[list[int]] = []
        app = web.Application()
        app.add_routes([web.get("/events", self._list), web.get("/events/{id}", self._single)])
        self._server: Final = TestServer(app)

    @property
    def url(self) -> str:
        """What to set as the base URL."""
        return str(self._server.make_url("")).rstrip("/")

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    async def _list(self, request: web.Request) -> web.Response:
        limit = int(request.query["limit"])
        self.limits.append(limit)
        token = request.query.get("page", self.tokens + "0")
        status = self._status(request) or (413 if limit > self.heaviest else 0)
        if not token.startswith(self.tokens):
            status = status or 410
        if status:
            return web.json_response({"error": "no"}, status=status)
        rows = self._since(int(request.query["since"]))
        begin = int(token.removeprefix(self.tokens))
        page: dict[str, Any] = {"events": rows[begin : begin + limit]}
        if begin + limit < len(rows):
            page["next"] = f"{self.tokens}{begin + limit}"
        return web.json_response(page)

    async def _single(self, request: web.Request) -> web.Response:
        row = self.rows.get(int(request.match_info["id"]))
        status = self._status(request) or (0 if row else 404)
        return web.json_response(row if not status else {"error": "no"}, status=status or 200)

    def _status(self, request: web.Request) -> int:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return 401
        return self.statuses.pop(0) if self.statuses else 0

    def _since(self, since: int) -> Sequence[Row]:
        rows = [row for row in self.rows.values() if row["changed"] >= since]
        return sorted(rows, key=lambda row: (row["changed"], row["id"]))
