"""A list of events of Outreach without end, whose pages cost their server nothing, and the client that only reads it.

`python -m tests.benchmarks.pages serve COUNT` serves COUNT events and writes its port; the rows are those of the
simulated platform, with ids of their own. `… read URL` reads as the feed does, and writes the rows and the CPU seconds.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Final
from urllib.parse import urlencode

import aiohttp
import msgspec
from aiohttp import web
from msgspec import Raw, Struct

from headrace_demo.simulators import outreach
from headrace_demo.simulators.clock import DAY
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.outreach.history import FIRST

SIZE: Final = 500
DIFFERENT: Final = 1_000
WINDOW: Final = "31d"
"""The window in which all of it lies: longer than the history that a feed begins with."""
_PATH: Final = "/api/v2/events"


class _Links(Struct, frozen=True):
    next: str | None = None


class _Page(Struct):
    data: list[Raw]
    links: _Links = _Links()


class Pages:
    """`count` events, page by page."""

    def __init__(self, count: int) -> None:
        self._count = count
        history = outreach.History(1, DIFFERENT, shape=Shape(start=time.time() - 10 * DAY, span=9 * DAY, late=0.0))
        self._rows = [_halves(msgspec.json.encode(history.row(plan, ""))) for plan in history.plans]

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one call; without a window there is nothing."""
        if "filter[createdAt]" not in request.query:
            return web.Response(body=b'{"data":[]}', content_type="application/json")
        begin, size = int(request.query.get("page[after]", "0")), int(request.query["page[size]"])
        end = min(begin + size, self._count)
        after = dict(request.query) | {"page[after]": str(end)}
        links = {"next": f"{request.url.origin()}{_PATH}?{urlencode(after)}"} if end < self._count else {}
        body = b'{"data":[%b],"links":%b}' % (b",".join(self._between(begin, end)), msgspec.json.encode(links))
        return web.Response(body=body, content_type="application/vnd.api+json")

    def _between(self, begin: int, end: int) -> Iterator[bytes]:
        halves = islice(cycle(self._rows), begin % DIFFERENT, None)
        for number, (head, tail) in zip(range(begin, end), halves, strict=False):
            yield b"%b%d%b" % (head, FIRST + number, tail)


def _halves(row: bytes) -> tuple[bytes, bytes]:
    """Cut a row where its id stands."""
    head, _, tail = row.partition(b'"id":')
    return head + b'"id":', tail[tail.index(b",") :]


async def _serve(count: int) -> None:
    runner = web.ServerRunner(web.Server(Pages(count).answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def _read(url: str) -> tuple[int, float]:
    """Read all pages; return the number of rows and the CPU seconds."""
    first = {"filter[createdAt]": "..", "sort": "createdAt", "count": "false", "page[size]": str(SIZE)}
    link: str | None = f"{url}{_PATH}?{urlencode(first)}"
    rows = 0
    async with aiohttp.ClientSession() as client:
        began = time.process_time()
        while link:
            async with client.get(link) as answer:
                page = msgspec.json.decode(await answer.read(), type=_Page)
            rows, link = rows + len(page.data), page.links.next
        return rows, time.process_time() - began


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(_serve(int(sys.argv[2])))
    else:
        sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(_read(sys.argv[2]))))
