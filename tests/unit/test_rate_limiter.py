"""Calls and the budget that they are made within, against a simulated platform that counts them."""

from collections.abc import AsyncIterator

import pytest

from headrace.poller.http_client import MOST_REDIRECTS
from headrace.sdk.faults import Unavailable
from headrace.sdk.feed import Call
from tests.simulators import leadping
from tests.simulators.faults import Kind
from tests.simulators.quota import Allowance
from tests.unit.polled_tenant import calling

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
