"""One turn of all contenders: the same raw records, and for each a topic to write to."""

import asyncio
from pathlib import Path
from typing import Final

from msgspec import Struct

from headrace.core.record import ProducerRecord
from headrace_demo.process import Child
from tests.benchmarks import load, whole
from tests.kafka.client import create_topic, delete_topic
from tests.peers.contenders import CONTENDERS, Contender, Run
from tests.peers.meter import Measured, Progress, watch

LOG_LINES: Final = 15
OURS: Final = CONTENDERS[0]

Load = list[tuple[int | None, ProducerRecord]]


class Setting(Struct, frozen=True):
    """Where and how: the servers, the partitions of each topic, the codec of all that is written."""

    servers: str
    partitions: int
    codec: str


class Failed(Exception):  # noqa: N818  (an answer: the others run)
    """A contender did not do its work; the text says why, with the end of its log."""


class Turn:
    """The topics of one turn, and its raw records."""

    def __init__(self, setting: Setting, records: Load, home: Path) -> None:
        self.setting, self.records, self.home = setting, len(records), home
        self.events = sum(number is not None for number, _ in records)
        self._raw = whole.Stage(setting.servers, setting.partitions)
        self.prefix = self._raw.prefix
        asyncio.run(self._create(records))

    def topic(self, contender: Contender) -> str:
        """Return the topic that a contender writes to."""
        return f"{self.prefix}{contender.out}"

    def start(self, contender: Contender) -> Child:
        """Start a contender; raises `CannotMake` where this machine lacks something."""
        home = self.home / self.topic(contender)
        home.mkdir()
        run = Run(self.setting.servers, self.prefix, self.topic(contender), self.setting.codec, home)
        return Child(contender.command(run), log=home / "log", cwd=home)

    def measure(self, contender: Contender, skipped: float) -> Measured:
        """Run a contender over all records; measure those after the share `skipped`. Raises Failed, or `CannotMake`."""
        child = self.start(contender)
        progress = Progress(self.setting.servers, self.topic(contender), self.setting.partitions)
        try:
            return watch(child, progress, records=self.records, events=self.events, skipped=skipped)
        except (RuntimeError, TimeoutError, FileNotFoundError) as error:  # /proc ends with the process
            raise Failed(f"{error}\n{self.tail(contender)}") from error
        finally:
            child.kill()

    def tail(self, contender: Contender) -> str:
        """Return the end of a contender's log."""
        log = (self.home / self.topic(contender) / "log").read_text("utf-8", "replace")
        return "\n".join(log.splitlines()[-LOG_LINES:])

    def close(self) -> None:
        """Delete what takes room."""
        asyncio.run(self._delete())

    async def _create(self, records: Load) -> None:
        await self._raw.fill(records)
        for topic in (self.topic(contender) for contender in CONTENDERS if contender is not OURS):
            await create_topic(
                self.setting.servers,
                topic,
                partitions=self.setting.partitions,
                message_timestamp_type="LogAppendTime",
                max_message_bytes="4194304",
            )

    async def _delete(self) -> None:
        for topic in (f"{self.prefix}raw", *map(self.topic, CONTENDERS)):
            await delete_topic(self.setting.servers, topic)


def invent(count: int, seed: int) -> Load:
    """Invent the load of a turn, once for all."""
    return list(load.mixed(count, seed=seed))
