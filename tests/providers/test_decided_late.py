"""A webhook that is decided long after its feed has read its row: the feed looks around the fact, and finds the row.

The way of a poller without Kafka: the feed, the watch of its rows and the open nudges, on platforms in memory and on
the simulated one of Outreach. What is appended is a list.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from headrace.config.tenants import Account
from headrace.core.timestamps import from_millis, micros
from headrace.poller.clock import Clock
from headrace.poller.open_nudges import OpenNudges
from headrace.poller.row_watch import RowWatch
from headrace.poller.scheduler import Work
from headrace.providers.leadping.lead_events import LeadEventsFeed
from headrace.providers.leadping.settings import LeadEventsSettings
from headrace.providers.outreach import wire
from headrace.providers.outreach.feeds import EventsFeed
from headrace.providers.outreach.settings import EventsSettings, OutreachSettings
from headrace.records.nudge import AddressedNudge
from headrace.records.raw import to_raw_record
from headrace.sdk.feed import AROUND_MS, Cursor, Feed, Skipped, Turn
from headrace.sdk.provider import Delivery, Draft, RawEvent
from headrace_demo import senders
from headrace_demo.senders import Sending
from headrace_demo.simulators import outreach as simulated
from headrace_demo.simulators.clock import Clock as SimulatedClock
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.webhooks import sendings
from headrace_events import Via
from tests.providers import suite
from tests.providers.feeds_kit import NOW, Memory, Platform, polled
from tests.providers.kit import RECEIVED
from tests.providers.leadping import test_feeds as leadping
from tests.providers.nudging import decide_on
from tests.providers.outreach import test_feeds as outreach
from tests.unit.ledgers import ledger_of

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
MINUTE: Final = 60_000
HOMES: Final = {home.name: home for home in suite.HOMES}
SETTINGS: Final = LeadEventsSettings(page_size=2)


def opened(number: int, hours_ago: float) -> dict[str, Any]:
    """Return a row of Outreach: lead `number` opens a mailing."""
    lead = {"prospect": {"data": {"type": "prospect", "id": number}}}
    row = outreach.row(number, hours_ago * 60)
    row["attributes"] |= {"eventAt": row["attributes"]["createdAt"], "mailingId": 5}
    return row | {"relationships": lead}


def called(number: int, hours_ago: float) -> dict[str, Any]:
    """Return a row of LeadPing: a call that was completed at once."""
    return leadping.row(number, hours_ago, activityType="Call", status="Completed")


class Reads:
    """One tenant and feed whose rows are read, and watched for what its open nudges say.

    `stored` is the cursor, `appended` the ids of rows as they are appended, `around` counts the turns around facts.
    """

    def __init__(self, name: str, feed: Feed, api: Memory | Platform, lead: str | None) -> None:
        home = HOMES[name]
        self.appended: list[str] = []
        self.around = 0
        self.stored = b""
        self.feed: Final = feed
        self.lead: Final = lead
        self.account: Final = Account(
            suite.provider_of(home), "acme", suite.kit_of(home).settings, suite.mapping_of(home)
        )
        self._api: Final = api
        self._late = 0
        by_lead = [feed.name] if feed.by_lead else []
        self.nudges: Final = OpenNudges(
            self.account.source, {}, by_lead, window=30 * 86_400.0, raw_lifetime=14 * 86_400.0
        )

    @property
    def now(self) -> float:
        """The time of the poller, in seconds: that of the platform, or later."""
        return (self._api.now + self._late) / 1000

    def pass_time(self, millis: int) -> None:
        """Let time pass, on a platform in memory there as well."""
        if isinstance(self._api, Memory):
            self._api.now += millis
        else:
            self._late += millis

    async def turn(self, event: str | None = None, around: int | None = None) -> None:
        """Take one turn as a poller does."""
        self.around += around is not None
        work = Work(self.feed.name, self.lead, event, around)
        watch = RowWatch(
            self.nudges,
            ledger_of(self.account.source),
            self.account,
            work,
            clock=Clock(lambda: self.now),
            stored=asyncio.Event(),
        )
        began, since, whole = self.now, 0, True
        cursor = self.stored if around is None else b""
        async for item in self.feed.read(self._api, cursor, Turn(lead=self.lead, event=event, around=around)):
            match item:
                case RawEvent():
                    self._take(watch, item, is_new=True)
                case Skipped():
                    for row in item.rows:
                        self._take(watch, self._raw(item.shape, row), is_new=around is not None)
                case Cursor():
                    since, whole = item.since, item.whole
                    self.stored = item.value if around is None else self.stored
        watch.settle()
        watch.release()
        if whole:
            self.nudges.read(work, began, began, since)

    async def decide(self, *nudges: AddressedNudge) -> list[AddressedNudge]:
        """Follow up on nudges that come now; return those that go back as told, once nothing waits any more."""
        for nudge in nudges:
            assert self.nudges.open(nudge, self.now)
        self.pass_time(1_000)
        await self.turn()
        for _ in range(40):
            self.pass_time(MINUTE)
            works = {(nudge.event, self.nudges.around(nudge)) for nudge in self.nudges.due(self.now)}
            for event, around in sorted(works, key=str):
                await self.turn(event, around)
            vain = self.nudges.in_vain(self.now)
            if len(vain) == len(self.nudges):
                return vain
        raise AssertionError("what is open is not looked for")

    def nudge_of(self, shape: str, row: bytes) -> AddressedNudge:
        """Return the nudge of a webhook that says what a row says, under an id of its own."""
        raw = self._raw(shape, row)
        draft = self.account.provider.translate(raw, self.account.mapping)
        assert isinstance(draft, Draft)
        assert draft.time is not None
        return AddressedNudge(
            feed=self.feed.name,
            lead=(draft.data.refs or {})["lead"],
            partition=0,
            offset=1,
            record=f"hook {self.account.provider.identity(raw).id}",
            time=micros(draft.time) // 1000,
            types=(draft.row.type,),
            traits=dict(draft.data.refs or {}),
            span=300,
        )

    def _raw(self, shape: str, value: bytes) -> RawEvent:
        provider = self.account.provider
        return RawEvent(
            provider=provider.name, tenant="acme", shape=shape, value=value, via=Via.POLL, received=self._api.now
        )

    def _take(self, watch: RowWatch, raw: RawEvent, *, is_new: bool) -> None:
        key = to_raw_record(self.account.provider, raw).key
        watch.saw(raw, key)
        if is_new and watch.wants(key):
            self.appended.append(self.account.provider.identity(raw).id)


class Case(Struct, frozen=True):
    """A provider, its feed and lead, and a row of a number, made so many hours ago."""

    name: str
    shape: str
    feed: Feed
    lead: str | None
    row: Callable[[int, float], dict[str, Any]]
    account: Callable[..., Any]
    id: Callable[[int], str]

    def with_rows(self, *rows: dict[str, Any]) -> tuple[Reads, Any]:
        """Return a platform that has rows, and the reads of it."""
        account = self.account(*rows)
        return Reads(self.name, self.feed, Memory(account), self.lead), account

    def nudge(self, reads: Reads, number: int, hours_ago: float) -> AddressedNudge:
        """Return the nudge of a webhook about the row of a number."""
        return reads.nudge_of(self.shape, msgspec.json.encode(self.row(number, hours_ago)))


CASES: Final = (
    Case(
        "outreach",
        "event",
        EventsFeed(OutreachSettings(events=EventsSettings(page_size=2))),
        None,
        opened,
        outreach.Account,
        str,
    ),
    Case("leadping", "row", LeadEventsFeed(SETTINGS), "lead-1", called, leadping.Account, "e{}".format),
)
EACH: Final = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
AGO: Final = 240.0
"""Hours since the fact: more than any feed looks back."""


@EACH
async def test_a_row_that_was_read_long_ago_brings_what_is_decided_now(case: Case) -> None:
    """It was published then: nothing is published as told, and no other row comes out once more."""
    rows = [case.row(number, AGO - number / 10) for number in range(1, 10)]
    reads, _ = case.with_rows(*rows, case.row(10, 30 * 24))
    await reads.turn()
    await reads.turn()
    reads.appended.clear()
    stored = reads.stored
    assert await reads.decide(case.nudge(reads, 5, AGO - 0.5)) == []
    assert reads.appended == [case.id(5)]
    assert reads.around == 1
    assert stored != b""


@EACH
async def test_what_no_row_says_is_published_as_told(case: Case) -> None:
    """After three whole reads around the fact; none of them brings anything, or moves where the feed stands."""
    reads, _ = case.with_rows(*[case.row(number, AGO - 1 - number / 10) for number in range(1, 10)])
    await reads.turn()
    await reads.turn()
    reads.appended.clear()
    nudge = case.nudge(reads, 77, AGO)
    assert await reads.decide(nudge) == [nudge]
    assert (reads.appended, reads.around) == ([], 3)


@EACH
async def test_a_row_that_showed_up_after_the_look_back_is_found(case: Case) -> None:
    """No turn that reads on would ever have come across it."""
    reads, account = case.with_rows(case.row(1, 3))
    await reads.turn()
    late = case.row(2, AGO)
    if isinstance(account.rows, dict):
        account.rows = {late["id"]: late, **account.rows}
    else:
        account.rows.insert(0, late)
    await reads.turn()
    reads.appended.clear()
    assert await reads.decide(case.nudge(reads, 2, AGO)) == []
    assert reads.appended == [case.id(2)]


@EACH
async def test_facts_of_the_same_hours_share_their_turns(case: Case) -> None:
    """Facts that lie further apart do not: each is looked for where it is."""
    reads, _ = case.with_rows(*[case.row(number, AGO - 48) for number in range(1, 4)])
    await reads.turn()
    await reads.turn()
    far = [case.nudge(reads, 100 + number, AGO) for number in range(5)]
    other = case.nudge(reads, 200, AGO + 24)
    assert len(await reads.decide(*far, other)) == 6
    assert reads.around == 6


async def test_a_list_that_goes_on_in_another_turn_says_nothing() -> None:
    """Of its earlier pages nobody knows any more what they brought."""
    case = CASES[1]
    reads, _ = case.with_rows(*[case.row(number, AGO) for number in range(1, 6)])
    whole = [item async for item in case.feed.read(reads._api, b"", Turn(lead=case.lead))]
    cursors = [item for item in whole if isinstance(item, Cursor)]
    assert [(cursor.whole, cursor.since) for cursor in (cursors[-1],)] == [(True, 0)]
    rest = [item async for item in case.feed.read(reads._api, cursors[0].value, Turn(lead=case.lead))]
    assert [item.whole for item in rest if isinstance(item, Cursor) and not item.more] == [False]


async def test_a_generation_without_ranges_reads_the_whole_list_anyway() -> None:
    """Then every read looks back to every fact, and no turn around it is needed."""
    case = CASES[1]
    reads, account = case.with_rows(case.row(1, AGO))
    account.plain = True
    await reads.turn()
    await reads.turn()
    assert await reads.decide(case.nudge(reads, 1, AGO)) == []
    assert reads.around == 0


async def test_only_what_may_tell_the_fact_is_read_with_its_parts() -> None:
    """A detail and a call are asked for where a row was created until the end of the hours around the fact."""
    account = leadping.Account(*(called(number, AGO - 24 * number) for number in range(9)))
    api = Memory(account)
    around = (NOW - int(AGO) * HOUR) // AROUND_MS * AROUND_MS
    found = [item async for item in CASES[1].feed.read(api, b"", Turn(lead="lead-1", around=around))]
    assert sum(isinstance(item, RawEvent) for item in found) == 1
    assert sum(len(item.rows) for item in found if isinstance(item, Skipped)) == 8
    assert leadping.calls_to(api, "detail") == 1


@pytest.mark.parametrize("window", [3_600, 86_400])
async def test_the_window_around_a_fact_has_its_hours_and_the_look_back(window: Literal[3600, 86400]) -> None:
    """In windows as ever; rows show up as late as the feed looks back."""
    account = outreach.Account(*[opened(number, AGO - number) for number in range(-9, 20)])  # AGO begins such hours
    feed = EventsFeed(OutreachSettings(events=EventsSettings(page_size=2, window=window)))
    around = (NOW - int(AGO) * HOUR) // AROUND_MS * AROUND_MS
    found = [item async for item in feed.read(Memory(account), b"", Turn(around=around))]
    assert account.windows[0].startswith(from_millis(around - 600_000))
    assert account.windows[-1].endswith(from_millis(around + AROUND_MS + 600_000 + 6 * HOUR))
    rows = [item.value for item in found if isinstance(item, RawEvent)]
    assert len(rows) == len(set(rows)) == 13


async def test_webhooks_of_days_that_are_decided_at_last_are_published_once() -> None:
    """On the simulated platform, whose rows were all read: each webhook has its row, and nothing goes back as told."""
    history = simulated.History(seed=3, events=300, shape=Shape(span=3 * 86_400.0))
    clock = SimulatedClock(history.end + 86_400.0)
    async with simulated.Simulator(history, clock=clock, allowance=Allowance()) as platform:
        sender = senders.make("outreach")
        tenant: dict[str, Any] = {"webhook_secrets": [sender.secret], **platform.tenant()}
        provider, client, feed = polled("outreach", **tenant, events=EventsSettings(page_size=80))
        settings = provider.Settings(**tenant)
        accepted = [
            raw
            for sending in sendings(history, sender, history.begin, history.end)
            for raw in provider.accept(delivery_of(sending, clock.now), settings).events
        ]
        nudges = decide_on(provider, accepted, settings, suite.mapping_of(HOMES["outreach"])).addressed
        assert len(nudges) > 50
        async with Platform(client) as api:
            reads = Reads("outreach", feed, api, None)
            await reads.turn()
            reads.pass_time(HOUR)
            await reads.turn()
            assert len(set(reads.appended)) == 300
            assert await reads.decide(*nudges) == []
            assert len(set(reads.appended)) == 300
            assert len(reads.appended) <= 300 + len(nudges)
            assert 10 <= reads.around <= 20


def delivery_of(sending: Sending, now: float) -> Delivery:
    """Return a delivery that comes now, in seconds."""
    headers = {name.lower(): value for name, value in sending.headers(now).items()}
    return Delivery(
        tenant="acme", method="POST", headers=headers, query={}, body=sending.body, received=int(now * 1000)
    )


def test_a_fact_without_a_time_happened_before_it_was_appended() -> None:
    """Whatever the receiver's clock says: an hour ahead, no read of that hour would count."""
    home = HOMES["outreach"]
    provider, settings = suite.provider_of(home), replace(suite.kit_of(home).settings, polling=True)
    body = b'{"data":{"type":"mailing","id":5},"meta":{"eventName":"mailing.opened"}}'
    for off, time in ((HOUR, RECEIVED), (-HOUR, RECEIVED - HOUR)):
        raw = RawEvent(
            provider="outreach",
            tenant="acme",
            shape=wire.WEBHOOK,
            value=body,
            via=Via.WEBHOOK,
            received=RECEIVED + off,
        )
        [nudge] = decide_on(provider, [raw], settings, suite.mapping_of(home)).addressed
        assert nudge.time == time
