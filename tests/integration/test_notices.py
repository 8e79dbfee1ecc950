"""Notices on a real broker: written beside everything else, and in nobody's way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from msgspec.structs import replace

from headrace.config import Config, KafkaSettings
from headrace.config.live import LiveConfig
from headrace.config.tenants import Tenants
from headrace.kafka import notice_writer, topics
from headrace.kafka.consumer import Consumer
from headrace.kafka.notice_writer import NoticeWriter, read_notices, writing_notices
from headrace.kafka.topic_follower import NoTopic, TopicFollower
from headrace.observe import notice_level
from headrace.observe.notice_level import HOLD_SECONDS, RENEW_SECONDS
from headrace.observe.notices import Notices
from headrace.poller.scheduler import Work
from headrace_events import Notice, NoticeKind
from tests.fake_provider import TABLE, Row, account, polled
from tests.integration.fake_platform import platform
from tests.integration.ingress_harness import item, running_ingress
from tests.integration.pipeline import make_pipeline, until
from tests.integration.poller_harness import make_polled
from tests.integration.receiver_harness import NOBODY
from tests.kafka.broker import Broker
from tests.kafka.client import change_topic, create_topic, delete_topic, read_all
from tests.kafka.plugin import OwnKafka

pytestmark = pytest.mark.apache_kafka

SOURCE = "/things/t"
PARKED = NoticeKind.TENANT_PARKED
MOON = '\n[[row]]\ncode = "moon"\ntype = "call.logged"\n'


def config_of(servers: str, prefix: str) -> Config:
    return Config(topic_prefix=prefix, kafka=KafkaSettings(bootstrap_servers=servers), tenants=Tenants([]))


async def standing(config: Config) -> dict[str, Notice]:
    """Return the newest notice of each key on the topic."""
    async with Consumer(config.kafka) as log:
        found, _ = await read_notices(TopicFollower(log, f"{config.topic_prefix}notices"))
    return found


async def states(config: Config) -> dict[str, str]:
    return {key: one.data.state for key, one in (await standing(config)).items()}


@contextlib.asynccontextmanager
async def brisk_writer(config: Config, notices: Notices, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Write notices, without the pauses."""
    monkeypatch.setattr(notice_level, "HOLD_SECONDS", 0.0)
    monkeypatch.setattr(notice_writer, "TOGETHER_SECONDS", 0.05)
    monkeypatch.setattr(notice_writer, "FIRST_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(notice_writer, "LONGEST_PAUSE_SECONDS", 0.2)
    async with writing_notices(config, notices):
        yield


class Attempts:
    """Counts how often notices were to be written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        write = NoticeWriter.write

        async def counted(writer: NoticeWriter) -> None:
            self.begun += 1
            await write(writer)

        monkeypatch.setattr(NoticeWriter, "write", counted)

    async def more(self) -> None:
        """Wait for two that were begun from now on, so that one of them has failed."""
        before = self.begun
        await until(lambda: self.begun >= before + 2, "it is tried again")


async def test_without_the_topic_notices_wait(kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is one line of the log, no topic is made, and what waits is written once there is one."""
    config, notices = config_of(kafka.bootstrap_servers, prefix), Notices()
    notices.note(PARKED, SOURCE, "it says no")
    with structlog.testing.capture_logs() as logged, pytest.raises(NoTopic):
        await NoticeWriter(config, notices).write()
    assert logged == []
    attempts = Attempts(monkeypatch)
    with structlog.testing.capture_logs() as logged:
        async with brisk_writer(config, notices, monkeypatch):
            await until(lambda: any(line["event"] == "notices_not_written" for line in logged), "it is logged")
            await attempts.more()
            assert f"{prefix}notices" not in await topics.describe(config)
            await topics.apply(config, "dev")
            await until(lambda: notices.wrote == 1, "it is written")
    assert [line["reason"] for line in logged if line["log_level"] != "info"] == [
        f"no topic {prefix}notices is to be seen: `headrace topics apply` creates it"
    ]
    assert await states(config) == {"/things/t/tenant_parked": "open"}


async def test_the_service_does_without_the_topic(kafka: Broker, prefix: str) -> None:
    """Neither verification nor a normalizer minds."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await delete_topic(kafka.bootstrap_servers, pipeline.topic("notices"))

    async def gone() -> bool:
        return pipeline.topic("notices") not in await topics.describe(pipeline.config)

    await until(gone, "the topic is gone", every=0.2)
    await topics.verify(pipeline.config)
    await pipeline.append([Row(1, 1)])
    async with pipeline.running() as running:
        await pipeline.settled(running)
    assert len(await pipeline.published()) == 1
    assert {topic.name: new for topic, new in await topics.apply(pipeline.config, "dev")}[pipeline.topic("notices")]


async def test_while_kafka_is_away_nothing_is_in_the_way(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is logged, for everybody else does, and the end comes in time."""
    config, notices = config_of(NOBODY, prefix), Notices()
    notices.note(PARKED, SOURCE, "it says no")
    with structlog.testing.capture_logs() as logged:
        async with asyncio.timeout(60):
            attempts = Attempts(monkeypatch)
            async with brisk_writer(config, notices, monkeypatch):
                await attempts.more()
                notices.note(PARKED, SOURCE, None)
    assert [line for line in logged if line["log_level"] not in ("debug", "info")] == []
    assert (notices.wrote, notices.dropped) == (0, 0)


@pytest.mark.slow
async def test_what_waited_is_written_once_kafka_is_back(
    own_kafka: OwnKafka, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is then: what began and ended meanwhile is over, with its times."""
    broker = own_kafka()
    config, notices = config_of(broker.bootstrap_servers, prefix), Notices()
    await topics.apply(config, "dev")
    attempts = Attempts(monkeypatch)
    async with brisk_writer(config, notices, monkeypatch):
        notices.note(PARKED, SOURCE, "it says no")
        await until(lambda: notices.wrote == 1, "it is written")
        await asyncio.to_thread(broker.kill)
        notices.note(PARKED, SOURCE, None)
        notices.note(NoticeKind.SPOOL_IN_USE, "/headrace/a/receiver", "Kafka is away")
        await attempts.more()
        notices.note(NoticeKind.SPOOL_IN_USE, "/headrace/a/receiver", None)
        broker.start()
        await until(lambda: notices.wrote >= 3, "the rest is written")
    assert await states(config) == {
        "/things/t/tenant_parked": "over",
        "/headrace/a/receiver/spool_in_use": "over",
    }


@pytest.mark.slow
async def test_compaction_keeps_the_last_state_of_each(own_kafka: OwnKafka, prefix: str) -> None:
    """Of days of notices that are written again and again, the newest of each subject stays."""
    broker = own_kafka({"log.cleaner.backoff.ms": "100", "log.initial.task.delay.ms": "100"})
    servers = broker.bootstrap_servers
    config = config_of(servers, prefix)
    await topics.apply(config, "dev")
    settings = {"cleanup_policy": "compact,delete", "segment_ms": "200", "min_cleanable_dirty_ratio": "0.01"}
    await change_topic(servers, f"{prefix}notices", max_compaction_lag_ms="300", **settings)
    now = 1_786_179_600.0
    notices = Notices(lambda: now)
    writer = NoticeWriter(config, notices)
    notices.note(PARKED, SOURCE, "it says no")
    notices.note(NoticeKind.FEED_STALE, SOURCE, "slow", item="rows")
    await writer.write()
    for _ in range(12):
        now += RENEW_SECONDS
        await writer.write()
    notices.note(NoticeKind.FEED_STALE, SOURCE, None, item="rows")
    now += HOLD_SECONDS
    await writer.write()
    assert notices.wrote == 27

    async def compacted() -> bool:
        nonlocal now
        now += RENEW_SECONDS
        await writer.write()  # a new segment begins, so that the one before may be cleaned
        records = await read_all(servers, f"{prefix}notices")
        return sum(record.key == b"/things/t/feed_stale/rows" for record in records) == 1 and len(records) < 10

    await until(compacted, "it is compacted", every=0.5)
    assert await states(config) == {"/things/t/tenant_parked": "open", "/things/t/feed_stale/rows": "over"}
    assert (await standing(config))["/things/t/tenant_parked"].data.since == "2026-08-08T09:00:00Z"


async def test_another_process_goes_on_from_the_topic(kafka: Broker, prefix: str) -> None:
    """What is no notice there, or stands under a foreign key, is passed over."""
    config = config_of(kafka.bootstrap_servers, prefix)
    await create_topic(kafka.bootstrap_servers, f"{prefix}notices", partitions=3)
    first, second = Notices(), Notices()
    for number in range(20):
        first.note(NoticeKind.CODE_FIRST_SEEN, SOURCE, "no row", item=f"{number}", mapping="aa")
    first.note(PARKED, SOURCE, "it says no")
    await NoticeWriter(config, first).write()
    found = await standing(config)
    assert len(found) == 21
    for number in range(20):
        second.note(NoticeKind.CODE_FIRST_SEEN, SOURCE, "no row", item=f"{number}", mapping="aa")
    second.note(PARKED, SOURCE, None)
    await NoticeWriter(config, second).end()
    assert second.wrote == 1
    assert sum(state == "open" for state in (await states(config)).values()) == 20


async def test_a_tenant_is_parked_and_goes_on(kafka: Broker, prefix: str) -> None:
    """The notice says why, and is over once a call went well; a poller that gave the tenant up confirms nothing."""
    async with platform() as there:
        there.add(*range(3))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, key="wrong", every=1))
        async with pipeline.poller() as working:
            notices = working._registry.notices
            writer = NoticeWriter(pipeline.config, notices)
            await until(lambda: notices.open_kinds()[PARKED] == 1, "it is parked")
            await writer.write()
            one = (await standing(pipeline.config))["/things/t/tenant_parked"]
            assert "it says no" in one.data.summary
            assert "wrong" not in str(one)
            there.keys.add("wrong")
            (tenant,) = (one for task in working.poller.partitions.values() for one in task.tenants.values())
            tenant.orders._obeying.wake_now(Work("rows"))
            await until(lambda: notices.open_kinds()[PARKED] == 0, "it goes on")
            await writer.end()
            assert (await states(pipeline.config))["/things/t/tenant_parked"] == "over"
            notices.note(PARKED, SOURCE, "again")
        assert notices.open_kinds()[PARKED] == 0


async def test_a_tenant_that_is_polled_no_more_has_no_stale_feed(kafka: Broker, prefix: str) -> None:
    """What was noted of its polling is over."""
    async with platform() as there:
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, key="wrong"))
        async with pipeline.poller() as working:
            notices = working._registry.notices
            await until(lambda: notices.open_kinds()[PARKED] == 1, "it is parked")
            paused = Tenants([polled(there.url, key="wrong", paused=True)])
            pipeline.live.take_over(replace(pipeline.config, tenants=paused))
            await until(lambda: notices.open_kinds()[PARKED] == 0, "that is over")


async def test_a_code_is_noted_until_tables_decide_it(kafka: Broker, prefix: str) -> None:
    """Whoever runs then, though nobody ran while the tables were changed."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await pipeline.append([Row(1, 1, code="moon"), Row(2, 1, code="moon")])
    async with pipeline.running() as running:
        await pipeline.settled(running)
        notices = running.normalizer.metrics.notices
        await until(lambda: notices.open_kinds()[NoticeKind.CODE_FIRST_SEEN] == 1, "the code is noted")
        await NoticeWriter(pipeline.config, notices).write()
    (one,) = (await standing(pipeline.config)).values()
    assert (one.subject, one.is_open) == ("code_first_seen/moon", True)
    pipeline.live = LiveConfig(replace(pipeline.config, tenants=Tenants([account(table=TABLE + MOON)])))
    async with pipeline.running() as running:
        await NoticeWriter(pipeline.config, running.normalizer.metrics.notices).end()
    assert await states(pipeline.config) == {"/things/t/code_first_seen/moon": "over"}


async def test_a_spool_in_use_is_noted(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """From the first delivery that waits until all of them are drained."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    away = pipeline.through(NOBODY)
    async with running_ingress(away, tmp_path / "spool.db") as running:
        await running.keep(item(1))
        assert running.registry.notices.open_kinds()[NoticeKind.SPOOL_IN_USE] == 1
    async with running_ingress(pipeline, tmp_path / "spool.db") as running:
        notices = running.registry.notices
        await running.is_direct()
        assert notices.open_kinds()[NoticeKind.SPOOL_IN_USE] == 0
        await NoticeWriter(pipeline.config, notices).end()
    (one,) = (await standing(pipeline.config)).values()
    assert (one.subject, one.data.state) == ("spool_in_use", "over")
