"""Held records on a broker: deliveries before their tenant exists, pauses under load, and kills while they go back."""

import asyncio
import time
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from headrace.config.tenants import Account, Tenants
from headrace.kafka.appender import Appender
from headrace.kafka.partition_owner import Pace
from headrace.providers.discover import discover
from headrace.records.raw import from_raw_record, place, to_raw_record
from headrace.sdk.provider import RawEvent
from headrace_events import Via, decode_dead_letter
from tests.fake_provider import Row, account, decode_row
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import Pipeline, Running, make_pipeline, until
from tests.integration.random_rows import random_rows
from tests.integration.test_cli_kafka import page, row
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

COUNT = 8_000
DAYS_MS = 86_400_000


def configure(pipeline: Pipeline, *accounts: Account) -> None:
    """Put other tenants into force, as a changed file does."""
    pipeline.live.take_over(msgspec.structs.replace(pipeline.config, tenants=Tenants(list(accounts))))


async def held_count(pipeline: Pipeline) -> int:
    """Return how many records the seen records of all partitions say are held, as a restore reads them."""
    async with pipeline.running() as running:
        await running.runs()
        return sum(one.count for task in running.normalizer.tasks.values() for one in task.seen.held.values())


async def all_back(running: Running) -> None:
    """Wait until the tasks hold nothing any more, as far as they have restored it."""
    await running.runs()
    tasks = running.normalizer.tasks
    await until(lambda: not any(task.seen.held for task in tasks.values()), "nothing is held any more")


async def test_deliveries_before_their_tenant_exists_are_published_once_it_does(kafka: Broker, prefix: str) -> None:
    """Held by one configuration, returned by the next, beside a tenant that both know; then nothing is held."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    await pipeline.append([Row(n, 1, f"{n}") for n in range(300)], tenant="new")
    await pipeline.append([Row(n, 1, "known") for n in range(50)])
    async with pipeline.running() as running:
        await pipeline.settled(running)
        assert await pipeline.totals() == {"published": 50, "held": 300}
    configure(pipeline, account(), account("new"))
    async with pipeline.running() as running:
        await all_back(running)
        await pipeline.settled(running)
        returned = running.normalizer.metrics.registry.series("headrace_held_returned_total").values
        assert returned["things", "new"] == 300
    assert await pipeline.totals() == {"published": 350, "held": 300}
    found = await pipeline.published()
    assert (len(found), len(set(found))) == (350, 300)  # the ids of two tenants are alike
    assert await pipeline.records("dead-letters") == []
    assert await held_count(pipeline) == 0


async def test_a_pause_under_load_loses_and_doubles_nothing(kafka: Broker, prefix: str) -> None:
    """Live records of another tenant go on while thousands go back, and each version is published once."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    configure(pipeline, account(paused=True), account("quiet"))
    async with pipeline.running() as running:
        await pipeline.append(islice(random_rows(31), 4_000))
        await pipeline.settled(running)
        assert await pipeline.totals() == {"held": 4_000}
        configure(pipeline, account(), account("quiet"))
        await pipeline.append([Row(n, 1, "live") for n in range(1_000_000, 1_000_100)], tenant="quiet")
        await pipeline.append(islice(random_rows(31), 4_200), tenant="t")
        await all_back(running)
        await pipeline.settled(running)
    totals = await pipeline.holds_its_promises()
    assert totals["held"] == 4_000
    assert sum(totals.values()) == sum((await pipeline.raw_ends()).values()) >= 12_300


async def test_what_waits_is_remembered_when_only_the_newest_seen_record_is_left(kafka: Broker, prefix: str) -> None:
    """The position that a quiet partition writes again says what is held, too."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await pipeline.append([Row(1, 1, "x")], tenant="new")
    async with pipeline.running(pace=Pace(rewrite=0.2)) as running:
        await pipeline.settled(running)
        written = running.normalizer.tasks[0].written()
        await until(lambda: running.normalizer.tasks[0].written() != written, "the position is written again")
    (last,) = (await pipeline.ledger()).values()
    assert [(one.source, one.count) for one in last.held] == [("/things/new", 1)]


async def test_what_is_held_for_too_long_becomes_dead_letters_that_can_be_redriven(kafka: Broker, prefix: str) -> None:
    """By the clock of the normalizer: a day before raw's retention the records become letters with their bytes."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await pipeline.append([Row(n, 1, "x") for n in range(5)], tenant="new")
    retention = int(pipeline.topics[pipeline.topic("raw")].config["retention.ms"])
    late = (retention - DAYS_MS) / 1000 + 60
    async with pipeline.running() as running:
        await pipeline.settled(running)
    async with pipeline.running(clock=lambda: time.time() + late) as running:
        await all_back(running)
        await pipeline.settled(running)
    assert await pipeline.totals() == {"held": 5, "dead": 5}
    letters = await pipeline.records("dead-letters")
    assert {decode_dead_letter(record.headers).problem.code for record in letters} == {"held_too_long"}
    assert sorted(decode_row(record.value or b"").id for record in letters) == list(range(5))
    raws = [from_raw_record(record.headers, record.value) for record in letters]
    await pipeline.append_raw(raws, redriven=True)
    configure(pipeline, account("new"))
    async with pipeline.running() as running:
        await pipeline.settled(running)
    assert await pipeline.totals() == {"held": 5, "dead": 5, "published": 5}


async def _append_events(pipeline: Pipeline, count: int) -> None:
    provider, now = discover()["outreach"], int(time.time() * 1000)
    pieces = provider.cut(page(*(row(number) for number in range(count))).encode())
    raws = (
        RawEvent(provider="outreach", tenant="acme", shape=p.shape, value=p.value, via=Via.INGEST, received=now)
        for p in pieces
    )
    outs = [to_raw_record(provider, raw) for raw in raws]
    async with Appender(pipeline.config.kafka) as appender:
        for first in range(0, count, 1_000):
            some = [(place(out.key, pipeline.partitions), out) for out in outs[first : first + 1_000]]
            assert set(await appender.append_each(pipeline.topic("raw"), some, 30.0)) == {None}


async def test_a_tenant_that_appears_in_the_file_gets_what_waits_for_it(
    kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    """Without a restart: the configuration is followed, and the records that came before it are published."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    await _append_events(pipeline, 200)
    program = Program(configuration(kafka.bootstrap_servers, prefix, ""), tmp_path)
    try:
        await pipeline.settled()
        assert await pipeline.totals() == {"held": 200}
        settings = configuration(kafka.bootstrap_servers, prefix, "[tenants.outreach.acme]")
        (tmp_path / "headrace.toml").write_text(settings)
        await program.says("configuration_taken_over")

        async def all_are_back() -> bool:
            return await pipeline.totals() == {"held": 200, "published": 200}

        await until(all_are_back, "what waited is published")
        assert len(set(await pipeline.published())) == 200
    finally:
        assert await asyncio.to_thread(program.stop) == 0


@pytest.mark.slow
async def test_promise_3_a_kill_while_held_records_go_back(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """Deliveries wait for their tenant, which a new configuration brings; killed twice on the way."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    await _append_events(pipeline, COUNT)
    without = configuration(kafka.bootstrap_servers, prefix, "")
    program = Program(without, tmp_path / "without")
    try:
        await pipeline.settled()
        assert await pipeline.totals() == {"held": COUNT}
        await program.says("records_held")
        assert program.events("records_held")[0]["source"] == "/outreach/acme"
    finally:
        assert await asyncio.to_thread(program.stop) == 0
    settings = configuration(kafka.bootstrap_servers, prefix, "[tenants.outreach.acme]")
    for kill in range(2):
        program = Program(settings, tmp_path / f"kill-{kill}")
        end = sum((await pipeline.raw_ends()).values())

        async def some_are_back(end: int = end) -> bool:
            return sum((await pipeline.raw_ends()).values()) > end

        await until(some_are_back, "some are back", every=0.01)
        program.child.kill()
        assert (await pipeline.totals()).get("published", 0) < COUNT, "it was killed too late to show anything"
    program = Program(settings, tmp_path / "last")
    try:

        async def all_published() -> bool:
            return (await pipeline.totals()).get("published", 0) == COUNT

        await until(all_published, "all are published")
        await until(lambda: _released(program), "nothing is held any more")
        await pipeline.settled()
    finally:
        assert await asyncio.to_thread(program.stop) == 0
    found = await pipeline.published()
    assert (len(found), len(set(found))) == (COUNT, COUNT)
    totals = await pipeline.totals()
    assert set(totals) <= {"held", "published", "duplicate"}
    assert totals["held"] == COUNT


async def _released(program: Program) -> bool:
    return not sum(n for (name, _), n in (await program.numbers()).items() if name == "headrace_held_records")
