"""Promise 1 for the real program: what a platform believes to have delivered comes out once, whatever breaks.

`HEADRACE_RECEIVER_SEED` repeats the choices of a run, `HEADRACE_RECEIVER_ROUNDS` says how often the receiver is killed
(20).
"""

import asyncio
import os
import random
import resource
from pathlib import Path

import pytest

from tests.acceptance.platforms import Platforms, every_promise_is_kept
from tests.integration.child_process import ALL, Program, configuration
from tests.integration.pipeline import Pipeline, make_pipeline, until
from tests.kafka.plugin import OwnKafka
from tests.kafka.ports import free_port
from tests.results import ShowResult

SEED = int(os.environ.get("HEADRACE_RECEIVER_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
ROUNDS = int(os.environ.get("HEADRACE_RECEIVER_ROUNDS", "20"))
OUTAGE = 30.0
"""Seconds that Kafka is away."""
PATIENT = {"broker.session.timeout.ms": "120000"}
"""A broker that is frozen here is to be the same one when it wakes up: see test_deadlines."""
SPOOL = "spool.db"

pytestmark = [pytest.mark.apache_kafka, pytest.mark.slow, pytest.mark.timeout(240 + 6 * ROUNDS)]


async def test_promise_1_kafka_away_for_half_a_minute(
    own_kafka: OwnKafka, prefix: str, tmp_path: Path, show_result: ShowResult
) -> None:
    """Kafka is killed under load and comes back half a minute later: every answer that was given holds."""
    broker = own_kafka()
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    program, platforms = _begin(pipeline, tmp_path, roles=ALL)
    await program.ready()
    async with platforms.sending():
        await until(lambda: len(platforms.promised) > 100, "deliveries are taken")
        broker.kill()
        before = len(platforms.promised)
        await asyncio.sleep(OUTAGE)  # the outage itself
        during = len(platforms.promised) - before
        broker.spawn()
        await asyncio.to_thread(broker.wait_until_serves)
        await until(lambda: len(platforms.promised) > before + during + 100, "deliveries are taken again")
    assert during > 100, f"while Kafka was away, {during} were taken: {platforms.answers}"
    assert {status for _, status in platforms.answers} <= {200, 202}, platforms.answers
    await _drained(program, pipeline)
    count = await every_promise_is_kept(pipeline, platforms)
    assert await asyncio.to_thread(program.stop) == 0
    show_result(f"Kafka away for {OUTAGE:.0f} s: {count} promised, {during} of them meanwhile; seed {SEED}")


@pytest.mark.crash
async def test_promise_1_the_receiver_killed_again_and_again(
    own_kafka: OwnKafka, prefix: str, tmp_path: Path, show_result: ShowResult
) -> None:
    """SIGKILL at random moments, with Kafka frozen in between and a torn spool: every answer that was given holds."""
    broker = own_kafka(PATIENT)
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    dice = random.Random(SEED)
    program, platforms = _begin(pipeline, tmp_path, roles=("receiver",))
    spooled = 0
    async with platforms.sending():
        for number in range(ROUNDS):
            await program.says("receiver_opened")
            if number % 3 == 0:
                broker.pause()
            elif number % 3 == 2:
                broker.resume()
            promised = len(platforms.promised)
            await until(lambda: len(platforms.promised) > promised + 5, "deliveries are taken", every=0.02)  # noqa: B023  (it ends with the round)
            await asyncio.sleep(dice.uniform(0, 1.5))  # any moment
            assert program.child.runs, program.tail()
            program.child.kill()
            spooled += _tear(tmp_path / SPOOL, dice)
            program = _start(pipeline, tmp_path, platforms, roles=("receiver",), name=f"receiver-{number + 1}")
        broker.resume()
    assert spooled > ROUNDS // 3, f"the spool was in use after {spooled} of {ROUNDS} kills only"
    normalizer = _start(pipeline, tmp_path / "normalizer", platforms, roles=("normalizer",), name="normalizer")
    await _drained(program, pipeline)
    count = await every_promise_is_kept(pipeline, platforms)
    for each in (program, normalizer):
        assert await asyncio.to_thread(each.stop) == 0, each.tail()
    show_result(f"receiver killed {ROUNDS} times, {spooled} with records in the spool: {count} promised; seed {SEED}")


async def test_promise_1_a_full_disk_refuses_before_it_promises(
    own_kafka: OwnKafka, prefix: str, tmp_path: Path
) -> None:
    """With Kafka away and no byte left on the disk nothing is acknowledged; with room again everything goes on."""
    broker = own_kafka(PATIENT)
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    program, platforms = _begin(pipeline, tmp_path, roles=ALL)
    await program.ready()
    async with platforms.sending():
        await until(lambda: len(platforms.promised) > 50, "deliveries are taken")
        broker.pause()
        limits = resource.prlimit(program.child.pid, resource.RLIMIT_FSIZE)
        room = max(path.stat().st_size for path in (tmp_path / SPOOL, tmp_path / f"{SPOOL}-wal")) + 64 * 1024
        resource.prlimit(program.child.pid, resource.RLIMIT_FSIZE, (room, limits[1]))
        await until(lambda: platforms.answers["leadsquared", 503] > 3, "the platforms get 503")
        await until(lambda: platforms.answers["outreach", 0] > 3, "Outreach gets no answer at all")
        assert not await program.is_ready()
        resource.prlimit(program.child.pid, resource.RLIMIT_FSIZE, limits)
        promised = len(platforms.promised)
        await until(lambda: len(platforms.promised) > promised + 50, "with room, deliveries are taken again")
        broker.resume()
    assert not platforms.answers["outreach", 503]
    await _drained(program, pipeline)
    await every_promise_is_kept(pipeline, platforms)
    assert await asyncio.to_thread(program.stop) == 0


def _begin(pipeline: Pipeline, home: Path, roles: tuple[str, ...]) -> tuple[Program, Platforms]:
    platforms = Platforms(SEED, f"http://127.0.0.1:{free_port()}")
    return _start(pipeline, home, platforms, roles, "headrace-0"), platforms


def _start(pipeline: Pipeline, home: Path, platforms: Platforms, roles: tuple[str, ...], name: str) -> Program:
    port = platforms.url.rpartition(":")[2]
    more = f'[spool]\npath = "{SPOOL}"'
    kafka = pipeline.config.kafka
    text = configuration(kafka.bootstrap_servers, pipeline.config.topic_prefix, platforms.tenants, more=more)
    return Program(text.replace("port = 0", f"port = {port}", 1), home, name, roles=roles)


async def _drained(program: Program, pipeline: Pipeline) -> None:
    """Wait until the spool is empty and every record of raw has its fate."""

    async def empty() -> bool:
        return (await program.numbers())["headrace_spool_records", frozenset()] == 0

    try:
        await until(empty, "the spool is empty", every=0.2)
        await pipeline.settled()
    except TimeoutError as error:
        error.add_note(program.tail())
        raise


def _tear(spool: Path, dice: random.Random) -> bool:
    """Leave half a write behind, as a machine does that loses power; say whether anything was spooled."""
    log = spool.with_name(f"{spool.name}-wal")
    if not log.exists() or not log.stat().st_size:
        return False
    with log.open("ab") as file:
        file.write(dice.randbytes(dice.randrange(1, 5_000)))
    return True
