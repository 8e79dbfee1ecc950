"""Nudges for the tenants of one partition of `cursors`: each wakes its feed, and stays open until a row was read.

What is open is stored together with the position behind it: a poller that was away for long skips no nudge. What finds
no room, or no feed any more, goes back to raw as told before the position moves on.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import structlog
from msgspec import Struct

from headrace.config.tenants import Account
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Record
from headrace.poller.lead_discovery import LeadDiscovery
from headrace.poller.raw_return import RawReturn
from headrace.poller.state import PartitionState
from headrace.poller.state_writer import StateWriter
from headrace.poller.tenant import TenantPoller
from headrace.records.cursors import LEADS, NudgePosition, OpenNudge, entry, removed
from headrace.records.nudge import AddressedNudge, decode_nudge

STORE_EVERY_SECONDS: Final = 1.0
POSITION_EVERY_SECONDS: Final = 60.0
"""Between two records of a position that passed nudges for other partitions alone."""
TICK_SECONDS: Final = 5.0
"""Between two looks for open nudges whose time has come."""
MOST_HOMELESS: Final = 1_000
"""Nudges without room or feed that are taken before any is back in raw: then reading waits."""

_log = structlog.get_logger()


class ReceivedNudge(Struct, frozen=True):
    """A nudge of a tenant, with the time (ms) at which it was written."""

    source: str
    nudge: AddressedNudge
    at: int


def nudge_of(record: Record) -> ReceivedNudge | None:
    """Return the nudge of a record, None where it is damaged. Raises `NewerFormat`."""
    try:
        source, nudge = decode_nudge(record.topic, record.key, record.value)
    except ValueError:
        _log.warning("nudge_not_understood", partition=record.partition, offset=record.offset)
        return None
    return ReceivedNudge(source, nudge, record.timestamp)


class NudgeInbox:
    """Takes nudges of the `accounts` that are at home here, polled or not.

    `state` is what is remembered; `leads_changed` is set where people wrote to a watch-list.
    """

    def __init__(
        self,
        writer: StateWriter,
        tenants: Mapping[str, TenantPoller],
        accounts: Mapping[str, Account],
        *,
        discovery: LeadDiscovery,
        raw_return: RawReturn,
        state: PartitionState,
        leads_changed: asyncio.Event,
    ) -> None:
        self.positions: Final[Mapping[int, int]] = state.nudged
        self._writer: Final = writer
        self._tenants: Final = tenants
        self._accounts: Final = accounts
        self._discovery: Final = discovery
        self._raw_return: Final = raw_return
        self._leads_changed: Final = leads_changed
        self._taken: Final = dict(state.nudged)
        self._homeless: Final[list[tuple[Account, AddressedNudge]]] = []
        self._room: Final = asyncio.Event()
        self._room.set()
        self._unpolled: Final = [source for source in accounts if source not in tenants and state.of(source).nudges]
        self._state: Final = state
        self._moved = False
        """Whether the position has passed a nudge of ours since it was stored."""
        self._stored_at = time.monotonic()

    async def take(self, found: ReceivedNudge | None, partition: int, offset: int) -> None:
        """Wake the feed that a nudge names, and watch its lead, unless the nudge was taken before."""
        await self._room.wait()
        if offset < self._taken.get(partition, 0):
            return
        self._taken[partition] = offset + 1
        if found is None:
            return
        nudge, source = found.nudge, found.source
        if nudge.feed == LEADS:
            self._leads_changed.set()
            return
        tenant, account = self._tenants.get(source), self._accounts.get(source)
        self._moved |= account is not None
        if account is not None and not (tenant and tenant.follow_up.take(nudge, found.at)) and nudge.partition >= 0:
            self._homeless.append((account, nudge))
            if len(self._homeless) >= MOST_HOMELESS:
                self._room.clear()
        if tenant is not None and nudge.lead is not None:
            await self._discovery.name(source, nudge.lead)

    async def run(self) -> None:
        """Store what is open and how far nudges were taken; look after what stays open. Until cancelled."""
        ticked = 0.0
        while True:
            await asyncio.sleep(STORE_EVERY_SECONDS)
            try:
                await self._return_homeless()
            except (KafkaError, TimeoutError, OSError) as error:
                _log.warning("nudges_not_returned", reason=type(error).__name__)
                continue  # the position must not pass them
            await self._store()
            if time.monotonic() - ticked > TICK_SECONDS:
                ticked = time.monotonic()
                await self._look_after()

    async def _return_homeless(self) -> None:
        """Return to raw what has no room, or whose tenant is polled no more. Raises as `RawReturn`."""
        while self._unpolled:
            source = self._unpolled[-1]
            waiting = [(key, one) for key, one in self._state.of(source).nudges.items() if not one.ended]
            for _, one in waiting:
                await self._return(self._accounts[source], one.nudge)
            await self._writer.store([removed(source, OpenNudge, *key) for key, _ in waiting])
            self._unpolled.pop()
        while self._homeless:
            await self._return(*self._homeless[0])
            del self._homeless[0]
        self._room.set()

    async def _return(self, account: Account, nudge: AddressedNudge) -> None:
        await self._raw_return.as_told(account, partition=nudge.partition, offset=nudge.offset)

    async def _store(self) -> None:
        entries = [one for tenant in self._tenants.values() for one in tenant.follow_up.nudges.take_unstored()]
        if not (entries or self._moved) and time.monotonic() - self._stored_at < POSITION_EVERY_SECONDS:
            return
        self._stored_at, self._moved = time.monotonic(), False
        taken = {partition: at for partition, at in self._taken.items() if self.positions.get(partition) != at}
        entries += [entry("", NudgePosition(at), str(partition)) for partition, at in taken.items()]
        await self._discovery.store()  # before the position: a lead that a nudge named is watched
        await self._writer.store(entries)

    async def _look_after(self) -> None:
        """Let each tenant ask again, or return to raw what no feed brought."""
        for source, tenant in self._tenants.items():
            try:
                await tenant.follow_up.look_after()
            except (KafkaError, TimeoutError, OSError) as error:
                _log.warning("nudges_not_returned", source=source, reason=type(error).__name__)
