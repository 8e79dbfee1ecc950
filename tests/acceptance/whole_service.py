"""Processes with all roles on three brokers, kept alive as a cluster keeps them; and rounds that hurt them."""

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaException

from headrace_events import decode
from tests.acceptance.cluster_pipeline import ClusterPipeline
from tests.acceptance.judge import Judge
from tests.acceptance.network_faults import FAULTS, Stage
from tests.acceptance.polled_accounts import PolledAccounts
from tests.integration.child_process import Program

PROCESSES: Final = 2
RECOVERS_WITHIN: Final = 60.0
GIVES_UP_AFTER: Final = 150.0


@dataclass
class WholeRound:
    """What was done in one round, and what came of it."""

    fault: str
    details: str = ""
    recovered: float = 0.0
    """Seconds from the moment when all was mended, and all had happened, until all was published."""
    wrong: dict[str, list[str]] = field(default_factory=dict)
    """What must not have happened, by kind."""

    def __str__(self) -> str:
        head = f"{self.fault}: {self.details}, recovered after {self.recovered:.1f} s"
        return "\n    ".join([head, *(f"{kind}: {'; '.join(found[:5])}" for kind, found in self.wrong.items())])


class WholeService:
    """The processes of a pipeline, which poll the accounts and take their webhooks."""

    def __init__(self, pipeline: ClusterPipeline, accounts: PolledAccounts) -> None:
        self._pipeline = pipeline
        self._fleet = pipeline.fleet
        self._cluster = pipeline.cluster
        self._accounts = accounts
        self._judge = Judge(pipeline.cluster.bootstrap_servers, pipeline.topic(""))

    async def open(self) -> None:
        """Create the topics and start the processes."""
        await asyncio.to_thread(self._cluster.wait_until_whole)
        await asyncio.to_thread(self._pipeline.apply)
        self._fill(PROCESSES)
        await self._fleet.alive[0].says("receiver_opened")

    async def round(self, fault: str, seed: int, share: float) -> WholeRound:
        """Let a share of what is left happen on the platforms while a fault lasts; mend it, and judge."""
        done, stage = WholeRound(fault), Stage(self._pipeline, random.Random(seed))
        ended, logged = len(self._fleet.ended), Counter(self._fleet.logged())
        going_on = asyncio.create_task(self._accounts.go_on(share, stage.dice.uniform(12, 18), self._doors))
        try:
            await stage.lasts(1, 3)
            done.details = await FAULTS[fault](stage)
        finally:
            self._mend()
        self._fill(self._fleet.places)  # what waits in a spool is drained by whoever has its place
        await going_on
        complaints = await self._complete(done)
        bad = {
            "complaints": complaints,
            "tails": [program.tail(3) for program in self._fleet.alive if complaints],
            "slow": [f"{done.recovered:.0f} s"] if done.recovered > RECOVERS_WITHIN else [],
            "complained": stage.complaints,
            "ended": self._fleet.ended[ended:],
            "logged": list((Counter(self._fleet.logged()) - logged).elements()),
            "hanging": await asyncio.to_thread(self._judge.hanging),
        }
        done.wrong = {kind: found for kind, found in bad.items() if found}
        return done

    async def close(self) -> dict[str, list[str]]:
        """End all in good order; return what was wrong with that."""
        ended = len(self._fleet.ended)
        waiting = [
            f"{program.log.stem}: {value:.0f} records in the spool"
            for program in self._fleet.alive
            for (name, _), value in (await program.numbers()).items()
            if name == "headrace_spool_records" and value
        ]
        for program in tuple(self._fleet.alive):
            await self._fleet.stop(program)
        bad = {"ended": self._fleet.ended[ended:], "spool": waiting, "logged": self._fleet.logged()}
        return {kind: found for kind, found in bad.items() if found}

    async def _complete(self, done: WholeRound) -> list[str]:
        """Wait until all is published, and replace processes that end; return what is wrong still."""
        mended, complaints = time.monotonic(), ["it could not be read"]
        while complaints and time.monotonic() < mended + GIVES_UP_AFTER:
            self._fill(self._fleet.places)
            with suppress(KafkaException, TimeoutError):
                complaints = await asyncio.to_thread(self._complaints)
        done.recovered = time.monotonic() - mended
        self._fill(self._fleet.places)  # notes who ended meanwhile
        return complaints

    def _complaints(self) -> list[str]:
        return self._accounts.complaints(decode(record.value) for record in self._judge.read("events"))

    def _doors(self) -> list[str]:
        """Return the URLs at which webhooks can be delivered now."""
        return [url for program in self._fleet.alive if (url := _door(program))]

    def _fill(self, processes: int) -> None:
        """Let there be as many processes as there should be."""
        self._fleet.remove_ended()
        while len(self._fleet.alive) < processes:
            self._fleet.start(self._cluster.bootstrap_servers)

    def _mend(self) -> None:
        """Undo what was done to the network and the brokers, without waiting."""
        self._cluster.heal()
        for number, node in self._cluster.nodes.items():
            if node.is_spawned:
                self._cluster.thaw(number)
            else:
                self._cluster.start(number)


def _door(program: Program) -> str | None:
    opened = program.events("receiver_opened") if program.child.runs else []
    return f"http://127.0.0.1:{opened[-1]['port']}" if opened else None
