"""The loss ledger is right: webhooks that are lost on purpose are what it counts, through kills of whoever counts.

The real program, a process for each role, and simulated platforms that are polled and send webhooks of the same facts.
`HEADRACE_LOSSES_SEED` repeats the choices of a run.
"""

import asyncio
import contextlib
import os
import random
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from headrace.poller.state import TenantState, read_all
from headrace.records.ledger_hour import HOUR_SECONDS, LedgerHour
from headrace_demo import senders
from headrace_demo.senders import Sending
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.api_call import encode
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.ledger import found_of
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.server import Simulator
from headrace_demo.simulators.webhooks import sendings
from headrace_events import decode
from tests.integration.child_process import Program, Roles, configuration
from tests.integration.pipeline import DEADLINE, Pipeline, make_pipeline, until
from tests.kafka.broker import Broker

SEED: Final = int(os.environ.get("HEADRACE_LOSSES_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
EVENTS: Final = 1_000
LOST: Final = 0.03
STRETCHES: Final = 6
FEEDS: Final = {"leadping": "lead_events", "leadsquared": "lead_activities", "outreach": "events"}
BY_LEAD: Final = ("leadping", "leadsquared")
MODULES: Final[dict[str, Any]] = {"leadping": leadping, "leadsquared": leadsquared, "outreach": outreach}
ROLES: Final = ("receiver", "normalizer", "poller")

pytestmark = [pytest.mark.apache_kafka, pytest.mark.slow, pytest.mark.crash]


@pytest.fixture(autouse=True)
def repeatable() -> None:
    """Print how to repeat the run."""
    print(f"HEADRACE_LOSSES_SEED={SEED}")  # noqa: T201  (pytest shows it where the test fails)


class LossyPlatform:
    """A platform on which everything happens within the last full hour, and that loses webhooks.

    `keys` are more keys of its tenant. The hour stays open until `close` is called.
    """

    def __init__(self, pipeline: Pipeline, platform: Simulator, home: Path, dice: random.Random, **keys: Any) -> None:
        self.platform = platform
        self.sender = senders.make(platform.provider)
        self.sent: set[str] = set()
        self.lost: set[str] = set()
        self._pipeline = pipeline
        self._home = home
        self._dice = dice
        self._keys = keys
        self._settle = 240 * HOUR_SECONDS
        self._programs: dict[str, Program] = {}
        self._starts = 0

    @property
    def hour(self) -> int:
        """The hour in which everything happens."""
        return int(self.platform.history.begin) // HOUR_SECONDS

    def start(self, role: str, clock_off: int = 0) -> None:
        """Start the process of a role, with a clock that is so many seconds off."""
        self._starts += 1
        roles: Roles = (role,)
        name = f"{role}-{self._starts}"
        self._programs[role] = Program(self._configuration(), self._home / role, name, roles=roles, clock_off=clock_off)

    def kill(self, role: str) -> None:
        """Kill the process of a role, and start another."""
        self._programs[role].child.kill()
        self.start(role)

    def end(self) -> None:
        """Kill all."""
        for program in self._programs.values():
            program.child.kill()

    def tails(self) -> str:
        """Return the ends of the logs."""
        return "\n".join(f"{role}:\n{program.tail(12)}" for role, program in self._programs.items())

    async def happen(self, until: float, since: float | None = None) -> None:
        """Let time go on; deliver the webhooks of what happens, but those that are lost, each fact by itself.

        What happens begins `since` then, or now.
        """
        news = list(self._news(self.platform.clock.now if since is None else since, until))
        self._dice.shuffle(news)
        lost = set(self._dice.sample(range(len(news)), round(len(news) * LOST)))
        before = self._dice.random() < 0.5
        if before:
            self.platform.clock.advance(until - self.platform.clock.now)
        url = await self._programs["receiver"].webhooks()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE)) as client:
            for number, sending in enumerate(news):
                facts = {fact.id for fact in sending.facts}
                self.sent |= facts
                if number in lost:
                    self.lost |= facts
                    continue
                async with client.post(url + sending.path, data=sending.body, headers=sending.headers()) as answer:
                    assert answer.status in {200, 202}, await answer.text()
        if not before:
            self.platform.clock.advance(until - self.platform.clock.now)

    async def missing(self) -> int:
        """Return how much of what happened is not published, or is wrong."""
        found = [found_of(decode(record.value or b"")) for record in await self._pipeline.records("events")]
        return len(self.platform.history.ledger.complaints(found, self.platform.clock.now))

    async def delivered(self) -> int:
        """Wait until all is published that webhooks brought, or that they woke a feed for; return what is missing."""
        facts = sum(self.platform.history.key_of(plan) is not None for plan in self.platform.history.plans)
        await self.complete(facts - len(self.sent - self.lost))
        await self._pipeline.settled()
        return await self.missing()

    async def settled(self) -> None:
        """Wait until no webhook waits for its row, while time goes on at the platform.

        Where it stands still, a feed never reads its look-back again: a row that was read before its webhook came would
        be looked for around its time, minutes later.
        """

        async def none_waits() -> bool:
            self.platform.clock.advance(5.0)
            return all(nudge.ended for nudge in (await self.stored()).nudges.values())

        await self._pipeline.settled()
        try:
            await until(none_waits, "no webhook waits for its row", every=0.5)
        except TimeoutError as error:
            waiting = [nudge for nudge in (await self.stored()).nudges.values() if not nudge.ended]
            error.add_note(f"{waiting}\n{self.tails()}")
            raise

    async def stored(self) -> TenantState:
        """Return what the poller has stored."""
        return (await read_all(self._pipeline.config)).of(self.sender.source)

    async def complete(self, missing: int = 0) -> None:
        """Wait until all that happened is published, or no more than so much is `missing`."""

        async def judged() -> bool:
            return await self.missing() <= missing

        try:
            await until(judged, "all is published", every=0.5)
        except TimeoutError as error:
            error.add_note(self.tails())
            raise

    async def close(self) -> LedgerHour:
        """Let the hour be over for long enough, and return what is counted of it once it is closed."""
        self._settle = int(time.time()) - (self.hour + 1) * HOUR_SECONDS
        for role in ("normalizer", "poller"):
            self.kill(role)
        found = LedgerHour()

        async def closed() -> bool:
            nonlocal found
            found = (await self.stored()).hours.get(self.hour, found)
            return found.closed > 0

        try:
            await until(closed, "the hour is closed", every=0.5)
        except TimeoutError as error:
            error.add_note(f"{found}\n{self.tails()}")
            raise
        return found

    async def close_all(self) -> list[LedgerHour]:
        """Let a normalizer go on to which all of it is over long ago; return what is counted of each hour."""
        now = int(time.time()) // HOUR_SECONDS
        self._programs["normalizer"].child.kill()
        self.start("normalizer", clock_off=self._settle + 2 * HOUR_SECONDS)

        async def closed() -> bool:
            found = (await self.stored()).hours
            return now in found and found[now].closed > 0

        try:
            await until(closed, "all hours are closed", every=0.5)
        except TimeoutError as error:
            error.add_note(self.tails())
            raise
        return list((await self.stored()).hours.values())

    def _news(self, since: float, until: float) -> Iterator[Sending]:
        """Yield the webhooks of what happens, one for each fact."""
        history, sender = self.platform.history, self.sender
        if isinstance(history, leadsquared.History):  # which tells a minute at a time
            for plan in history.plans:
                move, key = plan.moves[0], history.key_of(plan)
                if since < move.appears <= until and history.kind_of(plan.number).own and key:
                    body = leadsquared_body(history.item(plan, 0, modified=False))
                    yield Sending(sender, body, frozenset({sender.fact(key.resource, key.id)}))
        else:
            yield from sendings(history, sender, since, until)

    def _configuration(self) -> str:
        feed, provider = FEEDS[self.platform.provider], self.platform.provider
        keys = self.platform.tenant() | {"budget.per_window": 1_000, "budget.window": "1s", f"{feed}.every": "2s"}
        keys |= self._keys | ({} if provider == "outreach" else {"leads": self.platform.history.leads})
        if provider == "leadping":
            keys["webhook_event"] = "/event"
        return configuration(
            self._pipeline.config.kafka.bootstrap_servers,
            self._pipeline.config.topic_prefix,
            senders.toml(self.sender, **keys),
            "6s",
            f'[ledger]\nsettle = "{self._settle}s"',
        )


def leadsquared_body(item: Any) -> bytes:
    """Return the body of a webhook of one item."""
    return encode([item])


@contextlib.asynccontextmanager
async def lossy_platform(
    kafka: Broker, prefix: str, home: Path, provider: str, dice: random.Random, *, leads: int, **keys: Any
) -> AsyncIterator[LossyPlatform]:
    """Run a process for each role, for a platform on which nothing has happened yet. All `keys` are the tenant's."""
    begin = float((int(time.time()) // HOUR_SECONDS - 1) * HOUR_SECONDS)
    shape = Shape(start=begin, span=HOUR_SECONDS - 60.0, late=0.0, edited=0.0)
    history = MODULES[provider].History(SEED, EVENTS, leads=leads, shape=shape)
    async with MODULES[provider].Simulator(history, clock=Clock(history.begin), allowance=Allowance()) as platform:
        found = LossyPlatform(await make_pipeline(kafka.bootstrap_servers, prefix), platform, home, dice, **keys)
        try:
            for role in ROLES:
                found.start(role)
            await until(lambda: len(platform.calls) > 0, "the platform is polled")
            yield found
        finally:
            await asyncio.to_thread(found.end)


@pytest.mark.parametrize("provider", BY_LEAD)
async def test_lost_webhooks_are_what_the_ledger_counts(
    kafka: Broker, prefix: str, tmp_path: Path, provider: str
) -> None:
    """Of a thousand facts 3 % of the webhooks are lost: the ratio is right to a tenth of a per cent."""
    dice = random.Random(SEED)
    async with lossy_platform(kafka, prefix, tmp_path, provider, dice, leads=12) as lossy:
        begin, end = lossy.platform.clock.now, lossy.platform.history.end
        for number in range(1, STRETCHES + 1):
            await lossy.happen(begin + (end - begin) * number / STRETCHES)
            if number < STRETCHES:
                lossy.kill(dice.choice(["normalizer", "poller"]))
        await lossy.complete()
        hour = await lossy.close()
    assert lossy.lost
    counted = (hour.both, hour.webhook, hour.poll, hour.uncounted)
    assert counted == (len(lossy.sent) - len(lossy.lost), 0, len(lossy.lost), 0)
    assert abs(hour.webhooks_lost - len(lossy.lost) / len(lossy.sent)) < 0.001


@pytest.mark.parametrize("provider", BY_LEAD)
async def test_a_hole_is_filled_by_itself(kafka: Broker, prefix: str, tmp_path: Path, provider: str) -> None:
    """What neither way brought of the leads that lost all their webhooks is there after the automatic back-fill."""
    dice = random.Random(SEED)
    feed = FEEDS[provider]
    keys: dict[str, Any] = {f"{feed}.every": "6h", "feeds": [feed.replace("_", "-")]}
    keys |= {"ledger.holes_over": 0.01, "ledger.backfill": True, "budget.per_day": 50_000_000}
    async with lossy_platform(kafka, prefix, tmp_path, provider, dice, leads=600, **keys) as lossy:
        await until(lambda: len(lossy.platform.calls) >= 600, "each lead was read once, before anything happened")
        lossy.platform.clock.advance(lossy.platform.history.end - lossy.platform.clock.now)
        await lossy.happen(lossy.platform.history.end, since=lossy.platform.history.begin)
        assert await lossy.delivered() > 0
        hour = await lossy.close()
        for _ in range(3):
            lossy.kill("poller")
            await asyncio.sleep(dice.random())  # somewhere in the back-fill, or before it
        await lossy.complete()
        stored = await lossy.stored()
    assert hour.facts < len(lossy.sent) + 1
    assert list(stored.backfills) == [stored.hours[lossy.hour].backfill]


async def test_lost_webhooks_are_counted_where_no_id_is_shared(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """What a webhook told and a row of another id said is one fact, whoever is killed meanwhile."""
    dice = random.Random(SEED)
    async with lossy_platform(kafka, prefix, tmp_path, "outreach", dice, leads=12) as lossy:
        begin, end = lossy.platform.clock.now, lossy.platform.history.end
        for number in range(1, STRETCHES + 1):
            await lossy.happen(begin + (end - begin) * number / STRETCHES)
            if number < STRETCHES:
                lossy.kill(dice.choice(["normalizer", "poller"]))
        await lossy.complete()
        await lossy.settled()
        hours = await lossy.close_all()
    assert lossy.lost
    both, webhook, poll = (sum(getattr(hour, name) for hour in hours) for name in ("both", "webhook", "poll"))
    assert (both, webhook, poll) == (len(lossy.sent) - len(lossy.lost), 0, len(lossy.lost))
