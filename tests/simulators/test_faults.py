"""What the platforms' faults are, on all three of them: each is named in `faults`, and answered as it is named."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

import aiohttp
import pytest
from yarl import URL

from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.faults import Kind
from headrace_demo.simulators.history import History
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.server import Simulator

LEADS: Final = leadping.History(seed=9, events=120, leads=3)
LISTS: Final = leadsquared.History(seed=9, events=120, leads=3)
EVENTS: Final = outreach.History(seed=9, events=120)
PROVIDERS: Final = ("leadping", "leadsquared", "outreach")
DEADLINE: Final = 30.0


class Got(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Wall:
    """Real time, as far as the platforms are concerned."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Asker:
    """A simulated platform, with one call for a list of so many rows, and one for a detail."""

    def __init__(self, platform: Simulator, wall: Wall) -> None:
        self.platform: Final = platform
        self.wall: Final = wall

    @property
    def history(self) -> History:
        return self.platform.history

    def request(self, rows: int, lead: str) -> tuple[str, str, Any]:
        match self.platform.provider:
            case "leadping":
                return "POST", f"/events/leads/{lead}", {"pageSize": rows}
            case "leadsquared":
                paging = {"Offset": "0", "RowCount": str(rows)}
                return "POST", f"/v2/ProspectActivity.svc/Retrieve?leadId={lead}", {"Paging": paging}
        return "GET", f"/api/v2/events?page[size]={rows}", None

    async def page(self, rows: int = 10, lead: int = 0) -> Got:
        """Ask for a list, where there are some the one of a lead."""
        method, path, body = self.request(rows, self.history.leads[lead])
        return await self.ask(method, path, body)

    async def detail(self, number: int) -> Got:
        """Ask for the detail of an activity."""
        path = {
            "leadping": "/events/detail/{}",
            "leadsquared": "/v2/ProspectActivity.svc/GetActivityDetails?activityId={}",
            "outreach": "/api/v2/events/{}",
        }[self.platform.provider]
        return await self.ask("GET", path.format(self.history.id_of(self.history.plans[number])))

    async def ask(self, method: str, path: str, body: Any = None, *, follow: bool = False) -> Got:
        """Make a call with good credentials."""
        platform: Any = self.platform
        keys = platform.credentials()
        headers = {
            "leadping": {"Authorization": f"Bearer {keys.get('api_key')}"},
            "leadsquared": {"x-LSQ-AccessKey": keys.get("access_key"), "x-LSQ-SecretKey": keys.get("secret_key")},
            "outreach": {"Authorization": f"Bearer {keys.get('access_token')}"},
        }[platform.provider]
        url, options = platform.url + path, {"json": body, "headers": headers, "allow_redirects": follow}
        async with aiohttp.ClientSession() as http:
            http._retry_connection = False  # one call is one call
            async with http.request(method, url, max_redirects=3, **options) as answer:
                return Got(answer.status, answer.headers, await answer.text())

    async def statuses(self, *questions: Any) -> list[int]:
        """Return the statuses of pages, asked for with these arguments."""
        return [(await self.page(**arguments)).status for arguments in questions]


@pytest.fixture(params=PROVIDERS)
async def to(request: pytest.FixtureRequest) -> AsyncIterator[Asker]:
    wall = Wall()
    made: Mapping[str, Simulator] = {
        "leadping": leadping.Simulator(LEADS, allowance=Allowance(), wall=wall),
        "leadsquared": leadsquared.Simulator(LISTS, allowance=Allowance(), wall=wall),
        "outreach": outreach.Simulator(EVENTS, allowance=Allowance(), wall=wall),
    }
    async with made[request.param] as platform:
        yield Asker(platform, wall)


@pytest.mark.parametrize("kind", ["json_404", "html_404", "html_500", "html_502", "html_503", "html_504"])
async def test_a_gateway_answers_in_its_own_form_and_counts_nothing(to: Asker, kind: Kind) -> None:
    """JSON that is not the platform's, or a page; without the quota's headers, and without a call counted."""
    to.platform.faults.next(1, kind)
    got = await to.page()
    body, _, status = kind.partition("_")
    assert got.status == int(status)
    assert body in got.headers["Content-Type"]
    if body == "json":
        assert got.json.keys() == {"statusCode", "message"}
    assert not [name for name in got.headers if name.startswith("X-RateLimit")]
    assert to.platform.quota.taken == 0
    assert (await to.page()).status == 200


def own_name(got: Got) -> str:
    """Return what an error is called, in whichever platform's form it is."""
    error = got.json
    if "errors" in error:
        return str(error["errors"][0]["id"])
    return str(error["ExceptionType"] if "ExceptionType" in error else error["title"])


async def test_errors_in_the_platforms_own_form_have_its_names(to: Asker) -> None:
    """404, 500, an outage: with the platform's name or none of its own, or with the name that a test wants."""
    faults = to.platform.faults
    faults.next(1, "404")
    faults.next(1, "500")
    faults.next(1, "unavailable")
    faults.next(1, "500", name="InventedName")
    found = [await to.page() for _ in range(4)]
    assert [(got.status, own_name(got)) for got in found] == {
        "leadping": [(404, "Not found"), (500, "Error"), (503, "Error"), (500, "InventedName")],
        "leadsquared": [
            (404, "MXException"),
            (500, "MXException"),
            (503, "MXServiceUnavailableException"),
            (500, "InventedName"),
        ],
        "outreach": [
            (404, "resourceNotFound"),
            (500, "internalServerError"),
            (503, "scheduledServerMaintenance"),
            (500, "InventedName"),
        ],
    }[to.platform.provider]
    assert "Retry-After" not in found[2].headers


async def test_a_fault_lasts_for_a_time(to: Asker) -> None:
    """All calls of a minute, and none after it; what begins later ends later."""
    to.platform.faults.during(60.0, "json_404")
    assert await to.statuses({}, {}) == [404, 404]
    to.wall.now += 59
    assert await to.statuses({}) == [404]
    to.wall.now += 1
    assert await to.statuses({}, {}) == [200, 200]
    assert to.platform.faults.come == {"json_404": 3}
    assert not to.platform.faults.coming


async def test_a_fault_for_good_ends_when_it_is_stopped(to: Asker) -> None:
    """`always` goes on; `stop` ends that one alone."""
    other = to.platform.faults.always("404", path="/nowhere")
    fault = to.platform.faults.always("500")
    to.wall.now += 1e6
    assert await to.statuses({}, {}) == [500, 500]
    to.platform.faults.stop(fault)
    assert await to.statuses({}) == [200]
    assert to.platform.faults.coming == [other]


@pytest.mark.parametrize("kind", ["500", "404"])
async def test_one_detail_fails_for_good(to: Asker, kind: Kind) -> None:
    """The detail of one id does, whatever its case; others, and lists, never do."""
    ident = to.history.id_of(to.history.plans[3])
    to.platform.faults.always(kind, id=ident.upper())
    assert [(await to.detail(number)).status for number in (2, 3, 4, 3)] == [200, int(kind), 200, int(kind)]
    assert await to.statuses({}) == [200]


@pytest.mark.parametrize("to", ["leadping", "leadsquared"], indirect=True)
async def test_one_lead_fails_for_good(to: Asker) -> None:
    """Where lists belong to leads, a fault may be one lead's."""
    to.platform.faults.always("404", id=to.history.leads[1])
    assert await to.statuses({"lead": 0}, {"lead": 1}, {"lead": 2}) == [200, 404, 200]


async def test_a_route_fails_alone(to: Asker) -> None:
    """A fault of a path leaves the others alone."""
    path = {"leadping": "/detail/", "leadsquared": "/GetActivityDetails", "outreach": "/events/"}
    to.platform.faults.always("html_404", path=path[to.platform.provider])
    assert ((await to.page()).status, (await to.detail(0)).status) == (200, 404)


@pytest.mark.parametrize("kind", ["500", "html_504", "reset"])
async def test_heavy_pages_fail_above_a_size(to: Asker, kind: Kind) -> None:
    """Lists of more rows than that fail, smaller ones do not, and details never do."""
    to.platform.faults.always(kind, rows_over=20)
    assert (await to.page(20)).status == 200
    assert (await to.detail(0)).status == 200
    if kind == "reset":
        with pytest.raises(aiohttp.ClientError):
            await to.page(21)
    else:
        assert (await to.page(21)).status == int(kind.removeprefix("html_"))


async def test_a_denied_call_goes_well_the_next_time(to: Asker) -> None:
    """A blip: one 401, and the same credentials are good afterwards."""
    to.platform.faults.next(1, "401")
    assert await to.statuses({}, {}) == [401, 200]


@pytest.mark.parametrize("off", [-1.0, 0.0, 1.0])
async def test_the_date_header_is_rounded_either_way(to: Asker, off: float) -> None:
    """`Date` is a second ahead or behind; a Retry-After that is a date is by the platform's own time."""
    to.platform.conduct.date_off = off
    to.platform.faults.next(1, "429", seconds=30, form="http")
    got = await to.page()
    date, again = (parsedate_to_datetime(got.headers[name]).timestamp() for name in ("Date", "Retry-After"))
    assert date == int(to.platform.clock.now) + off
    assert again == int(to.platform.clock.now) + 30


async def test_a_call_without_an_answer_is_counted(to: Asker) -> None:
    """Nothing comes, then the connection goes; a caller that leaves before is not waited for."""
    to.platform.faults.next(1, "unanswered", seconds=0.1)
    with pytest.raises(aiohttp.ClientError):
        await to.page()
    to.platform.faults.next(1, "unanswered", seconds=1e6)
    task = asyncio.create_task(to.page())
    async with asyncio.timeout(DEADLINE):
        while to.platform.quota.taken < 2:  # noqa: ASYNC110  (it only counts)
            await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert (await to.page()).status == 200
    assert to.platform.quota.taken == 3


@pytest.mark.parametrize("kind", ["html", "json"])
async def test_a_wrong_segment_of_base_url_meets_a_gateway(to: Asker, kind: Any) -> None:
    """The platform's own 404, or a gateway's: before any credentials are looked at, and for each path below it."""
    method, path, body = to.request(10, to.history.leads[0])
    own = await to.ask(method, f"/wrong{path}", body)
    assert (own.status, bool(own_name(own))) == (404, True)
    to.platform.conduct.unknown_path = kind
    taken = to.platform.quota.taken
    got = await to.ask(method, f"/wrong{path}", body)
    assert (got.status, kind in got.headers["Content-Type"]) == (404, True)
    assert to.platform.quota.taken == taken
    assert (await to.page()).status == 200


@pytest.mark.parametrize("kind", ["301", "302", "307", "308"])
async def test_redirects_lead_on_and_count(to: Asker, kind: Kind) -> None:
    """To the same place unless told otherwise; each is a call of the quota."""
    method, path, body = to.request(10, to.history.leads[0])
    to.platform.faults.next(1, kind)
    got = await to.ask(method, path, body)
    assert (got.status, got.headers["Location"]) == (int(kind), str(URL(to.platform.url + path)))
    to.platform.faults.next(1, kind, location="https://elsewhere.example.com/x")
    assert (await to.ask(method, path, body)).headers["Location"] == "https://elsewhere.example.com/x"
    assert to.platform.quota.taken == 2
    to.platform.faults.next(1, "307")
    assert (await to.ask(method, path, body, follow=True)).status == 200
    assert to.platform.quota.taken == 4
    to.platform.faults.always("307")
    with pytest.raises(aiohttp.TooManyRedirects):
        await to.ask(method, path, body, follow=True)


async def test_calls_beyond_the_quota_are_counted_among_faults(to: Asker) -> None:
    """A redirect that is one too many is a 429 of the caller's making."""
    to.platform.quota.allowance = Allowance(per_window=1, window=3600)
    to.platform.faults.always("307")
    assert await to.statuses({}, {}) == [307, 429]
    assert to.platform.quota.exceeded == 1
