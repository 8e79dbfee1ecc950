"""The processes of a service, each role apart, replaced one by one by those of another version."""

import asyncio
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException

from headrace_events import decode
from tests.acceptance.fleet import Fleet
from tests.acceptance.judge import Judge, Position, ReadRecord
from tests.acceptance.polled_accounts import PolledAccounts
from tests.integration.child_process import Program, configuration

PROCESSES: Final = {"normalizer": 2, "poller": 2, "receiver": 2}
"""In the order of an upgrade: who reads a record understands it before anybody writes it."""
PARTITIONS: Final = 6
SETTLES_SECONDS: Final = 4.0
"""Between two replacements: long enough for a take-over, so that both versions work on what the other one wrote."""
GIVES_UP_AFTER: Final = 180.0
_SECONDS: Final = 300


class Rollout:
    """A service with polled accounts on one Kafka; each role has a fleet of its own."""

    def __init__(self, servers: str, prefix: str, home: Path, accounts: PolledAccounts, seed: int) -> None:
        self.wrong: list[str] = []
        self._servers: Final = servers
        self._accounts: Final = accounts
        self._dice: Final = random.Random(seed)
        self._judge: Final = Judge(servers, prefix)
        self._home: Final = home
        self._configuration: Final = configuration(servers, prefix, accounts.tenants)
        self._fleets: Final = {
            role: Fleet(lambda _servers: self._configuration, home / role, (role,)) for role in PROCESSES
        }

    async def start(self, python: str) -> None:
        """Let a version create the topics, and start all processes of it."""
        file = self._home / "headrace.toml"
        file.write_text(self._configuration)
        command = (Path(python).with_name("headrace"), "--config", file, "topics", "apply")
        run = partial(subprocess.run, timeout=_SECONDS, check=True, capture_output=True)
        await asyncio.to_thread(run, (*command, "--partitions", str(PARTITIONS), "--profile", "dev"))
        for role, processes in PROCESSES.items():
            for _ in range(processes):
                self._fleets[role].start(self._servers, python=python)
        for program in self._alive():
            await program.ready()

    async def change(self, version: str, pythons: tuple[str, str], share: float, *, back: bool) -> None:
        """Replace each process by one of another version while a share of what is left happens at the platforms.

        `pythons` are those of before and from now on. Half of the processes end by SIGKILL. After each, one of any
        role and version is killed, and comes back as it was.
        """
        running = dict.fromkeys(self._alive(), pythons[0])
        seconds = 2 * SETTLES_SECONDS * sum(PROCESSES.values()) + 10
        load = asyncio.create_task(self._accounts.go_on(share, seconds, self._doors))
        done = []
        for role in reversed(PROCESSES) if back else PROCESSES:
            while before := [one for one in self._fleets[role].alive if running[one] == pythons[0]]:
                done.append(f"{role} {await self._replace(role, before[0], running, pythons[1])}")
                hurt = self._dice.choice(list(running))
                (of,) = (name for name, fleet in self._fleets.items() if hurt in fleet.alive)
                await self._replace(of, hurt, running, running[hurt], kill=True)
        await load
        assert set(running.values()) == {pythons[1]}
        seconds = await self._complete()
        _show(f"{version}: {', '.join(done)}")
        _show(f"  {self._accounts.acknowledged} webhooks acknowledged so far, all published after {seconds:.1f} s")

    async def close(self) -> str:
        """End all in good order; return the verdict, and note what is wrong."""
        for program in self._alive():
            for (name, _), value in (await program.numbers()).items():
                if name == "headrace_spool_records" and value:
                    self.wrong.append(f"{value:.0f} records are left in a spool")
        for fleet in self._fleets.values():
            for program in tuple(fleet.alive):
                await fleet.stop(program)
            self.wrong += [*fleet.ended, *fleet.logged()]
        verdict = await asyncio.to_thread(self._judge.verdict, self._published)
        self.wrong += [f"{kind}: {found[:3]}" for kind, found in verdict.faults().items()]
        return str(verdict)

    def kill(self) -> None:
        """End what still runs."""
        for fleet in self._fleets.values():
            fleet.kill_all()

    async def _replace(
        self, role: str, program: Program, running: dict[Program, str], python: str, *, kill: bool = False
    ) -> str:
        """End a process and start another in its place; return how it ended."""
        fleet, kill = self._fleets[role], kill or self._dice.random() < 0.5
        del running[program]
        if kill:
            fleet.kill(program)
        else:
            await fleet.stop(program)
        after = fleet.start(self._servers, python=python)
        running[after] = python
        await after.ready()
        await asyncio.sleep(SETTLES_SECONDS)  # the pace of a rollout
        return "killed" if kill else "stopped"

    async def _complete(self) -> float:
        """Wait until all is published, and note what is wrong still; return after how many seconds it was."""
        began, complaints = time.monotonic(), ["it could not be read"]
        while complaints and time.monotonic() < began + GIVES_UP_AFTER:
            with suppress(KafkaException, TimeoutError):
                complaints = await asyncio.to_thread(self._complaints)
        self.wrong += complaints
        return time.monotonic() - began

    def _complaints(self) -> list[str]:
        return self._accounts.complaints(decode(record.value) for record in self._judge.read("events"))

    def _published(self, raw: Sequence[ReadRecord]) -> set[Position]:  # noqa: ARG002  (what is lost the accounts know)
        """Return what was published: whether it should have been is judged by what happened at the platforms."""
        places = (decode(record.value).data.provenance.raw for record in self._judge.read("events"))
        return {(place.partition, place.offset) for place in places}

    def _alive(self) -> Iterator[Program]:
        for fleet in self._fleets.values():
            yield from tuple(fleet.alive)

    def _doors(self) -> list[str]:
        """Return the URLs at which webhooks can be delivered now."""
        opened = (
            program.events("receiver_opened")[-1:] for program in self._fleets["receiver"].alive if program.child.runs
        )
        return [f"http://127.0.0.1:{event['port']}" for events in opened for event in events]


def _show(line: str) -> None:
    print(line, flush=True)  # noqa: T201  (what whoever runs it wants to see)
