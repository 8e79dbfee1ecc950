"""The three simulated platforms as the real ones are: time goes on, and now and then something goes wrong."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from headrace_demo import senders
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.faults import Kind
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.server import Simulator

KEY: Final = "a key that seals tokens, of more than 32 characters"
CALLS: Final = Allowance(per_window=250, window=1.0)
"""What a platform allows in this world, where a day takes seconds."""
TROUBLE: Final[tuple[Kind, ...]] = (
    "429", "502", "503", "html", "truncated", "cut_off", "reset", "lost", "slow", "bad_item",
)  # fmt: skip
LASTS_WIDE: Final = 45.0
"""Seconds in which the events of a wide world are created; they change in the minute behind that."""
_STEP: Final = 0.1
_WIDE: Final[Mapping[str, Mapping[str, object]]] = {
    "leadping": {"lead_events.every": "1h", "tenant_events.every": "2s"},
    "leadsquared": {
        "lead_activities.every": "1h",
        "activities_by_code.every": "2s",
        "activities_by_code.page_size": 50,
        "modified_leads.every": "2s",
        "modified_leads.page_size": 50,
        "budget.per_day": 10_000_000,
    },
}
"""Leads are read for what these feeds tell: the sweep begins another round when all is over."""

Lines = Mapping[str, object]
"""Keys of a tenant."""


class SimulatedWorld:
    """Three platforms with one account each, of as many `events`; all that is left to chance is left to `seed`.

    Ten days pass, and their leads are named in the configuration. With `wide` leads there are so many, which nobody
    names: the feeds of whole accounts find them, in time as it goes. For a poller compares when a lead was read, by our
    clock, with when it had news, by the platform's: both have to run alike.
    """

    def __init__(self, seed: int, events: int, wide: int | None = None) -> None:
        self.dice: Final = random.Random(seed)
        self.events: Final = events
        self.begins: Final = leadping.History(seed, 0).begin
        self._wide: Final = wide is not None
        self._pace = 0.0
        shape = Shape() if wide is None else Shape(span=LASTS_WIDE, late_by=10.0, edits=2, soon=10.0, edited_by=30.0)
        self.leadping: Final = leadping.Simulator(
            leadping.History(seed, events, leads=wide, shape=shape), clock=Clock(self.begins), allowance=CALLS
        )
        self.leadsquared: Final = leadsquared.Simulator(
            leadsquared.History(seed, events, leads=wide, shape=shape), clock=Clock(self.begins), allowance=CALLS
        )
        self.outreach: Final = outreach.Simulator(
            outreach.History(seed, events, leads=wide, shape=shape), clock=Clock(self.begins), allowance=CALLS
        )
        self.platforms: Final[tuple[Simulator, ...]] = (self.leadping, self.leadsquared, self.outreach)
        self._misbehave()

    def tenants(self, names: Mapping[str, str]) -> str:
        """Configure the accounts, whose names are given by provider: small pages, read again every few seconds."""
        return "\n".join(
            senders.toml(senders.make(platform.provider, names[platform.provider]), **self._keys(platform))
            for platform in self.platforms
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve the platforms."""
        async with AsyncExitStack() as stack:
            for platform in self.platforms:
                await stack.enter_async_context(platform)
            yield

    async def go_on(self, seconds: float) -> None:
        """Let all that will ever happen happen, within so many seconds; in a wide world, in time as it goes."""
        if self._wide:
            seconds = max(platform.history.end for platform in self.platforms) - self.begins
        steps = max(1, int(seconds / _STEP))
        self._pace = (self.leadping.history.end - self.begins) / seconds
        for _ in range(steps):
            for platform in self.platforms:
                platform.clock.advance((platform.history.end - self.begins) / steps)
            await asyncio.sleep(_STEP)
        for platform in self.platforms:
            platform.clock.advance(max(0.0, platform.history.end - platform.clock.now))

    async def go_by(self) -> None:
        """Let time go on, until cancelled: what feeds look at again and again, they do by the platform's clock."""
        while True:
            for platform in self.platforms:
                platform.clock.advance(_STEP * self._pace)
            await asyncio.sleep(_STEP)

    async def break_down(self) -> None:
        """Let something go wrong on a platform now and then, and tokens end in mid-page; until cancelled."""
        while True:
            await asyncio.sleep(self.dice.uniform(0.2, 0.8))
            platform = self.dice.choice(self.platforms)
            if platform.faults.coming:
                continue
            # Tokens are minted in peace here: what a crash does to a mint has its own test.
            path = "/events" if platform is self.outreach else ""
            times, after = self.dice.choice((1, 1, 2)), self.dice.randrange(30)
            platform.faults.next(times, self.dice.choice(TROUBLE), path=path, after=after)
            if platform is self.outreach and self.dice.random() < 0.1:
                self.outreach.tokens.end_all()

    def recover(self) -> None:
        """Let nothing go wrong any more."""
        for platform in self.platforms:
            platform.faults.clear()

    def _misbehave(self) -> None:
        """Let the platforms do all that is known of them."""
        activities = self.leadping.conduct
        activities.repeats, activities.empty_every, activities.own_calls, activities.unsorted = 2, 5, True, 5.0
        self.leadsquared.conduct.offset = "pages"
        if not self._wide:
            self.leadsquared.clock.tick = 7.0  # rows appear while pages are read
        events = self.outreach.conduct
        events.beyond, events.repeats, events.unsorted, events.heaviest, events.two_quotas = 3, 2, 30.0, 60, True
        self.outreach.tokens.terms.old = "dies_on_use"

    def _keys(self, platform: Simulator) -> Lines:
        limits = {"budget.per_window": CALLS.per_window, "budget.window": "1s"}
        keys: dict[str, object] = {"base_url": platform.url, "polling": True} | limits
        if self._wide and platform is not self.outreach:
            return keys | platform.credentials() | dict(_WIDE[platform.provider])
        if platform is self.leadping:
            pages = {"lead_events.page_size": 10, "lead_events.every": "5s"}
            return keys | platform.credentials() | pages | {"leads": platform.history.leads}
        if platform is self.leadsquared:
            pages = {"lead_activities.page_size": 20, "lead_activities.every": "5s", "budget.per_day": 10_000_000}
            return keys | platform.credentials() | pages | {"leads": platform.history.leads}
        pages = {"events.page_size": 100, "events.every": "2s", "events.window": "12h"}
        return keys | self.outreach.tokens.settings() | pages | {"token_key": KEY}
