"""Send records to raw again, no faster than normalizers decide on them: what is new waits behind few of them."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final

import click

from headrace.cli._kafka_errors import existing_topics
from headrace.cli._output import echo
from headrace.cli._progress_bar import ProgressBar
from headrace.cli._replay_fates import ReplayFates, ends_of_seen, replay_fates
from headrace.cli._replay_outbox import Outbox
from headrace.config import Config
from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.kafka.consumer import read
from headrace.kafka.raw_writer import GROUP_BYTES
from headrace.records.seen import decode_record, is_barrier

GROUP: Final = 500
"""Records that are appended to one partition at a time."""
UNDECIDED: Final = 10_000
"""Records on their way at most: a second of a normalizer's work."""
PATIENCE_SECONDS: Final = 20.0
GIVES_UP_SECONDS: Final = 600.0


class Sending:
    """Appends the records of an outbox, and follows how far normalizers are: `sent` are durable, `decided` judged.

    `fates` says what became of them, once all are decided.
    """

    def __init__(self, config: Config, outbox: Outbox) -> None:
        self.sent = 0
        self.decided = 0
        self.fates = ReplayFates()
        self._config: Final = config
        self._outbox: Final = outbox
        self._positions: Final[dict[int, int]] = {}
        self._moved: Final = asyncio.Event()
        self._follows: Final = asyncio.Event()
        """Set once what is decided from now on is seen."""
        self._waiting: Final[deque[tuple[int, int, int]]] = deque()

    async def run(self) -> None:
        """Send everything and wait for its fate. Raises `KafkaError`, `TimeoutError`; ends where nothing is decided."""
        raw, seen = await existing_topics(self._config, "raw", "seen")
        following = asyncio.create_task(self._follow(seen.name))
        try:
            await self._until_it_follows(following)
            since = await ends_of_seen(self._config, self._outbox)
            async with Appender(self._config.kafka) as appender:
                with ProgressBar("decided", len(self._outbox)) as bar:
                    for partition, group in self._groups():
                        await self._append(appender, raw.name, partition, group)
                        await self._until_at_most(UNDECIDED, following, bar)
                    await self._until_at_most(0, following, bar)
            self.fates = await replay_fates(self._config, self._outbox, since)
        finally:
            following.cancel()
            await asyncio.wait([following])  # unlike awaiting it, that tells its cancellation from ours
            _ = following.cancelled() or following.exception()  # looked at: all is decided, or worse was raised

    async def _until_it_follows(self, following: "asyncio.Task[None]") -> None:
        """Wait until no decision is missed: an idle normalizer is faster than a reader that starts."""
        follows = asyncio.create_task(self._follows.wait())
        await asyncio.wait((following, follows), return_when=asyncio.FIRST_COMPLETED)
        follows.cancel()
        if following.done():
            following.result()

    def _groups(self) -> Iterator[tuple[int, list[ProducerRecord]]]:
        """Yield groups of records, of all partitions in turn."""
        left = {partition: self._outbox.records(partition) for partition in self._outbox.partitions}
        while left:
            for partition, records in list(left.items()):
                group = list(islice(records, GROUP))
                if group:
                    yield partition, group
                if len(group) < GROUP:
                    del left[partition]

    async def _append(self, appender: Appender, topic: str, partition: int, group: list[ProducerRecord]) -> None:
        """Append records to a partition in their order, a part that fills less than a batch at a time."""
        last = -1
        for part in _parts(group):
            offsets = await asyncio.gather(*(appender.append(topic, partition, out) for out in part))
            last = max(last, *offsets)
            self.sent += len(part)
        self._waiting.append((partition, last, len(group)))

    async def _until_at_most(self, most: int, following: "asyncio.Task[None]", bar: ProgressBar) -> None:
        moved_at, warned = time.monotonic(), False
        while True:
            before = self.decided
            self._settle()
            bar.to(self.decided)
            if self.sent - self.decided <= most:
                return
            if following.done():
                following.result()
            now = time.monotonic()
            if self.decided > before:
                moved_at = now
            elif now - moved_at > GIVES_UP_SECONDS:
                raise click.ClickException(
                    f"{self.sent - self.decided:,} records wait in raw: no normalizer with these tables runs"
                )
            elif now - moved_at > PATIENCE_SECONDS and not warned:
                warned = True
                echo(
                    "Nothing is decided so far: does a normalizer run, with these same tables? It waits for it.",
                    err=True,
                )
            self._moved.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._moved.wait()

    def _settle(self) -> None:
        """Count the groups that are decided; each waits for the one before it."""
        waiting = self._waiting
        for _ in range(len(waiting)):
            partition, last, count = waiting.popleft()
            if self._positions.get(partition, 0) > last:
                self.decided += count
            else:
                waiting.append((partition, last, count))

    async def _follow(self, seen: str) -> None:
        reading = read(self._config.kafka, seen, from_start=False, follow=True, passed=lambda *_: self._follows.set())
        async with contextlib.aclosing(reading) as records:
            async for record in records:
                self._follows.set()
                value = record.value or b""
                if not is_barrier(value):
                    self._positions[record.partition] = decode_record(value).next_offset
                    self._moved.set()


def _parts(group: list[ProducerRecord]) -> Iterator[list[ProducerRecord]]:
    part: list[ProducerRecord] = []
    size = 0
    for out in group:
        if part and size + out.size > GROUP_BYTES:
            yield part
            part, size = [], 0
        part.append(out)
        size += out.size
    yield part
