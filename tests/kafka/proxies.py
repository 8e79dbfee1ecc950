"""The process behind `network.Network`: one proxy for each link, and a socket on which the rules come.

`python -m tests.kafka.proxies links.json network.sock` serves until it is killed.
"""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from tests.kafka.network import Link, Party, Rule

_CHUNK: Final = 256 * 1024
_MOST_HELD: Final = 64 * 1024 * 1024  # bytes of one direction that wait; then the sender waits, as in TCP

Find = Callable[[Party, Party, Link], Sequence[Rule]]


class Proxies:
    """All proxies, and the rules that hold now."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._carried: set[Carried] = set()
        self._servers: list[asyncio.Server] = []  # uvloop closes a server that nobody holds

    async def open(self, link: Link) -> None:
        """Take connections of a link from now on."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self._is_cut(link):
                writer.transport.abort()
                return
            carried = Carried(link, self.find)
            self._carried.add(carried)
            try:
                await carried.carry(reader, writer)
            finally:
                self._carried.discard(carried)

        self._servers.append(await asyncio.start_server(accept, link.host, link.port))

    async def listen(self, control: Path) -> None:
        """Take rules from now on."""
        self._servers.append(await asyncio.start_unix_server(self._take_rules, control))

    async def _take_rules(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let the rules that come hold instead of those before."""
        self._rules = msgspec.msgpack.decode(await reader.read(), type=list[Rule])
        for carried in tuple(self._carried):
            carried.look(is_cut=self._is_cut(carried.link))
        writer.write(b"done\n")
        await writer.drain()
        writer.close()

    def find(self, sender: Party, receiver: Party, link: Link) -> Sequence[Rule]:
        """Find what holds for bytes of one direction of a link."""
        return [
            rule
            for rule in self._rules
            if (rule.sender, rule.receiver) == (sender, receiver) and rule.listener in (None, link.listener)
        ]

    def _is_cut(self, link: Link) -> bool:
        both = [*self.find(link.source, link.target, link), *self.find(link.target, link.source, link)]
        return any(rule.kind == "cut" for rule in both)


class Carried:
    """One connection that is carried, both ways."""

    def __init__(self, link: Link, find: Find) -> None:
        self.link = link
        self._ways = (Way(link.source, link.target, link, find), Way(link.target, link.source, link, find))
        self._both: asyncio.Future[tuple[None, None, None, None]] | None = None

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways until either side, or a rule, ends the connection."""
        target: asyncio.StreamWriter | None = None
        there, back = self._ways
        try:
            answers, target = await asyncio.open_connection(self.link.target_host, self.link.port)
            self._both = both = asyncio.gather(
                there.read(reader), there.write(target), back.read(answers), back.write(writer)
            )
            await both
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # one side is gone, or a rule was carried out: so goes the other
        finally:
            if self._both is not None:
                self._both.cancel()
            for side in (writer, target):
                if side is not None:
                    side.transport.abort()

    def look(self, *, is_cut: bool) -> None:
        """Follow the rules that hold now."""
        healed = any(way.has_lost and not way.is_black_hole for way in self._ways)
        if (is_cut or healed) and self._both is not None:
            self._both.cancel()
        for way in self._ways:
            way.changed.set()


class Way:
    """One direction of a connection: what was read and not yet written, and when it came."""

    def __init__(self, sender: Party, receiver: Party, link: Link, find: Find) -> None:
        self.changed = asyncio.Event()  # something came, went, or the rules changed
        self.has_lost = False
        self._held: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._rules: Callable[[], Sequence[Rule]] = lambda: find(sender, receiver, link)
        self._now = asyncio.get_running_loop().time

    @property
    def is_black_hole(self) -> bool:
        """Whether bytes vanish now."""
        return any(rule.kind == "black_hole" for rule in self._rules())

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Take what is sent; raise EOFError at its end."""
        while data := await reader.read(_CHUNK):
            if self.is_black_hole:
                self.has_lost = True
                continue
            self._held.append((self._now(), data))
            self._size += len(data)
            self.changed.set()
            while self._size > _MOST_HELD:
                await self._change()
        if not self.is_black_hole:  # else the end of it vanishes too
            raise EOFError
        await asyncio.Event().wait()

    async def write(self, writer: asyncio.StreamWriter) -> None:
        """Pass on what was sent, when it is due."""
        while True:
            if not self._held:
                await self._change()
                continue
            came, data = self._held[0]
            delay = max((rule.seconds for rule in self._rules() if rule.kind == "delay"), default=0.0)
            if (due := came + delay) > self._now():
                await self._change(due)
                continue
            self._held.popleft()
            self._size -= len(data)
            self.changed.set()
            writer.write(data)
            await writer.drain()

    async def _change(self, until: float = float("inf")) -> None:
        """Wait until something changed, or for a time of the loop."""
        self.changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(None if until == float("inf") else until):
                await self.changed.wait()


async def main(links: Sequence[Link], control: Path) -> None:
    """Serve until killed."""
    proxies = Proxies()
    for link in links:
        await proxies.open(link)
    await proxies.listen(control)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=list[Link]), Path(sys.argv[2])))
