"""Outreach's API as a server: JSON:API lists with cursors, quota headers on every answer, OAuth."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from aiohttp import web

from headrace_demo.simulators import server
from headrace_demo.simulators.api_call import ApiCall, ApiError, Route, ThrottledError, encode
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.history import Payload
from headrace_demo.simulators.ledger import Plan
from headrace_demo.simulators.outreach.history import History
from headrace_demo.simulators.outreach.query import FIFTY, Query, cursor, query_of
from headrace_demo.simulators.outreach.tokens import Tokens, TooSoon
from headrace_demo.simulators.outreach.webhooks import Webhooks
from headrace_demo.simulators.quota import Allowance, Form, retry_after
from headrace_demo.simulators.timeline import Timeline

_LIMITS: Final = Allowance(per_window=10_000, window=3600.0)
_TYPE: Final = "application/vnd.api+json"
_MOST_OFFSET: Final = 10_000
_IDS: Final = {
    401: "unauthorized",
    403: "unauthorizedOauthScope",
    404: "resourceNotFound",
    415: "unsupportedMediaType",
    422: "validationError",
    429: "rateLimitExceeded",
    500: "internalServerError",
    502: "badGateway",
    503: "scheduledServerMaintenance",
}


class Conduct(server.Conduct, kw_only=True):
    """What is known to go wrong.

    Pages larger than `heaviest` are a 502 (or `heavy_status`). The last page holds `beyond` rows that are newer than
    the query asked for; the last `repeats` rows of a page stand on the next one again. `ended` is the status for a
    token that has ended (401 with plain text, or 403). `two_quotas`: X-RateLimit-Remaining holds two numbers.
    """

    heaviest: int = 1000
    heavy_status: int = 502
    beyond: int = 0
    repeats: int = 0
    ended: int = 401
    two_quotas: bool = False


class Simulator(server.Simulator):
    """One user of one organization, reached through one app; `tokens.static` are bearer or S2S tokens."""

    provider = "outreach"

    def __init__(
        self,
        history: History,
        *,
        clock: Clock | None = None,
        allowance: Allowance = _LIMITS,
        form: Form = "epoch",
        wall: Callable[[], float] = time.time,
        access_token: str = "invented-access-token",  # noqa: S107  (of nobody)
    ) -> None:
        self.webhooks: Final = Webhooks()
        super().__init__(history, clock=clock, allowance=allowance, form=form, wall=wall)
        self.history: History = history
        self.conduct: Conduct = Conduct()
        self.access_token: Final = access_token
        self.tokens: Final = Tokens(wall, access_token)
        self._orders: Final[dict[tuple[str, float], Timeline]] = {}

    def credentials(self) -> dict[str, object]:
        """Return the static token; `tokens.settings` are those of OAuth."""
        return {"access_token": self.access_token}

    def routes(self) -> Sequence[Route]:
        """Return the endpoints; lists of other resources are empty."""
        return (
            Route("POST", "/oauth/token", self._token),
            Route("GET", "/api/v2/events", self._list, page=True),
            Route("GET", "/api/v2/events/{id}", self._one),
            *self.webhooks.routes(),
            Route("GET", "/api/v2/{resource}", self._nothing),
        )

    def open_to_all(self, path: str) -> bool:
        """Tokens are minted without one."""
        return path.endswith("/oauth/token")

    def authenticate(self, call: ApiCall) -> None:
        """Check the access token. Raises `ApiError`."""
        if self.conduct.rejects:
            raise ApiError(self.conduct.rejects, "Invalid access token")
        sent = call.request.headers.get("Authorization", "")
        if not sent.startswith("Bearer ") or not self.tokens.accepts(sent.removeprefix("Bearer ")):
            raise ApiError(self.conduct.ended, "Invalid access token")

    def error_response(self, error: ApiError) -> web.Response:
        """Return an error as JSON:API has it; a 401 is plain text, and OAuth has a form of its own."""
        if error.kind == "oauth":
            return web.json_response({"error": error.message}, status=error.status)
        if error.status == 401:
            return web.Response(status=401, text=error.message)
        ident = error.name or ("routeNotFound" if error.kind == "route" else _IDS.get(error.status, "error"))
        errors = {"errors": [{"id": ident, "title": ident, "detail": error.message}]}
        return web.Response(status=error.status, body=encode(errors), content_type=_TYPE)

    def spoil(self, page: Any) -> str | None:
        """Take the attributes of the first row away."""
        if not page.get("data"):
            return None
        page["data"][0]["attributes"] = "see elsewhere"
        return str(page["data"][0]["id"])

    def quota_headers(self) -> dict[str, str]:
        """Return limit, rest and end of the hour, for every answer."""
        now = self.wall()
        left = str(self.quota.left(now))
        return {
            "X-RateLimit-Limit": str(self.quota.allowance.per_window),
            "X-RateLimit-Remaining": f"{left}, 19988" if self.conduct.two_quotas else left,
            "X-RateLimit-Reset": str(int(self.reported_now + self.quota.resets(now)) + 1),
        }

    def rows_asked(self, call: ApiCall) -> object:
        """Return page[size], or page[limit] of the old way."""
        return call.query.get("page[size]", call.query.get("page[limit]", FIFTY))

    def shown(self, plan: Plan) -> bool:
        """Return whether an event can be seen now."""
        gone = self.conduct.gone
        return plan.appears <= self.clock.now and not (gone and self.history.id_of(plan) in gone)

    async def _token(self, call: ApiCall) -> web.Response:
        form: Mapping[str, Any] = dict(parse_qsl(call.body.decode()))
        if call.request.content_type == "application/json":
            form = call.json()
        try:
            minted = self.tokens.mint(form)
        except TooSoon as soon:
            raise ThrottledError(retry_after(self.quota.form, soon.wait, self.reported_now)) from None
        return web.Response(body=encode(minted), content_type="application/json")

    async def _nothing(self, _: ApiCall) -> web.Response:
        return _json({"data": [], "meta": {"count": None, "count_truncated": False}})

    async def _one(self, call: ApiCall) -> web.Response:
        plan = self.history.by_id.get(call.names["id"])
        if plan is None or not self.shown(plan):
            raise ApiError(404, "Could not find the event.")
        return _json({"data": self.history.row(plan, _root(call))})

    async def _list(self, call: ApiCall) -> web.Response:
        query = query_of(call.query)
        if query.size > self.conduct.heaviest:
            raise ApiError(self.conduct.heavy_status, "The server took too long.")
        plans, links = self._by_cursor(call, query) if query.by_cursor else self._by_offset(call, query)
        answer: Payload = {"data": [self.history.row(plan, _root(call)) for plan in plans]}
        count = sum(map(self._accept(call, query), self.history.plans)) if query.counted else None
        answer["meta"] = {"count": count, "count_truncated": False}
        return _json(answer | ({"links": links} if plans else {}))

    def _by_cursor(self, call: ApiCall, query: Query) -> tuple[list[Plan], Payload]:
        span = query.spans[query.sort]
        stretch = self._order(query.sort).read(
            query.size,
            self._accept(call, query),
            since=span.since,
            until=span.until,
            place=query.after,
            backwards=query.backwards,
        )
        again = [plan.number for plan in stretch.plans[len(stretch.plans) - self.conduct.repeats :]]
        plans = [self.history.plans[number] for number in query.again] + stretch.plans
        if stretch.next is None:
            return plans + self._beyond(query), {}
        more = {**call.query, "page[after]": cursor(stretch.next, again if self.conduct.repeats else [])}
        return plans, {"next": f"{call.request.url.origin()}{call.request.path}?{urlencode(more)}"}

    def _by_offset(self, call: ApiCall, query: Query) -> tuple[list[Plan], Payload]:
        """Page the old way, which is what a client gets that does not say `page[size]`."""
        if query.offset > _MOST_OFFSET:
            raise ApiError(422, f"page[offset] is at most {_MOST_OFFSET}.")
        span, end = query.spans[query.sort], query.offset + query.size
        stretch = self._order(query.sort).read(
            end,
            self._accept(call, query),
            since=span.since,
            until=span.until,
            backwards=query.backwards,
        )
        more = {**call.query, "page[offset]": str(end)}
        link = f"{call.request.url.origin()}{call.request.path}?{urlencode(more)}"
        return stretch.plans[query.offset :], {} if stretch.next is None else {"next": link}

    def _accept(self, call: ApiCall, query: Query) -> Callable[[Plan], bool]:
        created, happened = query.spans["createdAt"], query.spans["eventAt"]
        root = _root(call)

        def accept(plan: Plan) -> bool:
            if not created.since <= plan.created <= created.until or not self.shown(plan):
                return False
            if not happened.since <= self.history.happened(plan) <= happened.until:
                return False
            return query.fits is None or query.fits(self.history.row(plan, root))

        return accept

    def _beyond(self, query: Query) -> list[Plan]:
        """Return rows that lie behind the upper bound, as the platform now and then does."""
        until = query.spans["createdAt"].until
        newer = (plan for plan in self.history.plans if plan.created > until and self.shown(plan))
        return [plan for plan, _ in zip(newer, range(self.conduct.beyond), strict=False)]

    def _order(self, sort: str) -> Timeline:
        name = (sort, self.conduct.unsorted)
        if name not in self._orders:
            time_of = self.history.happened if sort == "eventAt" else lambda plan: plan.created
            self._orders[name] = Timeline(self.history.plans, time_of, self.conduct.unsorted)
        return self._orders[name]


def _root(call: ApiCall) -> str:
    """Return the URL that the API is below, with the prefix if it has one."""
    return f"{call.request.url.origin()}{call.request.path.partition('/api/v2')[0]}"


def _json(value: Payload) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type=_TYPE)
