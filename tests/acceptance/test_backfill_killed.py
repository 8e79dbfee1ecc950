"""A back-fill whose poller is killed again and again, while the live feed goes on: no hole, no double.

`HEADRACE_BACKFILL_KILLS` says how often (20), `HEADRACE_BACKFILL_KILLS_SEED` repeats the choices of a run.
"""

import asyncio
import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import pytest

from headrace.kafka.appender import Appender
from headrace.poller.order_writer import append_orders
from headrace.records.cursors import Position, encode, entry, home_partition
from headrace.records.order import StartBackfill
from headrace.records.ordered import Backfill
from headrace.sdk.limits import CallLimits
from tests.fake_provider import polled
from tests.integration.fake_platform import FakePlatform, platform
from tests.integration.pipeline import until
from tests.integration.poller_harness import PolledPipeline, make_polled
from tests.integration.poller_process import process
from tests.kafka.broker import Broker

KILLS: Final = int(os.environ.get("HEADRACE_BACKFILL_KILLS", "20"))
SEED: Final = int(os.environ.get("HEADRACE_BACKFILL_KILLS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
SOURCE: Final = "/things/t"
MISSED: Final = 2_400
"""Rows that the live feed has passed over without reading them."""
LEADS: Final = [f"l{number:02}" for number in range(40)]
OF_A_LEAD: Final = 45
PAGE: Final = 3
LIMITS: Final = CallLimits(per_window=1_000_000, window=3_600.0)
"""A budget that is counted over a lease of ten seconds: the next process need not wait until that is over."""
HOW: Final[dict[str, Any]] = {"page": PAGE, "every": 5, "limits": LIMITS}

pytestmark = [pytest.mark.apache_kafka, pytest.mark.crash, pytest.mark.timeout(90 + 20 * KILLS)]


async def test_a_backfill_that_is_killed_again_and_again_has_no_hole_and_no_double(kafka: Broker, prefix: str) -> None:
    """Each row that the live feed has missed is one event, and so is each that comes meanwhile."""
    async with platform() as there:
        there.add(*range(MISSED))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, **HOW))
        await _pass_over(pipeline, "rows", MISSED, [""])
        await append_orders(pipeline.config, SOURCE, [StartBackfill("b1", "rows", 0, MISSED, 1.0, beyond=True)])
        async with pipeline.running() as running:
            came = await _killed(pipeline, there, ["/rows"], KILLS)
            await pipeline.covered(MISSED + len(came))
            await pipeline.settled(running)
    read = await _read(pipeline, KILLS)
    assert set(read) == {*range(MISSED), *came}
    assert Counter(int(name.split("/")[1]) for name in await pipeline.published()) == Counter(read.keys())


async def test_a_backfill_by_lead_that_is_killed_has_no_hole(kafka: Broker, prefix: str) -> None:
    """Lead by lead in the order of their ids: every row that the live feed has missed, and every new one, is in raw."""
    kills, how = KILLS // 2, {**HOW, "feeds": ["trail"], "leads": LEADS}
    async with platform() as there:
        missed = set[int]()
        for number, lead in enumerate(LEADS):
            ids = range(number * 1_000, number * 1_000 + OF_A_LEAD)
            there.add(*ids, path=f"/leads/{lead}/rows")
            missed.update(ids)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, **how))
        await _pass_over(pipeline, "trail", OF_A_LEAD, LEADS)
        await append_orders(pipeline.config, SOURCE, [StartBackfill("b1", "trail", 0, OF_A_LEAD, 1.0, beyond=True)])
        came = await _killed(pipeline, there, [f"/leads/{lead}/rows" for lead in LEADS], kills, **how)
    found = (await pipeline.remembered()).backfills["b1"]
    assert found.done == found.total == len(LEADS)
    assert set(await _read(pipeline, kills)) == {*missed, *came}


async def _killed(
    pipeline: PolledPipeline, there: FakePlatform, paths: Sequence[str], kills: int, **how: Any
) -> list[int]:
    """Let pollers be killed while they read a back-fill and rows come to lists; return the ids of these."""
    print(f"HEADRACE_BACKFILL_KILLS_SEED={SEED}")  # noqa: T201  (pytest shows it where the test fails)
    dice, servers, prefix = random.Random(SEED), pipeline.config.kafka.bootstrap_servers, pipeline.config.topic_prefix
    how = HOW | how
    async with _news(there, paths) as came:
        for _ in range(kills):
            async with process(servers, prefix, there.url, 1, **how):
                goal = there.calls.total() + 3 + int(dice.expovariate(1 / 25))
                await until(lambda goal=goal: there.calls.total() >= goal, f"{goal} calls", every=0.001)  # type: ignore[misc]  # mypy cannot type the default
        async with process(servers, prefix, there.url, 1, **how):
            await until(lambda: _has_ended(pipeline), "the back-fill has ended", deadline=120.0, every=0.5)
            came.stop()
            await pipeline.brought(came.ids)
    found = await _backfill(pipeline)
    assert (found.outcome, found.failures) == ("done", 0)
    assert len(came.ids) > kills, "live events flow"
    return came.ids


async def _read(pipeline: PolledPipeline, kills: int) -> Counter[int]:
    """Return how often each row was read: few more than once."""
    read = Counter(await pipeline.ids())
    twice = read.total() - len(read)
    print(f"{kills} kills, {len(read)} rows, {twice} read again")  # noqa: T201  (as above)
    assert twice <= (kills + 1) * 60 * PAGE, "of what was read, little is read again"
    return read


class _News:
    """Rows that come while it runs."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.stopped = False

    def stop(self) -> None:
        """Let no more come."""
        self.stopped = True


@contextlib.asynccontextmanager
async def _news(there: FakePlatform, paths: Sequence[str]) -> AsyncIterator[_News]:
    """Let a row come to one of these lists now and then."""
    news = _News()

    async def come() -> None:
        while not news.stopped:
            news.ids.append(1_000_000 + len(news.ids))
            there.add(news.ids[-1], path=paths[len(news.ids) % len(paths)])
            await asyncio.sleep(0.2)

    coming = asyncio.create_task(come())
    try:
        yield news
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _pass_over(pipeline: PolledPipeline, feed: str, upto: int, leads: Sequence[str]) -> None:
    """Store cursors behind all that is there."""
    position = Position(b"%d" % upto, int(time.time() * 1000))
    topic, home = pipeline.topic("cursors"), home_partition(SOURCE, pipeline.partitions)
    async with Appender(pipeline.config.kafka) as appender:
        for lead in leads:
            await appender.append(topic, home, encode(entry(SOURCE, position, feed, lead)))


async def _backfill(pipeline: PolledPipeline) -> Backfill:
    """Return what is stored of the back-fill; nothing done where it was not begun."""
    nothing = Backfill(feed="", since=0, until=0, share=1.0, ordered=0)
    return (await pipeline.remembered()).backfills.get("b1", nothing)


async def _has_ended(pipeline: PolledPipeline) -> bool:
    return bool((await _backfill(pipeline)).ended)
