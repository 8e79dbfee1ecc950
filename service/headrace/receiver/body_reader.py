"""Read bodies within limits: their size, the time they take, and the memory of all of them together.

Where the memory is used up, the body that has been on its way for longest gives way, not the one that just came: who
sends slowly stands back, who sends at once is served.
"""

import asyncio
from typing import Final, Self

from aiohttp import StreamReader
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from headrace.receiver import refusals

_GONE: Final = (HttpProcessingError, RequestPayloadError, ConnectionError, RuntimeError)
"""What reading raises where the framing is wrong or the sender went away (RuntimeError: before we began to read)."""


class Held:
    """One body in memory, from the `with` to its end; `scope` is set while it is being read."""

    __slots__ = ("_bodies", "gave_way", "scope", "size")

    def __init__(self, bodies: "Bodies") -> None:
        self._bodies: Final = bodies
        self.size = 0
        self.scope: asyncio.Timeout | None = None
        self.gave_way = False

    def __enter__(self) -> Self:
        self._bodies.held[self] = None
        return self

    def __exit__(self, *_: object) -> None:
        self._bodies.size -= self.size
        del self._bodies.held[self]

    async def read(self, content: StreamReader) -> bytes:
        """Read it whole. Raises `Refused`."""
        return self._at_once(content) if content.is_eof() else await self._slowly(content)

    def _at_once(self, content: StreamReader) -> bytes:
        """Take a body that came with its head, as most do."""
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
        self._limit: Final = limit
        self.held: Final[dict[Held, None]] = {}  # in the order in which they came
        self.size = 0

    def hold(self) -> Held:
        """Make room for a body: it is held while the `with` of it runs."""
        return Held(self)

    def grow(self, held: Held, more: int) -> None:
        """Account for more bytes of a body. Raises `Refused` where they are too many."""
        if held.gave_way:
            raise refusals.busy()
        held.size += more
        self.size += more
        if held.size > self.most:
            raise refusals.body_too_large(self.most)
        while self.size > self._limit:
            self._give_way(held)

    def _give_way(self, instead_of: Held) -> None:
        """End the oldest body that is still being read. Raises `Refused` where there is no other."""
        for held in self.held:
            if held.scope is not None and not held.gave_way and held is not instead_of:
                held.gave_way = True
                held.scope.reschedule(0.0)  # its reader is woken, and refuses it
                self.size -= held.size
                held.size = 0
                return
        raise refusals.busy()
