"""Three simulated platforms that are polled and deliver webhooks of the same, and what is published of them."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import aiohttp

from headrace_demo import senders
from headrace_demo.senders import Sender, Sending
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.ledger import Found, found_of
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.server import Simulator
from headrace_demo.simulators.webhooks import sendings
from headrace_events import Event

FEEDS: Final = {"leadping": "lead_events", "leadsquared": "lead_activities", "outreach": "events"}
LEADS: Final = 4
AT_ONCE: Final = 4
ATTEMPTS: Final = 4
PAUSE: Final = 0.5
PATIENCE: Final = aiohttp.ClientTimeout(total=15)
STEPS: Final = 20
TRACED: Final = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
"""As gateways add it; it goes on to raw."""


class PolledAccounts:
    """One account at each platform, of as many `events`; all that is left to chance is left to `seed`."""

    def __init__(self, seed: int, events: int) -> None:
        self.acknowledged = 0
        self._dice: Final = random.Random(seed)
        self._platforms: Final = [_simulator(name, seed, events) for name in FEEDS]
        self._senders: Final = {platform.provider: senders.make(platform.provider) for platform in self._platforms}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve the platforms."""
        async with AsyncExitStack() as stack:
            for platform in self._platforms:
                await stack.enter_async_context(platform)
            yield

    @property
    def tenants(self) -> str:
        """The configuration of the accounts, once they are served."""
        return "\n".join(senders.toml(self._senders[one.provider], **self.keys_of(one)) for one in self._platforms)

    def platform(self, provider: str) -> Simulator:
        """Return the platform of a provider."""
        return next(one for one in self._platforms if one.provider == provider)

    def sender(self, provider: str) -> Sender:
        """Return what signs the webhooks of a provider."""
        return self._senders[provider]

    def keys_of(self, platform: Simulator) -> dict[str, object]:
        """Return the keys of a tenant: read again each second."""
        keys = platform.tenant() | {f"{FEEDS[platform.provider]}.every": "1s"}
        keys |= {"budget.per_window": 1_000, "budget.window": "1s"}
        if platform.provider == "leadping":
            keys["webhook_event"] = "/event"
        if platform.provider != "outreach":
            keys["leads"] = platform.history.leads
        return keys

    async def go_on(self, share: float, seconds: float, doors: Callable[[], list[str]]) -> None:
        """Let a share of what is left happen within so many seconds, and tell it at any of the `doors`, if it is open.

        What no door takes is left to polling.
        """
        steps = {one: (one.history.end - one.clock.now) * share / STEPS for one in self._platforms}
        async with aiohttp.ClientSession(timeout=PATIENCE) as client:
            for _ in range(STEPS):
                began = asyncio.get_running_loop().time()
                webhooks = [sending for one, step in steps.items() for sending in self._news(one, step)]
                self._dice.shuffle(webhooks)
                before = self._dice.random() < 0.5
                if not before:
                    _advance(steps)
                await self._deliver(client, webhooks, doors)
                if before:
                    _advance(steps)
                await asyncio.sleep(max(0.0, began + seconds / STEPS - asyncio.get_running_loop().time()))  # the pace

    def complaints(self, events: Iterable[Event]) -> list[str]:
        """Return what is wrong with what is published."""
        found: dict[str, list[Found]] = defaultdict(list)
        for event in events:
            found[event.source].append(found_of(event))
        return [
            f"{one.provider}: {complaint}"
            for one in self._platforms
            for complaint in one.history.ledger.complaints(found[self._senders[one.provider].source], one.clock.now)
        ]

    def _news(self, platform: Simulator, step: float) -> list[Sending]:
        now = platform.clock.now
        return list(sendings(platform.history, self._senders[platform.provider], now, now + step))

    async def _deliver(
        self, client: aiohttp.ClientSession, webhooks: list[Sending], doors: Callable[[], list[str]]
    ) -> None:
        left = iter(webhooks)

        async def work() -> None:
            for sending in left:
                for _ in range(ATTEMPTS):
                    if await _accepted(client, sending, self._dice.choice(doors() or [""])):
                        self.acknowledged += 1
                        break
                    await asyncio.sleep(PAUSE)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())


def _advance(steps: dict[Simulator, float]) -> None:
    for platform, step in steps.items():
        platform.clock.advance(step)


async def _accepted(client: aiohttp.ClientSession, sending: Sending, door: str) -> bool:
    if not door:
        return False
    try:
        async with client.post(
            door + sending.path, data=sending.body, headers={**sending.headers(), **TRACED}
        ) as answer:
            await answer.read()
            return answer.ok
    except (aiohttp.ClientError, TimeoutError, ConnectionError):
        return False


def _simulator(name: str, seed: int, events: int) -> Simulator:
    """Make a platform at the beginning of its time."""
    module: Any = {"leadping": leadping, "leadsquared": leadsquared, "outreach": outreach}[name]
    history = module.History(seed, events, leads=LEADS)
    simulator: Simulator = module.Simulator(history, clock=Clock(history.begin), allowance=Allowance())
    return simulator
