"""Leads to watch and nudges, on a broker."""

import asyncio

import pytest

from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.poller.watch_list import append_leads, remove_leads
from headrace.records.nudge import AddressedNudge, encode_nudge
from tests.fake_provider import polled
from tests.integration.fake_platform import platform
from tests.integration.poller_harness import PolledPipeline, make_polled
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

TRAIL = ["trail"]


async def test_leads_of_the_settings_are_read_each_with_its_own_cursor(kafka: Broker, prefix: str) -> None:
    """Every lead that is configured has a cursor of its own."""
    async with platform() as there:
        there.add(1, 2, 3, path="/leads/a/rows")
        there.add(4, path="/leads/b/rows")
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=TRAIL, leads=["a", "b"]))
        async with pipeline.poller():
            await pipeline.covered(3, "trail", "a")
            await pipeline.covered(1, "trail", "b")
        assert sorted(await pipeline.ids()) == [1, 2, 3, 4]


async def test_a_nudge_wakes_its_feed(kafka: Broker, prefix: str) -> None:
    """What would rest for an hour is read when a nudge names it, and so is a single event."""
    async with platform() as there:
        there.add(1)
        there.add(77, path="/elsewhere")
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url))
        async with pipeline.poller():
            await pipeline.covered(1)
            there.add(2)
            await _nudge(pipeline, AddressedNudge(feed="rows"))
            await pipeline.covered(2)
            await _nudge(pipeline, AddressedNudge(feed="rows", event="77"))
            await pipeline.brought([1, 2, 77])


async def test_a_nudge_from_before_the_start_is_heard(kafka: Broker, prefix: str) -> None:
    """A poller that begins hears what came while nobody polled."""
    async with platform() as there:
        there.add(5, path="/leads/z/rows")
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=TRAIL))
        await _nudge(pipeline, AddressedNudge(feed="trail", lead="z"))
        async with pipeline.poller():
            await pipeline.covered(1, "trail", "z")
            await pipeline.comes(lambda: _watched(pipeline, "z"), "the lead is watched")


async def test_leads_added_and_removed_from_outside_are_picked_up(kafka: Broker, prefix: str) -> None:
    """The watch-list may be written to while a poller is at work."""
    async with platform() as there:
        there.add(1, path="/leads/a/rows")
        there.add(2, path="/leads/b/rows")
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=TRAIL, every=1))
        config = pipeline.config
        async with pipeline.poller() as working:
            await working.runs()
            assert [count async for count in append_leads(config, "/things/t", ["a", "b"])] == [2]
            await pipeline.covered(1, "trail", "a")
            await pipeline.covered(1, "trail", "b")
            assert [count async for count in remove_leads(config, "/things/t", ["a"])] == [1]

            async def dropped() -> bool:
                return working.total("leads_watched", tenant="t") == 1

            await pipeline.comes(dropped, "the lead is watched no more")
        assert set((await pipeline.remembered()).leads) == {"b"}


async def test_leads_that_a_feed_comes_across_are_woken_and_remembered(kafka: Broker, prefix: str) -> None:
    """Discovery names a lead; it is read at once, and again whenever discovery names it."""
    async with platform() as there:
        there.add(1, path="/leads/a/rows")
        there.found = ["a"]
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=["finder", "trail"]))
        async with pipeline.poller():
            await pipeline.covered(1, "trail", "a")
            there.add(2, path="/leads/a/rows")
            there.found.append("a")
            await _nudge(pipeline, AddressedNudge(feed="finder"))
            await pipeline.covered(2, "trail", "a")
        assert (await pipeline.remembered()).leads["a"].by == "feed"


async def test_leads_that_events_name_are_watched(kafka: Broker, prefix: str) -> None:
    """A lead that only ever was the subject of an event is found, and the search goes on where it was."""
    async with platform() as there:
        there.add(1, path="/leads/q/rows")
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=TRAIL))
        async with Appender(pipeline.config.kafka) as appender:
            for key in (b"/things/t/lead/q", b"/things/t/call/3", b"/things/other/lead/r"):
                await appender.append(pipeline.topic("events"), 0, ProducerRecord(key, b"{}", []))
        async with pipeline.poller():
            await pipeline.covered(1, "trail", "q")
            await pipeline.comes(lambda: _watched(pipeline, "q"), "the lead is watched")
        assert set((await pipeline.remembered()).leads) == {"q"}


async def test_a_lead_that_is_gone_is_dropped_and_no_other_suffers(kafka: Broker, prefix: str) -> None:
    """One lead that the platform does not know any more leaves the watch-list, counted; the others are read."""
    async with platform() as there:
        there.add(1, path="/leads/a/rows")
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=TRAIL))
        async with pipeline.poller() as working:
            await working.runs()
            await asyncio.wait_for(_all(append_leads(pipeline.config, "/things/t", ["gone", "a"])), 30)
            await pipeline.covered(1, "trail", "a")

            async def forgotten() -> bool:
                return set((await pipeline.remembered()).leads) == {"a"}

            await pipeline.comes(forgotten, "the lead is forgotten")
            assert working.total("leads_gone_total", tenant="t") == 1


async def test_odd_names_of_leads_reach_neither_cursors_nor_other_paths(kafka: Broker, prefix: str) -> None:
    """NUL divides the key of a cursor, dots lead out of a path: nudges and events with such leads do nothing."""
    async with platform() as there:
        there.add(1, path="/leads/a/rows")
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=TRAIL))
        async with pipeline.poller() as working:
            await working.runs()
            async with Appender(pipeline.config.kafka) as appender:
                for key in (b"/things/t/lead/a\0b", b"/things/t/lead/..", b"/things/t/lead/" + b"x" * 5_000):
                    await appender.append(pipeline.topic("events"), 0, ProducerRecord(key, b"{}", []))
            for odd in ("a\0b", "..", "", "x" * 5_000, "a"):
                await _nudge(pipeline, AddressedNudge(feed="trail", lead=odd))
            await pipeline.covered(1, "trail", "a")
            await pipeline.comes(lambda: _watched(pipeline, "a"), "the lead is watched")
        remembered = await pipeline.remembered()
        assert (set(remembered.leads), set(remembered.positions)) == ({"a"}, {("trail", "a")})


async def _nudge(pipeline: PolledPipeline, nudge: AddressedNudge) -> None:
    async with Appender(pipeline.config.kafka) as appender:
        await appender.append(pipeline.topic("nudges"), 0, encode_nudge("/things/t", nudge))


async def _watched(pipeline: PolledPipeline, lead: str) -> bool:
    return lead in (await pipeline.remembered()).leads


async def _all(counts: object) -> None:
    async for _ in counts:  # type: ignore[attr-defined]
        pass
