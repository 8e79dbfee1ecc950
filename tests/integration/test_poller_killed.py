"""Promise 3 for the poller: SIGKILL at any moment, and between a mint and the use of its token."""

import asyncio
import random
from collections import Counter
from functools import partial

import pytest

from headrace.records.raw import from_raw_record
from headrace.sdk.provider import RawEvent
from headrace_events import decode
from tests.fake_provider import Row, hook, polled
from tests.integration.fake_platform import platform
from tests.integration.pipeline import until
from tests.integration.poller_harness import PolledPipeline, make_polled
from tests.integration.poller_process import process
from tests.kafka.broker import Broker

pytestmark = [pytest.mark.apache_kafka, pytest.mark.slow]

ROWS = 3_000
FACTS = 40
KEY = "a key of at least thirty-two characters"


async def test_promise_3_a_poller_that_is_killed_loses_nothing(kafka: Broker, prefix: str) -> None:
    """Pollers killed in mid-page: no cursor covers what is not in raw, and in the end every row is there."""
    dice = random.Random(8)
    async with platform() as there:
        there.add(*range(ROWS))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url))
        for _ in range(3):
            calls = there.calls["/rows"]
            async with process(kafka.bootstrap_servers, prefix, there.url, page=3):
                goal = calls + dice.randint(5, 200)
                await until(lambda goal=goal: there.calls["/rows"] >= goal, f"{goal} calls", every=0.001)  # type: ignore[misc]  # mypy cannot type the default
            cursor = await pipeline.cursor()
            assert set(range(cursor)) <= set(await pipeline.ids())
        async with process(kafka.bootstrap_servers, prefix, there.url):
            await pipeline.covered(ROWS)
        assert set(await pipeline.ids()) == set(range(ROWS))


async def test_promise_3_what_a_webhook_told_is_published_once_however_often_pollers_are_killed(
    kafka: Broker, prefix: str
) -> None:
    """Brought by a row of another id, published as told, or both in this order: one event, whenever a poller dies."""
    dice = random.Random(20261129)
    async with platform() as there:
        there.rows["/rows"] = []
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, every=1))
        sizes = range(1, FACTS + 1)
        await pipeline.append_raw(hook(Row(f"hook {size}", code="waker", do="other id", size=size)) for size in sizes)
        async with pipeline.running() as running:
            there.answers["/rows"] = [(503, {})] * 10_000  # an outage counts for nothing
            async with process(kafka.bootstrap_servers, prefix, there.url, every=1):
                await pipeline.comes(lambda: _open(pipeline, FACTS), "all nudges are open")
            there.answers["/rows"] = []
            for listed in (10, 20, 20, 20, FACTS):  # the second half only once some of it is published as told
                calls, returned = there.calls["/rows"], len(await _as_told(pipeline))
                there.rows["/rows"] += [
                    Row(1_000 + size, 1, code="waker", size=size) for size in sizes[len(there.rows["/rows"]) : listed]
                ]
                async with process(kafka.bootstrap_servers, prefix, there.url, every=1):
                    await until(lambda calls=calls: there.calls["/rows"] > calls, "a call")  # type: ignore[misc]  # mypy cannot type the default
                    if listed == FACTS // 2:
                        await pipeline.comes(
                            partial(_more_as_told, pipeline, returned), "one more is published as told, if one is left"
                        )
                    await asyncio.sleep(dice.uniform(0.0, 1.0))  # at any moment
            async with process(kafka.bootstrap_servers, prefix, there.url, every=1):
                await pipeline.covered(FACTS)
                await pipeline.comes(lambda: _open(pipeline, 0), "no nudge is open")
            await pipeline.settled(running)
        events = [decode(record.value or b"") for record in await pipeline.records("events")]
        assert Counter((event.data.fields or {})["pad"] for event in events) == {"x" * size: 1 for size in sizes}
        assert any(raw.twin for raw in await _raws(pipeline))


async def _raws(pipeline: PolledPipeline) -> list[RawEvent]:
    return [from_raw_record(record.headers, record.value) for record in await pipeline.records("raw")]


async def _as_told(pipeline: PolledPipeline) -> list[RawEvent]:
    return [raw for raw in await _raws(pipeline) if raw.as_told]


async def _more_as_told(pipeline: PolledPipeline, count: int) -> bool:
    """Return whether more is published as told than `count`, or all that no row has brought."""
    return len(await _as_told(pipeline)) >= min(count + 1, FACTS // 2)


async def _open(pipeline: PolledPipeline, count: int) -> bool:
    nudges = (await pipeline.remembered()).nudges.values()
    return len(nudges) == FACTS and sum(not one.ended for one in nudges) == count


async def test_promise_3_killed_between_a_mint_and_the_use_of_its_token(kafka: Broker, prefix: str) -> None:
    """The new tokens are kept before they are used: the next poller has them, and mints none."""
    async with platform() as there:
        there.add(*range(5))
        there.refresh = {"first"}
        there.hang = asyncio.Event()  # the first use of the new token gets no answer
        how = {"refresh": "first", "token_key": KEY}
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, **how))
        async with process(kafka.bootstrap_servers, prefix, there.url, **how):
            await until(lambda: there.calls["/rows"] == 1, "the new token is used")
        there.hang.set()
        async with process(kafka.bootstrap_servers, prefix, there.url, **how):
            await pipeline.covered(5)
        assert there.minted == ["first"]
