"""Three brokers without anything between them, on one disk, that can be killed and started again one by one."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from tests.kafka import ask, jvm, node
from tests.kafka.jvm import JvmBroker
from tests.kafka.ports import HOST, free_port

NUMBERS: Final = (1, 2, 3)
WHOLE_WITHIN: Final = 240.0
"""Seconds, generous for a busy machine: a broker that was killed has to read up on what it missed."""
_PAUSE: Final = 0.3
_HEAP: Final = ("-Xmx512m", "-XX:TieredStopAtLevel=4")
"""The last ones count: a broker that lives for half an hour is worth compiling well."""


class LastingNode(JvmBroker):
    """One of three nodes, broker and controller, of which clients and peers know the one port."""

    def __init__(self, number: int, home: Path, voters: Mapping[int, int]) -> None:
        home.mkdir(parents=True)
        who = {
            "node.id": str(number),
            "controller.quorum.voters": ",".join(f"{each}@{HOST}:{port}" for each, port in voters.items()),
            "num.io.threads": "4",
            "num.network.threads": "2",
        }
        super().__init__(jvm.jars(), home, {**node.SETTINGS, **who, **self._served_at(voters[number])})
        self.name = f"node {number}"
        self.number = number
        self.options = (*JvmBroker.options, *_HEAP)

    def _served_at(self, controller: int) -> dict[str, str]:
        self._own = free_port()
        return {
            "listeners": f"PLAINTEXT://{HOST}:{self._own},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self._own}",
        }

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"{HOST}:{self._own}"


class Brokers:
    """The three, below one folder. Call what starts them from the main thread (see `Child`)."""

    def __init__(self, home: Path) -> None:
        voters = {number: free_port() for number in NUMBERS}
        self.nodes: Final = {number: LastingNode(number, home / f"node-{number}", voters) for number in NUMBERS}
        self.servers: Final = ",".join(one.address for one in self.nodes.values())

    async def start(self) -> Self:
        """Start all three, and wait until they know each other."""
        for one in self.nodes.values():
            one.bootstrap_servers = one.address
            one.spawn()
        await self.whole()
        return self

    async def whole(self, deadline: float = WHOLE_WITHIN) -> None:
        """Wait until each knows all, and every replica is in sync."""
        end = time.monotonic() + deadline
        while not await asyncio.to_thread(self._is_whole):
            if time.monotonic() > end:
                raise TimeoutError(f"the brokers are not whole within {deadline:.0f} s")
            await asyncio.sleep(_PAUSE)

    def ended(self) -> list[str]:
        """Return the last words of those that ended by themselves."""
        return [words for one in self.nodes.values() if (words := one.obituary)]

    def close(self) -> None:
        """End all at once."""
        for one in self.nodes.values():
            one.close()

    def _is_whole(self) -> bool:
        everybody = set(self.nodes)
        with suppress(OSError):
            views = [ask.view(one.address) for one in self.nodes.values()]
            return all(
                view.brokers == everybody and all(led.in_sync == everybody for led in view.partitions.values())
                for view in views
            )
        return False
