"""Promise 8 behind a broker that is cut off from the others, but not from us: its partitions are read on elsewhere."""

import asyncio

import pytest

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.kafka import topics
from headrace.kafka.client import KafkaError
from tests.fake_provider import Row, account
from tests.integration.pipeline import Pipeline, until
from tests.integration.test_take_over import BRISK
from tests.kafka.cluster import Cluster

PARTITIONS = 3
GOES_ON_WITHIN = 30.0

pytestmark = [pytest.mark.slow, pytest.mark.network]


async def replicated(cluster: Cluster, prefix: str) -> Pipeline:
    """Create the topics as production has them: three copies, two of them in sync."""
    kafka = KafkaSettings(bootstrap_servers=cluster.bootstrap_servers)
    pipeline = Pipeline(Config(topic_prefix=prefix, kafka=kafka, tenants=Tenants([account()])), PARTITIONS)

    async def applied() -> bool:
        try:
            await topics.apply(pipeline.config, "", PARTITIONS)
        except (KafkaError, TimeoutError):
            return False
        return True

    await until(applied, "the topics are created", every=0.5)
    pipeline.topics = await topics.verify(pipeline.config)
    await asyncio.to_thread(cluster.wait_until_whole)
    return pipeline


async def appended(pipeline: Pipeline, numbers: range) -> bool:
    """Append rows, and return whether all are durable; what may be there already is a duplicate."""
    try:
        await pipeline.append(Row(number, 1) for number in numbers)
    except (KafkaError, TimeoutError):
        return False
    return True


@pytest.mark.parametrize("how", ["cut", "black_hole"])
async def test_promise_8_what_a_broker_led_that_is_cut_off_is_read_on_at_its_new_leader(
    cluster: Cluster, prefix: str, how: str
) -> None:
    """Within half a minute everything has its fate, and no process ends for it."""
    pipeline = await replicated(cluster, prefix)
    await pipeline.append(Row(number, 1) for number in range(60))
    async with pipeline.running(pace=BRISK) as running:
        await pipeline.settled(running)
        isolated = cluster.leaders(pipeline.topic("raw"), viewer=1)[0]
        cluster.isolate_from_peers(isolated, how)  # type: ignore[arg-type]  # one of the two
        await asyncio.to_thread(cluster.wait_until_led_without, isolated)
        await until(lambda: appended(pipeline, range(60, 120)), "the records are appended", every=0.5)
        await pipeline.settled(running, deadline=GOES_ON_WITHIN)
        assert not running.ended.done()
    cluster.heal()
    assert (await pipeline.holds_its_promises())["published"] == 120
