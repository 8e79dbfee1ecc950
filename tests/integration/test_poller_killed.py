"""Promise 3 for the poller: SIGKILL at any moment, and between a mint and the use of its token."""

import asyncio
import random

import pytest

from tests.fake_provider import polled
from tests.integration.fake_platform import platform
from tests.integration.pipeline import until
from tests.integration.poller_harness import make_polled
from tests.integration.poller_process import process
from tests.kafka.broker import Broker

pytestmark = [pytest.mark.apache_kafka, pytest.mark.slow]

ROWS = 3_000
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
