"""The spool as the receiver uses it: append durably, read the oldest, remove, set aside; facts are in memory.

Guarantees: what `append` returned from survives SIGKILL and loss of power; the order is that of the calls; a
cancelled caller loses nothing that was acknowledged; its record may still be kept.
"""

import asyncio
import contextlib
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import structlog

from headrace.core.record import ProducerRecord
from headrace.spool.file import CannotSpool, SpoolFacts, SpoolFile, SpoolLock
from headrace.spool.pages import disk_bytes
from headrace.spool.record import Waiting, pack
from headrace.spool.rescue import Damage
from headrace.spool.writer import Job, SpoolWriter

APPEND_DEADLINE_SECONDS: Final = 5.0
READ_DEADLINE_SECONDS: Final = 60.0
"""To read a batch; where the file is found damaged by it, it is salvaged within."""
CLOSE_DEADLINE_SECONDS: Final = 5.0
COMING_BYTES: Final = 64 * 2**20
"""Most bytes on their way to the disk: where it hangs, they stay in memory though nobody waits for them any more."""
PUT_TOGETHER: Final = 200
"""Records of one delivery in one commit: those of others do not wait for all of a heavy one."""
LEAST_ROOM_BYTES: Final = 2**20
"""Below so much, or a sixteenth of a small limit, a spool says that it has no room; what fits is taken all the same."""

_log = structlog.get_logger()


class NoRoom(Exception):  # noqa: N818  (what is the case, not whose error)
    """It was not made durable in time: nothing was promised."""


class Spool:
    """An open spool, owned by this process. Raises `CannotSpool` where another one owns it, or it cannot be used."""

    def __init__(self, path: str | Path, limit: int) -> None:
        """Open or create the file at `path`, inside the event loop; `limit` is in bytes on the disk."""
        self.limit: Final = limit
        self._least_room: Final = min(LEAST_ROOM_BYTES, limit // 16)
        self._held: Counter[str] = Counter()  # by topic, in the file, as are the next four
        self._aside = self._bytes = self._put = self._drained = 0
        self._coming: Counter[str] = Counter()  # by topic, on their way into the file
        self._coming_bytes = 0
        self._gone: defaultdict[str, set[int]] = defaultdict(set)  # on their way out, by topic
        self._behind: Counter[str] = Counter()  # all ids up to this one are
        self._leaving: Counter[str] = Counter()
        self._batch: dict[str, list[int]] = {}
        self._lock = SpoolLock(Path(path))
        try:
            self._writer = SpoolWriter(Path(path), self._counted)
        except BaseException:
            self._lock.close()
            raise
        self._counted(self._writer.first)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    @property
    def damage(self) -> Damage:
        """How often the file was found damaged, and what was salvaged."""
        return self._writer.damage

    @property
    def usable(self) -> bool:
        """Whether the file can be read and written, as far as it was last tried."""
        return self._writer.well

    @property
    def has_room(self) -> bool:
        """Whether deliveries fit, all but the largest, and the disk takes them as far as it was last tried."""
        return self._writer.well and self._bytes + self._coming_bytes + self._least_room <= self.limit

    def waiting(self, topic: str) -> int:
        """How many records of a topic wait, or are on their way in."""
        return self._held.get(topic, 0) + self._coming.get(topic, 0)

    def facts(self) -> SpoolFacts:
        """Return what it holds, from memory."""
        oldest = self._writer.oldest if self._held.total() else None
        return SpoolFacts(
            topics=dict(self._held),
            set_aside=self._aside,
            bytes=self._bytes,
            oldest=oldest,
            put=self._put,
            drained=self._drained,
        )

    async def append(self, records: Sequence[tuple[str, str, ProducerRecord]], received: int) -> None:
        """Append records, each a topic, a source and what is to be appended to Kafka; return when they are durable.

        `received` is the time of receipt in milliseconds. Raises `NoRoom`.
        """
        packed = [(topic, source, pack(out)) for topic, source, out in records]
        sizes = [disk_bytes(len(record)) for _, _, record in packed]
        self._check_room(sum(sizes))
        for first in range(0, len(packed), PUT_TOGETHER):
            last = first + PUT_TOGETHER
            await self._append(packed[first:last], sum(sizes[first:last]), received)

    def _check_room(self, size: int) -> None:
        """Raise `NoRoom` where there is too little for so many bytes."""
        if self._bytes + self._coming_bytes + size > self.limit:
            raise NoRoom(f"the spool holds {self._bytes:,} bytes, {self.limit:,} are allowed")
        if self._coming_bytes and self._coming_bytes + size > COMING_BYTES:
            raise NoRoom(f"the disk is slow: {self._coming_bytes:,} bytes are on their way to it")

    async def _append(self, packed: Sequence[tuple[str, str, bytes]], size: int, received: int) -> None:
        """Append records that others wait for no longer than for a commit. Raises `NoRoom`."""
        topics = Counter(topic for topic, _, _ in packed)
        self._coming += topics
        self._coming_bytes += size

        def settle(outcome: Any) -> None:
            self._coming -= topics
            self._coming_bytes -= size
            if not isinstance(outcome, Exception):
                self._held += topics
                self._bytes += size
                self._put += len(packed)

        try:
            await self._done(lambda file: file.append(received, packed), settle, APPEND_DEADLINE_SECONDS)
        except (sqlite3.Error, OSError, TimeoutError, CannotSpool) as error:
            raise NoRoom(f"the spool does not take it: {error!r}") from None

    async def oldest(self, topic: str, most: int, most_bytes: int) -> list[Waiting]:
        """Return the oldest records of a topic, at least one where any waits.

        Raises `sqlite3.Error`, `TimeoutError`.
        """
        gone, behind = self._gone[topic], self._behind[topic]
        wanted = most + len(gone)
        found = await self._done(
            lambda file: file.oldest(topic, behind, wanted, most_bytes),
            lambda _: None,
            READ_DEADLINE_SECONDS,
            apart=True,
        )
        batch: list[Waiting] = [one for one in found if one.id not in gone]
        self._batch[topic] = [one.id for one in found]
        return batch

    def remove(self, records: Sequence[Waiting]) -> None:
        """Remove records of one topic that Kafka took; they wait no longer, even where a full disk keeps them."""
        ids = [one.id for one in records]

        def settle(size: int) -> None:
            self._drained += len(ids)
            self._bytes -= size

        self._leave(records, lambda file: file.remove(ids), settle)

    def set_aside(self, records: Sequence[Waiting], reason: str) -> None:
        """Keep records of one topic, but let them wait no longer."""
        ids = [one.id for one in records]

        def settle(_: int) -> None:
            self._aside += len(ids)

        self._leave(records, lambda file: file.set_aside(ids, reason), settle)

    async def take_back(self) -> int:
        """Let everything that was set aside wait again, for a drain that begins; return how many records that are."""
        before = self._held.total()

        def taken(outcome: Any) -> None:
            if isinstance(outcome, SpoolFacts):
                self._behind.clear()
                self._counted(outcome)

        await self._done(lambda file: file.take_back(), taken, READ_DEADLINE_SECONDS)
        return self._held.total() - before

    def shrink(self) -> None:
        """Return unused room to the disk, a little at a time, as long as nothing waits."""

        def shrunk(more: Any) -> None:
            if more is True and not self._held.total():
                self.shrink()

        self._writer.submit(Job(lambda file: file.shrink(), shrunk, apart=True))

    async def settled(self) -> None:
        """Return when the file has all that was asked for so far, and the facts tell it."""
        with contextlib.suppress(sqlite3.Error, OSError, TimeoutError):
            await self._done(lambda _: None, lambda _: None, APPEND_DEADLINE_SECONDS)

    def close(self) -> None:
        """Finish queued jobs, and let others have the file. Does not wait for a hung disk."""
        if not self._writer.close(CLOSE_DEADLINE_SECONDS):
            _log.warning("spool_stuck", deadline=CLOSE_DEADLINE_SECONDS)
        self._lock.close()

    def _leave(
        self, records: Sequence[Waiting], work: Callable[[SpoolFile], int], settle: Callable[[int], None]
    ) -> None:
        if not records:
            return
        topic, ids = records[0].topic, {one.id for one in records}
        gone = self._gone[topic]
        gone |= ids
        self._held[topic] -= len(ids)
        self._leaving[topic] += len(ids)
        if gone.issuperset(batch := self._batch.get(topic, ())) and batch:
            self._behind[topic] = batch[-1]
            gone.difference_update(batch)

        def done(size: int) -> None:
            gone.difference_update(ids)
            self._leaving[topic] -= len(ids)
            settle(size)

        self._writer.submit(Job(work, done, owed=True))

    async def _done(
        self, work: Callable[[SpoolFile], Any], settle: Callable[[Any], None], deadline: float, *, apart: bool = False
    ) -> Any:
        """Have work done and return its result; `settle` is called with it whether we wait to the end or not."""
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(outcome: Any) -> None:
            settle(outcome)
            if result.done():
                return
            if isinstance(outcome, Exception):
                result.set_exception(outcome)
            else:
                result.set_result(outcome)

        self._writer.submit(Job(work, done, apart=apart))
        async with asyncio.timeout(deadline):
            return await result

    def _counted(self, facts: SpoolFacts) -> None:
        """Begin from what the file holds: when it is opened, and when it had to be salvaged."""
        self._held = Counter(facts.topics)
        self._held.subtract(self._leaving)
        self._aside, self._bytes = facts.set_aside, facts.bytes
        self._put, self._drained = facts.put, facts.drained
