"""A platform of a few lines on loopback, and the provider that polls it: rows are those of `Things`.

`rows` is a list of the tenant, `trail` a list by lead, `finder` names leads with news. Everything that a test wants to
go wrong stands in `Platform.answers`, first come, first served.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from headrace.config.tenants import Account
from headrace.core.mapping import Mapping as Table
from headrace.sdk.faults import Denied, Fault, Gone, Rejected, Throttled, Unavailable
from headrace.sdk.feed import Answer, Api, Call, Cursor, Feed, Quota, Sighting, Tokens, Turn, Yield
from headrace.sdk.limits import CallLimits
from headrace.sdk.provider import RawEvent, Tenant
from headrace.sdk.retry_after import retry_after
from headrace.sdk.settings import PolledTenant
from headrace_events import Via
from tests.integration.fake_story import Row, Things

FAST: Final = CallLimits(per_window=10_000, window=0.01)


class Settings(PolledTenant, kw_only=True):
    """`refresh` is the first refresh token; without it `key` is the static access token."""

    key: str = "good"
    refresh: str = ""
    limits: CallLimits = FAST
    page: int = 7
    every: int = 3_600


class Page(Struct):
    """What lists answer."""

    rows: list[msgspec.Raw] = []
    leads: list[str] = []
    last: int = 0
    more: bool = False


class Listing:
    """A feed over one list."""

    def __init__(self, name: str, path: str, settings: Settings, *, by_lead: bool = False) -> None:
        self.name = name
        self.by_lead = by_lead
        self.every = settings.every
        self._path = path
        self._page = settings.page

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read pages until the list has no more."""
        if turn.event is not None:
            yield _raw(api, await api.call(Call(path=f"/rows/{turn.event}")))
            return
        after, more = int(cursor or b"0"), True
        while more:
            path = self._path.format(lead=turn.lead)
            body = await api.call(Call(path=path, query=(("after", str(after)), ("size", str(self._page)))))
            page = msgspec.json.decode(body, type=Page)
            for row in page.rows:
                yield _raw(api, bytes(row))
            for lead in page.leads:
                yield Sighting(lead)
            api.remember("seen", str(page.last))
            after, more = page.last, page.more
            yield Cursor(b"%d" % after)


class Bloated(Listing):
    """A feed whose cursor takes more than any record may."""

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Yield nothing but the cursor."""
        assert (api.tenant, turn.event) == ("bad", None)
        yield Cursor(cursor or bytes(2_000_000))


def _raw(api: Api, row: bytes) -> RawEvent:
    return RawEvent(provider="things", tenant=api.tenant, shape="row", value=row, via=Via.POLL, received=api.now)


class Minting:
    """Tokens that rotate."""

    pause = 0.2

    def __init__(self, first: str) -> None:
        self.first = first

    def mint(self, refresh: str) -> Call:
        """See Tokens."""
        return Call(path="/token", method="POST", body=refresh.encode())

    def minted(self, body: bytes) -> tuple[str, str, float]:
        """See Tokens."""
        access, refresh, seconds = msgspec.json.decode(body, type=tuple[str, str, float])
        return access, refresh, seconds


class Asker:
    """How the platform is called."""

    def __init__(self, settings: Settings) -> None:
        self.base_url = settings.base_url
        self.limits = settings.limits
        self.tokens: Tokens | None = Minting(settings.refresh) if settings.refresh else None
        self._key = settings.key

    def sign(self, call: Call, token: str | None) -> Call:
        """Put the token into the query, where it must never be shown."""
        return msgspec.structs.replace(call, query=(*call.query, ("key", token or self._key)))

    def judge(self, answer: Answer, now: float) -> Fault | None:
        """See ApiClient."""
        faults: dict[int, Fault] = {
            401: Denied("it says no"),
            404: Gone("it is not there"),
            422: Rejected("it will never be"),
            429: Throttled("too many", retry_after(answer.headers.get("retry-after"), now)),
        }
        return None if answer.status == 200 else faults.get(answer.status, Unavailable(f"status {answer.status}"))

    def quota(self, answer: Answer, now: float) -> Quota | None:
        """See ApiClient."""
        left = answer.headers.get("x-left")
        return Quota(int(left), now + float(answer.headers["x-resets-in"])) if left else None


class PolledThings(Things):
    """Things that can be polled."""

    Settings: type[Tenant] = Settings

    def client(self, settings: Tenant) -> Asker | None:
        """See Polled."""
        assert isinstance(settings, Settings)
        return Asker(settings)

    def feeds(self, settings: Tenant) -> Sequence[Feed]:
        """See Polled."""
        assert isinstance(settings, Settings)
        known = (
            Listing("rows", "/rows", settings),
            Listing("trail", "/leads/{lead}/rows", settings, by_lead=True),
            Listing("finder", "/found", settings),
            Bloated("bloated", "", settings),
        )
        return [feed for feed in known if feed.name in (settings.feeds or ["rows"])]

    def single(self, settings: Tenant, resource: str, id: str) -> Sequence[Call]:  # noqa: A002  (the design's word)
        """See Polled."""
        assert isinstance(settings, Settings)
        return [Call(path=f"/{resource}s/{id}"), Call(path=f"/rows/{id}")]


THINGS: Final = PolledThings()


class Platform:
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
        if self.spoil_mint:
            return web.Response(status=502)
        return web.Response(body=msgspec.json.encode((f"access{number}", f"refresh{number}", 3600.0)))


@contextlib.asynccontextmanager
async def platform() -> AsyncIterator[Platform]:
    """Open a platform on loopback."""
    told = Platform()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", told.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    try:
        await site.start()
        host, port = runner.addresses[0][:2]
        told.url = f"http://{host}:{port}"
        yield told
    finally:
        await runner.cleanup()


def polled(url: str, tenant: str = "t", **settings: Any) -> Account:
    """Configure a tenant that polls a platform."""
    return Account(THINGS, tenant, Settings(polling=True, base_url=url, **settings), Table([]))
