"""A lone broker is killed in the very moment in which it has acknowledged a commit, again and again.

It comes back without the markers of that commit in some partitions, and takes those for deleted: what hangs there is
ended as the rest was. `HEADRACE_BROKER_KILLS` sets how often, `HEADRACE_BROKER_KILLS_SEED` repeats the rows of a run.
"""

import asyncio
import os
import random
from functools import partial
from itertools import islice
from typing import Final

import pytest

from tests.integration.pipeline import Running, make_pipeline, until
from tests.integration.random_rows import random_rows
from tests.kafka.plugin import OwnKafka

KILLS: Final = int(os.environ.get("HEADRACE_BROKER_KILLS", "6"))
SEED: Final = int(os.environ.get("HEADRACE_BROKER_KILLS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
PARTITIONS: Final = 4
ROWS: Final = 60

pytestmark = [pytest.mark.apache_kafka, pytest.mark.crash, pytest.mark.timeout(60 + 30 * KILLS)]


async def test_promise_1_no_event_is_lost_where_a_broker_dies_behind_a_commit(own_kafka: OwnKafka, prefix: str) -> None:
    """Every commit that was acknowledged stands whole once the broker is back: nothing lost, nothing doubled."""
    print(f"HEADRACE_BROKER_KILLS_SEED={SEED}")  # noqa: T201  (pytest shows it where the test fails)
    broker, rows = own_kafka(), random_rows(SEED)
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix, partitions=PARTITIONS)
    async with pipeline.running() as running:
        await running.runs(PARTITIONS)
        for _ in range(KILLS):
            before = running.position
            await pipeline.append(islice(rows, ROWS))
            await until(partial(_moved, running, before), "a commit is acknowledged", every=0.0005)
            broker.kill()
            broker.spawn()
            await asyncio.to_thread(broker.wait_until_serves)
            await pipeline.settled(running)
    totals = await pipeline.holds_its_promises()
    assert totals["published"] > 0


def _moved(running: Running, before: int) -> bool:
    return running.position > before
