"""Random kills from a seed, one at a time: any process of the service, any broker; what is killed is started again."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Final

from tests.soak.alerts import Kill
from tests.soak.brokers import Brokers, LastingNode
from tests.soak.places import Place

BROKER_AWAY: Final = (2.0, 15.0)
PROCESS_AWAY: Final = (0.5, 3.0)
"""Seconds, at random between the two: a kubelet starts a container again at once, a host takes longer."""


class Chaos:
    """Kills about once in `every` seconds until `until` (`time.monotonic`), and waits until all is whole again."""

    def __init__(self, brokers: Brokers, places: Sequence[Place], seed: int, every: float) -> None:
        self.kills: Final[list[Kill]] = []
        self.faults: Final[list[str]] = []
        self.last = "nothing was killed yet"
        self._brokers: Final = brokers
        self._places: Final = places
        self._dice: Final = random.Random(seed)
        self._every: Final = every

    async def rage(self, until: float) -> None:
        """Kill until then. Call it in the main thread (see `Child`)."""
        while True:
            pause = self._dice.uniform(0.5, 1.5) * self._every
            if time.monotonic() + pause > until:
                return
            await asyncio.sleep(pause)  # the seed's choice
            await self._strike()

    async def _strike(self) -> None:
        victims: list[LastingNode | Place] = [*self._brokers.nodes.values(), *self._places]
        victim = self._dice.choice(victims)
        away = self._dice.uniform(*(PROCESS_AWAY if isinstance(victim, Place) else BROKER_AWAY))
        at, began = time.time(), time.monotonic()
        self.kills.append(Kill(at, victim.name))
        self.last = f"{victim.name} killed"
        victim.kill()
        await asyncio.sleep(away)
        try:
            await self._back(victim)
        except (TimeoutError, RuntimeError) as error:
            self.faults.append(f"{victim.name} did not come back: {str(error)[:500]}")
        self.kills[-1] = Kill(at, victim.name, time.monotonic() - began)
        self.last = f"{victim.name} back after {time.monotonic() - began:.0f} s"

    async def _back(self, victim: LastingNode | Place) -> None:
        if isinstance(victim, Place):
            victim.start()
            await victim.ready()
        else:
            victim.spawn()
            await self._brokers.whole()
