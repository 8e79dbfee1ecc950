"""`python -m tests.soak.sender ORDER`: one process that sends signed webhooks of three platforms, as ordered (JSON).

Where it waits for nothing it offers `rate` facts a second whatever becomes of them, with at most `at_once` deliveries
on their way; what finds all of these busy is counted as not offered.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from msgspec import Struct

from headrace_demo import senders
from headrace_demo.senders import Sender, Sending
from tests.soak.courier import Courier
from tests.soak.facts import FactFile

TENANT: Final = "hooks"
_TICK: Final = 0.01
_ENDS_WITHIN: Final = 240.0
"""Seconds after the last delivery was invented: a platform tries for longer, and nobody waits for that here."""


class Order(Struct):
    """What to send: `rate` facts a second for `seconds`, `attempts` at each delivery of at most `patience` seconds.

    `name` is that of the files below `home`.
    """

    home: str
    name: str
    seed: int
    doors: list[int]
    rate: float
    seconds: float
    at_once: int
    attempts: int
    patience: float


class Sent(Struct):
    """How far a sender is: facts offered and accepted, deliveries that found all busy, answers by what they were."""

    offered: int = 0
    accepted: int = 0
    busy: int = 0
    on_the_way: int = 0
    answers: dict[str, int] = {}
    done: bool = False


class WebhookSender:
    """Sends as ordered; its state stands in a file, anew each second."""

    def __init__(self, order: Order) -> None:
        home = Path(order.home)
        self.order: Final = order
        self.sent: Final = Sent()
        self._answers: Final[Counter[str]] = Counter()
        self._state: Final = state_file(home, order.name)
        self._offered: Final = FactFile(home / f"{order.name}.offered")
        self._accepted: Final = FactFile(home / f"{order.name}.accepted")
        self._idle: Final = [Courier(order.doors, n, order.patience, self._answers) for n in range(order.at_once)]
        self._busy: Final[set[asyncio.Task[None]]] = set()
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Send for as long as ordered, and wait for what is on its way."""
        shows = asyncio.create_task(self._show())
        await self._send()
        if self._busy:
            await asyncio.wait(self._busy, timeout=_ENDS_WITHIN)
        shows.cancel()
        self.sent.done = True
        self._write()

    async def _send(self) -> None:
        began, invented, stream = time.monotonic(), 0, invent(self.order.seed)
        while (passed := time.monotonic() - began) < self.order.seconds:
            while invented < passed * self.order.rate:
                if not self._idle:
                    if self.order.attempts == 1:
                        self.sent.busy += 1
                        invented += 1
                        continue
                    break  # who tries again has a backlog, and loses nothing
                sending = next(stream)
                invented += len(sending.facts)
                self._begin(sending)
                if invented % 64 == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(_TICK)  # the pace of the load
            if self._failure:
                raise self._failure

    def _begin(self, sending: Sending) -> None:
        self._offered.add(sending.facts)
        self.sent.offered = self._offered.count
        task = asyncio.create_task(self._deliver(self._idle.pop(), sending))
        self._busy.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        self._failure = self._failure or task.exception()

    async def _deliver(self, courier: Courier, sending: Sending) -> None:
        if await courier.deliver(sending, self.order.attempts):
            self._accepted.add(sending.facts)
            self.sent.accepted = self._accepted.count
        self._idle.append(courier)

    async def _show(self) -> None:
        while True:
            self._write()
            await asyncio.sleep(1.0)

    def _write(self) -> None:
        """Write the state; it is there whole, or as it was before."""
        self._offered.flush()
        self._accepted.flush()
        self.sent.answers = dict(self._answers)
        self.sent.on_the_way = len(self._busy)
        new = self._state.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(self.sent))
        new.rename(self._state)


def platforms(seed: int) -> list[Sender]:
    """Return the senders of a seed, one account at each platform."""
    return [senders.make(name, tenant=TENANT, seed=seed, secret=_secret(name)) for name in sorted(senders.SENDERS)]


def invent(seed: int) -> Iterator[Sending]:
    """Yield the deliveries of a seed without end, the platforms in turn; no fact is in two of them."""
    streams = [one.stream() for one in platforms(seed)]
    while True:
        for stream in streams:
            yield next(stream)


def state_file(home: Path, name: str) -> Path:
    """Return where a sender writes how far it is."""
    return home / f"{name}.json"


def _secret(provider: str) -> str:
    return senders.make(provider, tenant=TENANT).secret


if __name__ == "__main__":
    uvloop.run(WebhookSender(msgspec.json.decode(sys.argv[1], type=Order)).run())
