"""LeadSquared's API as a server: four reads of activities, leads that changed, errors that come as HTTP 500."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from aiohttp import web

from headrace_demo.simulators import server
from headrace_demo.simulators.api_call import ApiCall, ApiError, Route, encode
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.history import Payload
from headrace_demo.simulators.leadsquared.history import KINDS, MIRROR, OPPORTUNITY, History
from headrace_demo.simulators.leadsquared.paging import (
    UNPAGED,
    Offset,
    Part,
    Window,
    by_index,
    by_offset,
    code_of,
    window_of,
)
from headrace_demo.simulators.leadsquared.webhooks import Webhooks
from headrace_demo.simulators.ledger import Plan
from headrace_demo.simulators.quota import Allowance, Form
from headrace_demo.simulators.timeline import scramble

_LIMITS: Final = Allowance(per_window=25, window=5.0)
_ACTIVITIES: Final = "/v2/ProspectActivity.svc"
_MOST_LEADS: Final = 5000
_EXCEPTIONS: Final = {
    400: "MXInvalidInputException",
    401: "MXAuthenticationFailedException",
    429: "MXThrottleException",
}

Row = tuple[Plan, int, bool]
"""An activity, its version, and whether it is the mirror of an opportunity."""


class Conduct(server.Conduct, kw_only=True):
    """What the documentation leaves open, and what goes wrong.

    `offset` and `first_offset` are what Offset of Retrieve means. `keys` is where credentials are taken from. `most`
    rows make a page at most; pages larger than `heaviest` are a generic HTTP 500, as are windows of
    RetrieveRecentlyModified longer than `longest` seconds. `all_codes` is what RetrieveRecentlyModified does: it may be
    no method of the account, or answer HTTP 500 to all. `system_codes`: RetrieveByActivityEvent serves 3002 too; where
    it does not it shows no rows, or refuses the code. `bad_codes` are HTTP 500 there: an input error, or a generic one.
    `activities_move_leads`: an activity changes its lead's ModifiedOn. `gone_lead` is what the activities of a deleted
    lead are: none, or an error (both assumptions). `hook_numbers` says which event of webhooks is made
    in the place of the one that was ordered, by numbers. Rows that appear while pages are read shift those that follow.
    """

    offset: Offset = "rows"
    first_offset: int = 0
    keys: Literal["either", "headers", "url"] = "either"
    most: int = 1000
    heaviest: int = 1000
    longest: float = float("inf")
    all_codes: Literal["served", "absent", "broken"] = "served"
    system_codes: Literal["served", "empty", "refused"] = "empty"
    bad_codes: dict[int, Literal["input", "generic"]] = {}  # noqa: RUF012  (every Struct gets one of its own)
    activities_move_leads: bool = True
    gone_lead: Literal["empty", "error"] = "empty"
    hook_numbers: dict[str, str] = {}  # noqa: RUF012  (every Struct gets one of its own)


class Simulator(server.Simulator):
    """One account and the keys of one of its users."""

    provider = "leadsquared"
    outage = "MXServiceUnavailableException"

    def __init__(
        self,
        history: History,
        *,
        clock: Clock | None = None,
        allowance: Allowance = _LIMITS,
        form: Form = "none",
        wall: Callable[[], float] = time.time,
        access_key: str = "u$rinvented",
        secret_key: str = "invented-secret-key",  # noqa: S107  (of nobody)
    ) -> None:
        self.webhooks: Final = Webhooks(lambda: self.conduct.hook_numbers)
        super().__init__(history, clock=clock, allowance=allowance, form=form, wall=wall)
        self.history: History = history
        self.conduct: Conduct = Conduct()
        self.access_key = access_key
        self.secret_key = secret_key
        self._sorted: tuple[object, list[Row]] = (None, [])

    def credentials(self) -> dict[str, object]:
        """Return both keys."""
        return {"access_key": self.access_key, "secret_key": self.secret_key}

    def routes(self) -> Sequence[Route]:
        """Return the endpoints."""
        return (
            Route("POST", f"{_ACTIVITIES}/Retrieve", self._of_lead, page=True),
            Route("POST", f"{_ACTIVITIES}/CustomActivity/RetrieveByActivityEvent", self._by_code, page=True),
            Route("POST", f"{_ACTIVITIES}/RetrieveRecentlyModified", self._modified, page=True),
            Route("POST", "/v2/LeadManagement.svc/Leads.RecentlyModified", self._leads, page=True),
            Route("GET", f"{_ACTIVITIES}/GetActivityDetails", self._details),
            Route("GET", f"{_ACTIVITIES}/ActivityTypes.Get", self._types),
            *self.webhooks.routes(),
        )

    def authenticate(self, call: ApiCall) -> None:
        """Look for the keys, in headers or in the URL. Raises `ApiError`."""
        if self.conduct.rejects:
            raise ApiError(self.conduct.rejects, "The keys are not valid")
        headers, query = call.request.headers, call.query
        sent = {
            "headers": (headers.get("x-LSQ-AccessKey"), headers.get("x-LSQ-SecretKey")),
            "url": (query.get("accessKey"), query.get("secretKey")),
        }
        taken = sent.values() if self.conduct.keys == "either" else [sent[self.conduct.keys]]
        if (self.access_key, self.secret_key) not in taken:
            raise ApiError(401, "The keys are not valid")

    def error_response(self, error: ApiError) -> web.Response:
        """Return an exception; permanent input errors come as HTTP 500."""
        known = "MXInvalidInputException" if error.kind == "permanent" else _EXCEPTIONS.get(error.status, "MXException")
        payload = {"Status": "Error", "ExceptionType": error.name or known, "ExceptionMessage": error.message}
        return web.Response(status=error.status, body=encode(payload), content_type="application/json")

    def spoil(self, page: Any) -> str | None:
        """Make the first row undecodable, with a ModifiedOn that is no time, and return its id."""
        rows = page.get("ProspectActivities") or page.get("List") or []
        if not rows:
            return None
        rows[0]["ModifiedOn"] = "31/31/2026 26:00"
        return str(rows[0].get("Id") or rows[0].get("ProspectActivityId"))

    def rows_asked(self, call: ApiCall) -> object:
        """Return RowCount or PageSize."""
        paging = call.json().get("Paging") or {}
        return paging.get("PageSize", paging.get("RowCount", UNPAGED))

    def shown(self, plan: Plan) -> bool:
        """Return whether an activity can be seen now."""
        gone = self.conduct.gone
        known = self.history.id_of(plan) in gone or self.history.leads[plan.lead] in gone if gone else False
        return plan.appears <= self.clock.now and not known

    async def _of_lead(self, call: ApiCall) -> web.Response:
        query = {name.lower(): value for name, value in call.query.items()}
        lead, body = query.get("leadid", "").lower(), call.json()
        if not lead:
            raise ApiError(500, "LeadId is required", "permanent")
        if lead in self.conduct.gone and self.conduct.gone_lead == "error":
            raise ApiError(500, "Lead does not exist", "permanent")
        code = code_of(body)
        conduct = self.conduct
        part = by_offset(body.get("Paging") or {}, conduct.offset, conduct.first_offset, conduct.most)
        rows = [row for row in self._rows(self.history.by_lead.get(lead, [])) if code in (None, self._code(row))]
        rows.sort(key=lambda row: (row[0].created + scramble(row[0], conduct.unsorted), row[2]), reverse=True)
        with_urls = query.get("getfileurl", "").lower() == "true"
        return self._page("ProspectActivities", rows, part, lambda row: self._row(row, with_urls=with_urls))

    async def _by_code(self, call: ApiCall) -> web.Response:
        body = call.json()
        code, window = code_of(body), window_of(body)
        if code is None:
            raise ApiError(500, "ActivityEvent is required", "permanent")
        part = by_index(body.get("Paging") or {}, self.conduct.most)
        served = self.conduct.system_codes == "served" or not 3000 <= code < 4000
        if not served and self.conduct.system_codes == "refused":
            raise ApiError(500, "ActivityEvent is not valid", "permanent")
        if bad := self.conduct.bad_codes.get(code):
            raise ApiError(500, "Something went wrong", "permanent" if bad == "input" else "")
        rows = self._window(window, code) if served else []
        drop_empty = bool(body["Parameter"].get("RemoveEmptyValue"))

        def tell(row: Row) -> Payload:
            flat = self.history.flat_row(row[0], row[1])
            return {name: value for name, value in flat.items() if value != ""} if drop_empty else flat

        return self._page("List", rows, part, tell)

    async def _modified(self, call: ApiCall) -> web.Response:
        if self.conduct.all_codes == "absent":
            raise ApiError(404, "There is no such endpoint.", "route")
        body = call.json()
        window = window_of(body)
        if self.conduct.all_codes == "broken" or window.until - window.since > self.conduct.longest:
            raise ApiError(500, "Something went wrong")
        part = by_index(body.get("Paging") or {}, self.conduct.most)
        fields = bool((body.get("Parameter") or {}).get("IncludeCustomFields"))
        rows = self._window(window, None)
        return self._page(
            "ProspectActivities", rows, part, lambda row: self.history.modified_row(row[0], row[1], fields=fields)
        )

    async def _leads(self, call: ApiCall) -> web.Response:
        body = call.json()
        window, part = window_of(body), by_index(body.get("Paging") or {}, _MOST_LEADS)
        changed = {lead: self._lead_modified(plans) for lead, plans in self.history.by_lead.items()}
        found = [(at, lead) for lead, at in changed.items() if at is not None and window.since <= at <= window.until]
        found = [(at, lead) for at, lead in sorted(found, reverse=window.newest_first) if lead not in self.conduct.gone]
        leads = [self.history.lead(lead, at) for at, lead in part.of(found)]
        return _json({"RecordCount": len(found), "Leads": leads})

    async def _details(self, call: ApiCall) -> web.Response:
        """Answer with id, name and fields alone: what the documentation says, in names that it does not say."""
        plan = self.history.by_id.get(call.query.get("activityId", "").lower())
        if plan is None or not self.shown(plan):
            raise ApiError(500, "Activity does not exist", "permanent")
        fields = self.history.fields(plan, plan.version(self.clock.now))
        pairs = [{"Key": key, "Value": value} for key, value in fields.items()]
        name = self.history.kind_of(plan.number).name
        return _json({"Id": self.history.id_of(plan), "EventName": name, "Fields": pairs})

    async def _types(self, _: ApiCall) -> web.Response:
        listed = (kind for kind in KINDS if kind.code < 3000 or kind == OPPORTUNITY)
        return _json(
            [
                {"ActivityEvent": kind.code, "ActivityEventName": kind.name, "DisplayName": kind.name}
                | {"EventType": kind.type, "EventDirection": int(kind.direction == "Outbound"), "Tags": None}
                for kind in listed
            ]
        )

    def _rows(self, plans: Sequence[Plan]) -> list[Row]:
        """Return what is shown of some activities now: opportunities twice, with their mirrors."""
        rows: list[Row] = []
        for plan in plans:
            if self.shown(plan):
                version = plan.version(self.clock.now)
                rows.append((plan, version, False))
                if self.history.kind_of(plan.number) == OPPORTUNITY:
                    rows.append((plan, version, True))
        return rows

    def _window(self, window: Window, code: int | None) -> list[Row]:
        """Return the account's rows of a window, sorted; cached until the next second or another query."""
        question = (window, code, int(self.clock.now), self.conduct.unsorted, len(self.conduct.gone))
        if self._sorted[0] != question:
            plans = [plan for plan in self.history.plans if code in (None, self.history.kind_of(plan.number).code)]
            keyed = [(self._time(row, window), row) for row in self._rows(plans) if not row[2]]
            keyed = [(at, row) for at, row in keyed if window.since <= at <= window.until]
            keyed.sort(
                key=lambda pair: (pair[0] + scramble(pair[1][0], self.conduct.unsorted), pair[1][0].number),
                reverse=window.newest_first,
            )
            self._sorted = (question, [row for _, row in keyed])
        return self._sorted[1]

    def _time(self, row: Row, window: Window) -> float:
        return row[0].created if window.column == "CreatedOn" else self.history.modified(row[0], row[1])

    def _page(self, name: str, rows: list[Row], part: Part, tell: Callable[[Row], Payload]) -> web.Response:
        if part.size > self.conduct.heaviest:
            raise ApiError(500, "Something went wrong")
        return _json({"RecordCount": len(rows), name: [tell(row) for row in part.of(rows)]})

    def _row(self, row: Row, *, with_urls: bool) -> Payload:
        payload = self.history.row(row[0], row[1], mirror=row[2])
        packed = payload.get("ActivityFields", {}).get("mx_Custom_1")
        if with_urls and packed:
            thing: Mapping[str, str] = msgspec.json.decode(packed)
            url = f"https://files.example.com/{thing['mx_CustomObject_1']}"
            payload["ActivityFields"]["mx_Custom_1"] = encode({**thing, "mx_CustomObject_1": url}).decode()
        return payload

    def _code(self, row: Row) -> int:
        return MIRROR if row[2] else self.history.kind_of(row[0].number).code

    def _lead_modified(self, plans: list[Plan]) -> float | None:
        """Return when a lead last changed: with its last activity, or with its first one if activities do not count."""
        now = self.clock.now
        shown = [move.appears for plan in plans for move in plan.moves if move.appears <= now]
        if not shown:
            return None
        return max(shown) if self.conduct.activities_move_leads else min(shown)


def _json(value: Any) -> web.Response:
    return web.Response(body=encode(value), content_type="application/json")
