"""Nudges for the tenants of one partition of `cursors`: each wakes its feed, and stays open until a row was read.

What is open is stored together with the position behind it: a poller that was away for long skips no nudge. What finds
no room, or no feed any more, is open as well until it is back in raw as told.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from msgspec import Struct

from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Record
from headrace.kafka.partition_reader import WrongLog
from headrace.poller.lead_discovery import LeadDiscovery
from headrace.poller.nudges_topic import NudgesTopic
from headrace.poller.raw_return import RawReturn
from headrace.poller.shared_reader import PAUSE_SECONDS, SharedReader
from headrace.poller.state_writer import StateWriter
from headrace.poller.tenant import TenantPoller
from headrace.poller.unpolled_nudges import UnpolledNudges
from headrace.records.cursors import LEADS, CursorEntry, NudgePosition, entry
from headrace.records.nudge import AddressedNudge
from headrace.records.order import Order, decode_nudge_or_order, name_of

STORE_EVERY_SECONDS: Final = 1.0
POSITION_EVERY_SECONDS: Final = 60.0
"""Between two records of a position that passed nudges for other partitions alone."""
TICK_SECONDS: Final = 5.0
"""Between two looks for open nudges whose time has come."""
CHECK_SECONDS: Final = 300.0
"""Between two looks whether the topic was made anew."""
MOST_ORDERS: Final = 10_000
"""Orders that wait for a second at most; what comes beyond is passed over, and said."""
RETURNED_TOGETHER: Final = 1_000
"""Records that go back to raw before it is noted that they have."""

_log = structlog.get_logger()


class ReceivedNudge(Struct, frozen=True):
    """A nudge of a tenant, or an order, with the time (ms) at which it was written."""

    source: str
    nudge: AddressedNudge | Order
    at: int


def nudge_of(record: Record) -> ReceivedNudge | None:
    """Return the nudge of a record, or the order, None where it is damaged. Raises `NewerFormat`."""
    try:
        source, nudge = decode_nudge_or_order(record.topic, record.key, record.value)
    except ValueError:
        _log.warning("nudge_not_understood", partition=record.partition, offset=record.offset)
        return None
    return ReceivedNudge(source, nudge, record.timestamp)


class NudgeInbox:
    """Takes nudges of all that are `at_home` here: `tenants` are polled, others not, or configured no more.

    `reader` reads the `topic` for it. `positions` are the stored ones, `leads_changed` is set where people wrote to a
    watch-list.
    """

    def __init__(
        self,
        writer: StateWriter,
        tenants: Mapping[str, TenantPoller],
        unpolled: UnpolledNudges,
        topic: NudgesTopic,
        reader: SharedReader[ReceivedNudge | None],
        *,
        at_home: Callable[[str], bool],
        discovery: LeadDiscovery,
        raw_return: RawReturn,
        positions: Mapping[int, int],
        leads_changed: asyncio.Event,
    ) -> None:
        self.positions: Final = positions
        self._writer: Final = writer
        self._tenants: Final = tenants
        self._unpolled: Final = unpolled
        self._topic: Final = topic
        self._reader: Final = reader
        self._reads = False
        """Whether the reader has been asked to read."""
        self._looked_at = -CHECK_SECONDS
        self._at_home: Final = at_home
        self._discovery: Final = discovery
        self._raw_return: Final = raw_return
        self._leads_changed: Final = leads_changed
        self._taken: Final = dict(positions)
        self._room: Final = asyncio.Event()
        self._room.set()
        self._orders: Final[list[tuple[str, Order]]] = []
        """Those that were taken and not carried out, with the tenants that they are for."""
        self._moved = False
        """Whether the position has passed a nudge of ours since it was stored."""
        self._stored_at = time.monotonic()

    async def take(self, found: ReceivedNudge | None, partition: int, offset: int) -> None:
        """Wake the feed that a nudge names, and watch its lead, unless the nudge was taken before; take an order."""
        await self._room.wait()
        if offset < self._taken.get(partition, 0):
            return
        if found is not None and isinstance(found.nudge, AddressedNudge) and found.nudge.feed == LEADS:
            self._leads_changed.set()
        elif found is not None and self._at_home(found.source):
            if isinstance(found.nudge, AddressedNudge):
                await self._take(found.source, found.nudge, found.at)
            else:
                self._take_order(found.source, found.nudge)
            self._moved = True
        self._taken[partition] = offset + 1

    def passed(self, partition: int, position: int) -> None:
        """Note that all before a position was taken: nothing is gone where retention takes markers alone."""
        self._taken[partition] = max(position, self._taken.get(partition, 0))

    async def _take(self, source: str, nudge: AddressedNudge, at: int) -> None:
        tenant = self._tenants.get(source)
        if tenant is not None:
            if nudge.lead is not None:
                await self._discovery.name(source, nudge.lead)
            tenant.follow_up.take(nudge, at)
        elif nudge.partition >= 0:
            self._unpolled.take(source, nudge, at)
        if tenant.follow_up.nudges.overfull if tenant else self._unpolled.overfull:
            self._room.clear()

    def _take_order(self, source: str, order: Order) -> None:
        if len(self._orders) < MOST_ORDERS:
            self._orders.append((source, order))
        else:
            _log.error("order_passed_over", source=source, order=name_of(order), reason="too many at once")

    async def run(self) -> None:
        """Store what is open and how far nudges were taken; look after what stays open. Until cancelled.

        Raises `WrongLog` where the topic was made anew.
        """
        ticked = 0.0
        while True:
            if time.monotonic() - self._looked_at > (CHECK_SECONDS if self._reads else PAUSE_SECONDS):
                await self._look_at_topic()
                self._looked_at = time.monotonic()
            await asyncio.sleep(STORE_EVERY_SECONDS)
            await self._store()
            if not self._room.is_set() or time.monotonic() - ticked > TICK_SECONDS:
                ticked = time.monotonic()
                await self._look_after()

    async def _look_at_topic(self) -> None:
        """Begin to read once it is known what is gone; later look whether it is still that topic. Raises `WrongLog`."""
        try:
            if self._reads:
                await self._topic.check()
                return
            await self._topic.take_over()
        except WrongLog:
            raise
        except (KafkaError, TimeoutError, OSError) as error:  # the tenants are polled all the same
            _log.warning("nudges_not_read", reason=type(error).__name__)
            return
        self._taken.update(self.positions)
        self._reads = True
        self._reader.add(self)

    async def _store(self) -> None:
        taken = {partition: at for partition, at in self._taken.items() if self.positions.get(partition) != at}
        orders = len(self._orders)  # one that comes while leads are stored stands behind these positions
        if self._moved:
            self._moved = False
            await self._discovery.store()  # before the position: a lead that a nudge named is watched
        elif time.monotonic() - self._stored_at < POSITION_EVERY_SECONDS:
            taken = {}
        entries = self._unstored()
        if any(source in self._tenants and self._tenants[source].stopping for source, _ in self._orders[:orders]):
            self._moved, taken = True, {}  # the orders wait for the poller that follows, and their positions with them
        else:
            entries += self._carried_out(orders)
        if taken or entries:
            self._stored_at = time.monotonic()
            positions = [entry("", NudgePosition(at), str(partition)) for partition, at in taken.items()]
            await self._writer.store(entries + positions)

    def _carried_out(self, first: int) -> list[CursorEntry]:
        """Carry out so many orders; return what is to be stored."""
        orders, self._orders[:first] = self._orders[:first], []
        entries: list[CursorEntry] = []
        for source, order in orders:
            if source in self._tenants:
                entries += self._tenants[source].orders.carry_out(order)
            else:
                _log.warning(
                    "order_passed_over", source=source, order=name_of(order), reason="the tenant is not polled"
                )
        return entries

    def _unstored(self) -> list[CursorEntry]:
        """Return what has changed. Nothing may be awaited until the writer has it: what comes later stands behind."""
        entries = list(self._unpolled.take_unstored())
        for tenant in self._tenants.values():
            entries += unstored(tenant)
        return entries

    async def _look_after(self) -> None:
        """Let each tenant ask again; return to raw what no feed brought, or is there to bring."""
        waiting = self._unpolled.look_after()
        for source, tenant in self._tenants.items():
            waiting += [(source, nudge) for nudge in tenant.follow_up.look_after()]
        await self._store()  # before anything is appended
        for tenant in self._tenants.values():
            tenant.follow_up.stored()
        for begin in range(0, len(waiting), RETURNED_TOGETHER):
            for source, nudge in await self._raw_return.as_told(waiting[begin : begin + RETURNED_TOGETHER]):
                if source in self._tenants:
                    self._tenants[source].follow_up.returned(nudge)
                else:
                    self._unpolled.returned(source, nudge)
            await self._store()
        if not (self._unpolled.overfull or any(one.follow_up.nudges.overfull for one in self._tenants.values())):
            self._room.set()


def unstored(tenant: TenantPoller) -> list[CursorEntry]:
    """Return what has changed of a tenant beside its feeds since the last call, to be stored."""
    return [*tenant.follow_up.nudges.take_unstored(), *tenant.holes.take_unstored(tenant.clock.now())]
