"""Own one partition of `cursors`: remember what its tenants have read, and poll them."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import aiohttp
import structlog

from headrace.config.live import LiveConfig
from headrace.config.tenants import Account
from headrace.core.record import ProducerRecord
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.kafka.barrier import Barrier
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.group_member import Member
from headrace.kafka.partition_owner import CannotRun, Pace, PartitionOwner, TaskState
from headrace.kafka.partition_reader import read_to_barrier
from headrace.kafka.producer import Transactions
from headrace.poller.dropped_leads import DroppedLeads
from headrace.poller.lead_discovery import LeadDiscovery
from headrace.poller.metrics import PollerMetrics
from headrace.poller.nudge_inbox import NudgeInbox, ReceivedNudge
from headrace.poller.nudges_topic import NudgesTopic
from headrace.poller.platform_client import client_of
from headrace.poller.raw_return import RawReturn
from headrace.poller.shared_reader import SharedReader
from headrace.poller.slices import in_slices
from headrace.poller.state import PartitionState
from headrace.poller.state_writer import StateWriter
from headrace.poller.tenant import TenantPoller
from headrace.poller.tenant_tasks import Paused, TenantTasks
from headrace.poller.unpolled_nudges import UnpolledNudges
from headrace.records.cursors import BY_COMMANDS, BarrierToken, CursorEntry, decode, encode, entry, home_partition

REREAD_EVERY_SECONDS: Final = 60.0
FINAL_WRITE_SECONDS: Final = 2.0
MEMORY_LASTS_SECONDS: Final = 12 * 3_600.0
"""How long what is remembered of a partition that others own may be read on from: records without a value, which
remove, stand in the log for a day at least (delete.retention.ms)."""

_log = structlog.get_logger()


class PartitionPoller(PartitionOwner):
    """Polls the tenants of a partition. `remembered` outlives a loss of the partition: it is read on from there."""

    def __init__(
        self,
        live: LiveConfig,
        member: Member,
        partition: int,
        *,
        topics: Mapping[str, Topic],
        remembered: PartitionState,
        session: aiohttp.ClientSession,
        appender: Appender,
        nudges: SharedReader[ReceivedNudge | None],
        events: SharedReader[tuple[str, str] | None],
        metrics: PollerMetrics,
        pace: Pace,
    ) -> None:
        config = live.config
        prefix = config.topic_prefix
        topics_written = [f"{prefix}cursors"]
        super().__init__(
            config.kafka, f"{prefix}poller", partition, topics_written, member=member, metrics=metrics, pace=pace
        )
        self.tenants: Final[dict[str, TenantPoller]] = {}
        self._live: Final = live
        self._config: Final = config  # for what no change of tenants touches
        self._cursors: Final = topics[f"{prefix}cursors"]
        self._raw: Final = topics[f"{prefix}raw"]
        self._letters: Final = topics[f"{prefix}dead-letters"]
        self._remembered: Final = remembered
        self._session: Final = session
        self._appender: Final = appender
        self._nudges: Final = nudges
        self._events: Final = events
        self._metrics: Final = metrics
        self._reread: Final = asyncio.Event()
        self._leads_to = 0

    def lag(self) -> int:
        """Return how many records lie before it: none, a poller has nothing to catch up with."""
        return 0

    def progress(self) -> object:
        """See PartitionOwner: what was written."""
        return self._remembered.written

    def written(self) -> object:
        """See PartitionOwner."""
        return self._remembered.written

    def barrier(self, token: bytes) -> ProducerRecord:
        """See PartitionOwner."""
        return encode(entry("", BarrierToken(token.hex())))

    async def restore(self, barrier: Barrier) -> None:
        """Read cursors from where memory stands to our barrier; what others wrote behind it is read while it works.

        Where the newest record that we wrote does not stand there, all of cursors is read. So it is where memory is
        old: what was removed meanwhile may be gone from the log without a trace.
        """
        began, remembered = time.monotonic(), self._remembered
        if began - remembered.known_at > MEMORY_LASTS_SECONDS:
            remembered.forget()
        await self._read_to(barrier)
        if remembered.last is not None:
            at = remembered.last.offset
            _log.warning("commit_not_in_log", topic=barrier.topic, partition=barrier.partition, offset=at)
            remembered.forget()
            await self._read_to(barrier)
        remembered.known_at = time.monotonic()
        self._leads_to = remembered.read_to
        self._check_homes()
        self._metrics.count_restore(time.monotonic() - began)
        _log.info("task_restored", role="poller", partition=self.partition, tenants=len(remembered.tenants))

    async def _read_to(self, barrier: Barrier) -> None:
        """Apply what stands up to a barrier; the newest record that we wrote is in doubt until it is met."""
        remembered = self._remembered
        log = read_to_barrier(self._config.kafka, barrier, remembered.read_to, self._stale, self._pace.restore)
        async with contextlib.aclosing(log) as groups:
            async for records, position in groups:
                if any((one.offset, one.key, one.value or b"") == remembered.last for one in records):
                    remembered.last = None
                async for some in in_slices(records):
                    remembered.apply(_entries(some))
                remembered.read_to = position

    async def work(self, producer: Transactions) -> None:
        """Poll until the producer is doubtful."""
        writer = StateWriter(producer, self._cursors, self.partition, self._remembered, self._metrics)
        discovery = LeadDiscovery(writer, self.tenants, self._remembered.searched)
        raw_return = RawReturn(self._config.kafka, self._raw, self._appender, self._metrics)
        tasks, unpolled = self._tasks(writer, discovery, raw_return.lifetime)
        inbox = self._inbox(writer, discovery, raw_return, unpolled)
        self.enter(TaskState.RUNNING)
        try:
            await self._together(writer, tasks, discovery, inbox)
        finally:
            self._events.remove(discovery)
            self._nudges.remove(inbox)
            self._remembered.known_at = time.monotonic()
            for source in self.tenants:
                self._metrics.notices.release(source)
            self.tenants.clear()

    def _inbox(
        self, writer: StateWriter, discovery: LeadDiscovery, raw_return: RawReturn, unpolled: UnpolledNudges
    ) -> NudgeInbox:
        """Return what takes the nudges of the tenants that live here."""
        remembered, kafka = self._remembered, self._config.kafka
        topic = NudgesTopic(
            kafka,
            f"{self._config.topic_prefix}nudges",
            self.partition,
            state=remembered,
            writer=writer,
            stale=self._stale,
            metrics=self._metrics,
        )
        return NudgeInbox(
            writer,
            self.tenants,
            unpolled,
            topic,
            self._nudges,
            at_home=self._is_at_home,
            discovery=discovery,
            raw_return=raw_return,
            positions=remembered.nudged,
            leads_changed=self._reread,
        )

    def _tasks(
        self, writer: StateWriter, discovery: LeadDiscovery, raw_lifetime: float
    ) -> tuple[TenantTasks, UnpolledNudges]:
        """Return what runs every tenant that lives here and can be polled, and the nudges of the others."""

        def began(tenant: TenantPoller) -> None:
            if tenant.by_lead:
                self._events.add(discovery)

        unpolled = UnpolledNudges(
            self._remembered,
            {account.source for account in self._live.config.tenants if account.settings.is_polled},
            paused=Paused(self._live),
            window=self._config.dedupe.window,
            raw_lifetime=raw_lifetime,
        )
        tasks = TenantTasks(
            self._live,
            self.tenants,
            unpolled,
            writer,
            at_home=self._is_at_home,
            make=partial(self._tenant, writer, raw_lifetime),
            began=began,
            notices=self._metrics.notices,
        )
        tasks.begin()
        return tasks, unpolled

    def _tenant(self, writer: StateWriter, raw_lifetime: float, account: Account) -> TenantPoller:
        """Make the poller of a tenant. Raises `Unready`."""
        return TenantPoller(
            account,
            client_of(account),
            session=self._session,
            appender=self._appender,
            raw=self._raw,
            letters=self._letters,
            state=self._remembered.of(account.source),
            writer=writer,
            window=self._config.dedupe.window,
            raw_lifetime=raw_lifetime,
            public_url=self._config.public_url,
            settle=self._config.ledger.settle,
            metrics=self._metrics,
        )

    def _is_at_home(self, source: str) -> bool:
        """Return whether a tenant lives here, whether it is configured or not."""
        return home_partition(source, self._cursors.partitions) == self.partition

    async def _together(
        self, writer: StateWriter, tasks: TenantTasks, discovery: LeadDiscovery, inbox: NudgeInbox
    ) -> None:
        """Run everything beside the writer; its end, or its error, ends the rest."""
        dropped = DroppedLeads(writer, self.tenants, self._remembered, lifetime=self._config.dedupe.window)
        parts = (tasks.run(), discovery.run(), inbox.run(), self._read_leads(), dropped.run())
        running = [asyncio.create_task(part) for part in parts]
        writing = asyncio.create_task(writer.run())
        try:
            done, _ = await asyncio.wait([writing, *running], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(running)  # the writer outlives them: tokens that were minted are stored yet
            if not writing.done():
                await self._store_final_spending(writer, writing)
            await _end([writing])
        for ended in done:
            ended.result()

    async def _read_leads(self) -> None:
        """Read now and then what others wrote to the watch-lists."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REREAD_EVERY_SECONDS):
                    await self._reread.wait()
            self._reread.clear()
            try:
                await self._take_leads()
            except (KafkaError, TimeoutError, ConnectionError) as error:
                _log.warning("leads_not_read", partition=self.partition, reason=type(error).__name__)

    async def _take_leads(self) -> None:
        """Take over what commands write alone: of everything else, memory knows more than a part of the log."""
        async with Consumer(self._config.kafka) as log:
            first, end = await log.bounds(self._cursors.name, self.partition)
            at = max(first, self._leads_to)
            log.seek(self._cursors.name, self.partition, at)
            while at < end:
                records, at = await log.next(self._cursors.name, self.partition)
                async for some in in_slices(records):
                    found = [one for one in _entries(some) if one.kind in BY_COMMANDS]
                    self._remembered.apply(found)
                    for lead in found:
                        if lead.kind == "lead":
                            self._take_lead(lead)
                self._leads_to = at

    def _take_lead(self, lead: CursorEntry) -> None:
        tenant = self.tenants.get(lead.source)
        if tenant is None:
            return
        if lead.value is None:
            tenant.drop(lead.names[0])
        else:
            tenant.watch([lead.names[0]])

    async def _store_final_spending(self, writer: StateWriter, writing: asyncio.Task[None]) -> None:
        """Store actual spending, so that the next owner does not wait for calls that were never made.

        The writer still runs: a transaction in progress ends first, for cut off it would leave a producer that writes
        nothing more.
        """
        storing = asyncio.create_task(writer.store([tenant.final_spending() for tenant in self.tenants.values()]))
        await asyncio.wait([storing, writing], timeout=FINAL_WRITE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not storing.done():
            _log.warning("spending_not_stored", partition=self.partition, tenants=len(self.tenants))
        await _end([storing])

    def _check_homes(self) -> None:
        """Refuse where tenants were at home under another number of partitions. Raises `CannotRun`."""
        count = self._cursors.partitions
        for source, tenant in self._remembered.tenants.items():
            if tenant.positions and home_partition(source, count) != self.partition:
                raise CannotRun(
                    f"{self._cursors.name}-{self.partition} holds the cursors of {source}, which belong to partition "
                    f"{home_partition(source, count)} of {count}: the topic was given more partitions; give it as "
                    "many as before"
                )


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _entries(records: Sequence[Record]) -> list[CursorEntry]:
    return [decode(record.key or b"", record.value or b"") for record in records]
