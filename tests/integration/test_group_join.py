"""Kafka may go away at any moment: between the verified topics and the group as well."""

import pytest
from structlog.testing import capture_logs

from headrace.kafka import group_member
from tests.integration.pipeline import make_pipeline, until
from tests.kafka.plugin import OwnKafka
from tests.kafka.proxy import Proxy

pytestmark = pytest.mark.apache_kafka

SHORT = 0.5
"""Seconds, instead of the 15 that a call may take: so that the deadline for joining passes within a test."""


@pytest.mark.slow
async def test_promise_8_a_normalizer_waits_for_kafka_to_join_its_group(
    own_kafka: OwnKafka, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that goes away after the topics were verified is awaited past any deadline, and joined at last."""
    broker = own_kafka()
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    async with Proxy(broker) as proxy:
        proxy.refusing = True
        monkeypatch.setattr(group_member, "CALL_DEADLINE", SHORT)
        with capture_logs() as logged:
            async with pipeline.through(proxy.bootstrap_servers).running() as running:
                await until(lambda: [each["event"] for each in logged].count("kafka_awaited") >= 2, "Kafka is awaited")
                assert not running.ended.done()
                monkeypatch.undo()
                proxy.refusing = False
                await running.runs(tasks=2)
