"""The feed of all events of a tenant: which list, which rows, how often again; in memory and on the simulated one."""

from functools import cache
from random import Random
from typing import Any, Literal

import msgspec
import pytest

from headrace.core.timestamps import from_millis, micros
from headrace.providers.leadping.known_rows import SLICE_MS
from headrace.providers.leadping.lead_events import LeadEventsFeed
from headrace.providers.leadping.settings import LeadEventsSettings, LeadPingSettings, TenantEventsSettings
from headrace.providers.leadping.tenant_cursor import MOST_CALLS, TenantEventsCursor, decoded, moved
from headrace.providers.leadping.tenant_events import TenantEventsFeed
from headrace.sdk.faults import Denied, Fault, Gone, NoRoute, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import Call, RowsApart, Sighting, Turn
from headrace.sdk.provider import RawEvent
from headrace_demo.simulators import leadping
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.quota import Allowance
from tests.providers.feeds_kit import NOW, Memory, Platform, Read, Reader, missing, names, polled_feeds, read, trouble

MINUTE, HOUR = 60_000, 3_600_000
DAY = 24 * HOUR
ORGANIZATIONS, BUSINESSES, MY = "/events/organizations/org_1", "/events/businesses/org_1", "/events/all/my"


def feed_of(organization: str | None = "org_1", **settings: Any) -> TenantEventsFeed:
    own = TenantEventsSettings(**{"page_size": 100, **settings})
    return TenantEventsFeed(LeadPingSettings(organization=organization, tenant_events=own))


def row(number: int, minutes_ago: float = 1, **more: Any) -> dict[str, Any]:
    """Make a row that lacks nothing."""
    return {
        "id": f"e{number}",
        "timelineType": "Sms",
        "status": "Queued",
        "leadId": f"lead-{number % 7}",
        "summary": "Hello",
        "description": None,
        "actorUserId": None,
        "createdAt": from_millis(NOW - int(minutes_ago * MINUTE)),
        **more,
    }


class Account:
    """A tenant's list in memory. `path` is the one that answers, `bodies` what was asked of it."""

    def __init__(self, *rows: dict[str, Any], path: str = ORGANIZATIONS) -> None:
        self.rows = {row["id"]: row for row in rows}
        self.path = path
        self.calls: dict[str, dict[str, Any]] = {}
        self.queries: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.refused: Fault = Gone("404")
        self.ranged = True
        self.most = 1000

    def __call__(self, call: Call) -> bytes:
        parts = call.path.strip("/").split("/")
        match parts:
            case _ if call.path == self.path:
                return self._list(dict(call.query), msgspec.json.decode(call.body))
            case ["events", "organizations" | "businesses" | "all", _]:
                raise self.refused
            case ["events", "leads", lead]:
                return msgspec.json.encode({"items": [row for row in self.rows.values() if row["leadId"] == lead]})
            case ["events", "calls", ident] if ident in self.calls:
                return msgspec.json.encode(self.calls[ident])
            case ["events", ident, "detail"] if ident in self.rows:
                return msgspec.json.encode({**self.rows[ident], "status": "Pending"})
            case _:
                raise Gone("404")

    def _list(self, query: dict[str, str], body: dict[str, Any]) -> bytes:
        self.queries.append((query, body))
        if body["pageSize"] > self.most:
            raise Rejected("400")
        begin, end = (millis(query[name]) for name in ("startAt", "endAt"))
        shown = [row for row in self.rows.values() if not self.ranged or begin <= made_of(row) < end]
        at = int(body.get("continuationToken", "t0")[1:])
        upto = at + body["pageSize"]
        token = f"t{upto}" if upto < len(shown) else None
        return msgspec.json.encode({"items": shown[at:upto], "continuationToken": token})


def made_of(row: dict[str, Any]) -> int:
    return millis(row["createdAt"])


@cache
def millis(text: str) -> int:
    return micros(text) // 1000


class Turns:
    """Turns of the feed, each from the last cursor on, a minute apart. `raws` is all that came."""

    def __init__(self, api: Memory, feed: TenantEventsFeed | None = None, cursor: bytes = b"") -> None:
        self.api, self.feed, self.cursor = api, feed or feed_of(), cursor
        self.raws: list[RawEvent] = []

    async def next(self, minutes: float = 1) -> Read:
        found = await read(self.feed, self.api, self.cursor)
        self.cursor = found.cursor if found.cursors else self.cursor
        self.raws += found.raws
        self.api.now += int(minutes * MINUTE)
        return found

    async def settle(self) -> None:
        """Take turns until nothing of the look-back is left to be read."""
        for _ in range(30):
            calls = len(self.api.calls)
            await self.next()
            if len(self.api.calls) - calls <= 2:
                return
        raise AssertionError("it never comes to rest")


def ids(raws: list[RawEvent]) -> list[str]:
    parts = [msgspec.json.decode(raw.value) for raw in raws]
    return sorted((part["row"] or part["detail"])["id"] if "row" in part else part["id"] for part in parts)


def paths(api: Memory) -> list[str]:
    return [call.path for call in api.calls]


async def test_a_row_that_lacks_nothing_goes_on_as_it_is() -> None:
    """A message of the newest generation costs no call but its share of a page; its lead is watched, not woken."""
    api = Memory(Account(row(1), row(2)))
    found = await Turns(api).next()
    assert [(raw.shape, raw.value) for raw in found.raws] == [
        ("row", msgspec.json.encode(row(1))),
        ("row", msgspec.json.encode(row(2))),
    ]
    assert set(paths(api)) == {ORGANIZATIONS}
    assert found.sightings == [Sighting("lead-1", brought=True), Sighting("lead-2", brought=True)]
    assert (found.cursors[-1].more, found.cursors[-1].whole) == (False, True)


@pytest.mark.parametrize("lacks", ["timelineType", "status", "leadId", "summary", "description", "actorUserId"])
async def test_a_row_that_lacks_something_gets_its_detail(lacks: str) -> None:
    """What only a detail may know is asked for; of a bundle the lead of the detail is seen."""
    account = Account(row(1))
    whole = dict(account.rows["e1"])
    del account.rows["e1"][lacks]

    def answer(call: Call) -> bytes:
        return msgspec.json.encode(whole) if call.path.endswith("/detail") else account(call)

    api = Memory(answer)
    found = await Turns(api).next()
    assert [raw.shape for raw in found.raws] == ["bundle"]
    assert paths(api).count("/events/e1/detail") == 1
    assert found.sightings == [Sighting("lead-1", brought=True)]


async def test_a_call_gets_its_record_and_no_detail() -> None:
    """The record of a call says what neither row nor detail know."""
    account = Account(row(1, timelineType="Call", status="Ended"))
    account.calls["e1"] = {"id": "e1", "status": "completed", "endedAt": from_millis(NOW)}
    api = Memory(account)
    found = await Turns(api).next()
    assert [raw.shape for raw in found.raws] == ["bundle"]
    assert b'"detail":null,"call":{"id":"e1"' in found.raws[0].value
    assert [path for path in paths(api) if path != ORGANIZATIONS] == ["/events/calls/e1"]


@pytest.mark.parametrize("path", [ORGANIZATIONS, BUSINESSES])
@pytest.mark.parametrize("refused", [Gone("404"), NoRoute("404"), Rejected("400"), Denied("403")])
async def test_the_list_that_answers_is_remembered(path: str, refused: Fault) -> None:
    """Two turns find it out; then nothing else is asked for."""
    account = Account(row(1), path=path)
    account.refused = refused
    turns = Turns(api := Memory(account))
    await turns.next()
    await turns.settle()
    assert api.facts == {"tenant-list": path.removeprefix("/events/").replace("/", " ")}
    api.calls.clear()
    assert (await turns.next()).cursors[-1].whole
    assert paths(api) == [path]


async def test_one_users_view_is_never_whole() -> None:
    """Without an organization it is what there is; what to set is to be seen."""
    turns = Turns(api := Memory(Account(row(1), path=MY)), feed_of(None))
    for _ in range(4):
        found = await turns.next()
        assert not found.cursors[-1].whole
        assert "set organization" in found.cursors[-1].unread
    assert (len(turns.raws), api.facts) == (1, {"tenant-list": "my"})


async def test_calls_name_their_organization() -> None:
    """What was hidden from the user comes with the organization's list, as soon as that is known."""
    one, other = row(1, timelineType="Call", status="Ended"), row(2, minutes_ago=300)
    account = Account(one, path=MY)
    account.calls["e1"] = {"id": "e1", "status": "completed", "organizationId": "org_1"}
    turns = Turns(api := Memory(account), feed_of(None))
    await turns.next()
    api.remember("organization", "org_1")
    account.rows["e2"], account.path = other, ORGANIZATIONS
    found = await turns.next()
    assert (ids(found.raws), found.cursors[-1].whole, found.cursors[-1].unread) == (["e2"], True, "")


async def test_an_organization_stays_known() -> None:
    """What calls told expires after a week without calls; the list that was read by it is asked first all the same."""
    turns = Turns(api := Memory(Account(row(1))), feed_of(None))
    api.learn("organization", "org_1")
    assert (await turns.next()).cursors[-1].whole
    api.noted.clear()
    api.calls.clear()
    assert (await turns.next()).cursors[-1].whole
    assert set(paths(api)) == {ORGANIZATIONS}


async def test_a_wrong_organization_is_refused_in_words() -> None:
    """No list answers: it says what to look at, and learns nothing."""
    api = Memory(Account(path="none"))
    with pytest.raises(Rejected, match="look whether `organization` is its id"):
        await Turns(api).next()
    assert not api.noted


async def test_gateways_are_not_taken_for_the_platforms_word() -> None:
    """Where all that answers is a gateway, or the credentials are wrong, that is what is wrong."""
    account = Account(path="none")
    api = Memory(account)
    for fault in (NoRoute("404"), Denied("401")):
        account.refused = fault
        with pytest.raises(type(fault)):
            await Turns(api).next()


async def test_a_list_that_is_gone_is_looked_for_again() -> None:
    """The platform moves to a newer generation: a turn fails, the next one finds the list."""
    account = Account(row(1), path=BUSINESSES)
    turns = Turns(api := Memory(account))
    for _ in range(3):
        await turns.next()
    account.path, account.rows["e2"] = ORGANIZATIONS, row(2, minutes_ago=-2.5)
    with pytest.raises(NoRoute):
        await turns.next()
    assert ids((await turns.next()).raws) == ["e2"]
    assert api.noted["tenant-list"].value == "organizations org_1"


async def test_a_quiet_tenant_costs_a_call_a_minute() -> None:
    """What is read again is one call in eight."""
    turns = Turns(api := Memory(Account(*[row(n, minutes_ago=n * 100) for n in range(100)])))
    await turns.settle()
    api.calls.clear()
    for _ in range(1440):
        await turns.next()
    assert len(turns.raws) == 100
    assert 1440 <= len(api.calls) <= 1620


@pytest.mark.parametrize(
    ("age", "within"), [(0, 1), (3, 1), (50, 11), (12 * 60, 6 * 60 + 1), (6 * 24 * 60, 24 * 60 + 1)]
)
async def test_a_row_that_changes_in_place_is_found_in_time(age: float, within: int) -> None:
    """Within a minute while it is young, ten minutes in its first hour, six hours in its first day, then a day."""
    account = Account(row(1, minutes_ago=age))
    api = Memory(account)
    turns = Turns(api)
    await turns.settle()
    account.rows["e1"]["createdAt"] = from_millis(api.now - int(age * MINUTE) - 1)
    await turns.next()
    turns.raws.clear()
    await turns.settle()
    account.rows["e1"]["status"] = "Delivered"
    for _ in range(within + 1):
        await turns.next()
    assert [raw.value for raw in turns.raws] == [msgspec.json.encode(account.rows["e1"])]


async def test_a_clock_that_is_ahead_hides_no_row() -> None:
    """Before the first answer the time is ours: what is created from the platform's now on is read in the next turn."""
    account = Account()
    turns = Turns(api := Memory(account))
    await turns.settle()
    theirs = api.now

    def answer(call: Call) -> bytes:
        api.now = theirs
        return account(call)

    api.answer_with(answer)
    for minute in range(4):
        account.rows[f"e{minute}"] = row(minute) | {"createdAt": from_millis(theirs - 1)}
        api.now = theirs + HOUR
        assert len((await turns.next(minutes=0)).raws) == 1
        theirs += MINUTE


async def test_a_clock_that_is_far_ahead_leaves_out_nothing_of_the_past() -> None:
    """The look-back is counted from the platform's now, though a turn that goes on begins with our time."""
    account = Account(*[row(n, minutes_ago=60 * n + 1, timelineType="Call", status="Ended") for n in range(150)])
    account.calls |= {each: {"id": each, "status": "completed"} for each in account.rows}
    turns = Turns(api := Memory(account), feed_of(page_size=10))
    theirs = api.now

    def answer(call: Call) -> bytes:
        api.now = theirs
        return account(call)

    api.answer_with(answer)
    for _ in range(30):
        api.now = theirs + 60 * DAY
        await turns.next(minutes=0)
    assert ids(turns.raws) == sorted(account.rows)


async def test_the_past_is_read_with_a_few_calls_a_turn() -> None:
    """Calls that each need their record must not hold up what is new: a turn has its share for what was before."""
    account = Account(*[row(n, minutes_ago=10 + n / 10, timelineType="Call", status="Ended") for n in range(500)])
    account.calls |= {each: {"id": each, "status": "completed"} for each in account.rows}
    turns = Turns(api := Memory(account), feed_of(page_size=10))
    while len(turns.raws) < 500:
        before = len(api.calls)
        assert (await turns.next()).raws
        assert len(api.calls) - before <= MOST_CALLS + 12
    assert ids(turns.raws) == sorted(account.rows)


async def test_rows_of_the_first_reading_come_newest_first() -> None:
    """What is new comes with the first page; the look-back follows, and nothing before it is read."""
    account = Account(*[row(n, minutes_ago=60 * 5 * n + 1) for n in range(40)])
    turns = Turns(Memory(account))
    found = await turns.next()
    assert ids(found.raws[:1]) == ["e0"]
    await turns.settle()
    assert ids(turns.raws) == sorted(f"e{n}" for n in range(34))


async def test_a_row_that_turns_back_is_news() -> None:
    """Only the last state of a row is known."""
    account = Account(row(1))
    turns = Turns(Memory(account))
    for status in ("Queued", "Sent", "Queued"):
        account.rows["e1"]["status"] = status
        assert len((await turns.next()).raws) == 1


async def test_a_list_that_keeps_to_no_window_is_not_read_for_ever() -> None:
    """What it shows is taken, but for what is older than the look-back."""
    account = Account(row(1), row(2, minutes_ago=60 * 24 * 30))
    account.ranged = False
    turns = Turns(Memory(account))
    found = await turns.next()
    assert (ids(found.raws), found.skipped["outside"] > 0) == (["e1"], True)
    account.rows = {f"e{n}": row(n, minutes_ago=60 * 24 * 30) for n in range(3_000)}
    with pytest.raises(Unavailable, match="does not keep to startAt"):
        await turns.next()


async def test_a_row_of_another_window_comes() -> None:
    """Where the bounds are those of another time than createdAt, a row stands in the window of that one alone."""
    account = Account(row(1))
    turns = Turns(Memory(account))
    await turns.settle()
    account.ranged = False
    account.rows["e2"] = row(2, minutes_ago=47 * 60)
    for _ in range(3):
        await turns.next()
    assert ids(turns.raws) == ["e1", "e2"]


async def test_pages_that_are_too_many_rows_are_asked_for_in_parts() -> None:
    """How many rows a page may have is not published."""
    account = Account(*[row(n) for n in range(60)])
    account.most = 25
    assert len((await Turns(Memory(account)).next()).raws) == 60


async def test_what_the_list_of_the_lead_brought_is_not_read_again() -> None:
    """A nudge woke the lead's feed: the tenant's list meets the row, and asks for nothing."""
    account = Account(row(1, timelineType="Call", status="Ended"))
    account.calls["e1"] = {"id": "e1", "status": "completed"}
    api = Memory(account)
    lead = LeadEventsFeed(LeadEventsSettings())
    assert len((await read(lead, api, turn=Turn(lead="lead-1"))).raws) == 1
    api.calls.clear()
    found = await Turns(api).next()
    assert (found.raws, set(paths(api))) == ([], {ORGANIZATIONS})
    assert found.skipped["unchanged"] > 0


async def test_the_list_of_the_lead_does_not_hydrate_what_was_brought() -> None:
    """The sweep costs one call where discovery was there before; a row that moved meanwhile is read."""
    account = Account(row(1), row(8), row(15, timelineType="Call", status="Ended"))
    account.calls["e15"] = {"id": "e15", "status": "completed"}
    api = Memory(account)
    await Turns(api).next()
    api.calls.clear()
    lead = LeadEventsFeed(LeadEventsSettings())
    account.rows["e8"]["status"] = "Sent"
    first = await read(lead, api, turn=Turn(lead="lead-1"))
    assert (ids(first.raws), first.skipped) == (["e8"], {"unchanged": 2})
    assert paths(api) == ["/events/leads/lead-1", "/events/e8/detail"]
    assert not (await read(lead, api, first.cursor, Turn(lead="lead-1"))).raws


async def test_a_lead_that_is_rewound_is_read_again() -> None:
    """Whatever the list of all leads brought: for this once."""
    account = Account(row(1), row(8), row(15))
    api = Memory(account)
    await Turns(api).next()
    lead = LeadEventsFeed(LeadEventsSettings(page_size=1))
    found = await read(lead, api, lead.rewound(NOW - HOUR, b""), turn=Turn(lead="lead-1"))
    assert ids(found.raws) == ["e1", "e15", "e8"]
    assert not (await read(lead, api, found.cursor, turn=Turn(lead="lead-1"))).raws


async def test_a_call_that_goes_on_is_asked_for_again() -> None:
    """While its row stays as it is: with the next look at the last hour, not with every turn."""
    account = Account(row(1, timelineType="Call", status="Active"))
    account.calls["e1"] = {"id": "e1", "status": "in_progress"}
    turns = Turns(api := Memory(account))
    await turns.settle()
    api.calls.clear()
    turns.raws.clear()
    for minute in range(12):
        if minute == 3:
            account.calls["e1"] = {"id": "e1", "status": "completed"}
        await turns.next()
    assert [b'"completed"' in raw.value for raw in turns.raws] == [True]
    assert paths(api).count("/events/calls/e1") == 1


async def test_a_row_that_waits_for_a_part_holds_up_no_other() -> None:
    """It is asked for in three turns; then it comes without, and nothing waits any more."""
    account = Account(row(1), *[row(n, timelineType="Call", status="Ended") for n in (2, 3)])
    account.calls["e2"] = {"id": "e2", "status": "completed"}

    def failing(call: Call) -> bytes:
        if call.path == "/events/calls/e3":
            raise Unavailable("500")
        return account(call)

    turns = Turns(api := Memory(failing))
    found = await turns.next()
    assert (ids(found.raws), found.lacks != "") == (["e1", "e2"], True)
    assert not found.cursors[-1].whole
    await turns.next()
    last = await turns.next()
    assert (ids(last.raws), last.lacks, api.given_up) == (["e3"], "", ["e3"])
    assert (await turns.next()).lacks == ""


async def test_a_row_that_waits_is_met_again_when_it_is_old() -> None:
    """Its ten minutes are read again in each turn until it came."""
    account = Account(row(1, minutes_ago=3 * 24 * 60, timelineType="Call", status="Ended"))

    def failing(call: Call) -> bytes:
        if "/calls/" in call.path:
            raise Unavailable("500")
        return account(call)

    turns = Turns(Memory(failing))
    assert (await turns.next()).lacks
    account.calls["e1"] = {"id": "e1", "status": "completed"}
    turns.api.answer_with(account)
    found = await turns.next()
    assert (ids(found.raws), found.lacks) == (["e1"], "")


@pytest.mark.parametrize("odd", ['"text"', "{}", '{"id":7}', "null", '{"id":"e9"}', '{"id":"e9","createdAt":"soon"}'])
async def test_a_row_that_cannot_be_read_comes_once(odd: str) -> None:
    """It becomes a dead letter; the others of its page come."""
    good = msgspec.json.encode(row(1)).decode()
    api = Memory(lambda call: f'{{"items":[{odd},{good}]}}'.encode() if call.path == ORGANIZATIONS else b'{"id":"e9"}')
    turns = Turns(api)
    for _ in range(3):
        await turns.next()
    assert len(turns.raws) == 2


@pytest.mark.parametrize("kind", [Gone, Rejected])
async def test_a_token_that_got_old_cuts_the_window(kind: type[Fault]) -> None:
    """Tokens that live for three pages only: shorter windows are read, what came is known, and nothing is missing."""
    account = Account(*[row(n, minutes_ago=1 + n / 2) for n in range(600)])

    def forgetful(call: Call) -> bytes:
        if int(msgspec.json.decode(call.body).get("continuationToken", "t0")[1:]) > 30:
            raise kind("410")
        return account(call)

    turns = Turns(Memory(forgetful), feed_of(page_size=10, look_back=7 * 86_400))
    for _ in range(60):
        await turns.next(minutes=0)
    assert ids(turns.raws) == sorted(account.rows)


async def test_a_page_that_is_refused_for_ever_ends_the_turn() -> None:
    """Shorter windows help an old token; where they do not, nothing does."""
    account = Account(*[row(n, minutes_ago=1) for n in range(40)])

    def broken(call: Call) -> bytes:
        if b'"t20"' in call.body:
            raise Rejected("400")
        return account(call)

    api = Memory(broken)
    with pytest.raises(Rejected):
        await Turns(api, feed_of(page_size=10)).next()
    assert len(api.calls) < 30


class BreakingAccount(Account):
    """A tenant's list that fails for every page with a row of `breaking`, as a platform does that cannot render it."""

    def __init__(self, *rows: dict[str, Any], breaking: set[str], fault: type[Fault] = Unavailable) -> None:
        super().__init__(*rows)
        self.breaking = breaking
        self.fault = fault

    def _list(self, query: dict[str, str], body: dict[str, Any]) -> bytes:
        page = super()._list(query, body)
        if any(shown["id"] in self.breaking for shown in msgspec.json.decode(page)["items"]):
            raise self.fault("500")
        return page


@pytest.mark.parametrize("fault", [Unavailable, TooHeavy])
@pytest.mark.parametrize("minutes_ago", [3, 40, 30 * 60])
async def test_a_row_that_breaks_its_pages_holds_up_no_other(fault: type[Fault], minutes_ago: float) -> None:
    """All others come in the first turn; it is asked for in three, then the list is whole without it."""
    account = BreakingAccount(
        *[row(n, minutes_ago=minutes_ago * n / 20) for n in range(1, 40)], breaking=set(), fault=fault
    )
    account.breaking = {"e20"}
    turns = Turns(api := Memory(account))
    found = await turns.next()
    assert (ids(found.raws), found.lacks != "") == (sorted(account.rows.keys() - {"e20"}), True)
    assert not found.cursors[-1].whole
    await turns.next()
    last = await turns.next()
    assert (last.raws, last.lacks, len(api.given_up)) == ([], "", 1)
    assert len(api.calls) < 150


async def test_a_row_that_broke_its_pages_comes_when_they_do() -> None:
    """Its ten minutes are read again in each turn until then."""
    account = BreakingAccount(*[row(n, minutes_ago=n) for n in range(1, 40)], breaking={"e20"})
    turns = Turns(api := Memory(account))
    assert (await turns.next()).lacks
    account.breaking.clear()
    found = await turns.next()
    assert (ids(found.raws), found.lacks, api.given_up) == (["e20"], "", [])


async def test_an_outage_is_not_taken_for_rows_that_break_their_pages() -> None:
    """Where a list brings nothing at all, or no row at all, the turn ends with few calls, and nothing is given up."""
    account = BreakingAccount(*[row(n, minutes_ago=n / 10) for n in range(1, 200)], breaking=set())
    turns = Turns(api := Memory(account))
    api.learn("tenant-list", "organizations org_1")
    account.breaking = set(account.rows)
    for _ in range(4):
        with pytest.raises(Unavailable):
            await turns.next()
    assert (api.given_up, len(api.calls) < 200) == ([], True)


async def test_a_span_goes_on_without_a_row_that_breaks_its_pages() -> None:
    """It waits for the row in three turns, and goes on behind it."""
    account = BreakingAccount(*[row(n, minutes_ago=20 * n) for n in range(1, 18)], breaking={"e9"})
    api, turn, cursor, came = Memory(account), Turn(span=(NOW - 6 * HOUR, NOW)), b"", list[RawEvent]()
    lacks = []
    for _ in range(3):
        found = await read(feed_of(), api, cursor, turn=turn)
        cursor, came = found.cursor, [*came, *found.raws]
        lacks.append(found.lacks != "")
    assert lacks == [True, True, False]
    assert (set(ids(came)), found.cursors[-1].more, len(api.given_up)) == (account.rows.keys() - {"e9"}, False, 1)


async def test_an_event_that_a_nudge_names_is_read_alone() -> None:
    """Its detail and call are asked for, not the list."""
    account = Account(row(1))
    api = Memory(account)
    found = await read(feed_of(), api, turn=Turn(event="e1"))
    assert [raw.shape for raw in found.raws] == ["rowless"]
    assert (found.cursors, paths(api)) == ([], ["/events/e1/detail"])


async def test_a_span_is_read_whatever_is_known() -> None:
    """All rows that were created in it, hydrated, with cursors to go on from; nothing is noted."""
    account = Account(*[row(n, minutes_ago=10 * n + 1) for n in range(100)])
    turns = Turns(api := Memory(account))
    await turns.settle()
    begin, end = NOW - 601 * MINUTE, NOW - 301 * MINUTE
    found = await read(feed_of(page_size=10), api, turn=Turn(span=(begin, end)))
    assert ids(found.raws) == sorted(f"e{n}" for n in range(31, 61))
    assert (found.notes, [cursor.more for cursor in found.cursors]) == ({}, [True] * (len(found.cursors) - 1) + [False])
    everything = len(found.raws) + len(found.cursors) + len(found.leads)
    for most in range(1, everything):
        killed = await read(feed_of(page_size=10), api, turn=Turn(span=(begin, end)), most=most)
        last, covered = (killed.cursor, killed.before[-1]) if killed.cursors else (b"", 0)
        rest = await read(feed_of(page_size=10), api, last, turn=Turn(span=(begin, end)))
        assert set(ids([*killed.raws[:covered], *rest.raws])) == set(ids(found.raws))
        assert len(rest.raws) <= len(found.raws) - covered + 10


async def test_a_hole_is_read_with_the_rows_that_were_created_before_its_facts() -> None:
    """A message that was sent before the hour, and delivered in it; a call that began two hours before it ended."""
    account = Account(*[row(n, minutes_ago=n) for n in (62, 179, 181)])
    found_by = feed_of()
    assert isinstance(found_by, RowsApart)
    begin, end = NOW - 60 * MINUTE, NOW
    span = begin - found_by.apart[0], end + found_by.apart[1]
    found = await read(found_by, Memory(account), turn=Turn(span=span))
    assert ids(found.raws) == ["e179", "e62"]


async def test_a_span_waits_for_the_parts_of_its_rows() -> None:
    """A turn ends behind the window with a row that waits, and the next one goes on there."""
    account = Account(*[row(n, minutes_ago=40 * n, timelineType="Call", status="Ended") for n in range(1, 8)])
    account.calls |= {f"e{n}": {"id": f"e{n}", "status": "completed"} for n in range(1, 8)}
    broken = {"e4"}

    def failing(call: Call) -> bytes:
        if call.path.removeprefix("/events/calls/") in broken:
            raise Unavailable("500")
        return account(call)

    api, turn = Memory(failing), Turn(span=(NOW - 7 * HOUR, NOW))
    first = await read(feed_of(), api, turn=turn)
    assert (first.lacks != "", first.cursors[-1].more) == (True, True)
    broken.clear()
    second = await read(feed_of(), api, first.cursor, turn=turn)
    assert second.lacks == ""
    assert ids([*first.raws, *second.raws]) == sorted(account.rows)


async def test_rows_around_a_fact_are_read() -> None:
    """Those of its six hours, and of the longest call before them."""
    account = Account(*[row(n, minutes_ago=60 * n + 1) for n in range(40)])
    found = await read(feed_of(), Memory(account), turn=Turn(around=NOW - 20 * HOUR))
    assert ids(found.raws) == sorted(f"e{n}" for n in range(14, 22))


async def test_a_rewound_feed_reads_all_again() -> None:
    """What was created since then comes again, once, known or not; then the feed goes on as before."""
    account = Account(*[row(n, minutes_ago=30 * n + 1) for n in range(40)])
    turns = Turns(Memory(account))
    await turns.settle()
    turns.raws.clear()
    turns.cursor = turns.feed.rewound(NOW - 5 * HOUR, turns.cursor)
    for _ in range(4):
        await turns.next()
    assert ids(turns.raws) == sorted(f"e{n}" for n in range(11))


async def test_notes_are_forgotten_with_the_look_back() -> None:
    """What nobody looks back to is not remembered."""
    account = Account()
    turns = Turns(api := Memory(account), feed_of(look_back=7_200))
    for number in range(400):
        account.rows = {f"e{number}": {**row(number), "createdAt": from_millis(api.now - 1000)}}
        await turns.next()
    assert len(turns.raws) == 400
    held = {key for (_, key), value in api.notes.items() if value}
    assert len(held) <= 7_200_000 // SLICE_MS + 2
    assert all(len(value) <= 10 * 11 for value in api.notes.values())


async def test_twenty_thousand_rows_are_read_completely() -> None:
    """Two hours of a large tenant; the second reading brings what changed, and nothing else."""
    dice = Random(7)
    account = Account(*[row(n, minutes_ago=dice.uniform(0.01, 120)) for n in range(20_000)])
    turns = Turns(api := Memory(account), feed_of(page_size=1000, look_back=86_400))
    await turns.settle()
    assert len(turns.raws) == 20_000
    changed = dice.sample(sorted(account.rows), 300)
    for each in changed:
        account.rows[each]["status"] = "Sent"
    turns.raws.clear()
    api.now += 6 * HOUR
    await turns.settle()
    assert ids(turns.raws) == sorted(changed)
    assert len(turns.cursor) < 1_000
    assert sum(map(len, api.notes.values())) == 200_000


@pytest.mark.parametrize("seed", range(6))
async def test_every_version_that_the_list_shows_is_brought(seed: int) -> None:
    """Whatever a page shows within its window at a reading has come by then, through kills after any item."""
    dice = Random(seed)
    account = Account()
    shown: set[bytes] = set()
    brought: set[bytes] = set()

    def answer(call: Call) -> bytes:
        body = account(call)
        shown.update(msgspec.json.encode(each) for each in msgspec.json.decode(body)["items"])
        return body

    turns = Turns(api := Memory(answer), feed_of(page_size=3))
    for number in range(150):
        for _ in range(dice.randrange(4)):
            new = row(len(account.rows), minutes_ago=0)
            account.rows[new["id"]] = new | {"createdAt": from_millis(api.now - dice.randrange(4 * HOUR))}
        for each in dice.sample(sorted(account.rows), min(len(account.rows), dice.randrange(5))):
            account.rows[each]["status"] = dice.choice(["Queued", "Sending", "Sent", "Delivered"])
        most = dice.randint(1, 30) if number < 140 and dice.random() < 0.4 else None
        found = await read(turns.feed, api, turns.cursor, most=most)
        brought.update(raw.value for raw in found.raws)
        turns.cursor = found.cursor if found.cursors else turns.cursor
        api.now += MINUTE
        if most is None:
            assert shown <= brought
        else:
            shown.intersection_update(brought)  # what a killed turn saw is seen again where it stayed


@pytest.mark.parametrize("generation", ["g1", "g3", "g4"])
async def test_a_history_is_read_completely(generation: Literal["g1", "g3", "g4"]) -> None:
    """Late, changing, repeated rows, empty pages, failing calls, kills: every last version comes."""
    history = leadping.History(seed=11, events=150, leads=3, shape=Shape(span=2 * 86_400.0))
    async with leadping.Simulator(history, clock=Clock(history.begin), allowance=Allowance()) as platform:
        organization = history.organization(generation)
        settings: dict[str, Any] = {"base_url": platform.url, "api_key": platform.api_key, "organization": organization}
        provider, client, feeds = polled_feeds("leadping", **settings)
        platform.conduct.generation = generation
        platform.conduct.own_calls = generation == "g4"
        platform.conduct.repeats, platform.conduct.empty_every, platform.conduct.max_page = 1, 3, 7
        platform.conduct.unsorted = 600.0
        async with Platform(client) as api:
            reader = Reader(feeds["tenant-events"], api)
            while platform.clock.now < history.end:
                platform.clock.advance(3 * 3600)
                trouble(platform.faults)
                await reader.turn()
            platform.clock.advance(30 * 3600)
            for _ in range(20):
                await reader.turn(killed=0)
        assert not missing(provider, reader.raws, history.ledger, platform.clock.now)


async def test_both_feeds_bring_the_same_events() -> None:
    """What comes as a row, as a bundle of a row and its call, and as a whole bundle has one identity."""
    history = leadping.History(seed=5, events=120, leads=4)
    async with leadping.Simulator(history, clock=Clock(history.end), allowance=Allowance()) as platform:
        settings: dict[str, Any] = {"base_url": platform.url, "api_key": platform.api_key, "organization": "org_1"}
        provider, client, feeds = polled_feeds(
            "leadping", **settings, tenant_events=TenantEventsSettings(look_back=30 * 86_400)
        )
        async with Platform(client) as api:
            by_tenant: list[RawEvent] = []
            for _ in range(8):
                by_tenant += (
                    await read(feeds["tenant-events"], api, api.positions.get(("tenant-events", ""), b""))
                ).raws
            api.notes.clear()
            by_lead = [
                raw
                for lead in history.leads
                for raw in (await read(feeds["lead-events"], api, turn=Turn(lead=lead))).raws
            ]
        assert {raw.shape for raw in by_tenant} == {"row", "bundle"}
        assert names(provider, by_tenant) == names(provider, by_lead)


async def test_a_rewound_feed_only_goes_back() -> None:
    """What was created since it was read is news, however far behind it is; nor is a view of one user the end of it."""
    account = Account(*[row(n, minutes_ago=30 * n + 1) for n in range(4)])
    turns = Turns(api := Memory(account))
    await turns.settle()
    turns.raws.clear()
    api.now += 9 * 24 * HOUR
    account.rows |= {f"e{n}": row(n, minutes_ago=-60 * 24 * (n - 100)) for n in range(101, 109)}
    turns.cursor = turns.feed.rewound(api.now - HOUR, turns.cursor)
    for _ in range(12):
        await turns.next()
    assert set(ids(turns.raws)) >= {f"e{n}" for n in range(101, 109)}
    at = decoded(turns.feed.rewound(NOW, msgspec.json.encode(TenantEventsCursor(shown_by="my", head=NOW + 5))))
    assert moved(at, "organization", whole=True).head == NOW
