"""The real program as a child process: `headrace run`, with the roles that a test wants, configured by a file."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from headrace_demo.process import Child
from tests.integration.pipeline import until

STOPS_WITHIN = 25.0
NORMALIZER = ("normalizer",)
ALL = ("all",)
ANSWERS_WITHIN = 15.0
_OTHER_CLOCK = Path(__file__).with_name("other_clock.py")

Roles: TypeAlias = Sequence[str]

Numbers: TypeAlias = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""What was scraped: each sample by its name and labels."""


def read_numbers(text: str) -> Numbers:
    """Parse an exposition as Prometheus does; no sample may be there twice."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


class Program:
    """One process of the program. `configuration` is the text of its headrace.toml; its log goes to `home`.

    Its clock is `clock_off` seconds off. `python` is the interpreter of the environment that it is installed in.
    """

    def __init__(
        self,
        configuration: str,
        home: Path,
        name: str = "normalizer",
        *,
        roles: Roles = NORMALIZER,
        clock_off: int = 0,
        python: str = sys.executable,
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.log = home / f"{name}.log"
        self._file = home / "headrace.toml"
        if not self._file.exists() or self._file.read_text() != configuration:  # others may read it just now
            self._file.write_text(configuration)
        self._seen = len(self.log.read_bytes()) if self.log.exists() else 0
        headrace: list[str | Path] = [Path(python).with_name("headrace")]
        if clock_off:
            headrace = [python, "-P", _OTHER_CLOCK, str(clock_off)]
        command: list[str | Path] = [*headrace, "--config", self._file, "run", *(f"--role={role}" for role in roles)]
        self.child = Child(command, log=self.log, cwd=home)

    def events(self, name: str) -> list[dict[str, object]]:
        """Return what the process logged under this name."""
        found = []
        for line in self.log.read_bytes()[self._seen :].splitlines():
            try:
                entry = msgspec.json.decode(line, type=dict[str, object])
            except msgspec.DecodeError:
                continue  # half a line, or a traceback
            if entry.get("event") == name:
                found.append(entry)
        return found

    async def says(self, name: str, times: int = 1, deadline: float = 60.0) -> None:
        """Wait until it has logged something under this name so often; raise when it ended before."""

        def logged() -> bool:
            if len(self.events(name)) >= times:
                return True
            if not self.child.runs:
                raise RuntimeError(f"the program ended with {self.child.exit_code}:\n{self.tail()}")
            return False

        await until(logged, f"the program says {name}", deadline=deadline)

    async def admin(self) -> str:
        """Return the URL of its admin port, once that is open."""
        await self.says("started")
        return f"http://127.0.0.1:{self.events('started')[-1]['admin']}"

    async def webhooks(self) -> str:
        """Return the URL of its port for webhooks, once that is open."""
        await self.says("receiver_opened")
        return f"http://127.0.0.1:{self.events('receiver_opened')[-1]['port']}"

    async def numbers(self) -> Numbers:
        """Scrape it over HTTP, as Prometheus does."""
        return read_numbers(await self._get(f"{await self.admin()}/metrics"))

    async def is_ready(self) -> bool:
        """Return whether it is ready, as a probe does."""
        try:
            await self._get(f"{await self.admin()}/healthz/ready")
        except aiohttp.ClientResponseError:
            return False
        return True

    async def ready(self, deadline: float = 60.0) -> None:
        """Wait until it is ready."""
        await until(self.is_ready, "the program is ready", deadline=deadline)

    async def _get(self, url: str) -> str:
        timeout = aiohttp.ClientTimeout(total=ANSWERS_WITHIN)
        async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as client, client.get(url) as answer:
            return await answer.text()

    def stop(self) -> int | None:
        """Send SIGTERM and wait for the end; return the exit code. Raises TimeoutExpired after its own deadline."""
        self.child.signal(signal.SIGTERM)
        try:
            self.child.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired as error:
            error.add_note(self.tail())
            raise
        return self.child.exit_code

    def tail(self, lines: int = 30) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])


def configuration(servers: str, prefix: str, tenants: str, session_timeout: str = "2s", more: str = "") -> str:
    """Write a configuration for tests: any ports on the loopback, take-overs after two seconds."""
    return f"""
topic_prefix = "{prefix}"
[kafka]
bootstrap_servers = "{servers}"
session_timeout = "{session_timeout}"
[receiver]
host = "127.0.0.1"
port = 0
[admin]
host = "127.0.0.1"
port = 0
[log]
format = "json"
{more}
{tenants}
"""
