"""What both webhooks and polling tell is one event per version, and what a webhook names is fetched at once.

The real program with all its roles, each of the simulated platforms polled and sending webhooks of the same activities.
`HEADRACE_JOINED_SEED` repeats the choices of a run.
"""

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from headrace_demo import senders
from headrace_demo.senders import Sending
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.api_call import encode
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.history import History
from headrace_demo.simulators.ledger import found_of
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.server import Simulator
from headrace_demo.simulators.webhooks import sendings
from headrace_events import Event, Via, decode
from tests.integration.child_process import ALL, Program, configuration
from tests.integration.pipeline import DEADLINE, Pipeline, make_pipeline, until
from tests.kafka.broker import Broker

SEED: Final = int(os.environ.get("HEADRACE_JOINED_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
EVENTS: Final = 60
STRETCHES: Final = 9
FEEDS: Final = {"leadping": "lead_events", "leadsquared": "lead_activities", "outreach": "events"}
FREE: Final = Allowance()
HOUR: Final = "1h"

pytestmark = [pytest.mark.apache_kafka, pytest.mark.slow]


@pytest.fixture(autouse=True)
def repeatable() -> None:
    """Print how to repeat the run."""
    print(f"HEADRACE_JOINED_SEED={SEED}")  # noqa: T201  (pytest shows it where the test fails)


class JoinedPlatform:
    """One platform that is polled and delivers webhooks, at the program with all its roles."""

    def __init__(self, pipeline: Pipeline, platform: Simulator, home: Path, every: str) -> None:
        self.platform = platform
        self.sender = senders.make(platform.provider)
        self._pipeline = pipeline
        feed = FEEDS[platform.provider]
        keys = platform.tenant() | {f"{feed}.every": every, "budget.per_window": 1_000, "budget.window": "1s"}
        if platform.provider == "leadping":
            keys["webhook_event"] = "/event"
        if platform.provider != "outreach":
            keys["leads"] = platform.history.leads
        kafka = pipeline.config.kafka.bootstrap_servers
        self.program = Program(
            configuration(kafka, pipeline.config.topic_prefix, senders.toml(self.sender, **keys)), home, roles=ALL
        )

    @property
    def history(self) -> History:
        """What happens on the platform."""
        return self.platform.history

    def news(self, until: float) -> list[Sending]:
        """Return the webhooks of what appears up to a time."""
        return list(sendings(self.history, self.sender, self.platform.clock.now, until))

    async def deliver(self, webhooks: Iterable[Sending]) -> None:
        """Deliver webhooks; each must be accepted."""
        url = await self.program.webhooks()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE)) as client:
            for sending in webhooks:
                async with client.post(url + sending.path, data=sending.body, headers=sending.headers()) as answer:
                    assert answer.status in {200, 202}, await answer.text()

    async def events(self) -> list[Event]:
        """Return what is published."""
        return [decode(record.value or b"") for record in await self._pipeline.records("events")]

    async def complaints(self) -> list[str]:
        """Let the ledger judge what is published."""
        found = [found_of(event) for event in await self.events()]
        return self.history.ledger.complaints(found, self.platform.clock.now)

    async def complete(self) -> None:
        """Wait until all that exists is published, and all that is in raw has its fate."""

        async def judged() -> bool:
            return not await self.complaints()

        try:
            await until(judged, "all is published", every=0.3)
        except TimeoutError as error:
            error.add_note(f"{(await self.complaints())[:5]}\n{self.program.tail()}")
            raise
        await self._pipeline.settled()

    async def totals(self) -> Counter[str]:
        """Return the fates of all raw records."""
        return Counter(await self._pipeline.totals())


@contextlib.asynccontextmanager
async def joined_platform(
    kafka: Broker, prefix: str, home: Path, platform: Simulator, every: str
) -> AsyncIterator[JoinedPlatform]:
    """Run the program for one platform, at a time when nothing has happened on it yet."""
    async with platform:
        found = JoinedPlatform(await make_pipeline(kafka.bootstrap_servers, prefix), platform, home, every)
        try:
            await found.program.ready()
            await until(lambda: len(platform.calls) > 0, "the platform is polled")
            yield found
            assert await asyncio.to_thread(found.program.stop) == 0, found.program.tail()
        finally:
            found.program.child.kill()


def _platform(provider: str) -> Simulator:
    """Make a platform at the beginning of its time."""
    history: Any
    match provider:
        case "leadping":
            history = leadping.History(SEED, EVENTS, leads=4)
            return leadping.Simulator(history, clock=Clock(history.begin), allowance=FREE)
        case "leadsquared":
            history = leadsquared.History(SEED, EVENTS, leads=4)
            return leadsquared.Simulator(history, clock=Clock(history.begin), allowance=FREE)
        case _:
            history = outreach.History(SEED, EVENTS, leads=4)
            return outreach.Simulator(history, clock=Clock(history.begin), allowance=FREE)


@pytest.mark.parametrize("provider", sorted(FEEDS))
async def test_webhook_and_poll_of_the_same_are_one_event_per_version(
    kafka: Broker, prefix: str, tmp_path: Path, provider: str
) -> None:
    """The webhook first, the list first, or both at a time: each version is one event, the last one last."""
    platform, dice = _platform(provider), random.Random(SEED)
    async with joined_platform(kafka, prefix, tmp_path, platform, "1s") as joined:
        for number in range(1, STRETCHES + 1):
            step = (joined.history.end - platform.clock.now) / (STRETCHES + 1 - number)
            webhooks = joined.news(platform.clock.now + step)
            dice.shuffle(webhooks)
            match number % 3:
                case 0:
                    await joined.deliver(webhooks)
                    platform.clock.advance(step)
                case 1:
                    platform.clock.advance(step)
                    await joined.complete()
                    await joined.deliver(webhooks)
                case _:
                    platform.clock.advance(step)
                    await joined.deliver(webhooks)
        await joined.complete()
        totals = await joined.totals()
    assert totals["published"] == len({event.id for event in await joined.events()})
    if provider == "leadsquared":  # the webhooks of the others only name what the list has
        assert totals["duplicate"] + totals["unchanged"] > 0


@pytest.mark.parametrize("provider", ["leadping", "outreach"])
async def test_a_webhook_that_names_an_event_wakes_the_feed(
    kafka: Broker, prefix: str, tmp_path: Path, provider: str
) -> None:
    """What a webhook names is read at once, though the feed would rest for an hour, and nothing else is published."""
    platform = _platform(provider)
    async with joined_platform(kafka, prefix, tmp_path, platform, HOUR) as joined:
        await _rests(joined)
        step = (joined.history.end - platform.clock.now) / 2
        webhooks = joined.news(platform.clock.now + step)
        assert webhooks
        platform.clock.advance(step)
        await joined.deliver(webhooks)
        named = {fact.id for sending in webhooks for fact in sending.facts}

        async def brought() -> bool:
            return named <= {event.data.native.id for event in await joined.events()}

        await until(brought, f"{len(named)} events that were named are published", every=0.3)
        events = await joined.events()
    assert {event.data.provenance.via for event in events} == {Via.POLL}
    assert {event.data.native.resource for event in events} == {"activity" if provider == "leadping" else "event"}


async def test_a_webhook_of_unknown_version_wakes_the_feed_that_knows_it(
    kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    """An edit that a webhook tells without saying when it was made is read at once from the lead's list."""
    history = leadsquared.History(SEED, 2 * EVENTS, leads=4)  # with one that is edited, whatever the seed
    plan = next(plan for plan in history.plans if len(plan.moves) > 1 and history.kind_of(plan.number).own)
    key = history.key_of(plan)
    assert key is not None
    platform = leadsquared.Simulator(history, clock=Clock(plan.moves[0].appears), allowance=FREE)
    async with joined_platform(kafka, prefix, tmp_path, platform, HOUR) as joined:
        await joined.complete()
        platform.clock.advance(plan.moves[1].appears - platform.clock.now)
        item = history.item(plan, plan.version(platform.clock.now))
        await joined.deliver([joined.sender.sending_of(encode([item]))])
        wanted = history.ledger.wanted(platform.clock.now)[key]

        async def brought() -> bool:
            return any(wanted in found_of(event).text for event in await joined.events())

        await until(brought, f"{wanted} is published", every=0.3)
        last = [event for event in await joined.events() if wanted in found_of(event).text]
    assert [event.data.provenance.via for event in last] == [Via.POLL]


async def _rests(joined: JoinedPlatform) -> None:
    """Wait until every feed has had its first turn: no call is made for a while."""
    feeds = len(joined.history.leads) if joined.platform.provider != "outreach" else 1

    async def had_turns() -> bool:
        numbers = await joined.program.numbers()
        turns = sum(value for (name, _), value in numbers.items() if name == "headrace_turns_total")
        return turns >= feeds

    await until(had_turns, f"{feeds} turns are over", every=0.2)
