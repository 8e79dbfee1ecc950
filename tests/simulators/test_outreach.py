from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from headrace_demo.simulators import outreach
from headrace_demo.simulators.clock import Clock, iso
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.outreach.tokens import Terms

HISTORY = outreach.History(seed=6, events=300)


class Wall:
    """Real time, as far as the platform is concerned."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def platform() -> AsyncIterator[outreach.Simulator]:
    async with outreach.Simulator(HISTORY, wall=Wall()) as platform:
        yield platform


async def get(platform: outreach.Simulator, url: str, token: str | None = None) -> tuple[int, Any, Any]:
    headers = {"Authorization": f"Bearer {token or platform.access_token}"}
    url = url if url.startswith("http") else platform.url + url
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        json = "json" in answer.content_type
        return answer.status, await (answer.json(content_type=None) if json else answer.text()), answer.headers


async def rows(platform: outreach.Simulator, query: str) -> list[Any]:
    url: str | None = f"/api/v2/events?{query}"
    found = []
    while url:
        status, page, _ = await get(platform, url)
        assert status == 200
        found += page["data"]
        url = page.get("links", {}).get("next")
    return found


async def mint(platform: outreach.Simulator, refresh_token: str, *, json: bool = False) -> tuple[int, Any]:
    tokens = platform.tokens
    form = {"client_id": tokens.client_id, "client_secret": tokens.client_secret, "redirect_uri": tokens.redirect_uri}
    form |= {"grant_type": "refresh_token", "refresh_token": refresh_token}
    body: Any = {"json": form} if json else {"data": form}
    async with aiohttp.ClientSession() as http, http.post(f"{platform.url}/oauth/token", **body) as answer:
        return answer.status, await answer.json()


async def test_closed_windows_hold_every_event(platform: outreach.Simulator) -> None:
    """Both ends of a range count; disorder, repeated rows and rows beyond the window do not lose any."""
    platform.conduct = outreach.Conduct(unsorted=3600.0, repeats=3, beyond=2)
    middle = HISTORY.plans[140].created
    first = await rows(platform, f"page[size]=9&sort=createdAt&filter[createdAt]=neginf..{iso(middle)}")
    beyond = [row for row in first if row["attributes"]["createdAt"] > iso(middle)]
    assert len(beyond) == 2
    second = await rows(
        platform,
        f"page[size]=9&sort=-createdAt&newFilterSyntax=true&filter[createdAt][gte]={iso(middle)}&count=false",
    )
    assert {str(row["id"]) for row in first + second} == {HISTORY.id_of(plan) for plan in HISTORY.plans}
    assert str(HISTORY.id_of(HISTORY.plans[140])) in {str(row["id"]) for row in first}
    assert str(HISTORY.id_of(HISTORY.plans[140])) in {str(row["id"]) for row in second}


async def test_the_default_is_paging_by_offset(platform: outreach.Simulator) -> None:
    """Without page[size] there are fifty rows and a link with an offset; a date alone is a whole day."""
    _, page, _ = await get(platform, "/api/v2/events")
    assert len(page["data"]) == 50
    assert "offset" in page["links"]["next"]
    assert len(await rows(platform, "")) == 300
    day = await rows(platform, "filter[createdAt]=2026-10-02..2026-10-02&page[size]=1000")
    assert {row["attributes"]["createdAt"][:10] for row in day} == {"2026-10-02"}


async def test_what_the_list_does_not_know_is_a_422(platform: outreach.Simulator) -> None:
    """Sorting by name, filtering by what cannot be filtered, a page too large."""
    for query in ("sort=name", "filter[body]=x", "page[size]=1001", "filter[createdAt][gte]=2026-10-01"):
        status, page, _ = await get(platform, f"/api/v2/events?{query}")
        assert (status, page["errors"][0]["id"]) == (422, "validationError")


async def test_heavy_pages_fail_until_they_are_smaller(platform: outreach.Simulator) -> None:
    """A page of more rows than the platform can do is a 502."""
    platform.conduct.heaviest = 100
    assert (await get(platform, "/api/v2/events?page[size]=101"))[0] == 502
    assert (await get(platform, "/api/v2/events?page[size]=100"))[0] == 200


async def test_single_events_and_quota_headers(platform: outreach.Simulator) -> None:
    """An event by its id, a 404 for none, and what is left on every answer."""
    platform.conduct.two_quotas = True
    status, page, headers = await get(platform, "/api/v2/events/1000007")
    assert (status, page["data"]["id"]) == (200, 1_000_007)
    assert headers["X-RateLimit-Remaining"] == "9999, 19988"
    status, page, headers = await get(platform, "/api/v2/events/7")
    assert (status, page["errors"][0]["id"]) == (404, "resourceNotFound")
    assert headers["X-RateLimit-Limit"] == "10000"


async def test_refresh_tokens_rotate(platform: outreach.Simulator) -> None:
    """Each mint gives a new refresh token and ends the old one; a minute lies between two mints."""
    wall = platform.wall
    assert isinstance(wall, Wall)
    first = platform.tokens.refresh_token
    status, minted = await mint(platform, first)
    assert (status, minted["expires_in"]) == (200, 7200)
    assert (await get(platform, "/api/v2/events?page[size]=1", minted["access_token"]))[0] == 200
    assert (await mint(platform, minted["refresh_token"]))[0] == 429
    wall.now += 60
    assert await mint(platform, first) == (400, {"error": "invalid_grant"})
    assert (await mint(platform, minted["refresh_token"], json=True))[0] == 200
    assert (platform.tokens.minted, platform.tokens.too_soon, platform.tokens.reused) == (2, 1, 1)


async def test_a_refresh_token_used_twice_may_revoke_the_family(platform: outreach.Simulator) -> None:
    """Where reuse is detected, an old token that comes again ends the newest ones; one from elsewhere ends nothing."""
    platform.tokens.terms = Terms(mint_every=0.0, reuse_revokes=True)
    first = platform.tokens.refresh_token
    minted = (await mint(platform, first))[1]
    assert (await mint(platform, "from elsewhere"))[0] == 400
    assert (await get(platform, "/api/v2/events", minted["access_token"]))[0] == 200
    assert await mint(platform, first) == (400, {"error": "invalid_grant"})
    assert (await get(platform, "/api/v2/events", minted["access_token"]))[0] == 401
    assert (await mint(platform, minted["refresh_token"]))[0] == 400


async def test_tokens_end_in_the_middle(platform: outreach.Simulator) -> None:
    """After so many calls, or seconds, a token is refused: with plain text, or as a 403."""
    platform.tokens.terms = Terms(calls=2, lives=100.0, mint_every=0.0, old="lives")
    wall = platform.wall
    assert isinstance(wall, Wall)
    token = (await mint(platform, platform.tokens.refresh_token))[1]["access_token"]
    answers = [await get(platform, "/api/v2/events?page[size]=1", token) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 200, 401]
    assert answers[2][1] == "Invalid access token"
    platform.conduct.ended = 403
    token = (await mint(platform, platform.tokens.refresh_token))[1]["access_token"]
    wall.now += 100
    assert (await get(platform, "/api/v2/events", token))[0] == 403


async def test_late_events_appear_behind_the_newest() -> None:
    """An event may be stored before others and be shown after them."""
    history = outreach.History(seed=6, events=300, shape=Shape(span=7200.0))
    late = next(plan for plan in history.plans if plan.appears > plan.created + 600)
    async with outreach.Simulator(history, clock=Clock(late.appears - 1)) as platform:
        before = await rows(platform, "page[size]=1000")
        assert max(row["attributes"]["createdAt"] for row in before) > iso(late.created)
        platform.clock.advance(1)
        after = await rows(platform, "page[size]=1000")
    assert history.id_of(late) in {str(row["id"]) for row in after} - {str(row["id"]) for row in before}
