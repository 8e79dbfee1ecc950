"""What a poller brings back to raw, and what it finds where the record should be."""

from headrace import __version__
from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.observe.registry import Registry
from headrace.poller.metrics import PollerMetrics
from headrace.poller.raw_return import RawReturn
from headrace.records.raw import HEADER, from_raw_record
from tests.fake_provider import Row
from tests.integration.pipeline import make_pipeline
from tests.kafka.broker import Broker


async def test_promise_8_a_foreign_record_holds_up_nobody(kafka: Broker, prefix: str) -> None:
    """Where the record of a nudge should be stands something else, or damage: that nudge ends, the next goes back."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    (account,) = pipeline.config.tenants
    topic, metrics = (
        pipeline.topics[pipeline.topic("raw")],
        PollerMetrics(Registry(__version__), pipeline.config.tenants),
    )
    async with Appender(pipeline.config.kafka) as appender:
        for headers in ([], [(HEADER, b"\x01damaged")]):
            await appender.append(topic.name, 0, ProducerRecord(b"", b"of a stranger", headers))
        await pipeline.append([Row(1, 1)])
        returning = RawReturn(pipeline.config.kafka, topic, appender, metrics)
        for offset in range(3):
            await returning.as_told(account, partition=0, offset=offset)
    *_, last = await pipeline.records("raw")
    assert last.offset == 3
    assert from_raw_record(last.headers, last.value).as_told
