"""LeadPing's API as a server: lists by POST with continuation tokens, details, calls, RFC 9457 problems."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Literal

from aiohttp import web

from tests.simulators import server
from tests.simulators.asking import Asked, Route, Wrong, encode
from tests.simulators.clock import Clock
from tests.simulators.history import Payload
from tests.simulators.leadping.history import Generation, History
from tests.simulators.leadping.paging import Place, Query, query_of, token
from tests.simulators.ledger import Plan
from tests.simulators.quota import Allowance, Form
from tests.simulators.timeline import Timeline

_TITLES: Final = {400: "Bad request", 401: "Unauthorized", 403: "Forbidden", 404: "Not found", 429: "Too many requests"}
_LIMITS: Final = Allowance(per_window=300, window=60.0)


class Conduct(server.Conduct, kw_only=True):
    """What the documentation leaves open, and what goes wrong.

    `numbers` is how integers and money are written; None: as strings in g1, as numbers in the newer generations.
    `detail` is where details are; None: `{id}/detail` in g1, `detail/{id}` in the newer ones. `own_calls`: a call has
    an id of its own, which newer rows name in `relatedEntityId`; else it has the activity's. `max_page` cuts larger
    pages. Every `empty_every`th page has no rows, and a token that goes on; the last `repeats` rows of a page stand on
    the next one again. `gone_lead` is what the list of a deleted lead answers with (an assumption).
    """

    generation: Generation = "g4"
    numbers: Literal["strings", "numbers"] | None = None
    detail: Literal["old", "new", "both"] | None = None
    own_calls: bool = False
    max_page: int = 100
    empty_every: int = 0
    repeats: int = 0
    gone_lead: int = 404


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
        """Give the API key."""
        return {"api_key": self.api_key}

    def routes(self) -> Sequence[Route]:
        """Give the endpoints of the API reference, and those of newer generations."""
        return (
            Route("POST", "/events/leads/{lead}", self._of_lead, page=True),
            Route("POST", "/events/all/my", self._of_all, page=True),
            Route("POST", "/events/organizations/{organization}", self._of_all, page=True),
            Route("POST", "/events/calls/lead/{lead}", self._calls_of_lead, page=True),
            Route("GET", "/events/calls/{id}", self._call),
            Route("GET", "/events/detail/{id}", self._new_detail),
            Route("GET", "/events/{id}/detail", self._old_detail),
            Route("GET", "/events/{id}", self._new_detail),
        )

    def authenticate(self, asked: Asked) -> None:
        """Look for the API key. Raises `Wrong`."""
        if self.conduct.rejects:
            raise Wrong(self.conduct.rejects, "The API key is not accepted.")
        if asked.request.headers.get("Authorization") != f"Bearer {self.api_key}":
            raise Wrong(401, "Send an API key as a bearer token.")

    def refusal(self, wrong: Wrong) -> web.Response:
        """Write a problem; 401 says where the metadata are."""
        title = _TITLES.get(wrong.status, "Error")
        problem = {
            "type": f"https://docs.example.com/errors/{wrong.status}",
            "title": title,
            "status": wrong.status,
            "detail": wrong.said,
        }
        response = web.Response(status=wrong.status, body=encode(problem), content_type="application/problem+json")
        if wrong.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer resource_metadata="https://auth.example.com/metadata"'
        return response

    def spoil(self, page: Any) -> str | None:
        """Give the first row a time that is none."""
        if not page.get("items"):
            return None
        page["items"][0]["createdAt"] = "the day before yesterday"
        return str(page["items"][0]["id"])

    def shown(self, plan: Plan) -> bool:
        """Tell whether an activity can be seen now."""
        gone = self.conduct.gone
        known = self.history.id_of(plan) in gone or self.history.leads[plan.lead] in gone if gone else False
        return plan.appears <= self.clock.now and not known

    def row(self, plan: Plan) -> Payload:
        """Tell an activity as of now."""
        version = plan.version(self.clock.now)
        return self.written(self.history.row(plan, version, self.conduct.generation, own_calls=self.conduct.own_calls))

    def written(self, told: Payload) -> Payload:
        """Write integers and money as this generation does."""
        numbers = self.conduct.numbers or ("strings" if self.conduct.generation == "g1" else "numbers")
        if numbers == "numbers":
            return told
        return {
            name: str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
            for name, value in told.items()
        }

    @cached_property
    def _calls(self) -> Mapping[str, Plan]:
        calls = (plan for plan in self.history.plans if self.history.kind_of(plan.number).type == "Call")
        return {self.history.call_id(plan): plan for plan in calls}

    async def _of_lead(self, asked: Asked) -> web.Response:
        return self._page(asked, self._lead(asked), self.row)

    async def _of_all(self, asked: Asked) -> web.Response:
        return self._page(asked, "", self.row)

    async def _calls_of_lead(self, asked: Asked) -> web.Response:
        return self._page(asked, self._lead(asked), self._call_row, only="Call")

    def _lead(self, asked: Asked) -> str:
        lead = asked.names["lead"]
        if lead in self.conduct.gone and self.conduct.gone_lead != 200:
            raise Wrong(self.conduct.gone_lead, "There is no such lead.")
        return lead

    async def _call(self, asked: Asked) -> web.Response:
        known = self._calls if self.conduct.own_calls else self.history.by_id
        plan = known.get(asked.names["id"])
        if plan is None or not self.shown(plan) or self.history.kind_of(plan.number).type != "Call":
            raise Wrong(404, "There is no such call.")
        return _json(self._call_row(plan))

    def _call_row(self, plan: Plan) -> Payload:
        version = plan.version(self.clock.now)
        return self.written(self.history.call(plan, version, self.conduct.generation, own_calls=self.conduct.own_calls))

    async def _old_detail(self, asked: Asked) -> web.Response:
        return self._detail(asked, "old")

    async def _new_detail(self, asked: Asked) -> web.Response:
        return self._detail(asked, "new")

    def _detail(self, asked: Asked, path: str) -> web.Response:
        offered = self.conduct.detail or ("old" if self.conduct.generation == "g1" else "new")
        plan = self.history.by_id.get(asked.names["id"])
        if offered not in {path, "both"} or plan is None or not self.shown(plan):
            raise Wrong(404, "There is no such event.")
        detail = self.history.detail(plan, plan.version(self.clock.now), self.conduct.generation)
        return _json(self.written(detail))

    def _order(self, lead: str) -> Timeline:
        name = (lead, self.conduct.unsorted)
        if name not in self._orders:
            plans = self.history.by_lead.get(lead, []) if lead else self.history.plans
            self._orders[name] = Timeline(plans, lambda plan: plan.created, self.conduct.unsorted)
        return self._orders[name]

    def _page(self, asked: Asked, lead: str, tell: Callable[[Plan], Payload], only: str = "") -> web.Response:
        query = query_of(asked.request.path, asked.query, asked.json(), self.conduct.max_page)

        def accept(plan: Plan) -> bool:
            if only and self.history.kind_of(plan.number).type != only:
                return False
            return self.shown(plan) and query.fits(plan) and (query.matches is None or query.matches(tell(plan)))

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
                "items": [tell(plan) for plan in plans],
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
