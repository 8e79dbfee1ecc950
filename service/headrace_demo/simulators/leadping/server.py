"""LeadPing's API as a server: lists by POST with continuation tokens, details, calls, RFC 9457 problems."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Literal

from aiohttp import web

from headrace_demo.simulators import server
from headrace_demo.simulators.api_call import ApiCall, ApiError, Route, encode
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.gateway import refusal
from headrace_demo.simulators.history import Payload
from headrace_demo.simulators.leadping.history import Generation, History
from headrace_demo.simulators.leadping.paging import Place, Query, query_of, token
from headrace_demo.simulators.ledger import Plan
from headrace_demo.simulators.quota import Allowance, Form
from headrace_demo.simulators.timeline import Timeline

_TITLES: Final = {400: "Bad request", 401: "Unauthorized", 403: "Forbidden", 404: "Not found", 429: "Too many requests"}
_LIMITS: Final = Allowance(per_window=300, window=60.0)


class Conduct(server.Conduct, kw_only=True):
    """What the documentation leaves open, and what goes wrong.

    `numbers` is how integers and money are written; None: as strings in g1, as numbers in the newer generations.
    `detail` is where details are; None: `{id}/detail` in g1, `detail/{id}` in the newer ones. `own_calls`: a call has
    an id of its own, which newer rows name in `relatedEntityId`; else it has the activity's. `max_page` cuts larger
    pages. Every `empty_every`th page has no rows, and a token that goes on; the last `repeats` rows of a page stand on
    the next one again. `gone_lead` is what the list of a deleted lead answers with (an assumption). `tenant_list` is
    the list of the whole organization; None: `businesses` in g1, `organizations` in the newer generations. The leads
    that are `hidden` stand in none of the one user's list, `/events/all/my`.
    """

    generation: Generation = "g4"
    numbers: Literal["strings", "numbers"] | None = None
    detail: Literal["old", "new", "both"] | None = None
    own_calls: bool = False
    max_page: int = 100
    empty_every: int = 0
    repeats: int = 0
    gone_lead: int = 404
    tenant_list: Literal["organizations", "businesses", "none"] | None = None
    hidden: set[str] = set()  # noqa: RUF012  (every Struct gets a set of its own)

    @property
    def organization_list(self) -> str:
        """The word in the path of the organization's list."""
        return self.tenant_list or ("businesses" if self.generation == "g1" else "organizations")


class Simulator(server.Simulator):
    """One organization, its leads' activities, and an API key."""

    provider = "leadping"

    def __init__(
        self,
        history: History,
        *,
        clock: Clock | None = None,
        allowance: Allowance = _LIMITS,
        form: Form = "seconds",
        wall: Callable[[], float] = time.time,
        api_key: str = "sk_invented_for_tests",
    ) -> None:
        super().__init__(history, clock=clock, allowance=allowance, form=form, wall=wall)
        self.history: History = history
        self.conduct: Conduct = Conduct()
        self.api_key = api_key
        self._orders: Final[dict[tuple[str, float], Timeline]] = {}

    def credentials(self) -> dict[str, object]:
        """Return the API key, and whose it is."""
        return {"api_key": self.api_key, "organization": self.history.organization(self.conduct.generation)}

    def routes(self) -> Sequence[Route]:
        """Return the endpoints of the API reference, and those of newer generations."""
        return (
            Route("POST", "/events/leads/{lead}", self._of_lead, page=True),
            Route("POST", "/events/all/my", self._of_user, page=True),
            Route("POST", "/events/organizations/{organization}", self._of_organization, page=True),
            Route("POST", "/events/businesses/{business}", self._of_business, page=True),
            Route("POST", "/events/calls/lead/{lead}", self._calls_of_lead, page=True),
            Route("GET", "/events/calls/{id}", self._call),
            Route("GET", "/events/detail/{id}", self._new_detail),
            Route("GET", "/events/{id}/detail", self._old_detail),
            Route("GET", "/events/{id}", self._new_detail),
        )

    def authenticate(self, call: ApiCall) -> None:
        """Check the API key. Raises `ApiError`."""
        if self.conduct.rejects:
            raise ApiError(self.conduct.rejects, "The API key is not accepted.")
        if call.request.headers.get("Authorization") != f"Bearer {self.api_key}":
            raise ApiError(401, "Send an API key as a bearer token.")

    def error_response(self, error: ApiError) -> web.Response:
        """Return a problem; 401 names the URL of the metadata."""
        title = _TITLES.get(error.status, "Error")
        problem = {
            "type": f"https://docs.example.com/errors/{error.name or error.status}",
            "title": error.name or title,
            "status": error.status,
            "detail": error.message,
        }
        response = web.Response(status=error.status, body=encode(problem), content_type="application/problem+json")
        if error.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer resource_metadata="https://auth.example.com/metadata"'
        return response

    def spoil(self, page: Any) -> str | None:
        """Make the first row undecodable, with a time that is none, and return its id."""
        if not page.get("items"):
            return None
        page["items"][0]["createdAt"] = "the day before yesterday"
        return str(page["items"][0]["id"])

    def rows_asked(self, call: ApiCall) -> object:
        """Return pageSize."""
        return call.json().get("pageSize") or self.conduct.max_page

    def shown(self, plan: Plan) -> bool:
        """Return whether an activity can be seen now."""
        gone = self.conduct.gone
        known = self.history.id_of(plan) in gone or self.history.leads[plan.lead] in gone if gone else False
        return plan.appears <= self.clock.now and not known

    def row(self, plan: Plan) -> Payload:
        """Return an activity as a row, as of now."""
        version = plan.version(self.clock.now)
        return self.written(self.history.row(plan, version, self.conduct.generation, own_calls=self.conduct.own_calls))

    def written(self, payload: Payload) -> Payload:
        """Return a payload with integers and money as this generation writes them."""
        numbers = self.conduct.numbers or ("strings" if self.conduct.generation == "g1" else "numbers")
        if numbers == "numbers":
            return payload
        return {
            name: str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
            for name, value in payload.items()
        }

    @cached_property
    def _calls(self) -> Mapping[str, Plan]:
        calls = (plan for plan in self.history.plans if self.history.kind_of(plan.number).type == "Call")
        return {self.history.call_id(plan): plan for plan in calls}

    async def _of_lead(self, call: ApiCall) -> web.Response:
        return self._page(call, self._lead(call), self.row)

    async def _of_user(self, call: ApiCall) -> web.Response:
        hidden = self.conduct.hidden
        return self._page(call, "", self.row, shows=lambda plan: self.history.leads[plan.lead] not in hidden)

    async def _of_organization(self, call: ApiCall) -> web.Response:
        return self._of_all(call, "organizations", call.names["organization"])

    async def _of_business(self, call: ApiCall) -> web.Response:
        return self._of_all(call, "businesses", call.names["business"])

    def _of_all(self, call: ApiCall, word: str, id: str) -> web.Response:  # noqa: A002  (the API's word)
        if word != self.conduct.organization_list:
            if self.conduct.unknown_path != "platform":
                return refusal(404, self.conduct.unknown_path)
            raise ApiError(404, "There is no such endpoint.", "route")
        if id != self.history.organization(self.conduct.generation):
            raise ApiError(404, "There is no such organization.")
        return self._page(call, "", self.row)

    async def _calls_of_lead(self, call: ApiCall) -> web.Response:
        return self._page(call, self._lead(call), self._call_row, shows=self._is_call)

    def _is_call(self, plan: Plan) -> bool:
        return self.history.kind_of(plan.number).type == "Call"

    def _lead(self, call: ApiCall) -> str:
        lead = call.names["lead"]
        if lead in self.conduct.gone and self.conduct.gone_lead != 200:
            raise ApiError(self.conduct.gone_lead, "There is no such lead.")
        return lead

    async def _call(self, call: ApiCall) -> web.Response:
        known = self._calls if self.conduct.own_calls else self.history.by_id
        plan = known.get(call.names["id"])
        if plan is None or not self.shown(plan) or not self._is_call(plan):
            raise ApiError(404, "There is no such call.")
        return _json(self._call_row(plan))

    def _call_row(self, plan: Plan) -> Payload:
        version = plan.version(self.clock.now)
        return self.written(self.history.call(plan, version, self.conduct.generation, own_calls=self.conduct.own_calls))

    async def _old_detail(self, call: ApiCall) -> web.Response:
        return self._detail(call, "old")

    async def _new_detail(self, call: ApiCall) -> web.Response:
        return self._detail(call, "new")

    def _detail(self, call: ApiCall, path: str) -> web.Response:
        offered = self.conduct.detail or ("old" if self.conduct.generation == "g1" else "new")
        plan = self.history.by_id.get(call.names["id"])
        if offered not in {path, "both"} or plan is None or not self.shown(plan):
            raise ApiError(404, "There is no such event.")
        detail = self.history.detail(plan, plan.version(self.clock.now), self.conduct.generation)
        return _json(self.written(detail))

    def _order(self, lead: str) -> Timeline:
        name = (lead, self.conduct.unsorted)
        if name not in self._orders:
            plans = self.history.by_lead.get(lead, []) if lead else self.history.plans
            self._orders[name] = Timeline(plans, lambda plan: plan.created, self.conduct.unsorted)
        return self._orders[name]

    def _page(
        self,
        call: ApiCall,
        lead: str,
        row_of: Callable[[Plan], Payload],
        shows: Callable[[Plan], bool] = lambda _: True,
    ) -> web.Response:
        query = query_of(call.request.path, call.query, call.json(), self.conduct.max_page)

        def accept(plan: Plan) -> bool:
            if not shows(plan):
                return False
            return self.shown(plan) and query.fits(plan) and (query.matches is None or query.matches(row_of(plan)))

        stretch = self._order(lead).read(
            0 if self._is_empty(query) else query.size,
            accept,
            since=query.since,
            until=query.until,
            place=query.place.at,
            backwards=not query.oldest_first,
        )
        plans = [self.history.plans[number] for number in query.place.again] + stretch.plans
        again = [plan.number for plan in stretch.plans[len(stretch.plans) - self.conduct.repeats :]]
        place = Place(stretch.next, query.place.page + 1, again if self.conduct.repeats else [])
        return _json(
            {
                "items": [row_of(plan) for plan in plans],
                **self.written(
                    {
                        "pageSize": query.size,
                        "totalCount": sum(map(accept, self.history.plans)) if query.counted and not lead else None,
                    }
                ),
                "continuationToken": None if stretch.next is None else token(query.digest, place),
            }
        )

    def _is_empty(self, query: Query) -> bool:
        every = self.conduct.empty_every
        return bool(every) and query.place.page % every == every - 1


def _json(value: Payload) -> web.Response:
    return web.Response(body=encode(value), content_type="application/json")
