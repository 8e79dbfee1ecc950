"""The three platforms at a receiver that is hurt: what each of them believes to have delivered must come out, once.

LeadPing and LeadSquared send again whatever got no 2xx. Outreach sends again only where no HTTP answer came at all: any
answer is a promise to it, a 503 too.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp

from headrace.records.raw import from_raw_record
from headrace_demo import senders
from headrace_demo.senders import Fact, Sending
from headrace_events import decode
from tests.integration.pipeline import Pipeline

PATIENCE = aiohttp.ClientTimeout(total=20)
ATTEMPTS = 4
PAUSE = 0.3
AT_ONCE = 6


class Platforms:
    """All three, sending invented deliveries to the port that `url` names; one in five is sent twice."""

    def __init__(self, seed: int, url: str) -> None:
        self.url = url
        self.senders = [senders.make(name, seed=seed) for name in sorted(senders.SENDERS)]
        self.promised: set[Fact] = set()
        self.answers: Counter[tuple[str, int]] = Counter()
        """Answers by provider and status; 0 is a connection that broke."""
        self._dice = random.Random(seed)

    @property
    def tenants(self) -> str:
        """The configuration of their accounts."""
        return senders.toml(*self.senders)

    @contextlib.asynccontextmanager
    async def sending(self, pause: float = 0.02) -> AsyncIterator[None]:
        """Send while the body runs, about one delivery in `pause` seconds, and finish what was begun."""
        enough = asyncio.Event()
        ready: asyncio.Queue[Sending | None] = asyncio.Queue(AT_ONCE)
        async with aiohttp.ClientSession(timeout=PATIENCE) as client, asyncio.TaskGroup() as group:
            group.create_task(self._invent(ready, enough, pause))
            for _ in range(AT_ONCE):
                group.create_task(self._work(client, ready))
            try:
                yield
            finally:
                enough.set()

    async def deliver(self, client: aiohttp.ClientSession, sending: Sending) -> bool:
        """Deliver as its platform does; say whether the platform believes that it arrived."""
        for attempt in range(ATTEMPTS):
            status = await self._attempt(client, sending)
            self.answers[sending.sender.provider, status] += 1
            if 200 <= status < 300 or (status and sending.sender.provider == "outreach"):
                self.promised |= sending.facts
                return True
            if attempt < ATTEMPTS - 1:
                await asyncio.sleep(PAUSE)
        return False

    async def _attempt(self, client: aiohttp.ClientSession, sending: Sending) -> int:
        url, headers = self.url + sending.path, sending.headers()
        try:
            async with client.post(url, data=sending.body, headers=headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return 0

    async def _invent(self, ready: asyncio.Queue[Sending | None], enough: asyncio.Event, pause: float) -> None:
        streams = [sender.stream() for sender in self.senders]
        while not enough.is_set():
            sending = next(self._dice.choice(streams))
            for _ in range(2 if self._dice.random() < 0.2 else 1):
                await ready.put(sending)
            await asyncio.sleep(pause)  # the pace of the load
        for _ in range(AT_ONCE):
            await ready.put(None)

    async def _work(self, client: aiohttp.ClientSession, ready: asyncio.Queue[Sending | None]) -> None:
        while (sending := await ready.get()) is not None:
            await self.deliver(client, sending)


async def every_promise_is_kept(pipeline: Pipeline, platforms: Platforms) -> int:
    """Assert that all that was promised is in raw, and in the committed events exactly once; give how much it was."""
    in_raw = set()
    for record in await pipeline.records("raw"):
        raw = from_raw_record(record.headers, record.value)
        # In raw the creation of a task has an id of its own, its event has the task's.
        is_task = (raw.provider, raw.resource) == ("leadsquared", "task")
        in_raw.add(Fact(raw.source, raw.resource, raw.id.removesuffix("/created") if is_task else raw.id))
    assert not platforms.promised - in_raw, f"promised, and not in raw: {sorted(platforms.promised - in_raw)[:3]}"
    events = [decode(record.value or b"") for record in await pipeline.records("events")]
    found = Counter(senders.fact_of(event) for event in events)
    assert not platforms.promised - set(found), f"lost: {sorted(platforms.promised - set(found))[:3]}"
    doubled = [fact for fact, count in found.items() if count > 1]
    assert not doubled, f"doubled: {sorted(doubled)[:3]}"
    return len(platforms.promised)
