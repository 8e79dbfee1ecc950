"""The processes of the program that work on one pipeline: started, hurt, replaced, and what they left in their logs."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from signal import SIGTERM
from typing import Final

from tests.integration.child_process import NORMALIZER, Program, Roles

NEVER_LOGGED: Final = ("tasks_left_behind", "never retrieved", "destroyed but it is pending")
"""Tasks that outlive their partition, errors that nobody looked at, tasks that nobody waited for."""
_MIB: Final = 1024 * 1024
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Vitals:
    """How a process is: how often its tasks were fenced, its file descriptors, its resident memory in MiB."""

    fenced: int
    descriptors: int
    rss: int

    def __str__(self) -> str:
        return f"{self.rss} MiB, {self.descriptors} fds, fenced {self.fenced} x"


class Fleet:
    """Processes with one configuration, which `configure` writes for the bootstrap servers that one shall know.

    As in a StatefulSet, one that is started takes the place, and so the spool, of one that has ended.
    """

    def __init__(self, configure: Callable[[str], str], home: Path, roles: Roles = NORMALIZER) -> None:
        self.alive: list[Program] = []
        self.ended: list[str] = []
        """The last words of processes that ended by themselves, or with an error when they were asked to."""
        self._configure = configure
        self._home = home
        self._roles = roles
        self._started: list[Program] = []

    def start(self, servers: str, *, clock_off: int = 0, python: str = sys.executable) -> Program:
        """Start a process, without waiting; call it from the main thread (see `Child`). `python` is as in `Program`."""
        taken = {program.log.parent for program in self.alive}
        home = next(home for number in count() if (home := self._home / f"place-{number}") not in taken)
        name = f"process-{len(self._started)}"
        program = Program(self._configure(servers), home, name, roles=self._roles, clock_off=clock_off, python=python)
        self._started.append(program)
        self.alive.append(program)
        return program

    @property
    def places(self) -> int:
        """In how many places processes have been."""
        return len({program.log.parent for program in self._started})

    def runs(self) -> bool:
        """Return whether there are processes, and none has ended."""
        return bool(self.alive) and all(program.child.runs for program in self.alive)

    def kill(self, program: Program) -> None:
        """End a process with SIGKILL; note what it said if it had ended by itself."""
        self.alive.remove(program)
        if not program.child.runs:
            self._note(program)
        program.child.kill()

    def kill_all(self) -> None:
        """End all that are left."""
        for program in tuple(self.alive):
            self.kill(program)

    def remove_ended(self) -> int:
        """Note what those said that ended by themselves; return how many they are."""
        ended = [program for program in self.alive if not program.child.runs]
        for program in ended:
            self.kill(program)
        return len(ended)

    async def stop(self, program: Program) -> None:
        """End a process with SIGTERM: it must end in good order, and in time; or at once, where it has not begun."""
        self.alive.remove(program)
        begun = bool(program.log.read_bytes())
        try:
            if not program.child.runs or await asyncio.to_thread(program.stop) not in {0, 0 if begun else -SIGTERM}:
                self._note(program)
        except subprocess.TimeoutExpired:
            self.ended.append(f"{program.log.stem}: it goes on after SIGTERM")
            program.child.kill()

    async def vitals(self) -> dict[str, Vitals]:
        """Return how all are, by name."""
        return {program.log.stem: await _vitals(program) for program in self.alive}

    def logged(self) -> list[str]:
        """Return what any of them logged so far that must never happen."""
        return [
            f"{program.log.stem}: {line[:1_000]}"
            for program in self._started
            for line in program.log.read_text("utf-8", "replace").splitlines()
            if any(words in line for words in NEVER_LOGGED)
        ]

    def _note(self, program: Program) -> None:
        refusals = [str(event["reason"]) for event in program.events("refused_to_run")]
        last = program.tail(1)[:300]
        self.ended += refusals or [f"{program.log.stem}: exit code {program.child.exit_code}: {last}"]


async def _vitals(program: Program) -> Vitals:
    numbers = await program.numbers()
    process = Path("/proc") / str(program.child.pid)
    return Vitals(
        fenced=int(sum(value for (name, _), value in numbers.items() if name == "headrace_fenced_total")),
        descriptors=len(list((process / "fd").iterdir())),
        rss=int((process / "statm").read_text().split()[1]) * _PAGE // _MIB,
    )
