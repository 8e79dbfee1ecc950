"""Writes to `cursors`, from outside, which webhooks we made: a poller that is at work reads it when it is nudged."""

from collections.abc import Sequence
from typing import Final, Self

from headrace.config import Config
from headrace.kafka.appender import Appender
from headrace.kafka.partitioner import partitions
from headrace.records.cursors import LEADS, CursorEntry, encode, home_partition
from headrace.records.nudge import AddressedNudge, encode_nudge


class HookMemory:
    """What is stored of the webhooks of one tenant. Use it as `async with`: it connects when it writes."""

    def __init__(self, config: Config, source: str) -> None:
        self._config: Final = config
        self._source: Final = source
        self._cursors: Final = f"{config.topic_prefix}cursors"
        self._nudges: Final = f"{config.topic_prefix}nudges"
        self._appender: Appender | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._appender is None:
            return
        try:
            await self._nudge(self._appender)
        finally:
            await self._appender.__aexit__(*exc)

    async def store(self, entries: Sequence[CursorEntry]) -> None:
        """Return when the entries are durable, one after the other. Raises `KafkaError`, `TimeoutError`."""
        if not entries:
            return
        if self._appender is None:
            appender = Appender(self._config.kafka)
            await appender.__aenter__()
            self._appender = appender
        home = home_partition(self._source, await self._appender.partitions_of(self._cursors))
        for one in entries:
            await self._appender.append(self._cursors, home, encode(one))

    async def _nudge(self, appender: Appender) -> None:
        nudge = encode_nudge(self._source, AddressedNudge(feed=LEADS))
        (partition,) = partitions([nudge.key], await appender.partitions_of(self._nudges))
        await appender.append(self._nudges, partition, nudge)
