"""Delivers webhooks to whichever receiver takes them, and counts the answers."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from headrace_demo.senders import Sending
from tests.benchmarks.deliveries import OK, Connection, connect, request_of, status_of

PAUSE: Final = 0.5
"""Seconds between two attempts."""
_REFUSALS: Final = {429, 503}


class Courier:
    """Delivers one sending at a time over connections that stay; `answers` is shared by all couriers of a process."""

    def __init__(self, doors: Sequence[int], number: int, patience: float, answers: Counter[str]) -> None:
        self._doors: Final = doors
        self._patience: Final = patience
        self._answers: Final = answers
        self._open: dict[int, Connection] = {}
        self._turn = number

    async def deliver(self, sending: Sending, attempts: int) -> bool:
        """Deliver, at each attempt to the next receiver; return whether it was accepted."""
        for attempt in range(attempts):
            if await self._attempt(sending):
                return True
            if attempt < attempts - 1:
                await asyncio.sleep(PAUSE)
        return False

    def close(self) -> None:
        """Close the connections."""
        while self._open:
            self._open.popitem()[1].close()

    async def _attempt(self, sending: Sending) -> bool:
        self._turn += 1
        door = self._doors[self._turn % len(self._doors)]
        try:
            async with asyncio.timeout(self._patience):
                if door not in self._open:
                    self._open[door] = await connect(door)
                head = await self._open[door].ask(request_of(sending))
        except (OSError, TimeoutError) as error:
            self._answers["in time: none" if isinstance(error, TimeoutError) else "connection closed"] += 1
            with suppress(KeyError):
                self._open.pop(door).close()
            return False
        self._answers[_word(head)] += 1
        if b"connection: close" in head.lower():
            self._open.pop(door).close()
        return status_of(head) in OK


def _word(head: bytes) -> str:
    status = status_of(head)
    unsaid = status in _REFUSALS and b"retry-after:" not in head.lower()
    return f"{status}, no Retry-After" if unsaid else str(status)
