"""The real program as a child process: `headrace run --role normalizer`, configured by a file."""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.integration.line import until
from tests.kafka.process import Child

STOPS_WITHIN = 25.0


class Program:
    """One process of the program. `configuration` is the text of its headrace.toml; its log goes to `home`."""

    def __init__(self, configuration: str, home: Path, name: str = "normalizer") -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.log = home / f"{name}.log"
        self._file = home / "headrace.toml"
        self._file.write_text(configuration)
        self._seen = len(self.log.read_bytes()) if self.log.exists() else 0
        headrace = Path(sys.executable).with_name("headrace")
        command = (headrace, "--config", self._file, "run", "--role", "normalizer")
        self.child = Child(command, log=self.log, cwd=home)

    def events(self, name: str) -> list[dict[str, object]]:
        """Give what the process logged under this name."""
        found = []
        for line in self.log.read_bytes()[self._seen :].splitlines():
            try:
                told = msgspec.json.decode(line, type=dict[str, object])
            except msgspec.DecodeError:
                continue  # half a line, or a traceback
            if told.get("event") == name:
                found.append(told)
        return found

    async def says(self, name: str, times: int = 1, deadline: float = 60.0) -> None:
        """Wait until it has logged something under this name so often; raise when it ended before."""

        def said() -> bool:
            if len(self.events(name)) >= times:
                return True
            if not self.child.runs:
                raise RuntimeError(f"the program ended with {self.child.exit_code}:\n{self.tail()}")
            return False

        await until(said, f"the program says {name}", deadline=deadline)

    def stop(self) -> int | None:
        """Send SIGTERM and wait for the end; give the exit code. Raises TimeoutExpired after its own deadline."""
        self.child.signal(signal.SIGTERM)
        try:
            self.child.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired as error:
            error.add_note(self.tail())
            raise
        return self.child.exit_code

    def tail(self, lines: int = 30) -> str:
        """Give the end of its log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])


def configuration(servers: str, prefix: str, tenants: str, session_timeout: str = "2s") -> str:
    """Write a configuration for tests: any port for the admin server, take-overs after two seconds."""
    return f"""
topic_prefix = "{prefix}"
[kafka]
bootstrap_servers = "{servers}"
session_timeout = "{session_timeout}"
[admin]
host = "127.0.0.1"
port = 0
[log]
format = "json"
{tenants}
"""
