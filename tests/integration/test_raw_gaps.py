"""What foreign writers and foreign hands do to raw and seen."""

import pytest

from headrace.core.record import ProducerRecord
from headrace.kafka import topics
from headrace.kafka.producer import Transactions
from tests.fake_provider import Row
from tests.integration.pipeline import make_pipeline
from tests.kafka.broker import Broker
from tests.kafka.client import add_partitions


async def test_a_foreign_transaction_on_raw_is_passed_over_and_counted(kafka: Broker, prefix: str) -> None:
    """The marker of a transaction takes an offset that holds no record: it is lost, and the partition goes on."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    stranger = Transactions(pipeline.config.kafka, f"{prefix}stranger")
    await stranger.fence()
    try:
        await pipeline.append([Row(1, 1, "before")])
        await stranger.write({(pipeline.topic("raw"), 0): [ProducerRecord(b"k", b"not one of ours", [])]})
        await pipeline.append([Row(2, 1, "after")])
        async with pipeline.running() as running:
            await pipeline.settled(running)
            await stranger.write({(pipeline.topic("raw"), 0): [ProducerRecord(b"k", b"again", [])]})
            await pipeline.append([Row(3, 1, "last")])
            await pipeline.settled(running)
    finally:
        await stranger.close()
    assert await pipeline.published() == ["thing/1/1", "thing/2/1", "thing/3/1"]
    assert await pipeline.totals() == {"published": 3, "dead": 2, "lost": 2}


async def test_promise_2_more_partitions_are_refused_once_raw_is_in_use(kafka: Broker, prefix: str) -> None:
    """An id would change its place, and with it its memory: `topics apply` does not make that look well."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=2)
    await pipeline.append([Row(number, 1, "first") for number in range(8)])
    async with pipeline.running() as running:
        await pipeline.settled(running)
    for name in ("raw", "seen"):
        await add_partitions(kafka.bootstrap_servers, pipeline.topic(name), 4)
    with pytest.raises(topics.UnfitTopics, match="given more partitions"):
        await topics.apply(pipeline.config, "dev", 4)
