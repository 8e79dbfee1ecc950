"""Own one raw partition and turn its records into events, once each.

Taking over (fence, barrier, restore, seek, run) is the work of `kafka.partition_owner`; what is particular here is
`step`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from headrace.config.live import LiveConfig
from headrace.core.record import ProducerRecord
from headrace.kafka.barrier import Barrier
from headrace.kafka.consumer import Record
from headrace.kafka.group_member import Member
from headrace.kafka.live_reader import OutOfRange
from headrace.kafka.partition_owner import DAY_SECONDS, Pace, PartitionOwner, TaskState
from headrace.kafka.producer import Transactions, WriteFailed
from headrace.normalizer.batch_facts import close_quiet
from headrace.normalizer.batch_size import BatchSize
from headrace.normalizer.commit import Commit, CommitLimits, Decision, note_held, rewrite, skip
from headrace.normalizer.commit_count import CommitCount
from headrace.normalizer.decide import decide, refuse
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.held_returns import HeldReturns
from headrace.normalizer.mapping_waits import WaitsForMapping
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.normalizer.outputs import Outputs
from headrace.normalizer.raw_reader import RawReader, until_gap
from headrace.normalizer.restore import restore
from headrace.normalizer.turns import Turns
from headrace.records.seen import decode_record, encode_barrier

MARKERS: Final = 1
"""Offsets between the record of a commit, or a barrier, and the next one: the marker of its transaction."""

_log = structlog.get_logger()


class NormalizerTask(PartitionOwner):
    """Owns raw partition `partition`: fences its predecessor, then publishes what raw holds.

    `seen` is its memory, kept across take-overs. Each step
    1. reads what raw holds next, from where memory stands;
    2. decides what becomes of each record (pure: no I/O, no clock);
    3. writes events, nudges, dead letters and the seen record in one transaction, which ends only where the seen record
       stands right behind what memory has read;
    4. applies the seen record to memory, once it is committed.

    Any failure leaves memory where it was: the producer is discarded, and the task fences and restores anew.
    `turns` bounds what the tasks of the process decide and write at a time. `decided` gets every committed batch of
    decisions. `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        live: LiveConfig,
        partition: int,
        seen: Seen,
        *,
        limits: CommitLimits,
        member: Member,
        metrics: NormalizerMetrics,
        turns: Turns,
        decided: Callable[[list[Decision]], None],
        pace: Pace,
        clock: Callable[[], float],
    ) -> None:
        config = live.config
        self._outputs = Outputs(config.topic_prefix, partition)
        super().__init__(
            kafka=config.kafka,
            name=f"{config.topic_prefix}normalizer",
            partition=partition,
            topics=self._outputs.alone,
            at_large=self._outputs.at_large,
            member=member,
            metrics=metrics,
            pace=pace,
        )
        self.seen = seen
        self._live = live
        self._limits = limits
        self._metrics: NormalizerMetrics = metrics
        self._turns = turns
        self._clock = clock
        self._count = CommitCount(partition, metrics=metrics, limits=limits, decided=decided, now_ms=self._now_ms)
        self._raw = RawReader(config.kafka, member.topic, metrics, partition, self._stale)
        self._batch_size = BatchSize()
        self._returns = HeldReturns(config.kafka, limits)
        self._written_at: float | None = None
        self._swept_at = 0.0

    async def run(self) -> None:
        """See PartitionOwner. What reads raw stays open when a producer is given up: it has nothing to do with it."""
        try:
            await super().run()
        finally:
            await self._raw.close()

    async def work(self, producer: Transactions) -> None:
        """Seek, and run until the producer is doubtful."""
        await self._outputs.count_partitions(producer)
        await self._raw.open()
        async with self._returns:
            await self._skip_gap(producer)
            self.enter(TaskState.RUNNING)
            while not producer.doubtful:
                await self.step(producer)
                await self._give_back(producer)

    async def step(self, producer: Transactions) -> None:
        """Normalize one batch; the numbers are those of the class."""
        records = await self._read(producer)  # 1. read
        if not records:
            return
        batch = until_gap(records)
        async with self._turns.of(batch):
            began = time.monotonic()
            commit = self._decide(batch)  # 2. decide
            if commit is not None:
                seen_end = await self._write(producer, commit, len(batch))  # 3. write
                self._apply(commit, seen_end)  # 4. apply
                self._count.committed(commit, began)
        if commit is None:
            await asyncio.sleep(self._pace.heartbeat)
        if self.seen.next_offset <= records[-1].offset:
            self._raw.seek_again(self.seen.next_offset)

    async def _read(self, producer: Transactions) -> Sequence[Record]:
        """Return records that begin where memory stands; none where there is nothing to decide on now."""
        try:
            records = await self._raw.next(self.seen.next_offset, self._batch_size.most, self._returns.wait)
        except OutOfRange:
            self.enter(TaskState.RESTORING)  # it cannot read on before it knows that raw reaches so far
            await self._skip_gap(producer)
            self.enter(TaskState.RUNNING)
            records = []
        if not records:
            await self._close_hours(producer)
            await self._rewrite_when_old(producer)
        elif records[0].offset != self.seen.next_offset:
            await self._skip_gap(producer, records[0].offset)
            return []
        return records

    def _decide(self, batch: Sequence[Record]) -> Commit | None:
        """Decide on a batch; None where its first record waits for a mapping that this program does not have."""
        now = self._now_ms()
        if batch[0].offset == self._batch_size.unwritable:
            return refuse(batch[0], self.seen, self._live.config.tenants, self._limits, now)
        try:
            return decide(batch, self.seen, self._live.config.tenants, self._limits, now)
        except WaitsForMapping as waits:
            _log.warning("task_waits_for_mapping", partition=self.partition, reason=str(waits))
            return None

    async def _write(self, producer: Transactions, commit: Commit, size: int = 0) -> int:
        """Write a commit, made of `size` records, in one transaction; return where the seen topic ends behind it."""
        at = self._outputs.seen, self.partition
        if size:
            self._count.writing(commit)
        try:
            offsets = await producer.write(self._outputs.place(commit), {at: self.seen.read_to + MARKERS})
        except WriteFailed as failed:
            if size:
                self._batch_size.failed(self.seen.next_offset, size, definite=failed.definite)
            raise
        self._count.answered()
        return offsets[at] + 1

    def _apply(self, commit: Commit, seen_end: int) -> None:
        """Let memory follow what is committed."""
        self.seen.apply([decode_record(commit.seen_value)], seen_end)
        self.seen.last = seen_end - 1
        self._written_at = time.monotonic()
        self._batch_size.written()
        self._sweep()

    def barrier(self, token: bytes) -> ProducerRecord:
        """See PartitionOwner."""
        return ProducerRecord(b"", encode_barrier(token), [])

    async def restore(self, barrier: Barrier) -> None:
        """See PartitionOwner. Raises `CannotRun` where the seen topic cannot hold all that was published."""
        began = time.monotonic()
        await restore(self._kafka, barrier, self.seen, stale=self._stale, stalled_after=self._pace.restore)
        self._metrics.task_restored(self.partition, self.seen, time.monotonic() - began)
        self._written_at = None  # nobody knows how old the last record is
        self._count.restored(self.seen)

    def progress(self) -> object:
        """See PartitionOwner: how far it has got, and into what batches it cuts."""
        return self.seen.next_offset, self._batch_size.most

    def written(self) -> object:
        """See PartitionOwner: when it wrote last."""
        return self._written_at

    def lag(self) -> int:
        """Return how many records are known to lie before it."""
        end = self._raw.end()
        return max(0, end - self.seen.next_offset) if end is not None and self.state is TaskState.RUNNING else 0

    async def _give_back(self, producer: Transactions) -> None:
        """Append some of what is held to raw again where its tenant goes on; what then lies there is a batch's work."""
        returned = await self._returns.next(self.seen.held, self._live.config.tenants, self._now_ms(), self.lag())
        if returned is not None:
            self._metrics.held.count(returned)
            await self._write_alone(producer, note_held(self.seen, returned.ranges))

    async def _write_alone(self, producer: Transactions, commit: Commit) -> None:
        """Write a commit that no records of raw stand behind, and let memory follow."""
        self._apply(commit, await self._write(producer, commit))

    async def _close_hours(self, producer: Transactions) -> None:
        """Report the hours of the loss ledger that are over, where nothing comes that would show it."""
        if self._raw.end() == self.seen.next_offset:
            commit = close_quiet(self.seen, self._live.config.tenants.both_ways, self._limits, self._now_ms())
            if commit is not None:
                await self._write_alone(producer, commit)

    async def _rewrite_when_old(self, producer: Transactions) -> None:
        """Write the position of a quiet partition again, long before its last record ages out."""
        if self._written_at is None or time.monotonic() - self._written_at > self._pace.rewrite:
            await self._write_alone(producer, rewrite(self.seen))

    async def _skip_gap(self, producer: Transactions, found: int | None = None) -> None:
        """Count as lost what is missing where memory stands, and read on from there; `found` is the next record met."""
        gap = await self._raw.gap(self.seen.next_offset, found)
        if gap is not None:
            lost = gap.end - self.seen.next_offset
            await self._write_alone(producer, skip(self.seen, gap.end))
            _log.error(gap.event, partition=self.partition, lost=lost, position=gap.end)
        await self._raw.seek(self.seen.next_offset)

    def _sweep(self) -> None:
        """Once a day, forget the marks that may be gone from the log."""
        now = self._clock()
        if now - self._swept_at > DAY_SECONDS:
            self._swept_at = now
            self.seen.marks.drop_before(int(now) - self._limits.lifetime)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
