"""Nudges for the tenants of one partition of `cursors`: each wakes its feed, and stays open until a row was read.

What is open is stored together with the position behind it: a poller that was away for long skips no nudge.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import structlog
from msgspec import Struct

from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Record
from headrace.poller.lead_discovery import LeadDiscovery
from headrace.poller.state_writer import StateWriter
from headrace.poller.tenant import TenantPoller
from headrace.records.cursors import LEADS, NudgePosition, entry
from headrace.records.nudge import AddressedNudge, decode_nudge

STORE_EVERY_SECONDS: Final = 1.0
POSITION_EVERY_SECONDS: Final = 60.0
"""Between two records of a position that passed nudges for other partitions alone."""
TICK_SECONDS: Final = 5.0
"""Between two looks for open nudges whose time has come."""

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
    """Takes nudges. `positions` are the stored ones; `leads_changed` is set where people wrote to a watch-list."""

    def __init__(
        self,
        writer: StateWriter,
        tenants: Mapping[str, TenantPoller],
        discovery: LeadDiscovery,
        *,
        positions: Mapping[int, int],
        leads_changed: asyncio.Event,
    ) -> None:
        self.positions: Final = positions
        self._writer: Final = writer
        self._tenants: Final = tenants
        self._discovery: Final = discovery
        self._leads_changed: Final = leads_changed
        self._taken: Final = dict(positions)
        self._stored_at = time.monotonic()

    def take(self, found: ReceivedNudge | None, partition: int, offset: int) -> None:
        """Wake the feed that a nudge names, and watch its lead, unless the nudge was taken before."""
        if offset < self._taken.get(partition, 0):
            return
        self._taken[partition] = offset + 1
        if found is None:
            return
        nudge, tenant = found.nudge, self._tenants.get(found.source)
        if nudge.feed == LEADS:
            self._leads_changed.set()
        elif tenant is not None:
            tenant.nudge(nudge, found.at)
            if nudge.lead is not None:
                self._discovery.name(found.source, nudge.lead)

    async def run(self) -> None:
        """Store what is open and how far nudges were taken; look after what stays open. Until cancelled."""
        ticked = 0.0
        while True:
            await asyncio.sleep(STORE_EVERY_SECONDS)
            await self._store()
            if time.monotonic() - ticked > TICK_SECONDS:
                ticked = time.monotonic()
                await self._look_after()

    async def _store(self) -> None:
        entries = [one for tenant in self._tenants.values() for one in tenant.nudges.take_unstored()]
        if not entries and time.monotonic() - self._stored_at < POSITION_EVERY_SECONDS:
            return
        self._stored_at = time.monotonic()
        taken = {partition: at for partition, at in self._taken.items() if self.positions.get(partition) != at}
        entries += [entry("", NudgePosition(at), str(partition)) for partition, at in taken.items()]
        await self._discovery.store()  # before the position: a lead that a nudge named is watched
        await self._writer.store(entries)

    async def _look_after(self) -> None:
        """Let each tenant ask again, or return to raw what no feed brought."""
        for source, tenant in self._tenants.items():
            try:
                await tenant.look_after_nudges()
            except (KafkaError, TimeoutError, OSError) as error:
                _log.warning("nudges_not_returned", source=source, reason=type(error).__name__)
