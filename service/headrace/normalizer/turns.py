"""How much the tasks of a process decide and write at a time.

Full batches: two, since more of them only hold transactions open for longer. Small ones cost little and mostly wait for
Kafka, so that more of them shorten the time from raw to events.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from headrace.kafka.bounded_reader import MOST_WEIGHT, weight_of
from headrace.kafka.consumer import Record

SMALL_RECORDS: Final = 250
"""Records of a batch beyond which it counts as a full one, whatever they weigh."""
FULL_AT_ONCE: Final = 2
SMALL_AT_ONCE: Final = 8

_ROOM: Final = FULL_AT_ONCE * MOST_WEIGHT


class Turns:
    """Bounds what is decided and written at a time by its weight; first come, first served."""

    def __init__(self) -> None:
        self._left = _ROOM
        self._waiting: Final[deque[tuple[int, asyncio.Future[None]]]] = deque()

    @asynccontextmanager
    async def of(self, batch: Sequence[Record]) -> AsyncIterator[None]:
        """Wait for the turn of a batch, and hold it while the block runs."""
        share = _share(batch)
        await self._take(share)
        try:
            yield
        finally:
            self._give(share)

    async def _take(self, share: int) -> None:
        if not self._waiting and share <= self._left:
            self._left -= share
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((share, turn))
        try:
            await turn
        except asyncio.CancelledError:
            self._give(0 if turn.cancelled() else share)  # it may have come together with the cancellation
            raise

    def _give(self, share: int) -> None:
        self._left += share
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= self._left):
            next_share, turn = self._waiting.popleft()
            if not turn.done():  # else it was cancelled while it waited
                self._left -= next_share
                turn.set_result(None)


def _share(batch: Sequence[Record]) -> int:
    """Return what a batch takes of the room; one record alone may weigh more than all of it."""
    if len(batch) > SMALL_RECORDS:
        return MOST_WEIGHT
    weight = sum(map(weight_of, batch))
    return min(max(weight, _ROOM // SMALL_AT_ONCE), _ROOM)
