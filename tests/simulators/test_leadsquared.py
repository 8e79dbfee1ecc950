from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from headrace_demo.simulators import leadsquared
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.history import Payload, Shape
from headrace_demo.simulators.leadsquared.history import KINDS, spaced
from headrace_demo.simulators.quota import Allowance

HISTORY = leadsquared.History(seed=4, events=300, leads=6)
BY_CODE = "/v2/ProspectActivity.svc/CustomActivity/RetrieveByActivityEvent"


@pytest.fixture
async def platform() -> AsyncIterator[leadsquared.Simulator]:
    async with leadsquared.Simulator(HISTORY) as platform:
        platform.quota.allowance = Allowance()
        yield platform


async def ask(platform: leadsquared.Simulator, path: str, body: Payload) -> tuple[int, Any]:
    headers = {"x-LSQ-AccessKey": platform.access_key, "x-LSQ-SecretKey": platform.secret_key}
    async with (
        aiohttp.ClientSession() as http,
        http.post(platform.url + path, json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def retrieve(platform: leadsquared.Simulator, lead: str, paging: Payload | None = None) -> Payload:
    path = f"/v2/ProspectActivity.svc/Retrieve?leadId={lead}"
    status, page = await ask(platform, path, {"Paging": paging} if paging else {})
    assert status == 200
    return page  # type: ignore[no-any-return]  # it is JSON


@pytest.mark.parametrize(("meaning", "first"), [("rows", 0), ("rows", 1), ("pages", 0), ("pages", 1)])
async def test_offset_means_what_the_conduct_configures(
    platform: leadsquared.Simulator, meaning: Any, first: int
) -> None:
    """Rows or pages, from 0 or from 1: read accordingly, every row comes once."""
    platform.conduct = leadsquared.Conduct(offset=meaning, first_offset=first)
    lead, size = HISTORY.leads[0], 10
    total = (await retrieve(platform, lead))["RecordCount"]
    found = []
    for page in range(-(-total // size)):
        offset = first + (page * size if meaning == "rows" else page)
        paging = {"Offset": str(offset), "RowCount": str(size)}
        found += (await retrieve(platform, lead, paging))["ProspectActivities"]
    assert len({(row["Id"], row["EventCode"]) for row in found}) == len(found) == total
    assert {row["Id"] for row in found} == {HISTORY.id_of(plan) for plan in HISTORY.by_lead[lead]}


async def test_without_paging_rows_are_cut_silently(platform: leadsquared.Simulator) -> None:
    """Twenty-five rows, the newest first, and a RecordCount that says there are more."""
    page = await retrieve(platform, HISTORY.leads[0])
    assert len(page["ProspectActivities"]) == 25 < page["RecordCount"]
    times = [row["CreatedOn"] for row in page["ProspectActivities"]]
    assert times == sorted(times, reverse=True)


async def test_pages_shift_while_they_are_read() -> None:
    """With time going on at every call, a row that appears moves those behind it to the next page."""
    history = leadsquared.History(seed=5, events=200, leads=1, shape=Shape(late=0.0, edited=0.0))
    clock = Clock(history.plans[100].created, tick=3 * 3600)
    async with leadsquared.Simulator(history, clock=clock) as platform:
        first = await retrieve(platform, history.leads[0], {"Offset": "0", "RowCount": "20"})
        second = await retrieve(platform, history.leads[0], {"Offset": "20", "RowCount": "20"})
    assert second["RecordCount"] > first["RecordCount"]
    ids = [{row["Id"] for row in page["ProspectActivities"]} for page in (first, second)]
    assert ids[0] & ids[1]


async def test_the_account_is_read_code_by_code(platform: leadsquared.Simulator) -> None:
    """Windows of ModifiedOn hold every activity of each code but the platform's own, once."""
    window = {"FromDate": spaced(HISTORY.begin - 7200), "ToDate": spaced(HISTORY.end)}
    found = []
    for code in {kind.code for kind in KINDS}:
        index, total = 1, 1
        while (index - 1) * 40 < total:
            paging = {"PageIndex": index, "PageSize": 40}
            status, page = await ask(
                platform, BY_CODE, {"Parameter": window | {"ActivityEvent": code}, "Paging": paging}
            )
            assert status == 200
            found += page["List"]
            total, index = page["RecordCount"], index + 1
    wanted = [HISTORY.id_of(plan) for plan in HISTORY.plans if HISTORY.kind_of(plan.number).code != 3002]
    assert sorted(row["ProspectActivityId"] for row in found) == sorted(wanted)


@pytest.mark.parametrize(
    "changes", [{"Paging": {"PageSize": 1001}}, {"Parameter": {}}, {"Parameter": {"FromDate": "now"}}]
)
async def test_input_errors_are_http_500(platform: leadsquared.Simulator, changes: Payload) -> None:
    """An invalid query is an MXInvalidInputException, for good."""
    window = {"FromDate": spaced(HISTORY.begin), "ToDate": spaced(HISTORY.end), "ActivityEvent": 22}
    status, error = await ask(platform, BY_CODE, {"Parameter": window} | changes)
    assert (status, error["Status"], error["ExceptionType"]) == (500, "Error", "MXInvalidInputException")


@pytest.mark.parametrize(("conduct", "answers"), [("served", 200), ("absent", 404), ("broken", 500)])
async def test_an_account_may_have_no_list_of_all_codes(
    platform: leadsquared.Simulator, conduct: Any, answers: int
) -> None:
    """RetrieveRecentlyModified answers, is no method there, or fails for every window."""
    platform.conduct.all_codes = conduct
    window = {"FromDate": spaced(HISTORY.begin), "ToDate": spaced(HISTORY.end)}
    status, _ = await ask(platform, "/v2/ProspectActivity.svc/RetrieveRecentlyModified", {"Parameter": window})
    assert status == answers


@pytest.mark.parametrize(("conduct", "answers"), [("served", 200), ("empty", 200), ("refused", 500)])
async def test_codes_that_no_catalogue_has(platform: leadsquared.Simulator, conduct: Any, answers: int) -> None:
    """They are served, have no rows, or are refused; a bad code fails in either way."""
    platform.conduct.system_codes = conduct
    window = {"FromDate": spaced(HISTORY.begin - 7200), "ToDate": spaced(HISTORY.end), "ActivityEvent": 3002}
    status, page = await ask(platform, BY_CODE, {"Parameter": window})
    assert (status, bool(page.get("List"))) == (answers, conduct == "served")
    platform.conduct.bad_codes = {22: "input", 21: "generic"}
    names = [(await ask(platform, BY_CODE, {"Parameter": window | {"ActivityEvent": code}}))[1] for code in (22, 21)]
    assert [error["ExceptionType"] for error in names] == ["MXInvalidInputException", "MXException"]


async def test_an_activity_moves_its_lead(platform: leadsquared.Simulator) -> None:
    """Leads.RecentlyModified names the leads of a window; RetrieveRecentlyModified their activities."""
    window = {"FromDate": spaced(HISTORY.end - 3600), "ToDate": spaced(HISTORY.end)}
    body = {"Parameter": window | {"IncludeCustomFields": 1}, "Paging": {"PageIndex": 1, "PageSize": 100}}
    _, leads = await ask(platform, "/v2/LeadManagement.svc/Leads.RecentlyModified", body)
    named = {pair["Value"] for lead in leads["Leads"] for pair in lead["LeadPropertyList"][:1]}
    _, rows = await ask(platform, "/v2/ProspectActivity.svc/RetrieveRecentlyModified", body)
    assert rows["RecordCount"] > 0
    assert {row["RelatedProspectId"] for row in rows["ProspectActivities"]} <= named
    assert any(row["Fields"] for row in rows["ProspectActivities"])


async def test_keys_are_taken_from_where_they_should_be(platform: leadsquared.Simulator) -> None:
    """Headers do, unless the account takes keys in the URL only."""
    platform.conduct.keys = "url"
    path = f"/v2/ProspectActivity.svc/Retrieve?leadId={HISTORY.leads[0]}"
    status, error = await ask(platform, path, {})
    assert (status, error["ExceptionType"]) == (401, "MXAuthenticationFailedException")
    keys = f"&accessKey={platform.access_key}&secretKey={platform.secret_key}"
    assert (await ask(platform, path + keys, {}))[0] == 200
