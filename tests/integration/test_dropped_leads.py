"""Leads that rest, are dropped, held back, restored and woken, on a broker."""

import asyncio

import pytest

from headrace.kafka.appender import Appender
from headrace.poller import feed_status
from headrace.poller.gone_leads import TIMES
from headrace.poller.mass_drop import FEW
from headrace.poller.watch_list import append_leads, remove_leads, restore_leads, wake_leads
from headrace.records.cursors import Position, Resting, RestingLead, Watched, encode, entry
from tests.fake_provider import polled
from tests.integration.fake_platform import FakePlatform, platform
from tests.integration.poller_harness import PolledPipeline, RunningPoller, make_polled
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

SOURCE = "/things/t"
WELL = [f"well{number}" for number in range(8)]
GONE = [f"gone{number:02}" for number in range(FEW + 3)]


async def test_a_mass_of_leads_that_are_gone_is_held_back(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten go, the others stay watched: after a restart too, and until few wait. Restored ones are read on."""
    monkeypatch.setattr(feed_status, "UPDATE_EVERY_SECONDS", 0.3)
    async with platform() as there:
        pipeline = await _tenant(kafka, prefix, there, every=1)
        async with pipeline.poller() as working:
            await _holds(pipeline, FEW, 3)
            await pipeline.comes(lambda: _shows(working, "leads_held_back", 3), "three are held back")
            assert working.total("leads_gone_total", tenant="t") == FEW
        async with pipeline.poller() as working:
            await pipeline.comes(lambda: _shows(working, "leads_held_back", 3), "they still are")
            calls = {lead: there.calls[f"/leads/{lead}/rows"] for lead in (await _held(pipeline))}
            await pipeline.comes(lambda: _called(there, calls), "they are read on and on")
            await _holds(pipeline, FEW, 3)
            assert working.total("leads_gone_total", tenant="t") == 0
            stays, *others = sorted(await _held(pipeline))
            await _all(remove_leads(pipeline.config, SOURCE, others))
            there.add(1, path=f"/leads/{stays}/rows")
            await pipeline.comes(lambda: _shows(working, "leads_held_back", 0), "none is held back")
            dropped = (await pipeline.remembered()).dropped
            assert len(dropped) == FEW
            assert {(one.times, one.code, one.by) for one in dropped.values()} == {(TIMES, "gone", "people")}
            for lead in dropped:
                there.add(7, path=f"/leads/{lead}/rows")
            await _all(restore_leads(pipeline.config, SOURCE, dropped))
            for lead in dropped:
                await pipeline.covered(1, "trail", lead)
        assert set((await pipeline.remembered()).leads) == {*WELL, stays, *dropped}
        assert not (await pipeline.remembered()).dropped


async def test_who_rests_is_stored_with_the_reason_and_woken_leads_rest_no_more(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lead that was refused twice rests for as long as its feed: people wake it, and then nothing rests."""
    monkeypatch.setattr(feed_status, "UPDATE_EVERY_SECONDS", 0.3)
    async with platform() as there:
        tenant = polled(there.url, feeds=["trail"], every=3_600)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, tenant, partitions=1)
        there.add(1, path="/leads/a/rows")
        there.add(1, path="/leads/b/rows")
        there.answers["/leads/b/rows"] = [(422, {})] * 2
        async with pipeline.poller() as working:
            await working.runs()
            await _all(append_leads(pipeline.config, SOURCE, ["a", "b"]))
            await pipeline.comes(lambda: _rests(pipeline, ["b"], failures=2), "one rests for long")
            resting = (await pipeline.remembered()).resting["trail"]
            assert (resting.more, resting.reasons) == (0, (("rejected", "it will never be"),))
            assert resting.leads[0].since <= resting.at < resting.leads[0].until - 3_000_000
            before = there.calls["/leads/a/rows"]
            await _all(wake_leads(pipeline.config, SOURCE, ["trail"], ["a", "b"]))
            await pipeline.covered(1, "trail", "b")
            await pipeline.comes(lambda: _rests(pipeline, []), "none rests")
            await pipeline.comes(lambda: _called(there, {"a": before}), "the other is read as well")


async def test_who_rested_under_an_earlier_poller_is_not_said_for_ever(kafka: Broker, prefix: str) -> None:
    """The next one knows of no failure: it says so at once, whatever stood there."""
    async with platform() as there:
        there.answers["/leads/a/rows"] = [(422, {})]
        tenant = polled(there.url, feeds=["trail"], every=3_600, leads=["a"])
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, tenant, partitions=1)
        async with pipeline.poller() as working:
            await working.runs()
            await pipeline.comes(lambda: _shows(working, "feed_missing_leads", 1), "it failed")
        stored = Resting(1, (RestingLead("a", 0, 1, 2, 1),), (("rejected", "it will never be"),))
        async with Appender(pipeline.config.kafka) as appender:
            await appender.append(pipeline.topic("cursors"), 0, encode(entry(SOURCE, stored, "trail")))
        there.add(1, path="/leads/a/rows")
        async with pipeline.poller():
            await pipeline.covered(1, "trail", "a")
            await pipeline.comes(lambda: _rests(pipeline, []), "none rests")


async def _tenant(kafka: Broker, prefix: str, there: FakePlatform, *, every: int) -> PolledPipeline:
    """Create the topics of a tenant with leads that go well, and leads of which the next 404 is the last."""
    for lead in WELL:
        there.add(1, path=f"/leads/{lead}/rows")
    tenant = polled(there.url, feeds=["trail"], every=every)
    pipeline = await make_polled(kafka.bootstrap_servers, prefix, tenant, partitions=1)
    remembered = [entry(SOURCE, Position(b"0", 1), "trail", lead) for lead in WELL]
    remembered += [entry(SOURCE, Watched(1, "people"), lead) for lead in WELL]
    remembered += [entry(SOURCE, Watched(1, "people", gone=1, times=TIMES - 1), lead) for lead in GONE]
    async with Appender(pipeline.config.kafka) as appender:
        for one in remembered:
            await appender.append(pipeline.topic("cursors"), 0, encode(one))
    return pipeline


async def _holds(pipeline: PolledPipeline, dropped: int, held: int) -> None:
    async def so() -> bool:
        state = await pipeline.remembered()
        return (len(state.dropped), len(state.drops.held)) == (dropped, held)

    await pipeline.comes(so, f"{dropped} are dropped, {held} held back")


async def _held(pipeline: PolledPipeline) -> set[str]:
    return (await pipeline.remembered()).drops.held


async def _shows(working: RunningPoller, name: str, value: float) -> bool:
    return working.total(name, tenant="t") == value


async def _called(there: FakePlatform, before: dict[str, int]) -> bool:
    return all(there.calls[f"/leads/{lead}/rows"] > calls for lead, calls in before.items())


async def _rests(pipeline: PolledPipeline, leads: list[str], failures: int = 1) -> bool:
    resting = (await pipeline.remembered()).resting.get("trail")
    found = [] if resting is None else [(one.lead, one.failures) for one in resting.leads]
    return found == [(lead, failures) for lead in leads]


async def _all(counts: object) -> None:
    async with asyncio.timeout(30):
        async for _ in counts:  # type: ignore[attr-defined]
            pass
