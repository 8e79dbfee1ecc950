"""Single records that are odd: too large, broken, duplicate, too old. Promises 4 and 6 on a broker."""

import time

import msgspec
import pytest

from headrace.config.tenants import Account, Tenants
from headrace.core.mapping import Mapping
from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.kafka.consumer import Consumer
from headrace.kafka.partition_owner import Pace
from headrace.kafka.partitioner import partitions
from headrace.records.nudge import decode_nudge
from headrace.sdk.provider import Draft, Dropped, RawEvent, Tenant
from headrace_events import DEAD_LETTER_HEADER, DeadLetter, decode_dead_letter
from tests.fake_provider import FakeProvider, Row, account, raw_event
from tests.integration.pipeline import Pipeline, Running, make_pipeline, until
from tests.kafka.broker import Broker
from tests.kafka.client import change_topic

DAY_SECONDS = 86_400


async def letters(pipeline: Pipeline) -> list[DeadLetter]:
    return [decode_dead_letter(record.headers) for record in await pipeline.records("dead-letters")]


async def run_to_the_end(pipeline: Pipeline) -> None:
    async with pipeline.running() as running:
        await pipeline.settled(running)


async def test_promise_6_one_broken_thing_does_not_stop_its_partition(kafka: Broker, prefix: str) -> None:
    """Unreadable bytes, an error of ours, an unknown tenant and a stranger's record lie among good ones."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await pipeline.append([Row(1, 1, "before"), b'{"id":', b"\x00\xff", b"", b'{"id":2,"v":1,"do":"break"}'])
    await pipeline.append([Row(3, 1, "lost tenant")], tenant="No Body")
    await pipeline.append([Row(3, 1, "new tenant")], tenant="nobody")
    async with Appender(pipeline.config.kafka) as appender:
        await appender.append(pipeline.topic("raw"), 0, ProducerRecord(b"short", b"not one of ours", []))
        await appender.append(pipeline.topic("raw"), 0, ProducerRecord(b"", b"", [("headrace", b"\x01{not json")]))
    await pipeline.append([Row(4, 1, "after")])
    await run_to_the_end(pipeline)
    assert await pipeline.published() == ["thing/1/1", "thing/4/1"]
    assert [letter.problem.code for letter in await letters(pipeline)] == [
        "malformed",
        "malformed",
        "malformed",
        "internal",
        "unknown_tenant",
        "foreign",
        "foreign",
    ]
    assert await pipeline.totals() == {"published": 2, "dead": 7, "held": 1}


async def test_promise_4_a_dead_letter_carries_the_bytes_and_headers_untouched(kafka: Broker, prefix: str) -> None:
    """Key, value and headers of a dead letter are those of the raw record; the problem stands beside them."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=3)
    await pipeline.append([b'{"id": 1, \xff\x00\n', b'{"id":2,"v":1,"do":"break"}'])
    await run_to_the_end(pipeline)
    raw = {(record.partition, record.key): record for record in await pipeline.records("raw")}
    for letter in await pipeline.records("dead-letters"):
        record = raw.pop((letter.partition, letter.key))
        assert letter.value == record.value
        assert [pair for pair in letter.headers if pair[0] != DEAD_LETTER_HEADER] == list(record.headers)
        dead = decode_dead_letter(letter.headers)
        assert (dead.raw.topic, dead.raw.partition, dead.raw.offset) == (
            pipeline.topic("raw"),
            record.partition,
            record.offset,
        )
        assert dead.problem.source is not None
    assert not raw


async def test_promise_4_redrive_ignores_the_mark_of_a_dead_letter(kafka: Broker, prefix: str) -> None:
    """The same bytes make one letter however often they come; sent back, they are judged anew, and live after a fix."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    broken = raw_event(b'{"id":2,"v":1,"text":"t","do":"break"}')
    await pipeline.append_raw([broken, broken, broken])
    await run_to_the_end(pipeline)
    assert await pipeline.totals() == {"dead": 1, "duplicate": 2}
    await pipeline.append_raw([broken], redriven=True)
    await run_to_the_end(pipeline)
    assert await pipeline.totals() == {"dead": 2, "duplicate": 2}

    class Mended(FakeProvider):
        def translate(self, raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
            return super().translate(msgspec.structs.replace(raw, value=raw.value.replace(b"break", b"")), mapping)

    mended = Tenants([Account(Mended(), "t", Tenant(), Mapping([]))])
    pipeline.config = msgspec.structs.replace(pipeline.config, tenants=mended)
    await pipeline.append_raw([broken], redriven=True)
    await run_to_the_end(pipeline)
    assert await pipeline.totals() == {"dead": 2, "duplicate": 2, "published": 1}
    assert await pipeline.published() == ["thing/2/1"]


async def test_an_event_over_the_limit_of_events_becomes_a_dead_letter(kafka: Broker, prefix: str) -> None:
    """A record that fits raw, and whose event does not fit events, is kept as a letter; its neighbours come out."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await pipeline.append([Row(1, 1, "before"), Row(2, 1, "x" * 1_800_000, "swell"), Row(3, 1, "after")])
    await run_to_the_end(pipeline)
    assert await pipeline.published() == ["thing/1/1", "thing/3/1"]
    assert [letter.problem.code for letter in await letters(pipeline)] == ["too_large"]


@pytest.mark.apache_kafka
async def test_a_record_that_kafka_refuses_for_good_is_found_by_halving(kafka: Broker, prefix: str) -> None:
    """Where events takes less than was verified, the one record too many becomes a letter, the others come out."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1, compression="none")
    await change_topic(kafka.bootstrap_servers, pipeline.topic("events"), max_message_bytes="50000")
    rows = [Row(number, 1, "x" * (60_000 if number == 7 else 100)) for number in range(20)]
    await pipeline.append(rows)
    async with pipeline.running() as running:
        await pipeline.settled(running)
        assert running.rebuilt["MessageSizeTooLargeError"] > 0
    (letter,) = await letters(pipeline)
    assert (letter.problem.code, letter.id) == ("unwritable", "7")
    assert sorted(await pipeline.published()) == sorted(f"thing/{row.id}/1" for row in rows if row.id != 7)
    assert await pipeline.totals() == {"published": 19, "dead": 1}


async def test_a_quiet_partition_writes_its_position_again(kafka: Broker, prefix: str) -> None:
    """Without records the position is written at take-over and then at intervals, so that it never ages out."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await pipeline.append([Row(1, 1, "one")])
    await run_to_the_end(pipeline)

    async def seen_end() -> int:
        async with Consumer(pipeline.config.kafka) as log:
            return (await log.bounds(pipeline.topic("seen"), 0))[1]

    before = await seen_end()
    async with pipeline.running(pace=Pace(rewrite=0.1)):

        async def three_more() -> bool:
            return await seen_end() >= before + 3

        await until(three_more, "three more records on seen")
    assert await pipeline.totals() == {"published": 1}
    await pipeline.append([Row(1, 1, "one")])
    await run_to_the_end(pipeline)
    assert await pipeline.totals() == {"published": 1, "duplicate": 1}


async def test_marks_that_the_log_has_forgotten_are_swept(kafka: Broker, prefix: str) -> None:
    """Once seen's retention has passed, memory lets go of what a restore could not give back either."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await pipeline.append([Row(number, 1, "first") for number in range(5)])
    ahead = 0.0

    def clock() -> float:
        return time.time() + ahead

    async with pipeline.running(clock=clock) as running:
        await pipeline.settled(running)
        assert _remembered(running) == 5
        ahead = 36 * DAY_SECONDS
        await pipeline.append([Row(9, 1, "new")])
        await pipeline.settled(running)
        assert _remembered(running) == 1
    assert await pipeline.totals() == {"published": 6}


async def test_a_nudge_is_written_for_the_feed_that_knows(kafka: Broker, prefix: str) -> None:
    """A copy without a version that says something new wakes its tenant's feed instead of being published."""
    pipeline = await make_pipeline(
        kafka.bootstrap_servers, prefix, partitions=2, accounts=[account("polled", polling=True)]
    )
    await pipeline.append([Row(1, 5, "numbered"), Row(1, None, "other words")], "polled")
    await run_to_the_end(pipeline)
    assert await pipeline.totals() == {"published": 1, "nudged": 1}
    (nudge,) = await pipeline.records("nudges")
    (source, addressed) = decode_nudge("nudges", nudge.key, nudge.value)
    assert (source, addressed.feed, addressed.event) == ("/things/polled", "rows", "1")
    found = (await pipeline.records("raw"))[-1]
    assert (addressed.partition, addressed.offset) == (found.partition, found.offset)
    assert [nudge.partition] == list(partitions([b"/things/polled"], 2))


def _remembered(running: Running) -> int:
    return len(running.normalizer.memory[0].marks)
