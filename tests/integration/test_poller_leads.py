"""Leads to watch and nudges, on a broker."""

import asyncio
import time
from typing import cast

import pytest
from msgspec.structs import replace

from headrace.config.tenants import Account
from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.kafka.partition_owner import Pace
from headrace.kafka.producer import Transactions
from headrace.poller import nudge_inbox, nudge_wakes, open_nudges, partition
from headrace.poller.gone_leads import APART_SECONDS, TIMES
from headrace.poller.state import read_all
from headrace.poller.watch_list import append_leads, remove_leads
from headrace.records.cursors import CursorEntry, PlatformFact, Position, encode, entry
from headrace.records.nudge import AddressedNudge, encode_nudge
from headrace.records.raw import from_raw_record
from headrace_events import Via, decode
from tests.fake_provider import Row, hook, polled
from tests.integration.fake_platform import platform
from tests.integration.poller_harness import PolledPipeline, make_polled
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

TRAIL = ["trail"]
SOURCE = "/things/t"


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


async def test_a_lead_that_is_gone_is_dropped_after_days_and_no_other_suffers(kafka: Broker, prefix: str) -> None:
    """One lead that the platform does not know is counted, and shown as missing; it leaves the list in the end."""
    async with platform() as there:
        there.add(1, path="/leads/a/rows")
        tenant = polled(there.url, feeds=TRAIL, every=1)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, tenant, partitions=1)
        async with pipeline.poller() as working:
            await working.runs()
            await asyncio.wait_for(_all(append_leads(pipeline.config, SOURCE, ["gone", "a"])), 30)
            await pipeline.covered(1, "trail", "a")

            async def counted() -> bool:
                found = await pipeline.remembered()
                state = found.feeds.get("trail")
                return (
                    found.leads["gone"].times == 1 and state is not None and (state.missing, state.code) == (1, "gone")
                )

            await pipeline.comes(counted, "the lead is counted, and is missing")
            assert working.total("feed_missing_leads", tenant="t", feed="trail") == 1
            before = (await pipeline.remembered()).leads["gone"]
            often = replace(before, times=TIMES - 1, gone=before.gone - int(APART_SECONDS * 1000))
            await _remember(pipeline, entry(SOURCE, often, "gone"))
            await asyncio.wait_for(_all(append_leads(pipeline.config, SOURCE, ["a"])), 30)  # wakes who reads the list

            async def forgotten() -> bool:
                return set((await pipeline.remembered()).leads) == {"a"}

            await pipeline.comes(forgotten, "the lead is forgotten")
            assert working.total("leads_gone_total", tenant="t") == 1
            assert working.total("feed_missing_leads", tenant="t", feed="trail") == 0


async def test_the_cursor_of_a_lead_that_was_dropped_is_removed_in_time(kafka: Broker, prefix: str) -> None:
    """After thirty days, without a trace: its record has no value, so that compaction drops the key."""
    async with platform() as there:
        there.add(1, path="/leads/a/rows")
        pipeline = await make_polled(
            kafka.bootstrap_servers, prefix, polled(there.url, feeds=TRAIL, leads=["a"]), partitions=1
        )
        long_ago = int(time.time() * 1000) - 31 * 86_400_000
        await _remember(pipeline, entry("/things/t", Position(b"7", 5, long_ago), "trail", "dropped"))
        await _remember(pipeline, entry("/things/t", Position(b"7", 5), "trail", "dropped today"))
        async with pipeline.poller():
            await pipeline.covered(1, "trail", "a")

            async def tidy() -> bool:
                positions = (await pipeline.remembered()).positions
                missed = positions.get(("trail", "dropped today"))
                return ("trail", "dropped") not in positions and missed is not None and missed.dropped > 0

            await pipeline.comes(tidy, "the cursor is removed")
        (*_, last) = [
            record for record in await pipeline.records("cursors") if (record.key or b"").endswith(b"\0dropped")
        ]
        assert last.value is None


async def test_memory_of_half_a_day_ago_is_read_anew(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was removed while others had the partition may have left the log: nothing of it is remembered."""
    async with platform() as there:
        there.add(1, path="/leads/a/rows")
        pipeline = await make_polled(
            kafka.bootstrap_servers, prefix, polled(there.url, feeds=TRAIL, leads=["a"], every=1), partitions=1
        )
        async with pipeline.poller(Pace(heartbeat=0.2)) as working:
            await pipeline.covered(1, "trail", "a")
            memory = working.poller.partitions[0]._remembered
            memory.of("/things/t").facts["removed since"] = PlatformFact("x")
            monkeypatch.setattr(partition, "MEMORY_LASTS_SECONDS", 0.0)
            other = Transactions(pipeline.config.kafka, f"{pipeline.config.topic_prefix}poller-0")
            await other.fence()
            await other.close()

            async def forgotten() -> bool:
                return "removed since" not in memory.of("/things/t").facts

            await pipeline.comes(forgotten, "it took over with what stands in the log")


async def _remember(pipeline: PolledPipeline, one: CursorEntry) -> None:
    async with Appender(pipeline.config.kafka) as appender:
        await appender.append(f"{pipeline.config.topic_prefix}cursors", 0, encode(one))


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


async def test_no_nudge_is_skipped_while_no_poller_runs(kafka: Broker, prefix: str) -> None:
    """The position of nudges is stored with the cursors: the next poller hears all that came, and none twice."""
    async with platform() as there:
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=["rows"]))
        there.add(77, 78, path="/elsewhere")
        async with pipeline.poller() as working:
            await working.runs()
            await _nudge(pipeline, AddressedNudge(feed="rows", event="77"))
            await pipeline.brought([77])
            await pipeline.comes(lambda: _nudges_read(pipeline, 1), "the position is stored")
        await _nudge(pipeline, AddressedNudge(feed="rows", event="78"))
        async with pipeline.poller():
            await pipeline.brought([78])
            await pipeline.comes(lambda: _nudges_read(pipeline, 2), "the position is stored")
            await pipeline.comes(lambda: _open(pipeline, 0), "every nudge is closed")
        assert there.calls["/rows/77"] == 1


async def test_what_no_feed_brings_goes_to_raw_again_as_told(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook left to a feed that does not know its event is published once, after three whole reads in vain."""
    monkeypatch.setattr(open_nudges, "APART_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(nudge_inbox, "TICK_SECONDS", 0.1)
    async with platform() as there:
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=["rows"]))
        there.add(8, path="/elsewhere")
        there.answers["/rows/7"] = [(500, {})] * 3
        await pipeline.append_raw([hook(Row(number, code="waker")) for number in (7, 8)])
        async with pipeline.running() as running, pipeline.poller() as working:
            await pipeline.comes(lambda: _published(pipeline, 2), "both are published")
            await pipeline.settled(running)
            await pipeline.comes(lambda: _open(pipeline, 0), "every nudge is closed")
            assert working.total("nudges_returned_total", tenant="t") == 1
        assert await pipeline.totals() == {"nudged": 2, "published": 2}
        assert await _returned(pipeline, ["7"])


async def test_a_row_of_another_id_brings_what_a_webhook_told(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no id is shared, a row that says the same closes the nudge; one that comes too late is a duplicate."""
    monkeypatch.setattr(nudge_inbox, "TICK_SECONDS", 0.1)
    async with platform() as there:
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=["rows"], every=1))
        there.rows["/rows"] = []
        hooks = [hook(Row(f"hook {size}", code="waker", do="other id", size=size)) for size in (1, 2)]
        async with pipeline.running() as running, pipeline.poller() as working:
            await pipeline.append_raw(hooks[:1])
            await pipeline.comes(lambda: _open(pipeline, 1), "the nudge is open")
            there.rows["/rows"].append(Row(101, 1, code="waker", size=1))
            await pipeline.comes(lambda: _open(pipeline, 0), "a row says the same")
            monkeypatch.setattr(open_nudges, "APART_SECONDS", (0.0, 0.0, 0.0))  # before, it waits for its row
            await pipeline.append_raw(hooks[1:])
            await pipeline.comes(lambda: _returned(pipeline, ["hook 2"]), "what no row says goes back")
            there.rows["/rows"] += [Row(102, 1, code="waker", size=2), Row(103, 1, code="waker", size=2)]
            await pipeline.covered(3)
            await pipeline.settled(running)
            assert working.total("nudges_returned_total", tenant="t") == 1
        assert await pipeline.totals() == {"nudged": 2, "published": 3, "duplicate": 1}
        nudges = {one.nudge.traits["pad"]: one for one in (await pipeline.remembered()).nudges.values()}
        assert [(one.returned, bool(one.row)) for _, one in sorted(nudges.items())] == [(False, True), (True, True)]
        events = [decode(record.value or b"") for record in await pipeline.records("events")]
        assert {event.data.native.id for event in events} == {"101", "hook 2", "103"}


async def test_a_row_that_was_read_before_its_webhook_was_decided_brings_it(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feed looks around the fact: nothing else that it reads there is appended, and where it stands it stays."""
    monkeypatch.setattr(open_nudges, "APART_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(nudge_wakes, "FAR_TOGETHER_SECONDS", 0.1)
    monkeypatch.setattr(nudge_inbox, "TICK_SECONDS", 0.1)
    async with platform() as there:
        tenant = polled(there.url, feeds=["rows"], says_since=True)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, tenant)
        there.rows["/rows"] = [Row(100 + size, 1, code="waker", size=size) for size in (1, 2)]
        late = [hook(Row(f"hook {size}", code="waker", do="other id", size=size)) for size in (1, 3)]
        two_days_ago = late[0].received - 2 * 86_400_000
        async with pipeline.running() as running, pipeline.poller() as working:
            await pipeline.covered(2)
            before = (await pipeline.remembered()).positions["rows", ""]
            await pipeline.append_raw([replace(raw, received=two_days_ago) for raw in late])
            await pipeline.comes(lambda: _returned(pipeline, ["hook 3"]), "what no row says goes back")
            await pipeline.comes(lambda: _open(pipeline, 0), "a row says the same as the other")
            await pipeline.settled(running)
            assert working.total("nudges_returned_total", tenant="t") == 1
        assert await pipeline.totals() == {"nudged": 2, "published": 3, "duplicate": 1}
        raws = [from_raw_record(record.headers, record.value) for record in await pipeline.records("raw")]
        assert sorted(raw.id for raw in raws if raw.via == Via.POLL) == ["101", "101", "102"]
        after = (await pipeline.remembered()).positions["rows", ""]
        assert (after.value, after.at >= before.at) == (before.value, True)


async def test_what_was_left_to_a_feed_that_is_polled_no_more_goes_back(kafka: Broker, prefix: str) -> None:
    """Polling is switched off while nudges are open, and one more is on its way: both are published as told."""
    async with platform() as there:
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=["rows"]))
        there.answers["/rows/7"] = [(500, {})] * 1_000
        await pipeline.append_raw([hook(Row(7, code="waker"))])
        async with pipeline.running() as running, pipeline.poller():
            await pipeline.settled(running)
            await pipeline.comes(lambda: _open(pipeline, 1), "the nudge is open")
            await pipeline.append_raw([hook(Row(8, code="waker"))])
            await pipeline.settled(running)
        pipeline.config.tenants.by_source["/things/t"].settings.polling = False
        async with pipeline.running() as running, pipeline.poller():
            await pipeline.comes(lambda: _published(pipeline, 2), "both are published")
            await pipeline.comes(lambda: _open(pipeline, 0), "nothing is open")
            await pipeline.settled(running)
        assert await pipeline.totals() == {"nudged": 2, "published": 2}


async def test_what_was_left_to_a_tenant_that_is_configured_no_more_waits_for_it(kafka: Broker, prefix: str) -> None:
    """A tenant is removed while a nudge is open and one is on its way: both are held, and published when it is back."""
    async with platform() as there:
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=["rows"]))
        there.answers["/rows/7"] = [(500, {})] * 1_000
        await pipeline.append_raw([hook(Row(7, code="waker"))])
        async with pipeline.running() as running, pipeline.poller():
            await pipeline.settled(running)
            await pipeline.comes(lambda: _open(pipeline, 1), "the nudge is open")
        await pipeline.append_raw([hook(Row(8, code="waker"))])
        async with pipeline.running() as running:
            await pipeline.settled(running)
        tenants = cast("dict[str, Account]", pipeline.config.tenants.by_source)
        removed = tenants.pop("/things/t")
        async with pipeline.running() as running, pipeline.poller() as working:
            await pipeline.comes(lambda: _has(pipeline, held=2), "both are held")
            await pipeline.comes(lambda: _open(pipeline, 0), "nothing is open")
            await pipeline.settled(running)
            assert working.total("nudges_returned_total", tenant="t") == 2
        assert await pipeline.totals() == {"nudged": 2, "held": 2}
        tenants["/things/t"] = removed
        async with pipeline.running() as running:
            await pipeline.comes(lambda: _has(pipeline, published=2), "both are published")
            await pipeline.settled(running)
        assert await pipeline.totals() == {"nudged": 2, "held": 2, "published": 2}


async def test_one_record_that_cannot_be_read_yet_holds_up_nothing(kafka: Broker, prefix: str) -> None:
    """A leader may not show yet what was nudged: others go back, the position is stored, and that one is kept."""
    async with platform() as there:
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=["rows"]))
        pipeline.config.tenants.by_source["/things/t"].settings.polling = False
        await pipeline.append_raw([hook(Row(number)) for number in (1, 2)])
        there_already = [
            AddressedNudge(feed="rows", partition=one.partition, offset=one.offset, record=(one.key or b"").hex())
            for one in await pipeline.records("raw")
        ]
        not_yet = AddressedNudge(feed="rows", partition=0, offset=1_000, record="0b" * 16)
        for nudge in (not_yet, *there_already):
            await _nudge(pipeline, nudge)
        async with pipeline.poller():
            await pipeline.comes(lambda: _returned(pipeline, ["1", "2"]), "the others go back")
            await pipeline.comes(lambda: _nudges_read(pipeline, 3), "the position is stored")
            await pipeline.comes(lambda: _open(pipeline, 1), "one is kept")


async def test_what_finds_no_room_goes_back_at_once(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory for nudges is bounded in bytes; what is beyond it is published as told, and nothing waits for it."""
    monkeypatch.setattr(open_nudges, "MOST_BYTES", 400)
    monkeypatch.setattr(open_nudges, "MOST_OVER_BYTES", 400)
    async with platform() as there:
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, feeds=["rows"]))
        for number in range(9):
            there.answers[f"/rows/{number}"] = [(500, {})] * 1_000
        await pipeline.append_raw([hook(Row(number, code="waker")) for number in range(9)])
        async with pipeline.running() as running, pipeline.poller() as working:
            await pipeline.comes(lambda: _published(pipeline, 8), "all but one are published")
            await pipeline.settled(running)
            assert working.total("nudges_returned_total", tenant="t") == 8
        assert await pipeline.totals() == {"nudged": 9, "published": 8}
        assert len((await pipeline.remembered()).nudges) == 1


async def _returned(pipeline: PolledPipeline, ids: list[str]) -> bool:
    raws = [from_raw_record(record.headers, record.value) for record in await pipeline.records("raw")]
    return sorted(raw.id for raw in raws if raw.as_told) == ids


async def _open(pipeline: PolledPipeline, count: int) -> bool:
    return sum(not one.ended for one in (await pipeline.remembered()).nudges.values()) == count


async def _has(pipeline: PolledPipeline, **fates: int) -> bool:
    return (await pipeline.totals()).items() >= fates.items()


async def _published(pipeline: PolledPipeline, count: int) -> bool:
    return len(await pipeline.records("events")) >= count


async def _nudges_read(pipeline: PolledPipeline, upto: int) -> bool:
    return (await read_all(pipeline.config)).nudged.get(0) == upto


async def _nudge(pipeline: PolledPipeline, nudge: AddressedNudge) -> None:
    async with Appender(pipeline.config.kafka) as appender:
        await appender.append(pipeline.topic("nudges"), 0, encode_nudge("/things/t", nudge))


async def _watched(pipeline: PolledPipeline, lead: str) -> bool:
    return lead in (await pipeline.remembered()).leads


async def _all(counts: object) -> None:
    async for _ in counts:  # type: ignore[attr-defined]
        pass
