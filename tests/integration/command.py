"""The real program for tests: its own folder, configuration and topics."""

import asyncio
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiokafka.structs import ConsumerRecord

from headrace.config import KafkaSettings
from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from tests.kafka.client import read_all

PROGRAM = Path(sys.executable).with_name("headrace")
DEADLINE = 60.0
CONFIG = '[tenants.outreach.acme]\nmapping = "acme.toml"\n[tenants.outreach.north]\n'
OVERLAY = '[[row]]\ntable = "event"\ncode = "moon_landed"\ntype = "custom.logged"\nprovisional = true\n'


def _listen_to_ctrl_c() -> None:
    """Undo what a shell does to what it runs in the background: it ignores SIGINT, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def first_line(process: subprocess.Popen[str]) -> str:
    """Return the first line that a process writes; raise TimeoutError if none comes before the deadline."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(DEADLINE):
            raise TimeoutError(f"within {DEADLINE:.0f} s not: {process.args!r} writes a line")
    return process.stdout.readline()


class Headrace:
    """The program in a folder with a configuration, on topics of its own."""

    def __init__(self, folder: Path, servers: str, prefix: str) -> None:
        self.folder = folder
        self.servers = servers
        self.prefix = prefix
        own = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        self.environ = own | {
            "HEADRACE_KAFKA__BOOTSTRAP_SERVERS": servers,
            "HEADRACE_TOPIC_PREFIX": prefix,
            "HEADRACE_ADMIN__PORT": "0",
        }
        (folder / "headrace.toml").write_text(CONFIG)
        (folder / "acme.toml").write_text(OVERLAY)

    def __call__(self, *words: str, stdin: str | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(
            [PROGRAM, *words],
            input=stdin,
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    @contextmanager
    def start(self, *words: str, stderr: int | None = None) -> Iterator[subprocess.Popen[str]]:
        """Run a command beside the test."""
        process = subprocess.Popen(
            [PROGRAM, *words],
            env=self.environ,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            preexec_fn=_listen_to_ctrl_c,  # noqa: PLW1509  (it only makes one system call)
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.communicate(timeout=DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def read(self, topic: str) -> list[ConsumerRecord]:
        """Return all committed records of a topic."""
        return asyncio.run(read_all(self.servers, self.prefix + topic))

    def append(self, topic: str, *outs: ProducerRecord) -> None:
        """Append records, to the partition that each names or to the first."""

        async def work() -> None:
            async with Appender(KafkaSettings(bootstrap_servers=self.servers)) as appender:
                for out in outs:
                    await appender.append(self.prefix + topic, out.partition or 0, out)

        asyncio.run(work())
