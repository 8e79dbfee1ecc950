"""Own one partition of `cursors`: remember what its tenants have read, and poll them."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

import structlog

from headrace.config.tenants import Account
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.group_member import Member
from headrace.kafka.partition_owner import CannotRun, Pace, PartitionOwner, TaskState, read_on, written
from headrace.kafka.producer import Transactions, WriteFailed
from headrace.poller.context import Shared
from headrace.poller.lead_discovery import LeadDiscovery
from headrace.poller.platform_client import Unready, asked
from headrace.poller.state import PartitionState
from headrace.poller.state_writer import StateWriter
from headrace.poller.tenant import TenantPoller
from headrace.records.cursors import LEADS, CursorEntry, decode, entry, home_partition
from headrace.sdk.provider import Nudge

REREAD_EVERY: Final = 60.0
GIVE_BACK: Final = 2.0

_log = structlog.get_logger()


class PartitionPoller(PartitionOwner):
    """The one who polls the tenants of a partition; `memory` is kept across take-overs."""

    def __init__(
        self,
        shared: Shared,
        member: Member,
        partition: int,
        memory: PartitionState,
        pace: Pace,
        began: Callable[[], None] = lambda: None,
    ) -> None:
        prefix = shared.config.topic_prefix
        kafka, topics = shared.config.kafka, [f"{prefix}cursors"]
        super().__init__(kafka, f"{prefix}poller", partition, topics, member, shared.metrics, pace)
        self.memory: Final = memory
        self.polling: dict[str, TenantPoller] = {}
        self.finding: LeadDiscovery | None = None
        self._began: Final = began
        self._shared: Final = shared
        self._topic: Final = shared.topic("cursors")
        self._reread: Final = asyncio.Event()
        self._leads_to = 0
        self._written = 0

    @property
    def wants_leads(self) -> bool:
        """Whether a tenant here has feeds that are read by lead."""
        return any(polling.by_lead for polling in self.polling.values())

    def lag(self) -> int:
        """Give how many records lie before it: none, a poller has nothing to catch up with."""
        return 0

    def progress(self) -> object:
        """See PartitionOwner: what was written."""
        return self._written

    async def restore(self) -> None:
        """Read cursors from where memory stands to the end."""
        began, memory, kafka = time.monotonic(), self.memory, self._shared.config.kafka
        where = self._topic.name, self.partition
        first, end = await written(kafka, *where)
        if memory.read_to > end:
            raise CannotRun(
                f"{where[0]}-{where[1]} ends at {end}, but was read to {memory.read_to} before: it was created anew "
                "under us; restore it, or start again to poll from the beginning"
            )
        at = max(memory.read_to, first)
        async with contextlib.aclosing(read_on(kafka, *where, at, end, self._pace.restore)) as groups:
            async for records, position in groups:
                memory.apply(_entries(records))
                memory.read_to = position
        self._leads_to = memory.read_to
        self._check_homes()
        self._shared.metrics.restored(self.partition, time.monotonic() - began)
        _log.info("task_restored", role="poller", partition=self.partition, tenants=len(memory.tenants))

    async def work(self, producer: Transactions) -> None:
        """Poll until the producer is doubtful."""
        writer = StateWriter(producer, self._topic, self.partition, self.memory, self._shared.metrics)
        self._begin(writer)
        self.enter(TaskState.RUNNING)
        self._began()
        try:
            await self._together(writer)
        except asyncio.CancelledError:
            await self._give_back(writer)
            raise
        finally:
            self._written += writer.written
            self.polling, self.finding = {}, None

    def nudged(self, source: str, nudge: Nudge, at: int) -> None:
        """Pass a nudge of the time `at` (ms) on to its tenant."""
        if nudge.feed == LEADS:
            self._reread.set()
        elif source in self.polling:
            self.polling[source].nudged(nudge, at)
            self.named(source, nudge.lead)

    def named(self, source: str, lead: str | None) -> None:
        """Watch a lead that something names, where it is not watched yet."""
        polling = self.polling.get(source)
        if lead is None or polling is None or self.finding is None or not polling.by_lead:
            return
        found = polling.asked.canonical_lead(lead)
        if found and not polling.watches(found):
            self.finding.found(source, found)

    def _begin(self, writer: StateWriter) -> None:
        """Build the turns of every tenant that lives here and can be polled."""
        self.finding = LeadDiscovery(writer.store, self._watch, self._shared.now)
        for account in self._accounts():
            source = account.source
            kept = self.memory.of(source)
            try:
                asking = asked(self._shared, account, kept, writer.store)
            except Unready as error:
                _log.error("tenant_not_polled", source=source, reason=str(error))
            else:
                self.polling[source] = TenantPoller(self._shared, account, asking, kept, writer.store)
                for at, nudge in self._shared.recent(source):
                    self.nudged(source, nudge, at)

    def _accounts(self) -> list[Account]:
        tenants = (account for account in self._shared.config.tenants if account.settings.polling)
        return [a for a in tenants if home_partition(a.source, self._topic.partitions) == self.partition]

    async def _together(self, writer: StateWriter) -> None:
        """Run everything beside the writer; its end, or its error, ends the rest."""
        running = [asyncio.create_task(part) for part in self._parts()]
        writing = asyncio.create_task(writer.run())
        try:
            done, _ = await asyncio.wait([writing, *running], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in (writing, *running):
                part.cancel()
            await asyncio.gather(writing, *running, return_exceptions=True)
        for ended in done:
            ended.result()

    def _parts(self) -> Sequence[Coroutine[None, None, None]]:
        finding = [self.finding.run()] if self.finding else []
        return [*(polling.run() for polling in self.polling.values()), *finding, self._read_leads()]

    async def _read_leads(self) -> None:
        """Read now and then what others wrote to the watch-lists."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REREAD_EVERY):
                    await self._reread.wait()
            self._reread.clear()
            try:
                await self._take_leads()
            except (KafkaError, TimeoutError, ConnectionError) as error:
                _log.warning("leads_not_read", partition=self.partition, reason=type(error).__name__)

    async def _take_leads(self) -> None:
        """Take over the records of leads alone: of everything else, memory knows more than a part of the log."""
        async with Consumer(self._shared.config.kafka) as log:
            first, end = await log.bounds(self._topic.name, self.partition)
            at = max(first, self._leads_to)
            log.seek(self._topic.name, self.partition, at)
            while at < end:
                records, at = await log.next(self._topic.name, self.partition)
                leads = [told for told in _entries(records) if told.kind == "lead"]
                self.memory.apply(leads)
                self._leads_to = at
                for told in leads:
                    self._take_lead(told)

    def _take_lead(self, told: CursorEntry) -> None:
        polling = self.polling.get(told.source)
        if polling is None:
            return
        if told.value is None:
            polling.drop(told.names[0])
        else:
            polling.watch([told.names[0]])

    def _watch(self, source: str, leads: list[str]) -> None:
        if source in self.polling:
            self.polling[source].watch(leads)

    async def _give_back(self, writer: StateWriter) -> None:
        """Write what was really spent, so that whoever is next need not wait for what might have been."""
        spent = [entry(source, polling.asked.gate.given_back()) for source, polling in self.polling.items()]
        with contextlib.suppress(WriteFailed, TimeoutError):
            async with asyncio.timeout(GIVE_BACK):
                await writer.write(spent)

    def _check_homes(self) -> None:
        """Refuse where tenants were at home under another number of partitions. Raises `CannotRun`."""
        count = self._topic.partitions
        for source, kept in self.memory.tenants.items():
            if kept.positions and home_partition(source, count) != self.partition:
                raise CannotRun(
                    f"{self._topic.name}-{self.partition} holds the cursors of {source}, which belong to partition "
                    f"{home_partition(source, count)} of {count}: the topic was given more partitions; give it as "
                    "many as before"
                )


def _entries(records: Sequence[Record]) -> list[CursorEntry]:
    return [decode(record.key or b"", record.value or b"") for record in records]
