"""Promise 8 on a broker that is hurt: nothing hangs, everything ends in time and goes on when it can."""

import asyncio
import gc
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from headrace.kafka.partition_owner import CannotRun
from tests.integration.child_process import STOPS_WITHIN, Program, configuration
from tests.integration.pipeline import Pipeline, make_pipeline, until
from tests.integration.random_rows import random_rows
from tests.integration.test_take_over import BRISK
from tests.kafka.broker import Broker
from tests.kafka.plugin import OwnKafka

pytestmark = pytest.mark.apache_kafka

PATIENT = {"broker.session.timeout.ms": "120000"}
"""A lone node that was frozen for longer than its session is fenced by itself when it wakes up. What it aborts in that
moment it may report as done without a marker in the log (seen with 4.3.1): readers then wait there for ever, and only
`kafka-transactions.sh` helps. These tests are about us."""


@pytest.mark.slow
async def test_promise_8_a_broker_that_stands_still_is_given_up_and_taken_up_again(
    own_kafka: OwnKafka, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A commit to a broker that does not answer ends by itself; a stop does too; afterwards everything is right.

    No outcome is left lying for asyncio to complain of.
    """
    broker = own_kafka(PATIENT)
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    async with pipeline.under_load(seed=8):
        async with pipeline.running(pace=BRISK) as running:
            await until(lambda: running.position > 100, "it moves")
            broker.pause()
            await until(lambda: running.rebuilt.total() > 0, "a producer is given up", deadline=20)
            broker.resume()
            await asyncio.to_thread(broker.wait_until_serves)
            reached = running.position
            await until(lambda: running.position > reached + 100, "it moves again")
            broker.pause()
            await running.stop(STOPS_WITHIN)
        broker.resume()
        await asyncio.to_thread(broker.wait_until_serves)
    async with pipeline.running() as last:
        await pipeline.settled(last)
    await pipeline.holds_its_promises()
    gc.collect()
    assert "never retrieved" not in caplog.text


@pytest.mark.slow
async def test_promise_8_sigterm_ends_the_program_in_time(own_kafka: OwnKafka, prefix: str, tmp_path: Path) -> None:
    """The program ends with 0 within its deadline, whether Kafka answers, is silent or is gone."""
    broker = own_kafka(PATIENT)
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    settings = configuration(broker.bootstrap_servers, prefix, "")
    async with pipeline.under_load(seed=9):
        for number, hurt in enumerate((None, broker.pause, broker.kill)):
            program = Program(settings, tmp_path, f"normalizer-{number}")
            await program.says("task_restored", times=2)
            await _moves(pipeline)
            if hurt is not None:
                hurt()
            code = await asyncio.to_thread(program.stop)
            assert code == 0, program.tail()
            assert program.events("stopped")
            if hurt == broker.pause:
                broker.resume()
                await asyncio.to_thread(broker.wait_until_serves)


@pytest.mark.slow
async def test_promise_8_producers_that_hang_are_cut_off_and_the_process_goes_on(
    own_kafka: OwnKafka, prefix: str, tmp_path: Path
) -> None:
    """However many cannot be stopped while the broker stands still, none delivers late, and all are replaced."""
    broker = own_kafka(PATIENT)
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix, partitions=4)
    settings = configuration(broker.bootstrap_servers, prefix, "")
    # A backlog that lasts: only a task that has something to write has a producer that hangs.
    await pipeline.append(islice(random_rows(9), 40_000))
    program = Program(settings, tmp_path)
    async with pipeline.under_load(seed=10):
        await program.says("task_restored", times=4)
        await until(partial(_all_move, pipeline), "records of every partition have their fate", every=0.1)
        broker.pause()
        await program.says("producer_cut_off", times=4)
        broker.resume()
        await asyncio.to_thread(broker.wait_until_serves)
        await program.says("task_restored", times=8)
        await _moves(pipeline)
    try:
        await pipeline.settled()
    except TimeoutError as error:
        error.add_note(program.tail(60))
        raise
    assert await asyncio.to_thread(program.stop) == 0
    # No tenant is configured: every payload waits for it.
    assert await pipeline.totals() == {"held": len(await pipeline.records("raw"))}


async def test_promise_8_a_lost_place_in_the_group_ends_the_process(kafka: Broker, prefix: str) -> None:
    """The client's coordination, once broken, never comes back by itself: the process says so and ends."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    async with pipeline.running() as running:
        await running.runs(tasks=2)
        member = running.normalizer.group.member
        assert member is not None
        coordinator = member._consumer._coordinator

        async def broken() -> None:
            raise LookupError("broken for the test")

        coordinator.ensure_coordinator_known = broken
        coordinator.coordinator_dead()
        assert "the place in the group is lost" in await running.refuses(CannotRun)


async def _all_move(pipeline: Pipeline) -> bool:
    reached = await pipeline.ledger()
    return len(reached) == pipeline.partitions and all(last.next_offset for last in reached.values())


async def _moves(pipeline: Pipeline) -> None:
    async def position() -> int:
        return sum(last.next_offset for last in (await pipeline.ledger()).values())

    reached = await position()

    async def moved() -> bool:
        return await position() > reached + 50

    await until(moved, "records have their fate", every=0.2)
