"""How all simulated platforms answer a call: faults on demand, credentials, quota, then the endpoint."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, Self

import msgspec
from aiohttp import web
from msgspec import Struct

from headrace_demo.simulators.api_call import ApiCall, ApiError, LoggedCall, Route, ThrottledError, encode
from headrace_demo.simulators.breakage import after
from headrace_demo.simulators.clock import Clock, http_date
from headrace_demo.simulators.faults import REDIRECTS, STATUSES, Fault, Faults, Question
from headrace_demo.simulators.gateway import GatewayResponse, gateways, redirect, refusal
from headrace_demo.simulators.history import History
from headrace_demo.simulators.quota import Allowance, Form, Quota, retry_after
from headrace_demo.simulators.serving import Served

_MOST_LOGGED: Final = 20_000


class Conduct(Struct, kw_only=True):
    """How a platform behaves, to be changed at any time; each platform adds its own.

    `skew` is what its clock is ahead, in seconds. `rejects` says that the credentials are no longer good, with that
    status. `gone` are leads or records that were deleted. `unsorted` mixes up the order of rows over so many
    seconds. `date_off` is added to the `Date` header alone (1.0: it is rounded up, and nothing else is).
    `unknown_path` is who answers where base_url has a wrong segment: the platform, or a gateway in HTML or JSON.
    """

    skew: float = 0.0
    date_off: float = 0.0
    unknown_path: Literal["platform", "html", "json"] = "platform"
    rejects: int = 0
    gone: set[str] = set()
    unsorted: float = 0.0


class Simulator(ABC):
    """A platform with one account. Use it as `async with`, or hand `answer` to `Served` to share a port.

    `quota.exceeded` counts the 429 that the caller brought upon itself, `answers` all statuses, `asks` the last calls,
    `spoiled` the ids of rows that were made undecodable. `wall` is real time, by which quotas and tokens are counted.
    `cached_answers = {}` is for benchmarks: good answers are cached, so that they cost nothing; the clock must stand
    still for it, and `conduct` stay as it is.
    """

    provider: ClassVar[str]
    outage: ClassVar[str] = ""
    """What the platform calls an outage of its own; "": what it calls 503."""
    history: History
    conduct: Conduct

    def __init__(
        self,
        history: History,
        *,
        clock: Clock | None = None,
        allowance: Allowance | None = None,
        form: Form = "seconds",
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.clock: Final = clock or Clock(history.end)
        self.faults: Final = Faults(wall)
        self.quota: Final = Quota(allowance, form)
        self.answers: Final[Counter[int]] = Counter()
        self.calls: Final[deque[LoggedCall]] = deque(maxlen=_MOST_LOGGED)
        self.spoiled: Final[list[str]] = []
        self.wall: Final = wall
        self.cached_answers: dict[tuple[str, str, bytes], web.Response] | None = None
        self._served: Served | None = None
        self._routes: Final = self.routes()

    @property
    def url(self) -> str:
        """What to set as the base URL."""
        if self._served is None:
            raise RuntimeError("the platform is not served by itself")
        return self._served.url

    def tenant(self, base_url: str | None = None) -> dict[str, object]:
        """Return the keys of a tenant that polls this platform, for `senders.toml`; by default at its own port."""
        return {"base_url": base_url or self.url, "polling": True} | self.credentials()

    @abstractmethod
    def credentials(self) -> dict[str, object]:
        """Return the keys of a tenant that let it in."""

    @property
    def reported_now(self) -> float:
        """What the platform takes for the time when it writes one."""
        return self.clock.now + self.conduct.skew

    async def __aenter__(self) -> Self:
        self._served = await Served({"": self.answer}).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._served is not None:
            await self._served.stop()

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """Return the endpoints."""

    @abstractmethod
    def authenticate(self, call: ApiCall) -> None:
        """Check the credentials. Raises `ApiError`."""

    @abstractmethod
    def error_response(self, error: ApiError) -> web.Response:
        """Return the error in the platform's own form."""

    @abstractmethod
    def spoil(self, page: Any) -> str | None:
        """Make the first row of a decoded page undecodable, and return its id; None where it has no rows."""

    @abstractmethod
    def rows_asked(self, call: ApiCall) -> object:
        """Return how many rows a call for a page asks for, as it was written. Raises `ApiError`."""

    def quota_headers(self) -> dict[str, str]:
        """Return the headers that tell what is left; platforms that have none say nothing."""
        return {}

    def status_error(self) -> web.Response:
        """Return an error with HTTP 200."""
        return web.json_response({"Status": "Error", "ExceptionType": "MXException", "ExceptionMessage": "Oops"})

    async def answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """Answer one call; `path` is what follows the prefix."""
        self.clock.advance(self.clock.tick)
        logged = LoggedCall(request.method, path, request.query_string, self.wall())
        self.calls.append(logged)
        route, names = self._find(request.method, path)
        call = ApiCall(request, names, dict(request.query.items()), await request.read())
        fault = self._fault(path, route, call) if self.faults.coming else None
        logged.fault = fault.kind if fault else ""
        response = await self._respond(call, route, fault)
        logged.status = response.status
        self.answers[response.status] += 1
        response.headers["Date"] = http_date(self.reported_now + self.conduct.date_off)
        if not isinstance(response, GatewayResponse):
            response.headers.update(self.quota_headers())
        return await after(request, response, fault)

    def _fault(self, path: str, route: Route | None, call: ApiCall) -> Fault | None:
        page = bool(route and route.page)
        try:
            rows = int(str(self.rows_asked(call))) if page else 0
        except (ValueError, ApiError):
            rows = 0
        return self.faults.take(Question(path, {*call.names.values(), *call.query.values()}, rows), page=page)

    async def _respond(self, call: ApiCall, route: Route | None, fault: Fault | None) -> web.Response:
        try:
            if fault and (instead := await self._instead(call.request, fault)):
                return instead
            if route is None and self.conduct.unknown_path != "platform":
                return refusal(404, self.conduct.unknown_path)
            if not self.open_to_all(call.request.path):
                self.authenticate(call)
            self._count()
            if route is None:
                raise ApiError(404, "There is no such endpoint.", "route")  # noqa: TRY301  (one place says no)
            response = await self._handled(route, call)
        except ApiError as error:
            refused = self.error_response(error)
            refused.headers.update(error.headers if isinstance(error, ThrottledError) else {})
            return refused
        return self._spoiled(response) if fault and fault.kind == "bad_item" else response

    async def _handled(self, route: Route, call: ApiCall) -> web.Response:
        if self.cached_answers is None or not route.page:
            return await route.handler(call)
        name = (route.path, str(call.request.rel_url), call.body)
        if name not in self.cached_answers:
            self.cached_answers[name] = await route.handler(call)
        known = self.cached_answers[name]
        return web.Response(body=known.body, content_type=known.content_type)

    def open_to_all(self, path: str) -> bool:  # noqa: ARG002  (for those who have one)
        """Return whether an endpoint asks for no credentials."""
        return False

    def _find(self, method: str, path: str) -> tuple[Route | None, Mapping[str, str]]:
        for route in self._routes:
            if (names := route.match(method, path)) is not None:
                return route, names
        return None, {}

    def _count(self) -> None:
        wait = self.quota.take(self.wall())
        if wait is not None:
            raise ThrottledError(retry_after(self.quota.form, wait, self.reported_now))

    async def _instead(self, request: web.BaseRequest, fault: Fault) -> web.Response | None:
        """Return what a fault answers before anything is done."""
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "status_error":
            return self.status_error()
        elif fault.kind == "reset":
            return web.Response(status=500)  # never sent
        elif fault.kind in REDIRECTS:
            self._count()
            return redirect(request, int(fault.kind), fault.location)
        elif (error := self._error(fault)) is not None:
            raise error
        return gateways(fault.kind)

    def _error(self, fault: Fault) -> ApiError | None:
        """Return what a fault is in the platform's own form, if it is."""
        if fault.kind in {"429", "503"}:
            headers = retry_after(fault.form or self.quota.form, fault.seconds - 1, self.reported_now)
            return ThrottledError(headers, int(fault.kind), fault.name)
        if fault.kind in STATUSES:
            return ApiError(int(fault.kind), "A test asked for this fault.", name=fault.name)
        if fault.kind == "unavailable":
            return ApiError(503, "A test asked for this outage.", name=fault.name or self.outage)
        if fault.kind == "permanent":
            return ApiError(500, "PageSize can not be more than 1000", "permanent", fault.name)
        return None

    def _spoiled(self, response: web.Response) -> web.Response:
        page = msgspec.json.decode(response.body if isinstance(response.body, bytes) else b"")
        ident = self.spoil(page)
        if ident is not None:
            self.spoiled.append(ident)
            response.body = encode(page)
        return response
