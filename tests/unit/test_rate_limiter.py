"""Calls and the budget that they are made within, against a simulated platform that counts them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from headrace.poller.http_client import MOST_REDIRECTS
from headrace.records.cursors import CursorEntry
from headrace.sdk.faults import Throttled, Unavailable
from headrace.sdk.feed import Call
from headrace_demo.simulators import leadping
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.faults import Kind
from headrace_demo.simulators.quota import Allowance, Form
from tests.unit.polled_tenant import Memory, calling

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


class SlowMemory(Memory):
    """Takes what is to be stored in its order, one after the other, each once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()
        self.may.set()
        self._turn = asyncio.Lock()
        self.waiting = 0

    async def store(self, entries: Sequence[CursorEntry]) -> None:
        """Wait, then remember."""
        self.waiting += 1
        async with self._turn:
            await self.may.wait()
            self.waiting -= 1
            await super().store(entries)


async def test_what_a_throttled_call_stores_takes_no_lease_back(
    platform: leadping.Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored behind a newer lease that is on its way: after a kill a successor would begin too early."""
    memory, answered = SlowMemory(), asyncio.Event()

    async def late(*_: object) -> Throttled:
        await answered.wait()
        return Throttled("429", 1.0)

    async with calling(platform, memory) as tenant:
        await tenant.send(DETAIL)
        with monkeypatch.context() as patched:
            patched.setattr(tenant.limiter, "_exchanged", late)
            throttled = asyncio.create_task(tenant.send(LIST))
            await until(lambda: tenant.budget.out == 1)
        tenant.limiter._lease.until = 0.0  # it has ended meanwhile
        memory.may.clear()
        renewing = asyncio.create_task(tenant.send(DETAIL))
        await until(lambda: memory.waiting == 1)
        answered.set()
        await until(lambda: memory.waiting == 2)
        memory.may.set()
        await asyncio.wait_for(renewing, 10)
        with pytest.raises(Throttled):
            await asyncio.wait_for(throttled, 10)
        stored = memory.state.of("/leadping/acme").spending
        assert stored is not None
        assert stored.until == tenant.limiter._lease.until


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  (a count: nothing sets an event)
            await asyncio.sleep(0.001)


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
