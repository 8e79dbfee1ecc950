"""Bring what is held back to raw: read where it lies, append copies behind everything else, stretch by stretch."""

import time
from collections.abc import Mapping as Dict
from contextlib import AsyncExitStack
from typing import Final, Self

import structlog
from msgspec import Struct

from headrace.config import KafkaSettings
from headrace.config.tenants import Tenants
from headrace.kafka.appender import Appender
from headrace.kafka.client import CALL_DEADLINE, KafkaError
from headrace.kafka.consumer import Consumer
from headrace.kafka.live_reader import OutOfRange
from headrace.normalizer.commit import CommitLimits
from headrace.normalizer.held import Returned, cut_off, due, first_of, give_back, lost_of
from headrace.normalizer.raw_reader import LIVE_WAIT
from headrace.records.held import HeldRange

BUSY_WAIT: Final = 0.02
LOOK_EVERY: Final = 1.0
"""Seconds between looks whether anything is due."""
BEHIND: Final = 500
SELDOM: Final = 8
"""A task that is behind by so many records gives back only at every eighth turn: copies stand before what is live."""
PAUSE: Final = 5.0
"""Seconds until the next attempt where Kafka failed: what is live goes on meanwhile."""

_log = structlog.get_logger()


class _Clients(Struct):
    """What reads and appends while something goes back, and where the reader stands."""

    open: AsyncExitStack
    log: Consumer
    appender: Appender
    position: int = -1
    moved_at: float = 0.0


class HeldReturns:
    """Returns what one task holds, some thousand records at a time, in turns with the task's own batches.

    Its clients are open only while something goes back. It appends outside of transactions, so raw has no gaps: what
    was appended and not noted any more (a crash, a zombie) is appended again.
    """

    def __init__(self, kafka: KafkaSettings, limits: CommitLimits) -> None:
        self._kafka: Final = kafka
        self._limits: Final = limits
        self._clients: _Clients | None = None
        self._again_at = 0.0
        self._turns = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._close()

    @property
    def wait(self) -> float:
        """For how many seconds the task should wait for live records: hardly, while something goes back."""
        return LIVE_WAIT if self._clients is None else BUSY_WAIT

    async def next(self, held: Dict[str, HeldRange], tenants: Tenants, now: int, lag: int) -> Returned | None:
        """Append the next stretch at a time (ms); return what changed, which is to be committed. None: nothing did.

        `lag` is how many records the task has before it. Raises `NewerFormat`.
        """
        if not held or time.monotonic() < self._again_at:
            return None
        self._turns += 1
        if lag > BEHIND and self._turns % SELDOM:
            return None
        back = due(held.values(), tenants, now, self._limits.held_for)
        if not back:
            await self._close()
            self._again_at = time.monotonic() + LOOK_EVERY
            return None
        try:
            return await self._stretch(held, back)
        except (KafkaError, TimeoutError, OSError) as error:
            _log.warning(
                "held_not_returned", partition=self._limits.partition, reason=type(error).__name__, again_in=PAUSE
            )
            await self._close()
            self._again_at = time.monotonic() + PAUSE
            return None

    async def _stretch(self, held: Dict[str, HeldRange], back: Dict[str, int]) -> Returned | None:
        """Read and append a stretch. Raises as the client does."""
        topic, partition = self._limits.topic, self._limits.partition
        clients, at = await self._opened(), first_of(held, back)
        if clients.position != at:
            if (lost := await self._lost(clients.log, held)) is not None:
                return lost
            clients.log.seek(topic, partition, at)
            clients.position, clients.moved_at = at, time.monotonic()
        try:
            records, reached = await clients.log.next(topic, partition)
        except OutOfRange:  # retention took it just now
            clients.position = -1
            return None
        if reached == at:
            if time.monotonic() - clients.moved_at > CALL_DEADLINE:
                raise TimeoutError(f"{topic}-{partition} was not read in time")
            return None
        found = give_back(held, back, records, reached, partition=partition, limit=self._limits.raw_bytes)
        taken = (await clients.appender.append_all(topic, {partition: found.copies}))[partition]
        if taken.error is not None:
            raise taken.error
        clients.position, clients.moved_at = reached, time.monotonic()
        return found

    async def _lost(self, log: Consumer, held: Dict[str, HeldRange]) -> Returned | None:
        """Return the ranges of which raw has lost the beginning, None where it has lost nothing."""
        begin, _ = await log.bounds(self._limits.topic, self._limits.partition)
        ranges = cut_off(held.values(), begin)
        lost = lost_of(held.values(), begin)
        for source, most in lost.items():
            _log.error("held_records_lost", source=source, at_most=most, partition=self._limits.partition, before=begin)
        return Returned([], ranges, [], lost) if ranges else None

    async def _opened(self) -> _Clients:
        """Return the clients, opened where they are not. Raises as they do."""
        if self._clients is None:
            async with AsyncExitStack() as stack:
                log = await stack.enter_async_context(Consumer(self._kafka, committed=False))
                appender = await stack.enter_async_context(Appender(self._kafka))
                self._clients = _Clients(stack.pop_all(), log, appender)
        return self._clients

    async def _close(self) -> None:
        clients, self._clients = self._clients, None
        if clients is not None:
            await clients.open.aclose()
