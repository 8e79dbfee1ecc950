"""What the page shows, read off the topics again and again, but only while somebody looks.

Each part is read through a client of its own. Errors of Kafka end none of them: the page says what is not read, why,
and how old that is which it shows.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import structlog
from msgspec import Struct

from headrace.cli._code_uses import as_today
from headrace.cli._status_rows import WORST_FIRST, NoticeRow, WayRow, notice_rows, rows_of, way_rows
from headrace.cli._status_topics import StatusTopics
from headrace.config import Config
from headrace.config.live import LiveConfig
from headrace.console.event_tail import EventTail
from headrace.console.partition_rows import PartitionRow, partition_rows
from headrace.kafka.client import KafkaError, why
from headrace.kafka.consumer import Consumer
from headrace.kafka.role_rights import REFUSED
from headrace.kafka.topic_follower import NoTopic
from headrace.records.newer_format import NewerFormat
from headrace_events import Event

EVENTS_SECONDS: Final = 1.0
STATUS_SECONDS: Final = 2.0
PARTITIONS_SECONDS: Final = 3.0
AGAIN_SECONDS: Final = 2.0
LINGERS_SECONDS: Final = 60.0
"""For so long it reads on after the last page was closed: another one may be opened."""
PAUSES: Final = 4
"""A look that takes long is followed by a pause of so many times as long."""
SLICE: Final = 20
"""Tenants whose rows are made without letting others run."""

RIGHTS: Final = "`headrace topics acls --role console` prints what the page needs"

_log = structlog.get_logger()

Look = Callable[[], Awaitable[None]]


class PageState(Struct):
    """How things stand: ways and notices, partitions, and when each part was read; None: not yet."""

    ways: Sequence[WayRow] = ()
    notices: Sequence[NoticeRow] = ()
    remark: str = ""
    partitions: Sequence[PartitionRow] = ()


class Watch:
    """Reads while somebody views. `version` grows with each thing that changes.

    `trouble` says of each part that cannot be read why; `read_at` when it was read last.
    """

    def __init__(self, live: LiveConfig) -> None:
        self._live: Final = live
        self.standing: Final = PageState()
        self.events: Final = EventTail(f"{live.config.topic_prefix}events", self._today)
        self.trouble: Final[dict[str, str]] = {}
        self.read_at: Final[dict[str, datetime]] = {}
        self.version = 0
        self._reading: Final[set[str]] = set()
        self._viewers = 0
        self._until = 0.0
        self._wanted: Final = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._live.config

    @property
    def is_wanted(self) -> bool:
        """Whether somebody looks, or did a moment ago."""
        return self._viewers > 0 or time.monotonic() < self._until

    @property
    def is_reading(self) -> bool:
        """Whether any part is read now."""
        return bool(self._reading)

    def look(self) -> None:
        """Read for a while: a page was opened."""
        self._until = time.monotonic() + LINGERS_SECONDS
        self._wanted.set()

    @contextlib.contextmanager
    def viewing(self) -> Iterator[None]:
        """Read for as long as the block runs, and a while longer."""
        self._viewers += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._viewers -= 1
            self.look()

    async def change(self, version: int) -> None:
        """Return once there is something that was not there at that version."""
        while self.version == version:
            await self._changed.wait()

    async def run(self) -> None:
        """Read while there are viewers, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep("events", self._event_looks, EVENTS_SECONDS))
            group.create_task(self._keep("status", self._status_looks, STATUS_SECONDS))
            group.create_task(self._keep("partitions", self._partition_looks, PARTITIONS_SECONDS))

    async def _keep(self, name: str, looks: Callable[[Consumer], Look], pause: float) -> None:
        """Look again and again at one part, through one client as long as that works."""
        while True:
            await self._wanted.wait()
            self._reading.add(name)
            try:
                async with Consumer(self.config.kafka) as log:
                    look = looks(log)
                    while self.is_wanted:
                        began = time.monotonic()
                        await look()
                        self._note(name)
                        await asyncio.sleep(max(pause, PAUSES * (time.monotonic() - began)))
            except (KafkaError, TimeoutError, OSError, NoTopic, NewerFormat) as error:
                self._note(name, _sentence(error))
                await asyncio.sleep(AGAIN_SECONDS)
            except Exception:  # noqa: BLE001  (a foreign record, or a fault of ours: neither may end the process)
                _log.exception("console_look_failed", part=name)
                self._note(name, "a record cannot be read, by a fault of the program or of its writer: the log has it")
                await asyncio.sleep(AGAIN_SECONDS)
            if not self.is_wanted:  # else somebody looked while the client was stopped
                self._reading.discard(name)
                self.read_at.pop(name, None)  # whoever looks next must not take it for what is so then
                self.trouble.pop(name, None)
                self._wanted.clear()

    def _today(self, event: Event) -> Event:
        return as_today(event, self.config.tenants.by_source.get(event.source))

    def _note(self, name: str, trouble: str = "") -> None:
        if trouble:
            self.trouble[name] = trouble
        else:
            self.trouble.pop(name, None)
            self.read_at[name] = datetime.now(UTC)
        self.version += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _event_looks(self, log: Consumer) -> Look:
        self.events.pause()

        async def look() -> None:
            await self.events.look(log)

        return look

    def _status_looks(self, log: Consumer) -> Look:
        topics = StatusTopics(self.config, log)

        async def look() -> None:
            await topics.look()
            self.standing.ways = await self._ways(topics)
            rows = notice_rows(topics.notices, datetime.now(UTC))
            self.standing.notices = rows_of(rows, self.config.tenants)
            self.standing.remark = topics.remark

        return look

    async def _ways(self, topics: StatusTopics) -> list[WayRow]:
        """Return the ways of all tenants, the worst first, some tenants at a time."""
        accounts, now, rows = list(self.config.tenants), int(time.time() * 1000), list[WayRow]()
        for at in range(0, len(accounts), SLICE):
            rows += way_rows(accounts[at : at + SLICE], topics.state, now)
            await asyncio.sleep(0)
        return sorted(rows, key=lambda row: (WORST_FIRST.index(row.state), row.source, row.via))

    def _partition_looks(self, log: Consumer) -> Look:
        prefix = self.config.topic_prefix

        async def look() -> None:
            counts = {name: await log.partitions_of(f"{prefix}{name}") for name in ("raw", "seen")}
            if missing := [name for name, number in counts.items() if not number]:
                raise NoTopic(f"{prefix}{missing[0]}")
            count = min(counts.values())
            self.standing.partitions = await partition_rows(log, f"{prefix}raw", f"{prefix}seen", count)

        return look


def _sentence(error: Exception) -> str:
    match error:
        case NoTopic():
            return f"there is no topic {error}: `headrace topics apply` creates it"
        case NewerFormat():
            return str(error)
        case _ if isinstance(error, REFUSED):
            return f"Kafka refuses it ({type(error).__name__}: {error}): {RIGHTS}"
        case _:
            return f"Kafka does not answer ({why(error)}); it is tried again"
