"""Promises 2 and 3 for what is polled: whatever platforms and crashes do, no ledger has anything to complain of.

`HEADRACE_FEEDS_EVENTS` says how many events each of the three platforms has, `HEADRACE_FEEDS_SEED` repeats the choices
of a run. Ten days pass on the platforms while pollers are killed, and everything that may go wrong does.
"""

import asyncio
import contextlib
import os
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from headrace.records.cursors import home_partition
from headrace_demo.simulators.ledger import Found, found_of
from headrace_events import Event, decode
from tests.acceptance.simulated_world import SimulatedWorld
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import Pipeline, make_pipeline, until
from tests.kafka.broker import Broker
from tests.results import ShowResult

EVENTS: Final = int(os.environ.get("HEADRACE_FEEDS_EVENTS", "2000"))
LEADS: Final = 5_000
"""Of an account whose leads nobody names."""
SEED: Final = int(os.environ.get("HEADRACE_FEEDS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
PARTITIONS: Final = 4
LASTS: Final = 45.0 + EVENTS / 50
"""Seconds that the ten days of the platforms take."""
SETTLES: Final = 120.0 + EVENTS / 50
PROVIDERS: Final = ("leadping", "leadsquared", "outreach")

pytestmark = [pytest.mark.apache_kafka, pytest.mark.slow, pytest.mark.crash, pytest.mark.timeout(LASTS + SETTLES + 120)]


class Crowd:
    """Two pollers, one of which is killed and replaced at random moments, and a normalizer."""

    def __init__(self, pipeline: Pipeline, tenants: str, home: Path, dice: random.Random) -> None:
        self.kills = 0
        self._dice = dice
        self._home = home
        kafka = pipeline.config.kafka.bootstrap_servers
        self._text = configuration(kafka, pipeline.config.topic_prefix, tenants)
        self._normalizer = Program(self._text, home, "normalizer", roles=("normalizer",))
        self._pollers = [self._start(number) for number in range(2)]

    async def ready(self) -> None:
        """Wait until both pollers have tenants, so that they share them."""
        for poller in self._pollers:
            await poller.says("task_restored")

    async def suffer(self) -> None:
        """Kill one poller after the other, until cancelled."""
        for number in range(2, 10_000):
            await asyncio.sleep(self._dice.uniform(3, 15))  # any moment
            victim = self._pollers.pop(self._dice.randrange(2))
            assert victim.child.runs, f"it ended by itself:\n{victim.tail()}"
            victim.child.kill()
            self.kills += 1
            self._pollers.append(self._start(number))

    async def stop(self) -> None:
        """End them as Kubernetes does."""
        for program in (*self._pollers, self._normalizer):
            assert await asyncio.to_thread(program.stop) == 0, program.tail()

    def close(self) -> None:
        """End what is left."""
        for program in (*self._pollers, self._normalizer):
            program.child.kill()

    def _start(self, number: int) -> Program:
        return Program(self._text, self._home, f"poller-{number}", roles=("poller",))


async def test_promises_2_and_3_every_event_of_three_platforms_comes_out_once(
    kafka: Broker, prefix: str, tmp_path: Path, show_result: ShowResult
) -> None:
    """Through faults, late rows, edits, ended tokens and SIGKILL: each event is there, its last version last, once."""
    show_result(await _played(SimulatedWorld(SEED, EVENTS), kafka, prefix, tmp_path))


@pytest.mark.timeout(600)
async def test_promises_2_and_3_every_event_of_5000_leads_that_nobody_named_comes_out_once(
    kafka: Broker, prefix: str, tmp_path: Path, show_result: ShowResult
) -> None:
    """The feeds of whole accounts find all of them, through the same troubles."""
    played = await _played(SimulatedWorld(SEED, EVENTS, LEADS), kafka, prefix, tmp_path)
    show_result(f"{LEADS} leads that nobody named: {played}")


async def _played(world: SimulatedWorld, kafka: Broker, prefix: str, tmp_path: Path) -> str:
    """Let ten days pass, and judge what came out; return what there is to show."""
    began, names = time.monotonic(), _spread()
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=PARTITIONS)
    async with world.open():
        crowd = Crowd(pipeline, world.tenants(names), tmp_path, world.dice)
        try:
            await crowd.ready()
            async with _beside(world, crowd):
                await world.go_on(LASTS)
            world.recover()
            goes_by = asyncio.create_task(world.go_by())
            try:
                await _complete(pipeline, world)
            finally:
                goes_by.cancel()
            await pipeline.settled()
            complaints = await _complaints(pipeline, world)
            assert not any(complaints.values()), f"seed {SEED}: {complaints}"
            await crowd.stop()
        finally:
            crowd.close()
    assert {platform.provider: platform.quota.exceeded for platform in world.platforms} == dict.fromkeys(PROVIDERS, 0)
    assert (world.outreach.tokens.too_soon, world.outreach.tokens.reused) == (0, 0)
    return f"{await _summary(pipeline, world, crowd)}, {time.monotonic() - began:.0f} s, seed {SEED}"


def _spread() -> Mapping[str, str]:
    """Name the tenants so that they live in different partitions, and two pollers share them."""
    candidates = {
        provider: [
            name
            for name in (f"acme-{n}" for n in range(100))
            if home_partition(f"/{provider}/{name}", PARTITIONS) == at
        ]
        for at, provider in enumerate(PROVIDERS)
    }
    return {provider: found[0] for provider, found in candidates.items()}


@contextlib.asynccontextmanager
async def _beside(world: SimulatedWorld, crowd: Crowd) -> AsyncIterator[None]:
    """Break platforms and kill pollers while the body runs; raise what went wrong with that."""
    jobs = [asyncio.create_task(world.break_down()), asyncio.create_task(crowd.suffer())]
    try:
        yield
    finally:
        for job in jobs:
            job.cancel()
        ended = await asyncio.gather(*jobs, return_exceptions=True)
    for error in ended:
        if not isinstance(error, asyncio.CancelledError):
            raise error  # type: ignore[misc]  # neither of them ever returns


async def _complete(pipeline: Pipeline, world: SimulatedWorld) -> None:
    """Wait until nothing is missing."""
    complaints: Mapping[str, list[str]] = {}

    async def nothing_is_missing() -> bool:
        nonlocal complaints
        complaints = await _complaints(pipeline, world)
        return not any(complaints.values())

    try:
        await until(nothing_is_missing, "all is published", deadline=SETTLES, every=3.0)
    except TimeoutError as error:
        error.add_note(f"seed {SEED}, events {EVENTS}")
        error.add_note("\n".join(f"{name}: {len(found)}, {found[:3]}" for name, found in complaints.items()))
        raise


async def _complaints(pipeline: Pipeline, world: SimulatedWorld) -> Mapping[str, list[str]]:
    """Let the ledgers judge what is published."""
    found: dict[str, list[Found]] = defaultdict(list)
    last: dict[tuple[str, str], Event] = {}
    for record in await pipeline.records("events"):
        event = decode(record.value or b"")
        native = event.data.native
        if not _torn(event, last.get((native.provider, native.id))):
            found[native.provider].append(found_of(event))
        last[native.provider, native.id] = event
    return {
        platform.provider: platform.history.ledger.complaints(
            found[platform.provider], platform.clock.now, platform.spoiled
        )
        for platform in world.platforms
    }


def _torn(event: Event, last: Event | None) -> bool:
    """Return whether an event is a version that has no mark of its own.

    Row, detail and call are read from LeadPing one after the other. What moved on in between is a version under the
    text of the row that was read before: another number, the same mark.
    """
    if last is None or event.data.native.provider != "leadping":
        return False
    return event.data.title == last.data.title and event.id != last.id


async def _summary(pipeline: Pipeline, world: SimulatedWorld, crowd: Crowd) -> str:
    totals = await pipeline.totals()
    calls = ", ".join(
        f"{platform.provider} {platform.answers.total()} calls ({sum(platform.faults.come.values())} went wrong)"
        for platform in world.platforms
    )
    fates = ", ".join(f"{count} {fate}" for fate, count in totals.items())
    return (
        f"feeds: {EVENTS} events on each platform, {fates}; {calls}; {world.outreach.tokens.minted} tokens, "
        f"{crowd.kills} kills"
    )
