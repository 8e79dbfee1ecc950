"""What an inbox stores of orders: each together with the position behind it."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from headrace.poller.nudge_inbox import NudgeInbox, ReceivedNudge
from headrace.poller.state import PartitionState
from headrace.poller.tenant_orders import TenantOrders
from headrace.records.cursors import CursorEntry, decode, encode
from headrace.records.order import Order, Pause, Rewind, SpentCalls
from tests.unit.test_tenant_orders import FEEDS, SOURCE, WINDOW, Poller


class Inbox:
    """An inbox of one tenant; what it stores is remembered, and leads that nudges named are stored when `named` is."""

    def __init__(self, memory: PartitionState) -> None:
        self.memory = memory
        self.poller = Poller(memory)
        self.storing, self.named = asyncio.Event(), asyncio.Event()
        nothing: Any = None
        self.tenant = SimpleNamespace(
            stopping=False,
            orders=TenantOrders(
                SOURCE, FEEDS, state=memory.of(SOURCE), now=lambda: 1_000.0, window=WINDOW, obeying=self.poller
            ),
            clock=self,
            follow_up=SimpleNamespace(nudges=self),
            holes=SimpleNamespace(take_unstored=lambda _: []),
        )
        tenants: Any = {SOURCE: self.tenant}
        parts: Any = self
        self.inbox = NudgeInbox(
            parts,
            tenants,
            parts,
            nothing,
            nothing,
            at_home=lambda _: True,
            discovery=SimpleNamespace(store=self.store_leads),  # type: ignore[arg-type]  # what is asked of it
            raw_return=nothing,
            positions=memory.nudged,
            leads_changed=asyncio.Event(),
        )

    def now(self) -> float:
        """Return the time."""
        return 1_000.0

    def take_unstored(self) -> list[CursorEntry]:
        """Return no nudges."""
        return []

    async def store_leads(self) -> None:
        """Wait until leads are stored."""
        self.storing.set()
        await self.named.wait()

    async def store(self, entries: Sequence[CursorEntry]) -> None:
        """Store entries, as their records are read again."""
        records = [encode(one) for one in entries]
        self.memory.apply(decode(record.key or b"", record.written or b"") for record in records)

    async def take(self, *orders: Order, at: int) -> None:
        """Take orders that stand from there on, those that were not taken before."""
        for offset, order in enumerate(orders, at):
            await self.inbox.take(ReceivedNudge(SOURCE, order, 0), 0, offset)


async def test_an_order_that_comes_while_leads_are_stored_is_carried_out_once() -> None:
    """Its position is stored with it: a successor does not take it again."""
    memory = PartitionState()
    first = Inbox(memory)
    await first.take(Pause("rows"), at=10)
    async with asyncio.TaskGroup() as group:
        group.create_task(first.inbox._store())
        await first.storing.wait()
        await first.take(Rewind(5, "rows"), SpentCalls(7), at=11)
        first.named.set()
    successor = Inbox(memory)
    successor.named.set()
    orders: list[Order] = [Pause("rows"), Rewind(5, "rows"), SpentCalls(7)]
    again = orders[memory.nudged[0] - 10 :]
    await successor.take(*again, at=memory.nudged[0])
    await successor.inbox._store()
    assert successor.poller.spent == 7
    assert memory.nudged[0] == 13


async def test_an_order_waits_for_the_poller_that_follows() -> None:
    """While the tenant's poller ends, for other settings: what it did not store is lost with it."""
    ending = Inbox(PartitionState())
    ending.named.set()
    ending.tenant.stopping = True
    await ending.take(SpentCalls(7), at=10)
    await ending.inbox._store()
    assert (ending.poller.spent, dict(ending.memory.nudged)) == (0, {})
    ending.tenant.stopping = False
    await ending.inbox._store()
    assert (ending.poller.spent, ending.memory.nudged[0]) == (7, 11)
