from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from headrace_demo.simulators import leadping
from headrace_demo.simulators.clock import Clock, iso
from headrace_demo.simulators.history import Payload

HISTORY = leadping.History(seed=3, events=300, leads=8)


@pytest.fixture
async def platform() -> AsyncIterator[leadping.Simulator]:
    async with leadping.Simulator(HISTORY) as platform:
        yield platform


async def ask(platform: leadping.Simulator, path: str, body: Payload | None = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {platform.api_key}"}
    method = "GET" if body is None else "POST"
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, platform.url + path, json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json(content_type=None)


async def rows(platform: leadping.Simulator, path: str, **body: Any) -> list[Payload]:
    found, token = [], None
    while True:
        status, page = await ask(platform, path, body | {"continuationToken": token})
        assert status == 200
        found += page["items"]
        token = page["continuationToken"]
        if token is None:
            return found


async def test_pages_hold_every_activity_of_a_lead_whatever_goes_on_in_them(platform: leadping.Simulator) -> None:
    """Empty pages with a token, repeated rows and disorder: whoever follows the token to its end has it all."""
    platform.conduct = leadping.Conduct(max_page=7, empty_every=3, repeats=2, unsorted=7200.0)
    for lead in HISTORY.leads:
        found = await rows(platform, f"/events/leads/{lead}", pageSize="50")
        wanted = {HISTORY.id_of(plan) for plan in HISTORY.by_lead[lead]}
        assert {row["id"] for row in found} == wanted
        assert len(found) > len(wanted)


async def test_rows_appear_and_change_as_time_goes_on() -> None:
    """Before its time nothing is there; later a row is there as it is then, under the id that it keeps."""
    plan = next(plan for plan in HISTORY.plans if len(plan.moves) > 1)
    path = f"/events/leads/{HISTORY.leads[plan.lead]}"
    async with leadping.Simulator(HISTORY, clock=Clock(HISTORY.begin)) as platform:
        assert await rows(platform, path) == []
        for version, move in enumerate(plan.moves):
            platform.clock.advance(move.appears - platform.clock.now)
            row = next(row for row in await rows(platform, path) if row["id"] == HISTORY.id_of(plan))
            assert row["summary"].endswith(f"/{version}")
            assert row["createdAt"] == iso(plan.created, "Z")


async def test_a_list_can_be_narrowed_and_ordered(platform: leadping.Simulator) -> None:
    """Ranges of createdAt, both orders, and the account's startAt and endAt."""
    middle = HISTORY.plans[150].created
    later = {"field": "createdAt", "greaterThanOrEqual": iso(middle, "Z")}
    found = await rows(
        platform, "/events/all/my", rangeFilters=[later], orderBy=[{"field": "createdAt", "direction": "asc"}]
    )
    assert [row["createdAt"] for row in found] == [iso(p.created, "Z") for p in HISTORY.plans if p.created >= middle]
    before = await rows(platform, f"/events/organizations/org_1?endAt={iso(middle, 'Z')}")
    assert len(before) + len(found) == 300


async def test_the_organizations_list_is_where_its_generation_has_it(platform: leadping.Simulator) -> None:
    """Newer generations know organizations, the oldest businesses; an unknown id, and the other path, are a 404."""
    for generation, good, other in (
        ("g4", "organizations/org_1", "businesses/biz_1"),
        ("g1", "businesses/biz_1", "organizations/org_1"),
    ):
        platform.conduct = leadping.Conduct(generation=generation)  # type: ignore[arg-type]  # (one of the words)
        assert len(await rows(platform, f"/events/{good}")) == 300
        assert (await ask(platform, f"/events/{other}", {}))[0] == 404
        assert (await ask(platform, f"/events/{good}9", {}))[0] == 404
    platform.conduct = leadping.Conduct(tenant_list="none")
    assert (await ask(platform, "/events/organizations/org_1", {}))[0] == 404


async def test_one_users_list_hides_the_leads_of_others(platform: leadping.Simulator) -> None:
    """It looks whole: nothing in it says that rows are left out."""
    platform.conduct.hidden = {HISTORY.leads[0]}
    mine = await rows(platform, "/events/all/my")
    assert 0 < len(mine) < 300
    assert all(row["leadId"] != HISTORY.leads[0] for row in mine)
    assert len(await rows(platform, "/events/organizations/org_1")) == 300


async def test_a_token_of_another_query_is_refused(platform: leadping.Simulator) -> None:
    """A token goes with its query."""
    platform.conduct.max_page = 5
    _, page = await ask(platform, "/events/all/my", {})
    token = page["continuationToken"]
    status, problem = await ask(platform, "/events/all/my", {"includeCount": True, "continuationToken": token})
    assert (status, problem["status"]) == (400, 400)
    assert (await ask(platform, "/events/all/my", {"continuationToken": "nonsense"}))[0] == 400


@pytest.mark.parametrize(
    ("generation", "path", "other"), [("g1", "{}/detail", "detail/{}"), ("g4", "detail/{}", "{}/detail")]
)
async def test_details_are_where_the_generation_has_them(
    platform: leadping.Simulator, generation: Any, path: str, other: str
) -> None:
    """The old generation knows one path of details, the newer ones another; numbers are written in its way."""
    platform.conduct = leadping.Conduct(generation=generation)
    ident = HISTORY.id_of(HISTORY.plans[0])
    assert (await ask(platform, f"/events/{other.format(ident)}"))[0] == 404
    status, detail = await ask(platform, f"/events/{path.format(ident)}")
    assert (status, detail["id"]) == (200, ident)
    _, page = await ask(platform, "/events/all/my", {"pageSize": 1})
    assert type(page["pageSize"]) is (str if generation == "g1" else int)


@pytest.mark.parametrize("own", [False, True])
async def test_calls_are_found_by_the_id_that_they_have(platform: leadping.Simulator, own: bool) -> None:  # noqa: FBT001  (a case)
    """A call has the activity's id, or one of its own that the row names."""
    platform.conduct.own_calls = own
    row = next(row for row in await rows(platform, "/events/all/my") if row["timelineType"] == "Call")
    status, call = await ask(platform, f"/events/calls/{row['relatedEntityId'] or row['id']}")
    assert (status, call["leadId"]) == (200, row["leadId"])
    assert (await ask(platform, f"/events/calls/{row['id']}"))[0] == (404 if own else 200)


async def test_wrong_keys_and_deleted_leads(platform: leadping.Simulator) -> None:
    """A wrong key is a 401 that says where to look; the list of a deleted lead is a 404, and its rows are gone."""
    lead = HISTORY.leads[0]
    platform.conduct.gone.add(lead)
    assert (await ask(platform, f"/events/leads/{lead}", {}))[0] == 404
    assert all(row["leadId"] != lead for row in await rows(platform, "/events/all/my"))
    async with aiohttp.ClientSession() as http, http.post(f"{platform.url}/events/all/my") as answer:
        assert answer.status == 401
        assert "resource_metadata" in answer.headers["WWW-Authenticate"]
