"""Read bodies within limits: their size, the time they take, and the memory of all of them together.

Where the memory is used up, the body that has been arriving for longest is refused, not the newest: slow senders give
way to those that send at once.
"""

import asyncio
from typing import Final, Self

from aiohttp import StreamReader
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from headrace.receiver import refusals

RECORD_BYTES: Final = 1024
"""What each record of a body takes beside its bytes until it is durable: its name, its header, its place."""

_GONE: Final = (HttpProcessingError, RequestPayloadError, ConnectionError, RuntimeError)
"""What reading raises where the framing is wrong or the sender went away (RuntimeError: before we began to read)."""


class BodySlot:
    """The memory of one body, counted while its `with` block runs; `scope` is set while the body is being read."""

    __slots__ = ("_bodies", "gave_way", "scope", "size")

    def __init__(self, bodies: "Bodies") -> None:
        self._bodies: Final = bodies
        self.size = 0
        self.scope: asyncio.Timeout | None = None
        self.gave_way = False

    def __enter__(self) -> Self:
        self._bodies.slots[self] = None
        return self

    def __exit__(self, *_: object) -> None:
        self._bodies.size -= self.size
        del self._bodies.slots[self]

    async def read(self, content: StreamReader) -> bytes:
        """Return the whole body. Raises `Refused`."""
        return self._at_once(content) if content.is_eof() else await self._slowly(content)

    def hold_records(self, count: int) -> None:
        """Account for the records that the body was cut into. Raises `Refused` where the memory is used up."""
        self.size += count * RECORD_BYTES
        self._bodies.size += count * RECORD_BYTES
        self._bodies.make_room(self)

    def _at_once(self, content: StreamReader) -> bytes:
        """Return a body that came with its head, as most do."""
        if content.exception() is not None:
            raise refusals.incomplete_body()
        body = content.read_nowait()
        self._bodies.grow(self, len(body))
        return body

    async def _slowly(self, content: StreamReader) -> bytes:
        chunks: list[bytes] = []
        deadline = self._bodies.deadline
        try:
            async with asyncio.timeout(deadline) as self.scope:
                while chunk := await content.readany():
                    self._bodies.grow(self, len(chunk))
                    chunks.append(chunk)
        except TimeoutError:
            raise refusals.busy() if self.gave_way else refusals.body_too_slow(deadline) from None
        except _GONE:
            raise refusals.incomplete_body() from None
        finally:
            self.scope = None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class Bodies:
    """All bodies in memory: `most` bytes each, read within `deadline` seconds, `limit` bytes together."""

    def __init__(self, most: int, limit: int, deadline: float) -> None:
        self.most: Final = most
        self.deadline: Final = deadline
        self.limit: Final = limit
        self.slots: Final[dict[BodySlot, None]] = {}  # in the order in which they came
        self.size = 0
        self.highest = 0
        """What `size` was at most."""

    def hold(self) -> BodySlot:
        """Return the slot of a body: its memory counts while the `with` block runs."""
        return BodySlot(self)

    def grow(self, slot: BodySlot, more: int) -> None:
        """Account for more bytes of a body. Raises `Refused` where they are too many."""
        if slot.gave_way:
            raise refusals.busy()
        slot.size += more
        self.size += more
        if slot.size > self.most:
            raise refusals.body_too_large(self.most)
        self.make_room(slot)

    def make_room(self, slot: BodySlot) -> None:
        """End others that are still being read until the rest fits; one alone always does.

        Raises `Refused` where that is not enough.
        """
        while self.size > max(self.limit, slot.size):
            self._give_way(slot)
        self.highest = max(self.highest, self.size)

    def _give_way(self, instead_of: BodySlot) -> None:
        """End the oldest body that is still being read. Raises `Refused` where there is no other."""
        for slot in self.slots:
            if slot.scope is not None and not slot.gave_way and slot is not instead_of:
                slot.gave_way = True
                slot.scope.reschedule(0.0)  # its reader is woken, and refuses it
                self.size -= slot.size
                slot.size = 0
                return
        raise refusals.busy()
