"""The places in which processes of the service run: one role each, ports that stay, one life after another."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aiohttp

from tests.integration.child_process import Program
from tests.kafka.ports import HOST, free_port

READY_WITHIN: Final = 240.0
_SCRAPED_WITHIN: Final = aiohttp.ClientTimeout(total=5)
_SAMPLE: Final = re.compile(
    rb"^(headrace_lag_records|headrace_seen_bytes|headrace_spool_records)(?:{[^}]*})? (\S+)$", re.MULTILINE
)


class Place:
    """Where one process of a role runs, as a pod of a StatefulSet does: its name, ports and folder stay."""

    def __init__(self, role: str, number: int, home: Path) -> None:
        self.role: Final = role
        self.name: Final = f"{role}-{number}"
        self.admin: Final = f"{HOST}:{free_port()}"
        self.door: Final = free_port()
        self.lives = 0
        self.seen_bytes = 0.0
        self._home: Final = home / self.name
        self._configuration = ""
        self._program: Program | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs here; None where none does."""
        return self._program.child.pid if self._program and self._program.child.runs else None

    def configure(self, configuration: str) -> None:
        """Set what processes are started with from now on: the text of `configured`."""
        self._configuration = _placed(configuration, self.admin, self.door)

    def start(self) -> None:
        """Start a process, without waiting; call it from the main thread (see `Child`)."""
        self.lives += 1
        self._program = Program(self._configuration, self._home, f"life-{self.lives}", roles=(self.role,))

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.program.child.kill()
        self._program = None

    async def ready(self) -> None:
        """Wait until it is ready."""
        await self.program.ready(READY_WITHIN)

    def stop(self) -> str | None:
        """End it in good order; return what was wrong with that."""
        program = self.program
        if not program.child.runs:
            return self.ended()
        code = program.stop()
        return None if code == 0 else f"{self.name}: exit code {code} after SIGTERM: {program.tail(2)[:300]}"

    def ended(self) -> str | None:
        """Return the last words of a process that ended by itself."""
        if self._program is None or self._program.child.runs:
            return None
        return f"{self.name} ended by itself with {self._program.child.exit_code}: {self._program.tail(3)[:500]}"

    def close(self) -> None:
        """End it at once, if it runs."""
        if self._program is not None:
            self._program.child.kill()
            self._program = None

    async def scrape(self) -> dict[str, float]:
        """Return lag, memory of marks and spooled records as the process shows them; nothing where it does not."""
        try:
            async with (
                aiohttp.ClientSession(timeout=_SCRAPED_WITHIN) as client,
                client.get(f"http://{self.admin}/metrics") as answer,
            ):
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return {}
        sums: dict[str, float] = {}
        for name, value in _SAMPLE.findall(body):
            sums[name.decode()] = sums.get(name.decode(), 0.0) + float(value)
        self.seen_bytes = sums.get("headrace_seen_bytes", 0.0)
        return sums

    @property
    def program(self) -> Program:
        """The process that was started last; raise RuntimeError where it was killed."""
        if self._program is None:
            raise RuntimeError(f"nothing runs at {self.name}")
        return self._program


def make_places(roles: Mapping[str, int], home: Path) -> list[Place]:
    """Make places for so many processes of each role."""
    return [Place(role, number, home) for role, count in roles.items() for number in range(count)]


def configured(servers: str, prefix: str, tenants: str) -> str:
    """Return headrace.toml, all as shipped but for the addresses, which `Place` fills in."""
    return f"""
topic_prefix = "{prefix}"
[kafka]
bootstrap_servers = "{servers}"
[receiver]
host = "{HOST}"
port = DOOR
[admin]
host = "{HOST}"
port = ADMIN
[log]
format = "json"
{tenants}
"""


def _placed(configuration: str, admin: str, door: int) -> str:
    return configuration.replace("DOOR", str(door)).replace("ADMIN", admin.rpartition(":")[2])
