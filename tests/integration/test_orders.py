"""Orders of people, carried out by the poller on a broker: each once, whatever becomes of it."""

from collections import Counter
from functools import partial

import pytest

from headrace.poller import backfill_turn, retries
from headrace.poller.order_writer import announce_calls, append_orders
from headrace.records.order import CancelBackfill, Order, Pause, Resume, Rewind, StartBackfill, Wake
from headrace.records.ordered import Backfill
from headrace.sdk.limits import CallLimits
from tests.fake_provider import polled
from tests.integration.fake_platform import platform
from tests.integration.pipeline import until
from tests.integration.poller_harness import PolledPipeline, make_polled
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

SOURCE = "/things/t"
BACKFILL = StartBackfill("b1", "rows", 20, 60, 0.25, beyond=True)


async def order(pipeline: PolledPipeline, *orders: Order) -> None:
    """Append orders for the tenant."""
    await append_orders(pipeline.config, SOURCE, orders)


async def paused(pipeline: PolledPipeline, feed: str = "rows") -> bool:
    """Return whether a feed is paused, as `cursors` has it."""
    found = (await pipeline.remembered()).orders.get(feed)
    return bool(found and found.paused)


async def backfill(pipeline: PolledPipeline, name: str = "b1") -> Backfill:
    """Return a back-fill that has ended."""
    found: list[Backfill] = []

    async def ended() -> bool:
        one = (await pipeline.remembered()).backfills.get(name)
        found[:] = [one] if one is not None and one.ended else []
        return bool(found)

    await pipeline.comes(ended, f"{name} has ended")
    return found[0]


async def test_a_paused_feed_makes_no_calls_until_it_is_resumed(kafka: Broker, prefix: str) -> None:
    """The pause outlives its poller; the feed goes on where it was."""
    async with platform() as there:
        there.add(*range(20))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, every=1))
        async with pipeline.poller():
            await pipeline.covered(20)
            await order(pipeline, Pause("rows"))
            await pipeline.comes(lambda: paused(pipeline), "it is paused")
        calls = there.calls["/rows"]
        there.add(*range(20, 40))
        async with pipeline.poller() as working:
            await working.runs()
            await order(pipeline, Wake("rows"))
            await pipeline.comes(lambda: woken(pipeline), "the order behind it is taken")
            assert there.calls["/rows"] == calls
            await order(pipeline, Resume())
            await pipeline.covered(40)
        assert Counter(await pipeline.ids()) == Counter(range(40))


async def test_what_ids_are_forgotten_of_is_not_read_again(kafka: Broker, prefix: str) -> None:
    """Unless that is wanted: the back-fill ends as partial, the rewound feed stays where it was."""
    async with platform() as there:
        there.add(*range(20))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, every=1))
        async with pipeline.poller():
            await pipeline.covered(20)
            await order(pipeline, StartBackfill("b1", "rows", 2, 9, 1.0), Rewind(15))
            found = await backfill(pipeline)
            there.add(*range(20, 30))
            await pipeline.covered(30)
        assert (found.outcome, found.calls, found.forgotten) == ("partial", 0, 9)
        assert Counter(await pipeline.ids()) == Counter(range(30))


async def test_a_rewind_to_a_time_ahead_of_a_feed_skips_nothing(kafka: Broker, prefix: str) -> None:
    """Nor does a second one take the first one back."""
    async with platform() as there:
        there.add(*range(20))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, every=1))
        async with pipeline.poller():
            await pipeline.covered(20)
            await order(pipeline, Pause("rows"))
            await pipeline.comes(lambda: paused(pipeline), "it is paused")
            there.add(*range(20, 100))
            rewinds = Rewind(10, "rows", beyond=True), Rewind(70, "rows", beyond=True)
            await order(pipeline, *rewinds, Resume("rows"))
            await pipeline.covered(100)
        assert Counter(await pipeline.ids()) == Counter([*range(100), *range(10, 20)])


async def woken(pipeline: PolledPipeline) -> bool:
    """Return whether an order to wake the feed was carried out."""
    return (await pipeline.remembered()).orders["rows"].woken > 0


async def test_a_rewound_feed_reads_again_from_there_once(kafka: Broker, prefix: str) -> None:
    """By lead as well, each at its next turn; one that was never read is read as ever."""
    async with platform() as there:
        there.add(*range(20))
        there.add(*range(100, 120), path="/leads/a/rows")
        account = polled(there.url, every=1, feeds=["rows", "trail"], leads=["a"])
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, account)
        async with pipeline.poller():
            await pipeline.covered(20)
            await pipeline.covered(20, "trail", "a")
            await order(pipeline, Rewind(15, beyond=True))
            await until_counted(pipeline, {**dict.fromkeys(range(15, 20), 2), **dict.fromkeys(range(115, 120), 2)})
            calls = there.calls["/rows"]
            await until(lambda: there.calls["/rows"] > calls + 1, "it is read twice more")
        counted = Counter(await pipeline.ids())
        assert counted == Counter([*range(20), *range(15, 20), *range(100, 120), *range(115, 120)])
        assert (await pipeline.remembered()).rewound == {}


async def until_counted(pipeline: PolledPipeline, wanted: dict[int, int]) -> None:
    """Wait until ids are in raw so often."""

    async def there() -> bool:
        return wanted.items() <= Counter(await pipeline.ids()).items()

    await pipeline.comes(there, "the ids are in raw again")


async def test_a_backfill_reads_its_time_once_more(kafka: Broker, prefix: str) -> None:
    """Its rows are appended, its progress is stored, and the live feed's cursor does not move for it."""
    async with platform() as there:
        there.add(*range(100))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url))
        async with pipeline.poller() as working:
            await pipeline.covered(100)
            await order(pipeline, BACKFILL, BACKFILL)
            found = await backfill(pipeline)
            assert working.total("feed_records_total", feed="rows") == 140
        assert Counter(await pipeline.ids()) == Counter([*range(100), *range(20, 60)])
        assert (found.outcome, found.calls, found.events, found.covered) == ("done", 6, 40, 60)
        assert await pipeline.cursor() == 100


@pytest.mark.parametrize("status", [503, 401])
async def test_a_lead_that_fails_for_good_stops_no_backfill(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Others are read while it rests; once another lead comes it is left out. Several that fail stand for nobody."""
    monkeypatch.setattr(retries, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(backfill_turn, "FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(backfill_turn, "LONGEST_PAUSE_SECONDS", 0.4)
    leads = [f"l{number}" for number in range(5)]
    async with platform() as there:
        there.add(*range(100))
        for number, lead in enumerate(leads):
            there.add(*range(1_000 + 100 * number, 1_010 + 100 * number), path=f"/leads/{lead}/rows")
        account = polled(there.url, feeds=["rows", "trail"], leads=leads)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, account)
        async with pipeline.poller():
            for lead in leads:
                await pipeline.covered(10, "trail", lead)
            for lead in ("l1", "l2", "l4"):
                there.answers[f"/leads/{lead}/rows"] = [(status, {})] * 100_000
            trail = StartBackfill("b1", "trail", 2, 9, 1.0, beyond=True)
            await order(pipeline, trail, StartBackfill("b2", "rows", 20, 60, 1.0, beyond=True))
            rows = await backfill(pipeline, "b2")
            assert not (await pipeline.remembered()).backfills["b1"].ended
            found = await backfill(pipeline)
        assert (rows.outcome, found.outcome, found.left_out, found.done) == ("done", "partial", 3, 5)
        counted = Counter(await pipeline.ids())
        assert all(counted[row] >= 2 for lead in (0, 3) for row in range(1_002 + 100 * lead, 1_009 + 100 * lead))


@pytest.mark.parametrize(("lack", "given_up", "unread"), [("given up", 6, ""), ("unread", 0, "set more")])
async def test_a_backfill_that_is_not_whole_is_not_done(
    kafka: Broker, prefix: str, lack: str, given_up: int, unread: str
) -> None:
    """What its feed gives up, or cannot read with these settings, makes it partial."""
    async with platform() as there:
        there.add(*range(100))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, lack=lack))
        async with pipeline.poller():
            await order(pipeline, BACKFILL)
            found = await backfill(pipeline)
        assert (found.outcome, found.given_up, found.unread) == ("partial", given_up, unread)


async def test_a_backfill_by_lead_passes_over_what_is_gone(kafka: Broker, prefix: str) -> None:
    """All watched leads are read, in the order of their ids, and those that the platform does not know are counted."""
    leads = [f"l{number}" for number in range(8)]
    async with platform() as there:
        for number, lead in enumerate(leads):
            there.add(*range(number * 100, number * 100 + 10), path=f"/leads/{lead}/rows")
        account = polled(there.url, feeds=["trail"], leads=[*leads, "l3x"])
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, account)
        async with pipeline.poller():
            for lead in leads:
                await pipeline.covered(10, "trail", lead)
            await order(pipeline, StartBackfill("b1", "trail", 2, 9, 0.25, beyond=True))
            found = await backfill(pipeline)
        twice = {number * 100 + each for number in range(8) for each in range(2, 9)}
        assert {number for number, count in Counter(await pipeline.ids()).items() if count == 2} == twice
        assert (found.outcome, found.done, found.total, found.gone, found.lead) == ("done", 9, 9, 1, "l7")


async def test_a_cancelled_backfill_ends(kafka: Broker, prefix: str) -> None:
    """It makes no call more, though it waits for one."""
    async with platform() as there:
        there.add(*range(100))
        limits = CallLimits(per_window=1_000, window=1.0, per_day=86_400)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, page=1_000, limits=limits))
        async with pipeline.poller():
            await pipeline.covered(100)
            await order(pipeline, StartBackfill("b1", "rows", 0, 100, 0.000_1, beyond=True))
            await order(pipeline, StartBackfill("b2", "rows", 0, 100, 1.0, beyond=True))
            await order(pipeline, CancelBackfill("b1"))
            assert (await backfill(pipeline)).outcome == "cancelled"
            assert (await backfill(pipeline, "b2")).outcome == "done"


async def test_calls_of_others_count_in_the_budget(kafka: Broker, prefix: str) -> None:
    """They are counted once, whoever polls."""
    async with platform() as there:
        there.add(*range(20))
        limits = CallLimits(per_window=1_000, window=1.0, per_day=1_000)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, limits=limits))
        await announce_calls(pipeline.config, SOURCE, 7)
        for feed in ("rows", ""):
            async with pipeline.poller():
                await order(pipeline, Pause(feed))
                await pipeline.comes(partial(paused, pipeline, feed), "what stands behind is taken")
        spent = (await pipeline.remembered()).spending
        assert spent is not None
        assert sum(spent.day.values()) == 7 + there.calls["/rows"]
