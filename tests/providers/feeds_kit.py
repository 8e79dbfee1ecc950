"""What tests of feeds need: a platform in memory, the simulated ones over HTTP, and a reader that keeps the books."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from random import Random
from time import time
from typing import Any, Final, Self

import aiohttp

from headrace.poller.http_client import HttpClient
from headrace.poller.part_policy import PartPolicy
from headrace.poller.parts import Parts
from headrace.poller.platform_facts import known, learned, noted
from headrace.providers.discover import discover
from headrace.records.cursors import PlatformFact
from headrace.sdk.faults import Denied, Fault, Incomplete, Throttled, Unavailable
from headrace.sdk.feed import ApiClient, Call, Cursor, Feed, Note, Polled, Sighting, Skipped, Turn, Yield
from headrace.sdk.provider import Provider, RawEvent, Tenant
from headrace_demo.senders import Sender
from headrace_demo.simulators.faults import Faults, Kind
from headrace_demo.simulators.history import History
from headrace_demo.simulators.ledger import Key, Ledger
from headrace_demo.simulators.webhooks import sendings
from headrace_events import Via

NOW: Final = 1_790_899_200_000
"""2026-10-02, in milliseconds."""
_TRIES: Final = 4
PASSING: Final[tuple[Kind, ...]] = (
    "429",
    "502",
    "html",
    "503",
    "truncated",
    "reset",
    "cut_off",
    "lost",
    "unavailable",
    "html_503",
)

Answering = Callable[[Call], bytes]
"""Answers a call, or raises the `Fault` that it would have been judged to be."""


class Facts:
    """What feeds have learned about a platform; it outlives them. Each `remember` counts as a turn of its own."""

    def __init__(self) -> None:
        self.noted: Final[dict[str, PlatformFact]] = {}
        self.notes: Final[dict[tuple[str, str], bytes]] = {}

        self.positions: Final[dict[tuple[str, str], bytes]] = {}

    def note(self, feed: str, key: str) -> bytes:
        """See headrace.sdk.feed.Api."""
        return self.notes.get((feed, key), b"")

    def position(self, feed: str, lead: str) -> bytes:
        """See headrace.sdk.feed.Api."""
        return self.positions.get((feed, lead), b"")

    @property
    def facts(self) -> dict[str, str]:
        """What is believed."""
        return {fact.name: fact.value for fact in learned(self.noted, NOW)}

    def recall(self, name: str) -> str | None:
        """See headrace.sdk.feed.Api."""
        return known(self.noted.get(name), NOW)

    def remember(self, name: str, value: str | None) -> None:
        """See headrace.sdk.feed.Api."""
        if value is None:
            self.noted.pop(name, None)
        else:
            self.noted[name] = noted(self.noted.get(name), value, NOW)

    def learn(self, name: str, value: str) -> None:
        """Believe something from the beginning."""
        self.remember(name, value)
        self.remember(name, value)


class Asking(Facts):
    """Asks for the parts of rows by the policy of the poller; each `read` is a turn. `given_up` are their ids."""

    def __init__(self) -> None:
        super().__init__()
        self.policy: Final = PartPolicy()
        self.given_up: Final[list[str]] = []
        self.turn()

    def turn(self) -> None:
        """Begin a turn."""
        self._parts = Parts(
            self.policy,
            call=self.call,
            check=self._check,
            now=lambda: self._millis() / 1000,
            given_up=lambda _, part: self.given_up.append(part),
        )

    async def call(self, call: Call) -> bytes:
        """See headrace.sdk.feed.Api."""
        raise NotImplementedError

    async def part(self, kind: str, id: str, calls: Sequence[Call], *, guess: bool = False) -> bytes | None:  # noqa: A002  (the design's word)
        """See headrace.sdk.feed.Api."""
        return await self._parts.ask(kind, id, calls, guess=guess)

    def leave_out(self, kind: str, id: str) -> None:  # noqa: A002  (the design's word)
        """See headrace.sdk.feed.Api."""
        assert kind
        self.given_up.append(id)

    def _millis(self) -> int:
        raise NotImplementedError

    async def _check(self, call: Call) -> None:
        await self.call(call)


class Memory(Asking):
    """An `Api` that answers from memory. `calls` are those that were made."""

    tenant: str = "acme"

    def __init__(self, answer: Answering, now: int = NOW) -> None:
        super().__init__()
        self.now = now
        self.calls: Final[list[Call]] = []
        self._answer = answer

    def answer_with(self, answer: Answering) -> None:
        """Answer in another way from now on."""
        self._answer = answer

    def _millis(self) -> int:
        return self.now

    async def call(self, call: Call) -> bytes:
        """See headrace.sdk.feed.Api."""
        self.calls.append(call)
        return self._answer(call)


class Platform(Asking):
    """An `Api` over HTTP, without budgets and pauses: what may pass is asked again at once, tokens are minted anew.

    `faults` counts what calls were judged to be. Use it as `async with`.
    """

    tenant: str = "acme"

    def __init__(self, client: ApiClient) -> None:
        super().__init__()
        self.client: Final = client
        self.faults: Final[Counter[str]] = Counter()
        self._token: str | None = None
        self._refresh = client.tokens.first if client.tokens else ""
        self._skew = 0.0
        self._session: aiohttp.ClientSession | None = None

    @property
    def now(self) -> int:
        """The platform's time, once it has answered."""
        return int((time() + self._skew) * 1000)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()

    async def call(self, call: Call) -> bytes:
        """See headrace.sdk.feed.Api."""
        for number in range(_TRIES):
            if self.client.tokens and self._token is None:
                await self._mint()
            try:
                return await self._once(self.client.sign(call, self._token))
            except Fault as fault:
                self.faults[fault.code] += 1
                if isinstance(fault, Denied) and self.client.tokens:
                    self._token = None
                elif not isinstance(fault, Unavailable | Throttled):
                    raise
                if number == _TRIES - 1:
                    raise
        raise AssertionError("the last try returns or raises")

    def _millis(self) -> int:
        return self.now

    async def _mint(self) -> None:
        assert self.client.tokens
        body = await self._once(self.client.tokens.mint(self._refresh))
        self._token, self._refresh, _ = self.client.tokens.minted(body)

    async def _once(self, call: Call) -> bytes:
        assert self._session
        answer = await HttpClient(self._session, self.client.base_url).exchange(call)
        self._skew = parsedate_to_datetime(answer.headers["date"]).timestamp() - time()
        fault = self.client.judge(answer, self.now / 1000)
        if fault:
            raise fault
        return answer.body


@dataclass
class Read:
    """What one reading brought, in order: `before` is how many raw events came before each cursor."""

    raws: list[RawEvent] = field(default_factory=list)
    cursors: list[Cursor] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    leads: list[str] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    notes: dict[str, bytes] = field(default_factory=dict)
    """Those that a cursor followed."""
    lacks: str = ""
    """What the feed said that did not come, "" where all did."""

    @property
    def cursor(self) -> bytes:
        """The last cursor."""
        return self.cursors[-1].value


async def read(
    feed: Feed, api: Memory | Platform, cursor: bytes = b"", turn: Turn | None = None, most: int | None = None
) -> Read:
    """Read a feed to its end, or until it has yielded `most` things: then it is killed there."""
    found, turn = Read(), turn or Turn()
    api.turn()
    before = dict(api.notes)
    try:
        await keep_books(found, _noting(api, feed, feed.read(api, cursor, turn)), most)
    except Incomplete as fault:
        found.lacks = str(fault)
    finally:
        api.notes.clear()  # what no cursor followed is lost
        api.notes.update(before | {(feed.name, key): value for key, value in found.notes.items()})
    if found.cursors and turn.span is None and turn.around is None:
        api.positions[feed.name, turn.lead or ""] = found.cursor
    return found


async def _noting(api: Memory | Platform, feed: Feed, things: AsyncIterator[Yield]) -> AsyncIterator[Yield]:
    """Let the notes of a turn be known in it."""
    async for thing in things:
        if isinstance(thing, Note):
            api.notes[feed.name, thing.key] = thing.value
        yield thing


async def keep_books(found: Read, things: AsyncIterator[Yield], most: int | None = None) -> None:
    """Note what a feed yields, as far as it comes."""
    count, notes = 0, dict[str, bytes]()
    async for thing in things:
        match thing:
            case RawEvent():
                found.raws.append(thing)
            case Cursor():
                found.cursors.append(thing)
                found.before.append(len(found.raws))
                found.notes |= notes
            case Sighting():
                found.leads.append(thing.lead)
                found.sightings.append(thing)
            case Note():
                notes[thing.key] = thing.value
            case Skipped():
                found.skipped[thing.reason] += len(thing.rows)
        count += 1
        if count == most:
            break


def polled(name: str, **settings: Any) -> tuple[Provider, ApiClient, Feed]:
    """Return a provider, and the client and first feed of a tenant with such settings."""
    provider, client, feeds = polled_feeds(name, **settings)
    return provider, client, next(iter(feeds.values()))


def polled_feeds(name: str, **settings: Any) -> tuple[Provider, ApiClient, dict[str, Feed]]:
    """Return a provider, and the client and all feeds by name of a tenant with such settings."""
    provider = discover()[name]
    assert isinstance(provider, Polled)
    own: Tenant = provider.Settings(**{"polling": True, **settings})
    assert not list(own.faults())
    client = provider.client(own)
    assert client
    return provider, client, {feed.name: feed for feed in provider.feeds(own)}


def missing(provider: Provider, raws: list[RawEvent], ledger: Ledger, now: float) -> Mapping[Key, str]:
    """Return what the books want and the raw events do not bring: last versions, by their marks."""
    texts: defaultdict[Key, list[str]] = defaultdict(list)
    for raw in raws:
        identity = provider.identity(raw)
        texts[Key(identity.resource, identity.id)].append(raw.value.decode())
    wanted = ledger.wanted(now)
    return {key: mark for key, mark in wanted.items() if not any(mark in text for text in texts[key])}


def trouble(faults: Faults, path: str = "") -> None:
    """Let one of the next calls (to a path) go wrong in each way that may pass, with good calls between."""
    if not faults.coming:
        for number, kind in enumerate(PASSING):
            faults.next(1, kind, path=path, after=5 + 3 * number)


def names(provider: Provider, raws: list[RawEvent]) -> set[tuple[str, str, object]]:
    """Return the identities of the raw events, each version for itself."""
    identities = (provider.identity(raw) for raw in raws)
    return {(identity.resource, identity.id, identity.version) for identity in identities}


def named_by_webhooks(provider: Provider, history: History, sender: Sender) -> set[tuple[str, str]]:
    """Return the identities in all webhooks of a history."""
    sent = (sending.body for sending in sendings(history, sender, history.begin, history.end))
    pieces = (piece for body in sent for piece in provider.cut(body))
    raws = [
        RawEvent(
            provider=provider.name, tenant="acme", shape=piece.shape, value=piece.value, via=Via.WEBHOOK, received=NOW
        )
        for piece in pieces
    ]
    return {(resource, ident) for resource, ident, _ in names(provider, raws)}


class Reader:
    """Reads a feed again and again as a poller does that is killed now and then: `raws` is all that was appended."""

    def __init__(self, feed: Feed, api: Memory | Platform, seed: int = 5) -> None:
        self.raws: Final[list[RawEvent]] = []
        self._feed: Final = feed
        self._api: Final = api
        self._random: Final = Random(seed)
        self._cursors: Final[dict[str | None, bytes]] = {}

    async def turn(self, lead: str | None = None, *, killed: float = 0.4) -> None:
        """Read on from the last cursor, to the end or until it is killed."""
        most = self._random.randint(1, 40) if self._random.random() < killed else None
        found = await read(self._feed, self._api, self._cursors.get(lead, b""), Turn(lead=lead), most)
        self.raws.extend(found.raws)
        if found.cursors:
            self._cursors[lead] = found.cursor


async def loses_nothing_when_killed(
    provider: Provider, feed: Feed, api: Memory | Platform, turn: Turn | None = None
) -> None:
    """Kill a reading behind everything it yields, go on from the last cursor, and look whether all came."""
    whole = await read(feed, api, turn=turn)
    things = len(whole.raws) + len(whole.cursors) + sum(1 for _ in whole.skipped)
    assert whole.cursors
    for most in range(1, things + 1):
        killed = await read(feed, api, turn=turn, most=most)
        last = killed.cursors[-1].value if killed.cursors else b""
        covered = killed.raws[: killed.before[-1]] if killed.cursors else []
        rest = await read(feed, api, last, turn=turn)
        assert turn is None or turn.span is None or rest.cursors[-1].whole
        assert names(provider, whole.raws) <= names(provider, [*covered, *rest.raws])
