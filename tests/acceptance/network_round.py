"""One round behind a broken network: hurt, mend, wait until all is decided, and judge."""

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from confluent_kafka import KafkaException

from tests.acceptance.cluster_pipeline import ClusterPipeline, LoadGenerator
from tests.acceptance.fleet import Vitals
from tests.acceptance.judge import Judge, Verdict
from tests.acceptance.network_faults import FAULTS, Stage
from tests.acceptance.scenario import Scenario

PROCESSES: Final = 2
RECOVERS_WITHIN: Final = 60.0
GIVES_UP_AFTER: Final = 150.0
FENCES_AGAIN_WITHIN: Final = 4.0
"""Two tasks that fence each other do it every three seconds."""
_UNREADY: Final = (TimeoutError, RuntimeError, aiohttp.ClientError)
MOST_DESCRIPTORS: Final = 120
MOST_RSS: Final = 300
"""MiB of one process: about 90 when idle, and what ten rounds leave in memory."""


@dataclass
class Round:
    """What was done in one round, and what came of it."""

    number: int
    fault: str
    seed: int
    details: str = ""
    recovered: float = 0.0
    """Seconds from the moment when the network and the brokers were mended until each raw record had its fate."""
    verdict: Verdict | None = None
    vitals: dict[str, Vitals] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)
    """What must not have happened, by kind."""
    seconds: float = 0.0

    def note(self, kind: str, found: list[str]) -> None:
        """Add what must not have happened, if anything."""
        if found:
            self.wrong[kind] = self.wrong.get(kind, []) + found

    def __str__(self) -> str:
        vitals = ", ".join(f"{name}: {now}" for name, now in self.vitals.items())
        lines = [
            f"round {self.number} (seed {self.seed}): {self.fault}: {self.details}",
            f"recovered after {self.recovered:.1f} s, {self.seconds:.0f} s in all; {vitals}",
            str(self.verdict or "not settled"),
            *(f"{len(found)} {kind}: {'; '.join(found[:3])}" for kind, found in self.wrong.items()),
        ]
        return "\n    ".join(lines)


class Player:
    """Plays rounds on one pipeline: its processes and its scenario go on from one to the next."""

    def __init__(self, pipeline: ClusterPipeline, seed: int) -> None:
        self.rounds = 0
        self._pipeline = pipeline
        self._fleet = pipeline.fleet
        self._cluster = pipeline.cluster
        self._scenario = Scenario(seed)
        self._judge = Judge(pipeline.cluster.bootstrap_servers, pipeline.topic(""))
        self._applied = 1

    async def open(self) -> None:
        """Create the topics and start the processes."""
        await asyncio.to_thread(self._cluster.wait_until_whole)
        self._applied = await asyncio.to_thread(self._pipeline.apply)
        self._fill()
        await self._fleet.alive[0].says("task_restored")

    async def close(self, done: Round) -> None:
        """End the processes in good order; write into the last round what was wrong with that."""
        ended, logged = len(self._fleet.ended), Counter(self._fleet.logged())
        for program in tuple(self._fleet.alive):
            await self._fleet.stop(program)
        done.note("ended", self._fleet.ended[ended:])
        done.note("logged", list((Counter(self._fleet.logged()) - logged).elements()))

    async def round(self, done: Round) -> None:
        """Play a round, and write into it what came of it."""
        began = time.monotonic()
        self.rounds += 1
        ended, logged = len(self._fleet.ended), Counter(self._fleet.logged())
        stage = Stage(self._pipeline, random.Random(done.seed))
        self._fill()
        mended = await self._hurt(stage, done)
        if await self._settled(mended):
            done.recovered = time.monotonic() - mended
            await self._look(done)
        else:
            done.note("stuck", [program.tail(3) for program in self._fleet.alive])
        self._fill()  # notes who ended meanwhile
        done.note("complained", stage.complaints)
        if self.rounds == 1 and self._applied > 1:
            done.note("topics applied", [f"{self._applied} times until it went through"])
        done.note("slow", [f"{done.recovered:.0f} s"] if done.recovered > RECOVERS_WITHIN else [])
        done.note("ended", self._fleet.ended[ended:])
        done.note("logged", list((Counter(self._fleet.logged()) - logged).elements()))
        done.seconds = time.monotonic() - began

    async def _hurt(self, stage: Stage, done: Round) -> float:
        """Let a fault happen under load; return when it was mended."""
        topic, servers = self._pipeline.topic("raw"), self._cluster.bootstrap_servers
        async with LoadGenerator(servers, topic, self._pipeline.partitions, self._scenario):
            await stage.lasts(1, 3)
            try:
                done.details = await FAULTS[done.fault](stage)
            finally:
                self._mend()
                mended = time.monotonic()
        return mended

    def _fill(self) -> None:
        """Let there be as many processes as there should be, as a supervisor does."""
        self._fleet.remove_ended()
        while len(self._fleet.alive) > PROCESSES:
            self._fleet.kill(self._fleet.alive[0])
        while len(self._fleet.alive) < PROCESSES:
            self._fleet.start(self._cluster.bootstrap_servers)

    def _mend(self) -> None:
        """Undo what was done to the network and the brokers, without waiting."""
        self._cluster.heal()
        for number, node in self._cluster.nodes.items():
            if node.is_spawned:
                self._cluster.thaw(number)
            else:
                self._cluster.start(number)

    async def _settled(self, mended: float) -> bool:
        """Wait until each raw record has its fate, and replace processes that end."""
        while time.monotonic() < mended + GIVES_UP_AFTER:
            with suppress(KafkaException, TimeoutError):
                if await asyncio.to_thread(self._judge.settled, self._fleet.runs, 10.0):
                    return True
            self._fill()
        return False

    async def _look(self, done: Round) -> None:
        """Judge what came out, and how the processes are that work on."""
        self._fill()
        await asyncio.to_thread(self._cluster.wait_until_whole)
        before: dict[str, Vitals] = {}
        since = time.monotonic()
        try:
            for program in self._fleet.alive:
                await program.ready()
            before, since = await self._fleet.vitals(), time.monotonic()
        except _UNREADY as error:
            done.note("unready", [str(error)])
        done.verdict = await asyncio.to_thread(self._judge.verdict, self._scenario.must_be_published)
        for kind, found in done.verdict.faults().items():
            done.note(kind, found)
        await asyncio.sleep(max(0.0, since + FENCES_AGAIN_WITHIN - time.monotonic()))
        try:
            done.vitals = await self._fleet.vitals()
        except _UNREADY as error:
            done.note("unready", [str(error)])
        for name, now in done.vitals.items():
            done.note("fenced again", [name] if now.fenced > before.get(name, now).fenced else [])
            done.note("descriptors", [f"{name}: {now}"] if now.descriptors > MOST_DESCRIPTORS else [])
            done.note("memory", [f"{name}: {now}"] if now.rss > MOST_RSS else [])
