"""Promises 2 and 3 for the real program: killed at random moments, put to sleep and woken up late, nothing differs.

`HEADRACE_CRASH_ROUNDS` says how often it is hurt (20), `HEADRACE_CRASH_SEED` repeats the choices of a run. A take-over
after SIGKILL begins when the group has missed the dead member for `kafka.session_timeout`: 45 s would make a round of
it, so the configuration says one second.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path

import pytest

from headrace.config.tenants import Account
from headrace.core.mapping_file import build
from headrace.kafka.appender import Appender
from headrace.kafka.consumer import read
from headrace.providers.discover import builtin, discover
from headrace.records.raw import place, to_raw_record
from headrace.sdk.provider import RawEvent
from headrace_events import Via, decode
from tests.acceptance.scenario import TENANT, Position, Scenario
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import DEADLINE, Pipeline, make_pipeline, until
from tests.kafka.broker import Broker
from tests.results import ShowResult

ROUNDS = int(os.environ.get("HEADRACE_CRASH_ROUNDS", "20"))
SEED = int(os.environ.get("HEADRACE_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
PARTITIONS = 4
TENANTS = "\n".join(f"[tenants.{name}.{TENANT}]" for name in sorted(discover()))

pytestmark = [pytest.mark.apache_kafka, pytest.mark.slow, pytest.mark.crash, pytest.mark.timeout(120 + 15 * ROUNDS)]


class Crowd:
    """The processes of the program: hurt by `round`, replaced so that at least one is alive and awake."""

    def __init__(self, pipeline: Pipeline, home: Path, dice: random.Random) -> None:
        self.kills = 0
        self.zombies = 0
        self._pipeline = pipeline
        self._home = home
        self._dice = dice
        self._alive: list[Program] = []
        self._started = 0

    async def round(self, number: int) -> None:
        """Kill one process at a random moment; every fourth time one has slept before, while another took over."""
        if not self._alive:
            await self.start(wait=self._dice.random() < 0.7)
        if number % 4 == 0:
            await self._sleep_through(self._dice.choice(self._alive))
        await asyncio.sleep(self._dice.uniform(0, 1.5))
        victim = self._alive.pop(self._dice.randrange(len(self._alive)))
        assert victim.child.runs, f"it ended by itself:\n{victim.tail()}"
        victim.child.kill()
        self.kills += 1

    async def start(self, *, wait: bool = True) -> None:
        """Start a process; with `wait`, until what it took over moves (another may have been alive beside it)."""
        program = Program(
            configuration(
                self._pipeline.config.kafka.bootstrap_servers, self._pipeline.config.topic_prefix, TENANTS, "1s"
            ),
            self._home,
            f"normalizer-{self._started}",
        )
        self._started += 1
        self._alive.append(program)
        if wait:
            await program.says("task_restored")

    async def rest(self) -> None:
        """Let one process alone finish, with nobody else left."""
        while self._alive:
            self._alive.pop().child.kill()
        await self.start()
        await self._pipeline.settled(deadline=120)
        assert await asyncio.to_thread(self._alive.pop().stop) == 0

    def close(self) -> None:
        """End what is left."""
        for program in self._alive:
            program.child.kill()

    async def _sleep_through(self, victim: Program) -> None:
        """Let a process sleep until another has taken over and moved on; awake, it goes on beside it."""
        victim.child.signal(signal.SIGSTOP)
        try:
            await self.start()
            await self._moves()
        finally:
            victim.child.signal(signal.SIGCONT)
        self.zombies += 1

    async def _moves(self) -> None:
        reached = await self._position()

        async def moved() -> bool:
            return await self._position() > reached

        await until(moved, "somebody takes over", every=0.2)

    async def _position(self) -> int:
        return sum(last.next_offset for last in (await self._pipeline.ledger()).values())


async def test_promise_3_killed_at_random_moments_nothing_is_lost_or_doubled(
    kafka: Broker, prefix: str, tmp_path: Path, show_result: ShowResult
) -> None:
    """Through every SIGKILL and every zombie each version of each fact comes out once, the last one last."""
    began, scenario, dice = time.monotonic(), Scenario(SEED), random.Random(SEED)
    accounts = [Account(p, TENANT, p.Settings(), build(builtin(name), ())) for name, p in discover().items()]
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=PARTITIONS, accounts=accounts)
    crowd = Crowd(pipeline, tmp_path, dice)
    try:
        async with _telling(pipeline, scenario):
            for number in range(1, ROUNDS + 1):
                await crowd.round(number)
        await crowd.rest()
    finally:
        crowd.close()
    records, events = await _judge(pipeline, scenario)
    show_result(
        f"crash test: {len(scenario.records)} versions in {records} raw records, {events} events, {crowd.kills} kills, "
        f"{crowd.zombies} zombies, {await _cut_off(pipeline)} commits cut off, 0 lost, 0 doubled, "
        f"{time.monotonic() - began:.0f} s, seed {SEED}"
    )


async def _judge(pipeline: Pipeline, scenario: Scenario) -> tuple[int, int]:
    """Compare what came out with what the order on raw asks for; return the numbers of raw records and events."""
    raw = await pipeline.records("raw")
    events = [decode(record.value or b"") for record in await pipeline.records("events")]
    wanted = scenario.must_be_published(raw)
    found: Counter[Position] = Counter(
        (event.data.provenance.raw.partition, event.data.provenance.raw.offset) for event in events
    )
    by_position = {(record.partition, record.offset): scenario.records[record.value or b""] for record in raw}
    lost = [(at, by_position[at]) for at in sorted(wanted - set(found))]
    assert not lost, f"{len(lost)} lost, seed {SEED}: {lost[:3]}"
    doubled = Counter((event.source, event.id) for event in events) - Counter({(e.source, e.id) for e in events})
    assert not doubled, f"{len(doubled)} doubled, seed {SEED}: {doubled.most_common(3)}"
    invented = [(at, by_position[at]) for at in sorted(set(found) - wanted)]
    assert not invented, f"{len(invented)} published that were no news, seed {SEED}: {invented[:3]}"
    assert found.total() == len(wanted)
    letters = Counter(record.value for record in await pipeline.records("dead-letters"))
    assert set(letters) == scenario.broken(raw)
    assert letters.total() == len(letters), f"a payload has two dead letters, seed {SEED}"
    totals = await pipeline.totals()
    assert (totals["published"], totals["dead"], sum(totals.values())) == (len(events), len(letters), len(raw))
    return len(raw), len(events)


async def _cut_off(pipeline: Pipeline) -> int:
    """Count the commits that were written and never committed: how well the moments were chosen."""
    async with asyncio.timeout(DEADLINE):
        written = [record async for record in read(pipeline.config.kafka, pipeline.topic("seen"), committed=False)]
    return len(written) - len(await pipeline.records("seen"))


@contextlib.asynccontextmanager
async def _telling(pipeline: Pipeline, scenario: Scenario) -> AsyncIterator[None]:
    """Append the scenario while the body runs."""
    telling = asyncio.create_task(_tell(pipeline, scenario))
    try:
        yield
        if telling.done():
            telling.result()
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


async def _tell(pipeline: Pipeline, scenario: Scenario) -> None:
    records = iter(scenario)
    async with Appender(pipeline.config.kafka) as appender:
        while True:
            outs = [
                to_raw_record(
                    t.provider,
                    RawEvent(
                        provider=t.provider.name,
                        tenant=TENANT,
                        shape=t.shape,
                        value=t.value,
                        via=Via.POLL,
                        received=int(time.time() * 1000),
                    ),
                )
                for t in islice(records, 50)
            ]
            await asyncio.gather(
                *(appender.append(pipeline.topic("raw"), place(out.key, PARTITIONS), out) for out in outs)
            )
            await asyncio.sleep(0.05)  # about a thousand a second: the load is there to be there
