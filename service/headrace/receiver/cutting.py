"""Verify deliveries and cut them into records: light ones at once, heavy ones in a thread, one at a time.

Ten thousand records take half a second to cut and name. In a thread the event loop goes on meanwhile, so that other
tenants are served; one at a time bounds what they take together.
"""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from headrace.config.tenants import Account
from headrace.receiver import refusals
from headrace.receiver.body_reader import BodySlot
from headrace.receiver.topic_writer import Item
from headrace.records.raw import to_raw_record
from headrace.sdk.limits import MOST_RECORDS
from headrace.sdk.provider import Accepted, Delivery

HEAVY_BYTES: Final = 64 * 1024
HEAVY_COMMAS: Final = 500
"""A body of fewer has fewer records, and is cut within a few milliseconds."""
SWITCH_SECONDS: Final = 0.001
"""What the event loop waits for the thread at a time, where Python's default is 5 ms."""


class Cut(Struct, frozen=True):
    """A verified delivery and its records."""

    accepted: Accepted
    items: list[Item]


class Cutter:
    """Cuts deliveries. `admit` and `charge` are called for each: whether its tenant may send, and what it sent."""

    def __init__(self, admit: Callable[[str], None], charge: Callable[[str, int, int], None]) -> None:
        self._admit: Final = admit
        self._charge: Final = charge
        self._lane: Final = asyncio.Lock()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix="cutting")

    async def cut(self, account: Account, delivery: Delivery, slot: BodySlot, traceparent: str = "") -> Cut:
        """Verify and cut a delivery of a trace, whose memory `slot` counts. Raises `Refused`."""
        self._admit(account.source)
        if not is_heavy(delivery.body):
            return self._charged(account, delivery, slot, cut(account, delivery, traceparent))
        async with self._lane:
            self._admit(account.source)  # those before it in the lane may have been the same tenant's
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._thread, cut, account, delivery, traceparent)
            return self._charged(account, delivery, slot, found)

    def _charged(self, account: Account, delivery: Delivery, slot: BodySlot, found: Cut) -> Cut:
        """Charge a tenant for what was verified: strangers cannot bring it into debt. Raises `Refused`."""
        count = len(found.accepted.events)
        if count:
            slot.hold_records(len(found.items))
            self._charge(account.source, count, len(delivery.body))
        if count > MOST_RECORDS:
            raise refusals.too_many_records(MOST_RECORDS)
        return found


def is_heavy(body: bytes) -> bool:
    """Return whether it may take longer than the event loop should be held: between two records there is a comma."""
    return len(body) >= HEAVY_BYTES or body.count(b",") >= HEAVY_COMMAS


def cut(account: Account, delivery: Delivery, traceparent: str = "") -> Cut:
    """Let the provider verify a delivery, and name its records unless they are too many. Pure. Raises `Refused`.

    `traceparent` is the context of the trace that the records go on with, an empty string for none.
    """
    provider, source = account.provider, account.source
    accepted = provider.accept(delivery, account.settings)
    if len(accepted.events) > MOST_RECORDS:
        return Cut(accepted, [])
    events = accepted.events
    if traceparent:
        events = [replace(raw, traceparent=traceparent) for raw in events]
    return Cut(accepted, [Item(source, to_raw_record(provider, raw)) for raw in events])
