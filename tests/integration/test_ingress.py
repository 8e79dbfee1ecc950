"""From the ingress into Kafka: durable whatever Kafka does, in order, and back on Kafka by itself."""

import asyncio
import time
from functools import partial
from pathlib import Path

import msgspec
import pytest

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.kafka import topics
from headrace.receiver.ingress import RecordTooLarge
from headrace.spool import NoRoom, Spool
from tests.fake_provider import account
from tests.integration.command import Headrace
from tests.integration.ingress_harness import SOURCE, copies, in_order, item, other, running_ingress, versions
from tests.integration.pipeline import Pipeline, make_pipeline, until
from tests.integration.test_deadlines import PATIENT
from tests.kafka.broker import Broker
from tests.kafka.client import change_topic, create_topic, delete_topic
from tests.kafka.plugin import OwnKafka
from tests.kafka.ports import HOST, free_port
from tests.kafka.proxy import METADATA, PRODUCE, Proxy

ONE_DAY = {"retention_ms": "86400000", "segment_ms": "86400000", "message_timestamp_type": "LogAppendTime"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


def nowhere(prefix: str) -> Pipeline:
    """Return a pipeline whose broker does not exist."""
    kafka = KafkaSettings(bootstrap_servers=f"{HOST}:{free_port()}")
    return Pipeline(Config(topic_prefix=prefix, kafka=kafka, tenants=Tenants([account()])), 2)


async def test_what_is_kept_while_kafka_answers_is_in_kafka(kafka: Broker, prefix: str, path: Path) -> None:
    """Records go straight to raw, together or alone, and are counted."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    async with running_ingress(pipeline, path) as running:
        await running.is_direct()
        assert await running.keep(item(1)) == "kafka"
        assert await running.keep(item(2), *(other(n) for n in range(50)), item(3)) == "kafka"
        assert await versions(pipeline) == [1, 2, 3]
        assert len(await pipeline.records("raw")) == 53
        assert running.total("headrace_raw_appended_total") == 53
        assert running.total("headrace_spooled_total") == 0


async def test_it_starts_without_kafka_and_drains_when_kafka_comes(
    own_kafka: OwnKafka, prefix: str, path: Path, tmp_path: Path
) -> None:
    """Without Kafka all waits, over a restart too, until the spool is full; when Kafka comes it is drained in order."""
    broker = own_kafka()
    pipeline, small = [await make_pipeline(broker.bootstrap_servers, f"{prefix}{name}.") for name in ("line", "small")]
    broker.kill()
    async with running_ingress(pipeline, path) as running:
        for number in range(1, 20):
            assert await running.keep(item(number)) == "spool"
        assert not running.ingress.answers
        assert running.ingress.has_room
    async with (
        running_ingress(pipeline, path) as running,
        running_ingress(small, tmp_path / "small.db", max_bytes=5_000) as full,
    ):
        assert await running.keep(item(20)) == "spool"
        assert await full.keep(item(1, size=3_000)) == "spool"
        with pytest.raises(NoRoom):
            await full.keep(item(2, size=3_000))
        assert await full.keep(item(3)) == "spool"
        broker.spawn()
        await running.is_direct()
        assert await running.keep(item(21)) == "kafka"
        assert await versions(pipeline) == list(range(1, 22))
        assert running.total("headrace_drained_total") == 20
        assert running.fates() == {"drained": 20, "waiting": 0, "set aside": 0}
        await full.is_direct()
        assert await full.keep(item(2, size=3_000)) == "kafka"
        assert await full.keep(item(4, size=100_000)) == "kafka"
        assert await versions(small) == [1, 3, 2, 4]


@pytest.mark.slow
async def test_promise_1_kafka_killed_under_load_loses_nothing(own_kafka: OwnKafka, prefix: str, path: Path) -> None:
    """Kafka is killed and comes back: every acknowledged record is there, in order, and the sums agree.

    Deliveries that never pause go straight to Kafka again all the same.
    """
    broker = own_kafka()
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)

    def straight() -> int:
        return running.total("headrace_raw_appended_total") - running.total("headrace_drained_total")

    async with running_ingress(pipeline, path) as running:
        await running.is_direct()
        loads = [asyncio.create_task(running.load(1 + 10**6 * lane, pause=0.002)) for lane in range(8)]
        await until(lambda: straight() > 200, "it is under load")
        broker.kill()
        await until(lambda: running.spool.facts().waiting > 200, "records wait")
        reached = straight()
        broker.spawn()
        await until(lambda: straight() > reached + 500, "deliveries go straight to Kafka")
        for load in loads:
            load.cancel()
        await asyncio.wait(loads)
        await running.is_direct()
        found = await versions(pipeline)
        assert set(running.acknowledged) <= set(found)
        for lane in range(8):
            assert in_order([number for number in found if number // 10**6 == lane])
        spooled, drained = (running.total(f"headrace_{name}_total") for name in ("spooled", "drained"))
        # A load that was cancelled may have been spooled without an acknowledgement, and is drained all the same.
        appended = running.total("headrace_raw_appended_total")
        assert len(running.acknowledged) + drained - (appended + spooled) in range(-8, 9)
        assert sum(running.fates().values()) == running.spool.facts().put


@pytest.mark.slow
async def test_an_outage_is_noticed_and_touches_the_client_no_more(
    own_kafka: OwnKafka, prefix: str, path: Path
) -> None:
    """Idle, it notices that Kafka is gone; then no delivery touches the client; stopped in a drain, it drains on."""
    broker = own_kafka()
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    async with running_ingress(pipeline, path) as running:
        await running.is_direct()
        running.health.listening(True)  # noqa: FBT003  (as the method reads)
        broker.kill()
        await until(lambda: not running.ingress.answers, "it is noticed")
        assert running.health.ready().ok
        for first in range(0, 6_000, 500):  # not more at once than a busy disk takes before their deadline
            numbers = range(first, first + 500)
            assert await asyncio.gather(*(running.keep(other(number)) for number in numbers)) == ["spool"] * 500
        assert running.ingress._writer._appender is None
        broker.spawn()
        await until(lambda: running.spool.facts().waiting < 6_000, "it drains")
    async with Spool(path, 2**30) as spool:
        assert spool.facts().waiting == 0
    assert len(await pipeline.records("raw")) >= 6_000


async def test_a_broker_that_stands_still_sends_deliveries_to_the_spool(
    own_kafka: OwnKafka, prefix: str, path: Path
) -> None:
    """Frozen, Kafka costs the first deliveries their two seconds; the others are spooled; thawed, all is drained."""
    broker = own_kafka(PATIENT)
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    async with running_ingress(pipeline, path) as running:
        await running.is_direct()
        assert await running.keep(item(1)) == "kafka"
        broker.pause()
        try:
            assert await asyncio.gather(*(running.keep(item(number)) for number in range(2, 12))) == ["spool"] * 10
            assert await running.keep(item(12)) == "spool"
        finally:
            broker.resume()
        await running.is_direct()
        assert await running.keep(item(13)) == "kafka"
        found = await versions(pipeline)
        assert set(found) == set(range(1, 14))
        assert in_order(found)


@pytest.mark.slow
async def test_answers_that_come_too_late_leave_copies_only(own_kafka: OwnKafka, prefix: str, path: Path) -> None:
    """Behind a network that is slower than the deadline nothing is lost; what came too late stands there twice."""
    broker = own_kafka()
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    async with Proxy(broker) as proxy, running_ingress(pipeline.through(proxy.bootstrap_servers), path) as running:
        await running.is_direct()
        assert await running.keep(item(1)) == "kafka"
        proxy.delay = 3.0
        assert await running.keep(item(2)) == "spool"
        proxy.delay = 0.0
        await running.is_direct()
        swallowed = proxy.swallow(PRODUCE)
        outcome = await running.keep(item(3))
        assert swallowed.done()
        await running.is_direct()
        found = await versions(pipeline)
        assert set(found) == {1, 2, 3}
        assert copies(found) >= 1, outcome
        assert proxy.requests[METADATA] > 0


async def test_a_record_that_raw_would_never_take_is_refused_before_anything_is_kept(
    kafka: Broker, prefix: str, path: Path
) -> None:
    """Too large for the topic is too large for the spool as well, whether Kafka was asked already or not."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    async with running_ingress(nowhere(prefix), path) as running:
        with pytest.raises(RecordTooLarge):
            await running.keep(item(1), item(2, size=2_100_000))
        assert running.spool.facts().waiting == 0
    await change_topic(
        kafka.bootstrap_servers,
        pipeline.topic("raw"),
        max_message_bytes="50000",
        **ONE_DAY,
    )
    async with running_ingress(pipeline, path) as running:
        await running.is_direct()
        with pytest.raises(RecordTooLarge):
            await running.keep(item(3, size=60_000))
        assert await running.keep(item(4, size=40_000)) == "kafka"


async def test_what_kafka_refuses_for_good_is_set_aside_and_stops_nothing(
    kafka: Broker, prefix: str, path: Path
) -> None:
    """A record that outgrew its topic is set aside with a reason, those around it arrive, and it can be tried again."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    async with running_ingress(nowhere(prefix), path) as running:
        for number in (1, 2, 3):
            await running.keep(item(number, size=100_000 if number == 2 else 10))
    raw = pipeline.topic("raw")
    await change_topic(
        kafka.bootstrap_servers,
        raw,
        max_message_bytes="50000",
        **ONE_DAY,
        compression_type="uncompressed",
    )
    loose = pipeline.through(kafka.bootstrap_servers)
    loose.config = msgspec.structs.replace(
        loose.config, kafka=msgspec.structs.replace(loose.config.kafka, compression="none")
    )
    async with running_ingress(loose, path) as running:
        await running.is_direct()
        assert await versions(pipeline) == [1, 3]
        assert running.fates() == {"drained": 2, "waiting": 0, "set aside": 1}
        assert running.total("headrace_set_aside_total") == 1
    await change_topic(kafka.bootstrap_servers, raw, **ONE_DAY, max_message_bytes="2097152")
    async with Spool(path, 2**30) as spool:
        assert await spool.take_back() == 1
    async with running_ingress(pipeline, path) as running:
        await running.is_direct()
        assert await versions(pipeline) == [1, 3, 2]


async def test_a_spool_is_drained_by_hand(kafka: Broker, prefix: str, path: Path) -> None:
    """`headrace spool drain` appends what waits, and on demand what was set aside."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    headrace = Headrace(path.parent, kafka.bootstrap_servers, prefix)
    async with running_ingress(nowhere(prefix), path) as running:
        await running.keep(item(1), item(2), item(3))
        running.spool.set_aside((await running.spool.oldest("raw", 1, 1)), "refused")
    output = (await asyncio.to_thread(headrace, "spool", "drain")).stdout
    assert output == "2 records went on to Kafka.\n1 record set aside: `headrace spool show` says why.\n"
    output = (await asyncio.to_thread(headrace, "spool", "drain", "--set-aside")).stdout
    assert output == "1 record that had been set aside will be tried again.\n1 record went on to Kafka.\n"
    assert await versions(pipeline) == [2, 3, 1]


async def test_what_is_too_old_is_set_aside_and_never_appended(kafka: Broker, prefix: str, path: Path) -> None:
    """A record older than the limit could be published twice: it waits for somebody to look."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    now = int(time.time() * 1000)
    async with Spool(path, 2**30) as spool:
        await spool.append([("raw", SOURCE, item(1).record)], now - 3_700_000)
        await spool.append([("raw", SOURCE, item(2).record)], now - 3_500_000)
    async with running_ingress(pipeline, path, max_age=3_600) as running:
        await running.is_direct()
        assert await versions(pipeline) == [2]
        assert running.fates() == {"drained": 1, "waiting": 0, "set aside": 1}


async def test_the_topics_of_others_are_of_no_account(kafka: Broker, prefix: str, path: Path) -> None:
    """It begins, and goes on, whatever becomes of all topics but raw."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    for name in ("cursors", "seen", "events"):
        await delete_topic(kafka.bootstrap_servers, pipeline.topic(name))
    async with running_ingress(pipeline, path) as running:
        await running.is_direct()
        assert await running.keep(item(1)) == "kafka"
        for name in ("nudges", "dead-letters"):
            await delete_topic(kafka.bootstrap_servers, pipeline.topic(name))
        assert await running.keep(item(2)) == "kafka"
        assert await versions(pipeline) == [1, 2]


async def test_without_raw_everything_waits_in_the_spool(kafka: Broker, prefix: str, path: Path) -> None:
    """It says what is missing, takes deliveries, and drains once raw is there, without a new start."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    await delete_topic(kafka.bootstrap_servers, pipeline.topic("raw"))
    async with running_ingress(pipeline, path) as running:
        running.health.listening(True)  # noqa: FBT003  (as the method reads)
        await until(lambda: "is missing; run" in running.health.ready().checks[1].why, "it says what is wrong")
        assert running.health.contact.up  # Kafka answers: HeadraceSpoolNotDrained, not HeadraceKafkaAway
        assert running.health.ready().ok
        assert running.health.startup().ok
        assert await running.keep(item(1)) == "spool"
        await create_topic(
            kafka.bootstrap_servers,
            pipeline.topic("raw"),
            partitions=pipeline.partitions,
            max_message_bytes="2097152",
            message_timestamp_type="LogAppendTime",
        )
        await running.is_direct()
        assert await running.keep(item(2)) == "kafka"
        assert await versions(pipeline) == [1, 2]


async def test_while_raw_and_seen_differ_everything_waits_in_the_spool(kafka: Broker, prefix: str, path: Path) -> None:
    """Ids would be placed where nobody remembers them: nothing is appended until the topics belong together."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=2)
    await delete_topic(kafka.bootstrap_servers, pipeline.topic("seen"))
    await create_topic(kafka.bootstrap_servers, pipeline.topic("seen"), partitions=1)
    await until(partial(_is_known, pipeline, "seen", 1), "the broker knows the new one")
    async with running_ingress(pipeline, path) as running:
        await until(lambda: "they belong together" in running.health.ready().checks[1].why, "it says what is wrong")
        assert await running.keep(item(1)) == "spool"
        assert not (await pipeline.records("raw"))
        await delete_topic(kafka.bootstrap_servers, pipeline.topic("seen"))
        await create_topic(kafka.bootstrap_servers, pipeline.topic("seen"), partitions=2)
        await running.is_direct()
        assert await versions(pipeline) == [1]


async def _is_known(pipeline: Pipeline, name: str, partitions: int) -> bool:
    found = (await topics.describe(pipeline.config)).get(pipeline.topic(name))
    return found is not None and found.partitions == partitions
