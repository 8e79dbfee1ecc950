import asyncio
import json
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.clock import seconds_of
from headrace_demo.simulators.faults import FOREVER, Kind
from headrace_demo.simulators.ledger import Found
from headrace_demo.simulators.quota import Allowance, Quota

HISTORY = leadping.History(seed=8, events=200)
DAY = 86_400
DEADLINE = 30.0
"""Seconds that the process may take for anything."""


@pytest.fixture
async def platform() -> AsyncIterator[leadping.Simulator]:
    async with leadping.Simulator(HISTORY) as platform:
        yield platform


async def ask(platform: leadping.Simulator, path: str = "/events/all/my") -> tuple[int, bytes, Any]:
    headers = {"Authorization": f"Bearer {platform.api_key}"}
    async with aiohttp.ClientSession() as http, http.post(platform.url + path, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


def test_a_seed_gives_one_history() -> None:
    """The same seed and shape give the same plans; versions rise; some are late, some are edits."""
    for kind in (leadping.History, leadsquared.History, outreach.History):
        history = kind(1, 500)
        assert history.plans == kind(1, 500).plans
        assert history.plans != kind(2, 500).plans
        for plan in history.plans:
            assert all(one.at < other.at and one.appears < other.appears for one, other in pairwise(plan.moves))
            assert all(move.appears >= move.at for move in plan.moves)
        assert any(plan.appears > plan.created + 60 for plan in history.plans)
        assert len(history.ledger) == len(history.ledger.wanted(history.end)) == 500
        assert not history.ledger.wanted(history.begin)


def found(history: leadping.History, version: int | None = None) -> list[Found]:
    keys = [(plan, history.key_of(plan)) for plan in history.plans]
    marks = [(key, history.ledger.versions(key)) for _, key in keys]
    return [Found(*key, all_of[-1 if version is None else min(version, len(all_of) - 1)]) for key, all_of in marks]


def test_the_ledger_complains_of_whatever_is_wrong() -> None:
    """Missing, from nowhere, twice, in the wrong order, not the last: each is a sentence; what is right is none."""
    ledger, end = HISTORY.ledger, HISTORY.end
    right = found(HISTORY)
    edited = next(n for n, plan in enumerate(HISTORY.plans) if len(plan.moves) > 1)
    old = right[edited]._replace(text=ledger.versions(HISTORY.key_of(HISTORY.plans[edited]))[0])
    assert ledger.complaints(right, end) == []
    assert ledger.complaints([old, *right], end) == []
    assert ledger.complaints(right[1:], end, excused=[right[0].id]) == []
    assert "missing" in ledger.complaints(right[1:], end)[0]
    assert "nowhere" in ledger.complaints([*right, Found("activity", "ev_x", "")], end)[0]
    assert "order" in ledger.complaints([*right, right[0]], end)[0]
    assert "order" in ledger.complaints([*right, old], end)[0]
    assert "ends with" in ledger.complaints([*right[:edited], old, *right[edited + 1 :]], end)[0]
    assert "never existed" in ledger.complaints([right[0]._replace(text="no. 99999999/0"), *right[1:]], end)[0]


@pytest.mark.parametrize("kind", ["400", "401", "403", "404", "429", "500", "502", "503", "permanent"])
async def test_a_status_is_answered_as_often_as_asked_for(platform: leadping.Simulator, kind: Kind) -> None:
    """Two such answers, then good ones again; none of them is a 429 of the caller's making."""
    platform.faults.next(2, kind)
    statuses = [(await ask(platform))[0] for _ in range(3)]
    assert statuses == [500 if kind == "permanent" else int(kind)] * 2 + [200]
    assert platform.faults.come == {kind: 2}
    assert platform.quota.exceeded == 0


async def test_bodies_that_nobody_can_read(platform: leadping.Simulator) -> None:
    """A page for people, half a document, an error with status 200."""
    platform.faults.next(1, "html")
    assert (await ask(platform))[1].startswith(b"<!doctype html>")
    platform.faults.next(1, "status_error")
    status, body, _ = await ask(platform)
    assert (status, json.loads(body)["Status"]) == (200, "Error")
    platform.faults.next(1, "truncated")
    status, body, headers = await ask(platform)
    assert (status, int(headers["Content-Length"])) == (200, len(body))
    with pytest.raises(ValueError, match=r"JSON|Unterminated|Expecting"):
        json.loads(body)


@pytest.mark.parametrize("kind", ["reset", "lost", "cut_off"])
async def test_connections_that_break(platform: leadping.Simulator, kind: Kind) -> None:
    """No answer, or the beginning of one; `lost` was done all the same."""
    platform.faults.next(FOREVER, kind, path="/events", after=1)
    assert (await ask(platform))[0] == 200
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await ask(platform)
    platform.faults.clear()
    assert (await ask(platform))[0] == 200
    assert platform.quota.taken == (2 if kind == "reset" else 3)


async def test_an_undecodable_row_stands_in_a_good_page(platform: leadping.Simulator) -> None:
    """One row of the next page is spoiled, and its id is noted."""
    platform.faults.next(1, "bad_item")
    rows = json.loads((await ask(platform))[1])["items"]
    assert platform.spoiled == [rows[0]["id"]]
    with pytest.raises(ValueError, match="isoformat"):
        seconds_of(rows[0]["createdAt"])
    assert all(seconds_of(row["createdAt"]) for row in rows[1:])


@pytest.mark.parametrize(("form", "like"), [("seconds", "30"), ("epoch", "179"), ("http", " GMT"), ("iso", "2026-10-")])
async def test_retry_after_is_written_in_every_form(platform: leadping.Simulator, form: Any, like: str) -> None:
    """Seconds, the epoch, a date of HTTP, a date of ISO 8601, all by the platform's own clock."""
    platform.faults.next(1, "429", seconds=30, form=form)
    _, _, headers = await ask(platform)
    assert like in headers["Retry-After"]
    assert "Oct 2026" in headers["Date"]


def test_a_quota_slides_and_days_and_years_end() -> None:
    """No span of a window holds too many calls; a day and a year are used up and come again."""
    quota, now = Quota(Allowance(per_window=2, window=5, per_day=4, per_year=5)), 1_000_000.0
    assert [quota.take(now + at) for at in (0, 3, 4)] == [None, None, 1.0]
    assert [quota.take(now + at) for at in (5, 8)] == [None, None]
    assert quota.take(now + 60) == DAY - 60
    assert quota.take(now + DAY) is None
    assert (quota.take(now + 2 * DAY), quota.exceeded, quota.year) == (363 * DAY, 3, 5)


async def test_calls_beyond_the_quota_are_counted_as_the_callers(platform: leadping.Simulator) -> None:
    """A 429 that was not injected is the caller's own."""
    platform.quota.allowance = Allowance(per_window=2, window=3600)
    assert [(await ask(platform))[0] for _ in range(3)] == [200, 200, 429]
    assert platform.quota.exceeded == 1
    assert [call.status for call in platform.calls] == [200, 200, 429]


async def test_all_three_run_as_one_process_under_control() -> None:
    """One port, a prefix each; the control endpoint lets things go wrong, moves time, and opens the books."""
    command = [sys.executable, "-m", "headrace_demo.simulators", "--port", "0", "--events", "60"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        announced = process.stdout.readuntil(b"[tenants.outreach.demo]")
        settings = (await asyncio.wait_for(announced, DEADLINE)).decode()
        root = settings.split('base_url = "')[1].split("/leadping")[0]
        async with aiohttp.ClientSession(root) as http:
            await http.post("/control/leadping/advance", json={"seconds": 2 * DAY})
            await http.post("/control/leadsquared/faults", json={"kind": "502", "times": 1})
            async with http.patch("/control/outreach/conduct", json={"heaviest": 10}) as answer:
                assert await answer.json() == {"heaviest": "10"}
            async with http.patch("/control/outreach/conduct", json={"heavy": 10}) as answer:
                assert answer.status == 400
            async with http.get("/control/leadping/ledger") as answer:
                ledger = await answer.json()
            async with http.post("/control/leadping/complaints", json=ledger) as answer:
                assert await answer.json() == []
            async with http.post("/leadsquared/v2/ProspectActivity.svc/Retrieve") as answer:
                assert answer.status == 502
            async with http.get("/control") as answer:
                state = await answer.json()
        assert (len(ledger), state["leadping"]["events"], state["leadsquared"]["answers"]) == (60, 60, {"502": 1})
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), DEADLINE)
    assert process.returncode == 0


async def test_kept_answers_are_the_same(platform: leadping.Simulator) -> None:
    """With answers cached, a page that is read again is the same; what must be refused still is."""
    first = await ask(platform)
    platform.cached_answers = {}
    assert [(await ask(platform))[1] for _ in range(2)] == [first[1]] * 2
    assert len(platform.cached_answers) == 1
    platform.conduct.rejects = 401
    assert (await ask(platform))[0] == 401
