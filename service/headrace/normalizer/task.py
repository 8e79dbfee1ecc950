"""Own one raw partition: fence, restore, run, and leave without a trace (see `owner`).

Restore continues at the seen offset that memory has reached: one path for cold start, rebalance and a commit whose
outcome nobody knows.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import structlog
from msgspec import Struct

from headrace.config import KafkaSettings
from headrace.config.tenants import Tenants
from headrace.core.record import Out
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.group_member import Member, OutOfRange
from headrace.kafka.partition_owner import DAY_SECONDS, CannotRun, Pace, PartitionOwner, TaskState, read_on, written
from headrace.kafka.partitioner import partitions
from headrace.kafka.producer import Transactions, WriteFailed
from headrace.normalizer.commit import Commit, CommitLimits, Decision, rewrite, skip
from headrace.normalizer.decide import WaitsForMapping, decide, refuse
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.records.seen import SeenRecord, decode_record, merge

__all__ = ["MOST_RECORDS", "CannotRun", "NormalizerTask", "Pace", "Setup", "TaskState"]

MOST_RECORDS: Final = 2_000
RESTORED_TOGETHER: Final = 16 * 1024 * 1024
"""Bytes of marks (400,000 ids) that a restore puts into the table at once: to let it grow for each read of the log
would take twice as long."""
PROOF_WAIT: Final = 2.0

_log = structlog.get_logger()


class Setup(Struct, frozen=True):
    """What all tasks of a process share."""

    kafka: KafkaSettings
    prefix: str
    tenants: Tenants
    metrics: NormalizerMetrics
    member: Member
    commits: asyncio.Semaphore
    limits: Callable[[int], CommitLimits]
    pace: Pace = Pace()
    clock: Callable[[], float] = time.time
    decided: Callable[[list[Decision]], None] = lambda _: None

    def topic(self, name: str) -> str:
        """Give a topic's full name."""
        return self.prefix + name


class NormalizerTask(PartitionOwner):
    """The one who may publish what raw partition `partition` says; `seen` is its memory, kept across take-overs."""

    def __init__(self, setup: Setup, partition: int, seen: Seen) -> None:
        names = [setup.topic(name) for name in ("seen", "events", "nudges", "dead-letters")]
        super().__init__(
            setup.kafka, f"{setup.prefix}normalizer", partition, names, setup.member, setup.metrics, setup.pace
        )
        self.setup = setup
        self.seen = seen
        self._counts: dict[str, int] = {}
        self._written_at: float | None = None
        self._most = MOST_RECORDS
        self._refused: tuple[int, int] | None = None
        self._give_up = -1
        self._gap_at = -1
        self._swept_at = 0.0

    def progress(self) -> object:
        """See PartitionOwner: how far it has got, and into what batches it cuts."""
        return self.seen.next_offset, self._most

    def lag(self) -> int:
        """Give how many records are known to lie before it."""
        end = self.setup.member.end(self.partition)
        return max(0, end - self.seen.next_offset) if end is not None and self.state is TaskState.RUNNING else 0

    async def work(self, producer: Transactions) -> None:
        """Seek, and run until the producer is doubtful."""
        for name in ("events", "nudges", "dead-letters"):
            self._counts[name] = await producer.partitions_of(self.setup.topic(name))
        await self._skip_lost(producer)
        self.enter(TaskState.RUNNING)
        while not producer.doubtful:
            await self.step(producer)

    async def restore(self) -> None:
        """Read seen from where memory stands to its end. Raises `CannotRun` where that cannot be all there is."""
        topic, ids = self.setup.topic("seen"), len(self.seen.marks)
        began = time.monotonic()
        first, end = await written(self.setup.kafka, topic, self.partition)
        at = max(self.seen.read_to, first)
        if end == 0 or at > end:
            raise CannotRun(_no_memory(f"{topic}-{self.partition}", at, end))
        told: list[SeenRecord] = []
        reading = read_on(self.setup.kafka, topic, self.partition, at, end, self.setup.pace.restore)
        async with contextlib.aclosing(reading) as groups:
            async for records, position in groups:
                if records:
                    told.append(merge([decode_record(record.value or b"") for record in records]))
                if not records or position >= end or sum(len(r.rows) for r in told) >= RESTORED_TOGETHER:
                    self.seen.apply(told, position)
                    told = []
        if not self.seen.restored:
            raise CannotRun(_no_memory(f"{topic}-{self.partition}", at, end))
        self.setup.metrics.task_restored(self.partition, self.seen, time.monotonic() - began)
        self._written_at = None  # nobody knows how old the last record is
        _log.info(
            "task_restored",
            partition=self.partition,
            ids=len(self.seen.marks),
            new=len(self.seen.marks) - ids,
            position=self.seen.next_offset,
        )

    async def step(self, producer: Transactions) -> None:
        """Take what raw holds next, decide, commit, and only then remember."""
        records = await self._next(producer)
        if not records:
            await self._idle(producer)
            return
        if records[0].offset != self.seen.next_offset:
            await self._close_gap(producer, records[0].offset)
            return
        whole = _without_gap(records)
        await self._commit(producer, whole)
        if len(whole) < len(records):
            self.setup.member.seek(self.partition, self.seen.next_offset)

    async def _commit(self, producer: Transactions, records: list[Record]) -> None:
        async with self.setup.commits:
            began, now = time.monotonic(), int(self.setup.clock() * 1000)
            commit = self._decide(records, now)
            if commit is not None:
                await self._write(producer, commit, len(records))
                durable = int(self.setup.clock() * 1000)
                self.setup.metrics.committed(self.partition, commit, time.monotonic() - began, durable)
                self.setup.decided(commit.decisions)
        if commit is None:
            await asyncio.sleep(self.setup.pace.heartbeat)
        if commit is None or len(commit.decisions) < len(records):
            self.setup.member.seek(self.partition, self.seen.next_offset)

    def _decide(self, records: list[Record], now: int) -> Commit | None:
        """Decide on a batch; None where its first record waits for a mapping that this program does not have."""
        limits = self.setup.limits(self.partition)
        if records[0].offset == self._give_up:
            return refuse(records[0], self.seen, limits, now)
        try:
            return decide(records, self.seen, self.setup.tenants, limits, now)
        except WaitsForMapping as waits:
            _log.warning("task_waits_for_mapping", partition=self.partition, reason=str(waits))
            return None

    async def _write(self, producer: Transactions, commit: Commit, size: int = 0) -> None:
        """Write a commit in one transaction, then let memory follow."""
        try:
            offsets = await producer.write(self._groups(commit))
        except WriteFailed as failed:
            if failed.definite and size:
                self._bisect(size)
            raise
        end = offsets[self.setup.topic("seen"), self.partition] + 1
        self.seen.apply([decode_record(commit.seen_value)], end)
        self._written_at = time.monotonic()
        self._most = min(self._most * 2, MOST_RECORDS)
        self._sweep()

    def _bisect(self, size: int) -> None:
        """Halve a batch that Kafka refused twice, down to the one record that becomes a dead letter."""
        at, before = self._refused or (-1, 0)
        if at != self.seen.next_offset or size < before:
            self._refused = (self.seen.next_offset, size)
            return
        # The second time may bring more records than the first: more were there to read.
        self._refused = None
        self._most = max(1, before // 2)
        if before == 1:
            self._give_up = self.seen.next_offset

    def _sweep(self) -> None:
        """Once a day, forget the marks that may be gone from the log."""
        now = self.setup.clock()
        if now - self._swept_at > DAY_SECONDS:
            self._swept_at = now
            self.seen.marks.drop_before(int(now) - self.setup.limits(self.partition).lifetime)

    def _groups(self, commit: Commit) -> dict[tuple[str, int], list[Out]]:
        topic = self.setup.topic
        groups: dict[tuple[str, int], list[Out]] = {
            (topic("seen"), self.partition): [Out(b"", commit.seen_value, [])],
        }
        for name, outs in (("events", commit.events), ("nudges", commit.nudges)):
            for out, partition in zip(outs, partitions([o.key for o in outs], self._counts[name]), strict=True):
                groups.setdefault((topic(name), partition), []).append(out)
        if commit.letters:
            groups[topic("dead-letters"), self.partition % self._counts["dead-letters"]] = commit.letters
        return groups

    async def _next(self, producer: Transactions) -> list[Record]:
        try:
            records = await self.setup.member.next(self.partition, self._most)
        except OutOfRange:
            await self._skip_lost(producer)
            return []
        except UnicodeDecodeError as error:
            raise CannotRun(
                f"the client cannot read a record of {self.setup.topic('raw')}-{self.partition} at or behind offset "
                f"{self.seen.next_offset}: the name of a header is not UTF-8, so it is none of ours; find out who "
                "writes there, and delete the records up to it with `kafka-delete-records.sh`"
            ) from error
        end = self.setup.member.end(self.partition)
        if end is not None:
            oldest = records[0].timestamp if records else None
            self.setup.metrics.end_offset(self.partition, end, oldest)
        return list(records)

    async def _idle(self, producer: Transactions) -> None:
        """Write the position of a quiet partition again, long before its last record ages out."""
        if self._written_at is None or time.monotonic() - self._written_at > self.setup.pace.rewrite:
            await self._write(producer, rewrite(self.seen))

    async def _seek(self) -> None:
        """Go to the position of the seen record. Raises `CannotRun` where raw cannot be the raw it belongs to."""
        _, end = await self.setup.member.bounds(self.partition)
        if self.seen.next_offset > end:
            raise CannotRun(
                f"{self.setup.topic('raw')}-{self.partition} ends at {end}, but {self.seen.next_offset} was published "
                "already: raw was created anew; delete seen as well, or restore raw"
            )
        self.setup.member.seek(self.partition, self.seen.next_offset)

    async def _skip_lost(self, producer: Transactions) -> None:
        """Count what retention took before it was read, and go to where we stand."""
        first, _ = await self.setup.member.bounds(self.partition)
        if first > self.seen.next_offset:
            lost = first - self.seen.next_offset
            await self._write(producer, skip(self.seen, first))
            _log.error("raw_records_lost", partition=self.partition, lost=lost, position=first)
        await self._seek()

    async def _close_gap(self, producer: Transactions, found: int) -> None:
        """Read again from our position; where the same gap shows twice, prove that nothing is in it, and pass it over.

        Headrace writes raw without transactions, so it has no gaps; a foreign transaction leaves its marker in one.
        """
        if self._gap_at != self.seen.next_offset or found < self.seen.next_offset:
            self._gap_at = self.seen.next_offset
            await self._skip_lost(producer)
            return
        raw = self.setup.topic("raw")
        async with Consumer(self.setup.kafka, committed=False) as log:
            log.seek(raw, self.partition, self.seen.next_offset)
            records, _ = await log.next(raw, self.partition, wait=PROOF_WAIT)
        if records and records[0].offset == found:
            lost = found - self.seen.next_offset
            await self._write(producer, skip(self.seen, found))
            _log.error("raw_offsets_without_records", partition=self.partition, lost=lost, position=found)
        await self._seek()


def _without_gap(records: list[Record]) -> list[Record]:
    """Give the records up to the first offset that is missing between them."""
    first = records[0].offset
    if records[-1].offset - first == len(records) - 1:
        return records
    return [record for number, record in enumerate(records) if record.offset == first + number]


def _no_memory(where: str, at: int, end: int) -> str:
    if end == 0:
        return (
            f"{where} does not even hold its first record: run `headrace topics apply`, which says whether that is safe"
        )
    if at > end:
        return f"{where} ends at {end}, but was read to {at} before: it was created anew under us; restore it"
    return f"{where} holds no record any more: what was published is forgotten; restore it, or delete raw and seen"
