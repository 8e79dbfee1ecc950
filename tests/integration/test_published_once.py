"""Promise 2 on a broker: every version at most once, the last always, and totals that add up."""

from itertools import islice

from tests.integration.pipeline import make_pipeline
from tests.integration.random_rows import random_rows
from tests.kafka.broker import Broker


async def test_promise_2_copies_and_edits_are_published_once_and_the_last_version_last(
    kafka: Broker, prefix: str
) -> None:
    """Of a random load each version that says something new comes out once, in order, and every record is counted."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=3)
    rows = list(islice(random_rows(seed=2), 3000))
    await pipeline.append(rows)
    async with pipeline.running() as running:
        await pipeline.settled(running)
    totals = await pipeline.holds_its_promises()
    assert sum(totals.values()) == len(rows)
    assert {"published", "duplicate", "unchanged", "stale", "dead"} <= set(totals)
