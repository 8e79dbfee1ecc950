"""What a poller brings back to raw, and what it finds where the record should be."""

import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from headrace import __version__
from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.observe.registry import Registry
from headrace.poller.metrics import PollerMetrics
from headrace.poller.raw_return import Nudged, RawReturn
from headrace.records.nudge import AddressedNudge
from headrace.records.raw import HEADER, from_raw_record, place
from tests.fake_provider import Row
from tests.integration.pipeline import Pipeline, make_pipeline
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

SOURCE = "/things/t"


@contextlib.asynccontextmanager
async def returning(pipeline: Pipeline) -> AsyncIterator[RawReturn]:
    """Return what brings records of a pipeline back."""
    kafka, raw = pipeline.config.kafka, pipeline.topics[pipeline.topic("raw")]
    async with Appender(kafka) as appender:
        yield RawReturn(kafka, raw, appender, PollerMetrics(Registry(__version__), pipeline.config.tenants))


async def nudges(pipeline: Pipeline) -> list[Nudged]:
    """Return a nudge for each record of raw."""
    return [
        (SOURCE, AddressedNudge(feed="rows", partition=r.partition, offset=r.offset, record=(r.key or b"").hex()))
        for r in await pipeline.records("raw")
    ]


async def returned_ids(pipeline: Pipeline) -> list[str]:
    """Return the ids that went back to raw."""
    raws = [from_raw_record(record.headers, record.value) for record in await pipeline.records("raw")]
    return [raw.id for raw in raws if raw.as_told]


async def test_promise_8_a_foreign_record_holds_up_nobody(kafka: Broker, prefix: str) -> None:
    """Where the record of a nudge should be stands something else, or damage: that nudge ends, the next goes back."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    async with Appender(pipeline.config.kafka) as appender:
        for headers in ([], [(HEADER, b"\x01damaged")]):
            await appender.append(pipeline.topic("raw"), 0, ProducerRecord(b"k", b"of a stranger", headers))
    await pipeline.append([Row(1, 1)])
    wanted = await nudges(pipeline)
    async with returning(pipeline) as back:
        with capture_logs() as logged:
            assert await back.as_told(wanted) == wanted
    assert [(line["event"], line["offset"]) for line in logged] == [
        ("nudged_record_gone", 0),
        ("nudged_record_gone", 1),
    ]
    *_, last = await pipeline.records("raw")
    assert last.offset == 3
    assert from_raw_record(last.headers, last.value).as_told


async def test_another_record_in_the_place_of_the_one_that_was_nudged_stays(kafka: Broker, prefix: str) -> None:
    """In a raw that was made anew an offset holds another record, of the same tenant perhaps: it does not go back."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await pipeline.append([Row(1, 1)])
    other = (SOURCE, AddressedNudge(feed="rows", partition=0, offset=0, record="0b" * 16))
    async with returning(pipeline) as back:
        with capture_logs() as logged:
            assert await back.as_told([other]) == [other]
    assert [line["event"] for line in logged] == ["nudged_record_gone"]
    assert await returned_ids(pipeline) == []


async def test_what_a_leader_does_not_show_yet_holds_up_no_other(kafka: Broker, prefix: str) -> None:
    """A record behind the end that is told stays to be tried again; all others go back at once."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await pipeline.append([Row(number, 1) for number in (1, 2)])
    first, second = await nudges(pipeline)
    unknown = (SOURCE, AddressedNudge(feed="rows", partition=0, offset=1_000, record="0b" * 16))
    async with returning(pipeline) as back:
        with capture_logs() as logged:
            assert await back.as_told([unknown, second, first]) == [first, second]
    assert [(line["event"], line["nudges"]) for line in logged] == [("nudges_not_returned", 1)]
    assert await returned_ids(pipeline) == ["1", "2"]


async def test_a_thousand_records_go_back_in_seconds(kafka: Broker, prefix: str) -> None:
    """Many are read through one consumer, whether they stand beside each other or far apart."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=2)
    await pipeline.append([Row(number, 1, text="x" * 100) for number in range(30_000)])
    wanted = (await nudges(pipeline))[::30]
    began = time.monotonic()
    async with returning(pipeline) as back:
        assert len(await back.as_told(wanted)) == 1_000
    assert time.monotonic() - began < 30
    again = await nudges(pipeline)
    assert len(again) == 31_000
    assert {place(bytes.fromhex(one.record), 2) == one.partition for _, one in again} == {True}
