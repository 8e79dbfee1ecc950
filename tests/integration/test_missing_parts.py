"""Details that do not come, at the simulated LeadPing: the poller, a broker, and what `headrace feeds` would show."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from headrace.poller import fault_policy, retries
from headrace.records.cursors import FeedState
from headrace.records.raw import from_raw_record
from headrace_demo.simulators import leadping
from headrace_demo.simulators.quota import Allowance
from tests.integration.poller_harness import PolledPipeline, RunningPoller, make_polled
from tests.integration.test_polled_platforms import account
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

EVENTS = 30


class Scene:
    """One lead of a simulated LeadPing, and the pipeline that polls it."""

    def __init__(self, platform: leadping.Simulator, pipeline: PolledPipeline) -> None:
        self.platform = platform
        self.pipeline = pipeline

    async def bundles(self) -> dict[str, list[dict[str, Any]]]:
        """Return the bundles in raw by the ids of their rows."""
        found: dict[str, list[dict[str, Any]]] = {}
        for record in await self.pipeline.records("raw"):
            raw = from_raw_record(record.headers, record.value)
            found.setdefault(raw.id, []).append(msgspec.json.decode(raw.value))
        return found

    async def state(self) -> FeedState:
        """Return what is stored of the feed."""
        remembered = await self.pipeline.remembered_of("/leadping/acme")
        return remembered.feeds.get("lead-events", FeedState())

    async def lacks(self, count: int) -> None:
        """Wait until all events but so many are in raw, and the feed says that something did not come."""

        async def there() -> bool:
            return len(await self.bundles()) == EVENTS - count and (await self.state()).code == "incomplete"

        await self.pipeline.comes(there, f"all but {count} events are in raw, and the feed is incomplete")

    async def whole(self) -> None:
        """Wait until all events are in raw, and the feed says that nothing is missing."""

        async def there() -> bool:
            state = await self.state()
            return len(await self.bundles()) == EVENTS and state.failures == 0 and state.succeeded > 0

        await self.pipeline.comes(there, "all events are in raw, and the feed is well")


@asynccontextmanager
async def scene(kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """Make a lead of thirty events, and a poller whose pauses are short."""
    monkeypatch.setattr(fault_policy, "FIRST_PAUSE_SECONDS", 0.5)
    monkeypatch.setattr(retries, "FIRST_PAUSE_SECONDS", 0.01)
    history = leadping.History(seed=3, events=EVENTS, leads=1)
    async with leadping.Simulator(history, allowance=Allowance()) as platform:
        configured = account(platform, api_key=platform.api_key, leads=history.leads, feeds=["lead-events"])
        yield Scene(platform, await make_polled(kafka.bootstrap_servers, prefix, configured))


def incomplete(poller: RunningPoller) -> float:
    """Count the rows that went on without a part."""
    return poller.total("rows_incomplete_total", tenant="acme", feed="lead-events")


async def test_one_detail_that_fails_for_good(kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row starves no other: they come at once; in the third turn it comes without its detail, and all is well."""
    async with scene(kafka, prefix, monkeypatch) as at:
        event = next(iter(at.platform.history.ledger.wanted(at.platform.clock.now))).id
        at.platform.faults.always("500", path="detail", id=event)
        async with at.pipeline.poller() as poller:
            await at.lacks(1)
            await at.whole()
            assert incomplete(poller) == 1
        bundles = await at.bundles()
        assert [each for each, found in bundles.items() if found[-1]["detail"] is None] == [event]


@pytest.mark.parametrize("after", [0, 7])
async def test_a_gateway_that_knows_no_details_for_a_while(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Each event comes with its detail, whether a detail came before or not."""
    async with scene(kafka, prefix, monkeypatch) as at:
        trouble = at.platform.faults.always("json_404", path="detail", after=after)
        async with at.pipeline.poller() as poller:

            async def failing() -> bool:
                return (await at.state()).failures > 1

            await at.pipeline.comes(failing, "two turns failed")
            await asyncio.sleep(1.0)  # it lasts
            at.platform.faults.stop(trouble)
            await at.whole()
            assert incomplete(poller) == 0
        assert all(bundle["detail"] for found in (await at.bundles()).values() for bundle in found)
