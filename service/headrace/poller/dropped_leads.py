"""What is left of leads that nobody watches any more: a lead may come back, so it is kept for a while, then removed.

These are the cursors of such a lead, and why it was dropped.
"""

import asyncio
from collections.abc import Mapping
from itertools import islice
from typing import Final

from msgspec.structs import replace

from headrace.poller.slices import SLICE, in_slices
from headrace.poller.state import PartitionState, TenantState
from headrace.poller.state_writer import StateWriter
from headrace.poller.tenant import TenantPoller
from headrace.records.cursors import CursorEntry, DroppedLead, Position, entry, removed

KEPT_SECONDS: Final = 30 * 86_400.0
"""And never less than the dedupe window: within it, a lead that comes back is not read from its beginning."""
EVERY_SECONDS: Final = 6 * 3_600.0


class DroppedLeads:
    """Looks after what is left of leads of the `tenants` of one partition, kept for `lifetime` seconds."""

    def __init__(
        self, writer: StateWriter, tenants: Mapping[str, TenantPoller], remembered: PartitionState, *, lifetime: float
    ) -> None:
        self._writer: Final = writer
        self._tenants: Final = tenants
        self._remembered: Final = remembered
        self._lifetime: Final = max(lifetime, KEPT_SECONDS)

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            for source, tenant in list(self._tenants.items()):
                await self._look_through(source, tenant)
            await asyncio.sleep(EVERY_SECONDS)

    async def _look_through(self, source: str, tenant: TenantPoller) -> None:
        state, now = self._remembered.of(source), int(tenant.clock.now() * 1000)
        keys = state.positions.keys_by_lead()
        while some := list(islice(keys, SLICE)):
            changed = (
                change(source, state, key, watched=tenant.watches(key[1]), now=now, lifetime=self._lifetime)
                for key in some
            )
            await self._writer.store([one for one in changed if one is not None])
            await asyncio.sleep(0)
        async for leads in in_slices(list(state.dropped)):
            over = (
                forgotten(source, state, lead, watched=tenant.watches(lead), now=now, lifetime=self._lifetime)
                for lead in leads
            )
            await self._writer.store([one for one in over if one is not None])


def change(
    source: str, state: TenantState, key: tuple[str, str], *, watched: bool, now: int, lifetime: float
) -> CursorEntry | None:
    """Return what is to be stored of a cursor, None where it stays as it is; `now` in ms, `lifetime` in seconds."""
    position = state.positions.get(key)
    if position is None:
        return None
    if watched:
        return entry(source, replace(position, dropped=0), *key) if position.dropped else None
    if not position.dropped:
        return entry(source, replace(position, dropped=now), *key)
    return removed(source, Position, *key) if now - position.dropped > lifetime * 1000 else None


def forgotten(
    source: str, state: TenantState, lead: str, *, watched: bool, now: int, lifetime: float
) -> CursorEntry | None:
    """Return what removes why a lead was dropped, None while that is kept; `now` in ms, `lifetime` in seconds."""
    dropped = state.dropped.get(lead)
    over = dropped is not None and (watched or now - dropped.at > lifetime * 1000)
    return removed(source, DroppedLead, lead) if over else None
