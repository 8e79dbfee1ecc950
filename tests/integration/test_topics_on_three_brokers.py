"""Topics on three brokers, of which some hear late of what was created."""

import pytest

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.kafka import topics
from tests.kafka.client import create_topic, read_all
from tests.kafka.cluster import NUMBERS, Cluster

pytestmark = [pytest.mark.slow, pytest.mark.network]

LATE = 0.3


async def test_topics_can_be_used_as_soon_as_they_were_made(cluster: Cluster, prefix: str) -> None:
    """Whoever is asked next knows them, seen has its first records, and another run finds nothing to do."""
    controller = cluster.active_controller()
    for other in NUMBERS:
        if other != controller:
            cluster.delay(controller, other, LATE, "controller")
    for number in range(2):
        kafka = KafkaSettings(bootstrap_servers=cluster.bootstrap_servers)
        config = Config(topic_prefix=f"{prefix}{number}.", kafka=kafka, tenants=Tenants([]))
        done = await topics.apply(config)
        assert [new for _, new in done] == [True] * len(topics.ALL)
        await topics.verify(config)
        seen = await read_all(cluster.bootstrap_servers, f"{config.topic_prefix}seen")
        assert sorted(record.partition for record in seen) == list(range(12))
        assert [new for _, new in await topics.apply(config)] == [False] * len(topics.ALL)
    cluster.heal()


async def test_raw_is_made_as_wide_as_seen_though_the_broker_hears_late_of_it(cluster: Cluster, prefix: str) -> None:
    """A first look that does not find `seen` yet decides nothing."""
    controller = cluster.active_controller()
    for other in NUMBERS:
        if other != controller:
            cluster.delay(controller, other, LATE, "controller")
    servers = cluster.bootstrap_servers
    config = Config(topic_prefix=prefix, kafka=KafkaSettings(bootstrap_servers=servers), tenants=Tenants([]))
    await create_topic(servers, f"{prefix}seen", partitions=2, replicas=3, retention_ms=str(40 * 86_400_000))
    await topics.apply(config, partitions=3)
    described = await topics.describe(config)
    assert described[f"{prefix}raw"].partitions == described[f"{prefix}seen"].partitions == 2
    cluster.heal()
