"""Calls and the budget that they are made within, against a simulated platform that counts them."""

import time
from collections.abc import AsyncIterator

import pytest

from headrace.poller.http_client import MOST_REDIRECTS
from headrace.sdk.faults import Throttled, Unavailable
from headrace.sdk.feed import Call
from tests.simulators import leadping
from tests.simulators.clock import Clock
from tests.simulators.faults import Kind
from tests.simulators.quota import Allowance, Form
from tests.unit.polled_tenant import calling

IN_PASSING = 0.2
"""Seconds that a test may take between an answer and a look at what became of it."""
HISTORY = leadping.History(1, 10)
LIST = Call(path=f"/events/leads/{HISTORY.leads[0]}", method="POST", body=b"{}")
DETAIL = Call(path=f"/events/detail/{HISTORY.id_of(HISTORY.plans[0])}")


@pytest.fixture
async def platform() -> AsyncIterator[leadping.Simulator]:
    async with leadping.Simulator(HISTORY) as platform:
        yield platform


@pytest.mark.parametrize(("kind", "call"), [("302", DETAIL), ("307", DETAIL), ("307", LIST), ("308", LIST)])
async def test_a_redirect_is_a_call_of_the_budget(kind: Kind, call: Call, platform: leadping.Simulator) -> None:
    """The platform counts it, so it waits for the budget and is spent; it goes on as it was, with its credentials."""
    async with calling(platform) as tenant:
        before = tenant.budget.left(tenant.clock.now())["window"]
        platform.faults.next(2, kind)
        assert (await tenant.send(call)).startswith(b"{")
        assert before - tenant.budget.left(tenant.clock.now())["window"] == platform.quota.taken == 3


async def test_a_redirect_waits_for_the_budget(platform: leadping.Simulator) -> None:
    """Where each call waits for the one before it, a redirect does, too: no platform throttles us for it."""
    platform.quota.allowance = Allowance(per_window=1, window=1.0)
    async with calling(platform, budget={"per_window": 1, "window": 1}) as tenant:
        platform.faults.next(2, "307")
        await tenant.send(DETAIL)
    assert (platform.quota.exceeded, platform.quota.taken) == (0, 3)


async def test_redirects_end(platform: leadping.Simulator) -> None:
    """In a circle, to another host, to nowhere, or of a POST that would become something else: each is no answer."""
    async with calling(platform) as tenant:
        fault = platform.faults.always("307")
        with pytest.raises(Unavailable, match="without end"):
            await tenant.send(DETAIL)
        assert platform.quota.taken == MOST_REDIRECTS
        platform.faults.stop(fault)
        platform.faults.next(1, "307", location="https://elsewhere.example.com/")
        with pytest.raises(Unavailable, match="another host"):
            await tenant.send(DETAIL)
        for kind in ("301", "302"):
            platform.faults.next(1, kind)
            with pytest.raises(Unavailable, match="redirects a POST"):
                await tenant.send(LIST)


@pytest.mark.parametrize("form", ["http", "epoch", "iso"])
@pytest.mark.parametrize("skew", [-1.9, -0.5, 0.0, 1.9, 3600.0])
@pytest.mark.parametrize("date_off", [0.0, 1.0])
async def test_a_moment_to_come_back_is_by_the_clock_of_the_answer(form: Form, skew: float, date_off: float) -> None:
    """Whatever that says and however its `Date` is rounded: nothing is sent before, and nothing waits for long."""
    clock = Clock(time.time())
    async with leadping.Simulator(HISTORY, clock=clock) as platform, calling(platform) as tenant:
        platform.conduct.skew, platform.conduct.date_off = skew, date_off
        platform.faults.next(1, "429", seconds=30, form=form)
        with pytest.raises(Throttled):
            await tenant.send(DETAIL)
        theirs = clock.now + skew
        longer = (tenant.budget.wait(tenant.clock.now()) or 0.0) - (int(theirs) + 30 - theirs)
        assert -IN_PASSING < longer < 2.5
