"""Promise 2 behind a broken network: a broker that is cut off from the others, but not from us, leads part of a topic.

It does not know that others lead now: it goes on telling old metadata and an old end of what it led. Whoever takes over
a partition meanwhile, with a fresh client, may ask it. `HEADRACE_ISOLATED_ROUNDS` says how often that is done (3),
`HEADRACE_ISOLATED_SEED` repeats the choices of a run, whose rounds have this seed and those after it.
"""

import asyncio
import os
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import pytest

from tests.acceptance.cluster_pipeline import ClusterPipeline, LoadGenerator
from tests.acceptance.judge import Judge, Verdict
from tests.acceptance.scenario import Scenario
from tests.integration.pipeline import until
from tests.kafka.cluster import Cluster

ROUNDS: Final = int(os.environ.get("HEADRACE_ISOLATED_ROUNDS", "3"))
SEED: Final = int(os.environ.get("HEADRACE_ISOLATED_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
PARTITIONS: Final = 12
RECOVERS_WITHIN: Final = 25.0
TAKES_OVER_WITHIN: Final = 12.0
FURTHER: Final = 20
"""Offsets of seen by which the new leader must be ahead of what the old one tells."""
TOPICS: Final = ("seen", "seen", "raw", "events", "cursors")
"""A leader of which topic is cut off; it leads about a third of every other one, too."""
HOW: Final[tuple[Literal["cut", "black_hole"], ...]] = ("cut", "black_hole")

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(120 + 300 * ROUNDS)]


@dataclass
class Round:
    """What was done in one round, and what came of it."""

    seed: int
    isolated: int
    how: Literal["cut", "black_hole"]
    applied: int
    """How often `topics apply` was run until it went through."""
    ended: list[str]
    """The last words of processes that ended by themselves."""
    logged: list[str]
    """What processes logged that must never happen."""
    stale: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By partition of seen: where it ends as the isolated leader tells it, and where in truth."""
    replaced: list[str] = field(default_factory=list)
    """The bootstrap servers of each process that took over."""
    verdict: Verdict | None = None
    recovered: float = 0.0
    """Seconds from the end of the load, on a whole cluster, until each raw record had its fate."""
    seconds: float = 0.0

    @property
    def faults(self) -> dict[str, list[str]]:
        """What was wrong, by kind."""
        faults = self.verdict.faults() if self.verdict else {"unsettled": ["raw records have no fate"]}
        more = {"ended": self.ended, "logged": self.logged}
        return faults | {kind: found for kind, found in more.items() if found}

    def __str__(self) -> str:
        ends = ", ".join(f"seen-{p} {stale} for {end}" for p, (stale, end) in sorted(self.stale.items()))
        head = (
            f"seed {self.seed}: node {self.isolated} isolated ({self.how}), {len(self.replaced)} replaced "
            f"({', '.join(self.replaced)}), topics apply x {self.applied}, settled after {self.recovered:.0f} s, "
            f"{self.seconds:.0f} s in all"
        )
        result = f"{self.verdict or 'unsettled'}, {len(self.ended)} ended, {len(self.logged)} logged"
        details = [f"{count} x {words}" for words, count in Counter(self.ended + self.logged).items()]
        return "\n    ".join([head, f"stale ends: {ends}", result, *details])


async def test_promise_2_behind_a_leader_that_is_cut_off_nothing_is_published_twice(
    cluster: Cluster, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever takes over while a leader tells old ends publishes nothing again, and does not end for it."""
    faults: Counter[str] = Counter()
    for seed in range(SEED, SEED + ROUNDS):
        done = await _round(ClusterPipeline(cluster, f"{prefix}{seed}.", PARTITIONS, tmp_path / str(seed)), seed)
        for kind, found in done.faults.items():
            faults[kind] += len(found)
        with capsys.disabled():
            print(f"\n{done}", end="", flush=True)  # noqa: T201  (it is what a reader of the run wants)
    assert not faults, f"{dict(faults)}: {ROUNDS} rounds from seed {SEED}"


async def _round(pipeline: ClusterPipeline, seed: int) -> Round:
    """Cut a leader off, replace the process that owns its partitions, heal, and judge."""
    began, dice, scenario, cluster = time.monotonic(), random.Random(seed), Scenario(seed), pipeline.cluster
    applied = await asyncio.to_thread(pipeline.apply)
    await asyncio.to_thread(cluster.wait_until_whole)
    topic = pipeline.topic(dice.choice(TOPICS))
    leaders = cluster.leaders(topic, viewer=1)
    done = Round(seed, leaders[dice.randrange(PARTITIONS)], dice.choice(HOW), applied, pipeline.fleet.ended, [])
    try:
        async with LoadGenerator(cluster.bootstrap_servers, pipeline.topic("raw"), PARTITIONS, scenario):
            await _take_over(pipeline, cluster.bootstrap_servers)
            await asyncio.sleep(dice.uniform(1, 4))
            await _isolate(pipeline, done)
            for _ in range(dice.randint(3, 5)):
                await _replace(pipeline, done, dice)
            cluster.heal()
            await asyncio.to_thread(cluster.wait_until_whole)
        judge = Judge(cluster.bootstrap_servers, pipeline.topic(""))
        healed = time.monotonic()
        if await _settled(pipeline, judge):
            done.recovered = time.monotonic() - healed
            pipeline.fleet.kill_all()
            done.verdict = await asyncio.to_thread(judge.verdict, scenario.must_be_published)
    finally:
        cluster.heal()
        pipeline.fleet.kill_all()
    done.logged = pipeline.fleet.logged()
    done.seconds = time.monotonic() - began
    return done


async def _isolate(pipeline: ClusterPipeline, done: Round) -> None:
    """Cut a node off from its peers, and wait until much is committed where it cannot see it."""
    pipeline.cluster.isolate_from_peers(done.isolated, done.how)
    await asyncio.to_thread(pipeline.cluster.wait_until_led_without, done.isolated)
    old = await asyncio.to_thread(pipeline.committed_ends, "seen", done.isolated)

    async def went_on() -> bool:
        now: dict[int, int] = {}
        for number in set(pipeline.cluster.nodes) - {done.isolated}:
            now |= await asyncio.to_thread(pipeline.committed_ends, "seen", number)
        done.stale = {partition: (end, now.get(partition, -1)) for partition, end in old.items()}
        ahead = [true for end, true in done.stale.values() if true > end + FURTHER]
        return len(ahead) * 2 > len(done.stale)

    with suppress(TimeoutError):  # then the process stands still, and its successor must go on
        await until(went_on, "the process goes on at new leaders", deadline=RECOVERS_WITHIN, every=0.5)


async def _replace(pipeline: ClusterPipeline, done: Round, dice: random.Random) -> None:
    """Kill the process, and let another take over that knows all brokers, or only the one that is cut off."""
    which = dice.choice(["all", "isolated"])
    pipeline.fleet.kill_all()
    cluster = pipeline.cluster
    await _take_over(pipeline, cluster.bootstrap_servers if which == "all" else cluster.addresses[done.isolated])
    done.replaced.append(which)
    await asyncio.sleep(dice.uniform(1, 3))


async def _settled(pipeline: ClusterPipeline, judge: Judge) -> bool:
    """Wait until each raw record has its fate; a process that ends is started again, as its supervisor would."""
    for _ in range(4):
        if await asyncio.to_thread(judge.settled, pipeline.fleet.runs):
            return True
        pipeline.fleet.kill_all()
        await _take_over(pipeline, pipeline.cluster.bootstrap_servers)
    return False


async def _take_over(pipeline: ClusterPipeline, servers: str) -> None:
    """Start a process with fresh clients, and give it time to take over; where it cannot, the judge will see."""
    program = pipeline.fleet.start(servers)
    with suppress(TimeoutError, RuntimeError):
        await program.says("task_restored", PARTITIONS, TAKES_OVER_WITHIN)
