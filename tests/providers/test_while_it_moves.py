"""The twins of feeds: a platform moves on between any two calls of a turn, and what is read stays one event a version.

The whole way without Kafka: the simulated platform, its feed and its webhooks, each delivered before, while or after
the feed reads what it tells; what they bring is decided on, and what is nudged is read. Whatever is put together of
several answers is met here in every mixture of states.
"""

from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Any, Final

import pytest

from headrace.config.tenants import Account, Tenants
from headrace.providers.leadping.settings import TenantEventsSettings
from headrace.records.nudge import AddressedNudge, decode_nudge
from headrace.sdk.faults import Unavailable
from headrace.sdk.feed import ApiClient, Call, Feed, Turn
from headrace.sdk.provider import Delivery, RawEvent
from headrace_demo import senders
from headrace_demo.senders import Sending
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.ledger import found_of
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.server import Simulator
from headrace_demo.simulators.webhooks import sendings
from tests.providers import suite
from tests.providers.feeds_kit import Platform, polled_feeds, read
from tests.providers.kit import TENANT
from tests.unit.partition import Partition

SEEDS: Final = (0, 1, 2, 5, 12, 19)
"""Some that found faults: LeadPing's 0, 1, 5 and 12, and 19 of LeadSquared."""
EVENTS: Final = 40
MOVES: Final = 0.5
"""How often the platform moves on before a call."""
FREE: Final = Allowance()
KEYS: Final[dict[str, dict[str, Any]]] = {"leadping": {"webhook_event": "/event"}}
TOGETHER: Final = (("lead-events", "tenant-events"), ("tenant-events",))
"""Feeds of a platform that bring the same events, and the list of all leads alone."""


class MovingPlatform(Platform):
    """An `Api` over HTTP to a platform that shows its next version before every other call, by chance."""

    def __init__(self, client: ApiClient, simulator: Simulator, dice: Random) -> None:
        super().__init__(client)
        self._dice: Final = dice
        self._simulator: Final = simulator
        moves = {move.appears for plan in simulator.history.plans for move in plan.moves}
        self._moments: Final = deque(sorted(moves))

    @property
    def is_over(self) -> bool:
        """Whether everything has happened."""
        return not self._moments

    async def call(self, call: Call) -> bytes:
        """Let the platform move on, or not, and ask it then."""
        if self._moments and self._dice.random() < MOVES:
            clock = self._simulator.clock
            clock.advance(self._moments.popleft() - clock.now)
        return await super().call(call)


class JoinedFeeds:
    """Feeds (the first one, or those that are named) and the webhooks of one tenant, and what is decided on all."""

    def __init__(self, simulator: Simulator, dice: Random, *feeds: str, **keys: Any) -> None:
        self.sender = senders.make(simulator.provider)
        tenant: dict[str, Any] = {"webhook_secrets": [self.sender.secret], **simulator.tenant(), **keys}
        self.provider, client, there = polled_feeds(simulator.provider, **tenant)
        self._feeds: Final = {name: there[name] for name in feeds or list(there)[:1]}
        self._settings: Final = self.provider.Settings(**tenant)
        self.api = MovingPlatform(client, simulator, dice)
        mapping = suite.mapping_of(next(home for home in suite.HOMES if home.name == simulator.provider))
        self.partition = Partition(Tenants([Account(self.provider, TENANT, self._settings, mapping)]))
        self._simulator: Final = simulator
        self._cursors: Final[dict[tuple[str, str | None], bytes]] = {}
        self._nudges: Final[deque[AddressedNudge]] = deque()

    async def turn(self, feed: Feed, lead: str | None = None, event: str | None = None) -> None:
        """Read one turn from the last cursor: a feed that is not by lead has one."""
        at = feed.name, lead
        try:
            found = await read(feed, self.api, self._cursors.get(at, b""), Turn(lead=lead, event=event))
        except Unavailable:
            return  # a list that changes with every look: the runner reads it again from the last cursor
        if found.cursors:
            self._cursors[at] = found.cursor
        self._take(found.raws)

    async def sweep(self) -> None:
        """Read every list of a lead once, or the one list."""
        for feed in self._feeds.values():
            for lead in self._simulator.history.leads if feed.by_lead else [None]:
                await self.turn(feed, lead)

    def deliver(self, sending: Sending) -> None:
        """Take a webhook in."""
        now = self._simulator.clock.now
        accepted = self.provider.accept(
            Delivery(
                tenant=TENANT,
                method="POST",
                headers={name.lower(): value for name, value in sending.headers(now).items()},
                query={},
                body=sending.body,
                received=int(now * 1000),
            ),
            self._settings,
        )
        self._take(accepted.events)

    async def woken(self, dice: Random) -> None:
        """Take the turns that webhooks order: of a lead and its event, or of the event alone."""
        while self._nudges:
            nudge = self._nudges.popleft()
            alone = nudge.event is not None and dice.random() < 0.2
            feed = self._feeds[nudge.feed]
            await self.turn(feed, nudge.lead if feed.by_lead and not alone else None, nudge.event)

    def complaints(self) -> list[str]:
        """Let the ledger judge the events."""
        found = [found_of(event) for event in self.partition.events]
        return self._simulator.history.ledger.complaints(found, self._simulator.clock.now)

    def _take(self, raws: Any) -> None:
        taken: list[RawEvent] = list(raws)
        for out in self.partition.hear(self.provider, *taken).nudges:
            self._nudges.append(decode_nudge("nudges", out.key, out.value)[1])


def simulator_of(provider: str, seed: int) -> Simulator:
    """Make a platform at the beginning of its time, of a few leads whose activities change often."""
    match provider:
        case "leadping":
            calls = leadping.History(seed, EVENTS, leads=3, shape=Shape(edited=0.7))
            return leadping.Simulator(calls, clock=Clock(calls.begin), allowance=FREE)
        case "leadsquared":
            edits = leadsquared.History(seed, EVENTS, leads=3, shape=Shape(edited=0.7))
            return leadsquared.Simulator(edits, clock=Clock(edits.begin), allowance=FREE)
        case _:
            events = outreach.History(seed, EVENTS, leads=3)
            return outreach.Simulator(events, clock=Clock(events.begin), allowance=FREE)


async def play(simulator: Simulator, dice: Random, *feeds: str, **keys: Any) -> list[str]:
    """Let a history happen while it is read and delivered; return what the ledger has to say."""
    async with simulator:
        joined = JoinedFeeds(simulator, dice, *feeds, **keys)
        history = simulator.history
        coming = list(sendings(history, joined.sender, history.begin, history.end))
        async with joined.api:
            while not joined.api.is_over:
                some, coming = coming[: (few := dice.randrange(6))], coming[few:]
                dice.shuffle(some)
                for sending in some:
                    joined.deliver(sending)
                await joined.woken(dice)
                await joined.sweep()
            for sending in coming:
                joined.deliver(sending)
            await joined.woken(dice)
            await joined.sweep()
            await joined.sweep()
            for _ in range(30 if feeds else 0):  # a day later all that changed in place was looked at again
                simulator.clock.advance(3_600)
                await joined.sweep()
    assert not joined.partition.letters
    return joined.complaints()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("provider", sorted(senders.SENDERS))
async def test_a_platform_that_moves_on_while_it_is_read_gives_one_event_a_version(provider: str, seed: int) -> None:
    """Every activity is there, no version twice, and the last one last."""
    assert await play(simulator_of(provider, seed), Random(seed), **KEYS.get(provider, {})) == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("feeds", TOGETHER, ids=["both feeds", "all leads"])
async def test_the_list_of_all_leads_gives_one_event_a_version(feeds: Sequence[str], seed: int) -> None:
    """Whether a row, a bundle of some parts or a whole bundle is there first, and whichever feed brings it."""
    settings = TenantEventsSettings(page_size=7, look_back=60 * 86_400)
    keys = KEYS["leadping"] | {"feeds": list(feeds), "tenant_events": settings}
    assert await play(simulator_of("leadping", seed), Random(seed), *feeds, **keys) == []
