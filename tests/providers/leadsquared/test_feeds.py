"""The feed of one lead's activities: in the small on a platform in memory, in the large on the simulated one."""

import contextlib
from typing import Any, Literal

import msgspec
import pytest

from headrace.core.timestamps import from_millis
from headrace.providers.discover import discover
from headrace.providers.leadsquared.feeds import LeadActivitiesFeed
from headrace.providers.leadsquared.settings import LeadActivitiesSettings, LeadSquaredSettings
from headrace.sdk.faults import Denied, Fault, Gone, NoRoute, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import Call, Turn
from headrace.sdk.provider import RawEvent
from headrace_demo import senders
from headrace_demo.simulators import leadsquared
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.faults import Kind
from headrace_demo.simulators.quota import Allowance
from tests.providers.feeds_kit import (
    NOW,
    Memory,
    Platform,
    Read,
    Reader,
    keep_books,
    loses_nothing_when_killed,
    missing,
    named_by_webhooks,
    names,
    polled,
    read,
    trouble,
)

PROVIDER = discover()["leadsquared"]
LEAD = Turn(lead="lead-1")
TEN = LeadActivitiesFeed(LeadActivitiesSettings(page_size=10))
DAY = 86_400_000
OLD = "2026-08-01 00:00:00"
NEW = "2026-10-01 23:00:00"

Row = dict[str, Any]


class Account:
    """A LeadSquared account in memory: the rows of one lead, the newest first, and how Offset is meant.

    `hidden` rows are counted and not shown. `shifts` rows are added on top, one after each of the next answers.
    """

    def __init__(self, count: int, unit: str = "pages", first: int = 0, *, strict: bool = False) -> None:
        self.rows = [row(n) for n in range(count)]
        self.unit, self.first, self.strict = unit, first, strict
        self.hidden = 0
        self.shifts: list[Row] = []
        self.most = 1000
        self.heaviest = 1000
        self.counts_pages = False
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, call: Call) -> bytes:
        body = msgspec.json.decode(call.body)
        self.bodies.append(body)
        size, offset = int(body["Paging"]["RowCount"]), int(body["Paging"]["Offset"])
        if size > self.heaviest:
            raise TooHeavy("500")
        size = min(size, self.most)
        place = offset - self.first if self.strict else max(0, offset - self.first)
        begin = place * size if self.unit == "pages" else place
        rows = self.rows[begin : begin + size] if place >= 0 else []
        total = len(rows) if self.counts_pages else len(self.rows) + self.hidden
        if self.shifts:
            self.rows.insert(0, self.shifts.pop())
        return msgspec.json.encode({"RecordCount": total, "ProspectActivities": rows})

    @property
    def offsets(self) -> list[str]:
        """The pages that were asked for."""
        return [f"{body['Paging']['Offset']}/{body['Paging']['RowCount']}" for body in self.bodies]


def row(number: int, modified: str = OLD, **more: Any) -> Row:
    return {"Id": f"a{number}", "EventCode": 22, "CreatedOn": OLD, "ModifiedOn": modified, **more}


def ids(raws: list[Any]) -> list[str]:
    return sorted(PROVIDER.identity(raw).id for raw in raws)


@pytest.mark.parametrize("unit", ["rows", "pages"])
@pytest.mark.parametrize("first", [0, 1])
async def test_a_history_is_read_completely(unit: Literal["rows", "pages"], first: int) -> None:
    """Late rows, edits, shifting pages, failing calls, kills: every last version comes, named as webhooks name it."""
    history = leadsquared.History(seed=11, events=200, leads=3)
    clock = Clock(history.begin, tick=120)
    async with leadsquared.Simulator(history, clock=clock, allowance=Allowance()) as platform:
        provider, client, feed = polled(
            "leadsquared",
            base_url=platform.url,
            access_key=platform.access_key,
            secret_key=platform.secret_key,
            lead_activities=LeadActivitiesSettings(page_size=10),
        )
        platform.conduct.offset, platform.conduct.first_offset = unit, first
        async with Platform(client) as api:
            reader = Reader(feed, api)
            while platform.clock.now < history.end:
                platform.clock.advance(12 * 3600)
                trouble(platform.faults)
                platform.faults.next(1, "status_error", after=2)
                for lead in history.leads:
                    await reader.turn(lead)
            for lead in history.leads:
                await reader.turn(lead, killed=0)
        assert not missing(provider, reader.raws, history.ledger, platform.clock.now)
        named = named_by_webhooks(provider, history, senders.make("leadsquared"))
        assert named <= {(resource, ident) for resource, ident, _ in names(provider, reader.raws)}
        assert api.facts == {"offset-counts": f"{unit} from {first}", "offset-0": "rows"}


@pytest.mark.parametrize(
    "name", ["MXServiceUnavailableException", "MXDatabaseTimeoutException", "MXInvalidInputException"]
)
async def test_an_outage_while_offset_is_unknown_hides_no_row(name: str) -> None:
    """Whatever the platform calls it, and whichever call of a turn it meets."""
    history = leadsquared.History(seed=12, events=240, leads=3)
    async with leadsquared.Simulator(history, clock=Clock(history.end), allowance=Allowance()) as platform:
        provider, client, feed = polled(
            "leadsquared",
            base_url=platform.url,
            access_key=platform.access_key,
            secret_key=platform.secret_key,
            lead_activities=LeadActivitiesSettings(page_size=10),
        )
        raws: list[RawEvent] = []
        async with Platform(client) as api:
            for after, lead in enumerate(history.leads):
                platform.faults.next(4, "500", path="/Retrieve", name=name, after=after)
                cursor = b""
                with contextlib.suppress(Fault):
                    found = await read(feed, api, cursor, Turn(lead=lead))
                    raws, cursor = raws + found.raws, found.cursor
                platform.faults.clear()
                raws += (await read(feed, api, cursor, Turn(lead=lead))).raws
        assert not missing(provider, raws, history.ledger, platform.clock.now)
        assert api.facts["offset-counts"] == "rows from 0"


async def test_what_is_asked() -> None:
    """Offset and RowCount are strings; a code and the URLs of files are asked for where the settings say so."""
    account = Account(2)
    api = Memory(account)
    await read(TEN, api, turn=LEAD)
    settings = LeadActivitiesSettings(codes=[21, 22], file_urls=True)
    await read(LeadActivitiesFeed(settings), api, turn=LEAD)
    assert account.bodies[0] == {"Parameter": {}, "Paging": {"Offset": "0", "RowCount": "10"}}
    assert [body["Parameter"] for body in account.bodies[1:]] == [{"ActivityEvent": 21}, {"ActivityEvent": 22}]
    assert api.calls[0].query == (("leadId", "lead-1"),)
    assert api.calls[1].query == (("leadId", "lead-1"), ("getFileURL", "true"))
    assert {call.path for call in api.calls} == {"/v2/ProspectActivity.svc/Retrieve"}


@pytest.mark.parametrize("unit", ["rows", "pages"])
@pytest.mark.parametrize(("first", "strict"), [(0, False), (1, False), (1, True)])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 35])
async def test_all_rows_come_whatever_offset_means(unit: str, first: int, strict: bool, count: int) -> None:  # noqa: FBT001  (a case)
    """Pages or rows, from 0 or 1, with or without something at 0: nothing is missed, whatever number there is."""
    account = Account(count, unit, first, strict=strict)
    found = await read(TEN, Memory(account), turn=LEAD)
    assert ids(found.raws) == sorted(row["Id"] for row in account.rows)


async def test_the_meaning_of_offset_is_found_twice() -> None:
    """A list that fits on one page asks nothing more; the first two that do not ask for two rows a few times."""
    account = Account(9, "rows")
    api = Memory(account)
    await read(TEN, api, turn=LEAD)
    assert account.offsets == ["0/10"]
    account.rows += [row(n) for n in range(9, 15)]
    await read(TEN, api, turn=LEAD)
    assert api.facts == {"offset-0": "rows"}
    await read(TEN, api, turn=LEAD)
    assert api.facts == {"offset-0": "rows", "offset-counts": "rows from 0"}
    before = len(account.bodies)
    await read(TEN, api, turn=LEAD)
    assert account.offsets[before:] == ["0/10", "10/10"]


async def test_offset_is_not_guessed_while_the_list_moves() -> None:
    """A row that comes between two looks makes the look count for nothing."""
    account = Account(15)
    account.shifts = [row(100), row(101), row(102)]
    api = Memory(account)
    found = await read(TEN, api, turn=LEAD)
    assert api.noted["offset-counts"].value == "pages from 0"
    assert len(ids(found.raws)) == 18


async def test_codes_of_one_turn_share_what_it_found_out() -> None:
    """What Offset means does not depend on the code."""
    account = Account(15)
    await read(LeadActivitiesFeed(LeadActivitiesSettings(codes=[21, 22], page_size=10)), Memory(account), turn=LEAD)
    assert sum(offset.endswith("/2") for offset in account.offsets) == 4


async def test_a_lead_without_rows_costs_one_call() -> None:
    """Once two turns have seen rows at Offset 0, a list that says it has none needs no look at Offset 1."""
    empty, full = Account(0), Account(3)
    api = Memory(lambda call: (full if ("leadId", "full") in call.query else empty)(call))
    await read(TEN, api, turn=LEAD)
    assert empty.offsets == ["0/10", "1/10"]
    for _ in range(2):
        await read(TEN, api, turn=Turn(lead="full"))
    await read(TEN, api, turn=LEAD)
    assert empty.offsets == ["0/10", "1/10", "0/10"]
    empty.hidden = 2  # it counts rows, and shows none at 0: that is no empty list
    await read(TEN, api, turn=LEAD)
    assert empty.offsets[3:5] == ["0/10", "1/10"]


async def test_leads_without_rows_cost_one_call_where_all_are_so() -> None:
    """Two turns found nothing at Offset 1 either: where no lead has rows, each turn of each cost two calls."""
    account = Account(0)
    api = Memory(account)
    for number in range(10):
        await read(TEN, api, turn=Turn(lead=f"lead-{number}"))
    assert account.offsets == ["0/10", "1/10"] * 2 + ["0/10"] * 8
    account.rows.append(row(1))
    assert len((await read(TEN, api, turn=LEAD)).raws) == 1


async def test_rows_behind_a_count_of_0_are_contrary_to_that() -> None:
    """A platform that begins at 1 may count nothing at 0."""
    account = Account(0)
    api = Memory(account)
    await read(TEN, api, turn=LEAD)
    api.answer_with(lambda call: b'{"RecordCount":0}' if b'"Offset":"0"' in call.body else Account(3, "pages", 1)(call))
    assert len((await read(TEN, api, turn=LEAD)).raws) == 3
    assert not api.noted


class RefusingAccount(Account):
    """An account that rejects Offset 0, or raises `fault` there, as often as `times` says."""

    def __init__(self, count: int, times: int = 1_000, fault: Fault | None = None) -> None:
        super().__init__(count, "pages", 1, strict=True)
        self.times = times
        self.fault = fault or Rejected("500 (MXInvalidInputException)")

    def __call__(self, call: Call) -> bytes:
        if b'"Offset":"0"' in call.body and self.times > 0:
            self.times -= 1
            self.bodies.append(msgspec.json.decode(call.body))
            raise self.fault
        return super().__call__(call)


@pytest.mark.parametrize("count", [1, 10, 25])
async def test_a_platform_that_rejects_offset_0_begins_at_1(count: int) -> None:
    """It rejects it twice, brings rows at 1, and rejects it again; once two turns have seen that, it is not asked."""
    account = RefusingAccount(count)
    api = Memory(account)
    for _ in range(2):
        assert len((await read(TEN, api, turn=LEAD)).raws) == count
    before = len(account.offsets)
    assert len((await read(TEN, api, turn=LEAD)).raws) == count
    assert account.offsets[before] == "1/10"


@pytest.mark.parametrize("times", [1, 2])
async def test_a_rejection_that_passes_says_nothing_about_offset(times: int) -> None:
    """Whoever answered in between: the rows at Offset 0 are the first page."""
    account = RefusingAccount(25, times)
    account.first = 0
    api = Memory(account)
    assert len(ids((await read(TEN, api, turn=LEAD)).raws)) == 25
    assert api.noted["offset-counts"].value == "pages from 0"


@pytest.mark.parametrize("fault", [Unavailable("503"), NoRoute("404"), Gone("404"), TooHeavy("500"), Denied("401")])
async def test_only_a_rejection_says_something_about_offset(fault: Fault) -> None:
    """A named outage at Offset 0 was taken for "it begins at 1": half of the rows never came."""
    account = RefusingAccount(25, fault=fault)
    account.first = 0
    api = Memory(account)
    with pytest.raises(type(fault)):
        await read(TEN, api, turn=LEAD)
    assert not api.noted


async def test_a_lead_that_is_rejected_at_0_and_has_nothing_at_1_is_rejected() -> None:
    """It is the lead that is rejected, for all that can be told."""
    api = Memory(RefusingAccount(0))
    with pytest.raises(Rejected):
        await read(TEN, api, turn=LEAD)
    assert not api.noted


async def test_a_list_that_never_stands_still_is_left_for_later() -> None:
    """Without a meaning of Offset there is no second page."""
    account = Account(15)
    account.shifts = [row(n) for n in range(100, 200)]
    with pytest.raises(Unavailable):
        await read(TEN, Memory(account), turn=LEAD)


async def test_a_page_that_shifts_is_read_again() -> None:
    """A row that is deleted between two pages takes another one past the reader: the count shows it."""
    account = Account(25)
    api = Memory(account)
    api.learn("offset-counts", "pages from 0")
    whole = account.__call__

    def deleting(call: Call) -> bytes:
        answer = whole(call)
        if len(account.bodies) == 1:
            del account.rows[0]
        return answer

    found = await read(TEN, Memory(deleting), turn=LEAD)
    assert ids(found.raws) == sorted(f"a{n}" for n in range(25))


async def test_a_list_that_shifts_all_the_time_is_not_whole() -> None:
    """What was given up is read on from the old bound: late rows among the old ones still count as news."""
    account = Account(25)
    account.shifts = [row(n) for n in range(100, 140)]
    api = Memory(account)
    api.learn("offset-counts", "pages from 0")
    first = await read(TEN, api, turn=LEAD)
    account.shifts = []
    second = await read(TEN, api, first.cursor, LEAD)
    assert sorted(ids(first.raws) + ids(second.raws)) == sorted(row["Id"] for row in account.rows)


async def test_rows_that_are_counted_and_never_shown_do_not_matter() -> None:
    """Where turns bring the same shortfall, a minute apart, the platform counts what it does not show."""
    account = Account(15)
    account.hidden = 2
    api = Memory(account)
    api.learn("offset-counts", "pages from 0")
    first = await read(TEN, api, turn=LEAD)
    assert (len(first.raws), bool(first.lacks), first.cursors[-1].whole) == (15, True, False)
    api.now += 59_000
    second = await read(TEN, api, first.cursor, LEAD)
    assert "read" not in msgspec.json.decode(second.cursor)
    api.now += 1_000
    third = await read(TEN, api, second.cursor, LEAD)
    assert (third.raws, third.lacks, msgspec.json.decode(third.cursor)["read"]) == ([], "", NOW + 60_000)
    api.now += 1_000
    assert not (await read(TEN, api, third.cursor, LEAD)).lacks
    account.hidden = 3
    assert (await read(TEN, api, third.cursor, LEAD)).lacks


async def test_a_list_that_ends_too_soon_in_one_turn_is_not_whole() -> None:
    """Two passes of a bad minute were believed: what they did not bring was outside the look-back from then on."""
    account = Account(239)
    api = Memory(account)

    def short(call: Call) -> bytes:
        page = msgspec.json.decode(account(call))
        if account.offsets[-1].endswith("/10") and account.offsets[-1] >= "5":
            page["ProspectActivities"] = []
        return msgspec.json.encode(page)

    api.answer_with(short)
    first = await read(TEN, api, turn=LEAD)
    api.answer_with(account)
    api.now += 600_000
    second = await read(TEN, api, first.cursor, LEAD)
    assert (bool(first.raws), bool(first.lacks), second.lacks) == (True, True, "")
    assert len({*ids(first.raws), *ids(second.raws)}) == 239


async def test_each_code_has_a_shortfall_of_its_own() -> None:
    """What one code lacks says nothing about the other."""
    one, other = Account(3), Account(4)
    one.hidden = 1
    feed = LeadActivitiesFeed(LeadActivitiesSettings(page_size=10, codes=[1, 2]))
    api = Memory(lambda call: (one if b'"ActivityEvent":1' in call.body else other)(call))
    first = await read(feed, api, turn=LEAD)
    one.hidden, other.hidden = 0, 1
    api.now += 600_000
    assert (await read(feed, api, first.cursor, LEAD)).lacks


async def test_a_list_that_shows_nothing_of_what_it_counts_is_not_whole() -> None:
    """An index that is behind for a while must not make old history count as read."""
    account = Account(0)
    account.hidden = 5
    found = await read(TEN, Memory(account), turn=LEAD)
    assert found.lacks
    account.rows, account.hidden = [row(n, modified=OLD) for n in range(5)], 0
    assert len((await read(TEN, Memory(account), found.cursor, LEAD)).raws) == 5


def test_a_lead_has_one_name() -> None:
    """People write GUIDs in any case; subjects have them in lower case."""
    assert (
        LeadSquaredSettings().canonical_lead(" 3A6D5EA2-400E-4A2F-A728-FBFA0B0C1DDF ")
        == "3a6d5ea2-400e-4a2f-a728-fbfa0b0c1ddf"
    )
    assert LeadSquaredSettings().canonical_lead("..") is None


async def test_a_count_of_the_page_alone_is_understood() -> None:
    """Whether RecordCount is the total is the reference's word: a page that counts itself is followed by another."""
    account = Account(25)
    account.counts_pages = True
    found = await read(TEN, Memory(account), turn=LEAD)
    assert len(ids(found.raws)) == 25


async def test_pages_that_are_smaller_than_asked_for_are_followed() -> None:
    """A platform may give fewer rows a page than it was asked for."""
    account = Account(25)
    account.most = 4
    found = await read(TEN, Memory(account), turn=LEAD)
    assert len(ids(found.raws)) == 25


async def test_a_page_that_is_too_much_is_asked_for_in_parts() -> None:
    """The page size is halved, not below what comes without paging."""
    account = Account(60)
    account.heaviest = 30
    feed = LeadActivitiesFeed(LeadActivitiesSettings(page_size=120))
    found = await read(feed, Memory(account), turn=LEAD)
    assert len(ids(found.raws)) == 60
    assert account.offsets[:3] == ["0/120", "0/60", "0/30"]
    account.heaviest = 1
    with pytest.raises(TooHeavy):
        await read(feed, Memory(account), turn=LEAD)


@pytest.mark.parametrize("kind", ["503", "html_504", "reset"])
async def test_heavy_pages_that_look_like_an_outage_are_asked_for_in_parts(kind: Kind) -> None:
    """Above a size the platform, or the gateway before it, fails without saying why: the lead never came."""
    history = leadsquared.History(seed=11, events=300, leads=1)
    async with leadsquared.Simulator(history, clock=Clock(history.end), allowance=Allowance()) as platform:
        keys = {"access_key": platform.access_key, "secret_key": platform.secret_key}
        provider, client, feed = polled("leadsquared", base_url=platform.url, **keys)
        platform.faults.always(kind, rows_over=70, seconds=0)
        async with Platform(client) as api:
            found = await read(feed, api, turn=Turn(lead=history.leads[0]))
        assert not missing(provider, found.raws, history.ledger, platform.clock.now)


async def test_an_outage_costs_one_call_more() -> None:
    """The first row alone shows that it was not the size of the page."""

    def down(_: Call) -> bytes:
        raise Unavailable("503")

    api = Memory(down)
    with pytest.raises(Unavailable):
        await read(LeadActivitiesFeed(LeadActivitiesSettings()), api, turn=LEAD)
    assert [msgspec.json.decode(call.body)["Paging"]["RowCount"] for call in api.calls] == ["500", "1"]


class BrokenAccount(Account):
    """An account in which each page fails that has a row of `broken` in it, with `fault`."""

    def __init__(self, count: int, *broken: int, unit: str = "pages", fault: Fault) -> None:
        super().__init__(count, unit)
        self.broken = {f"a{number}" for number in broken}
        self.fault = fault

    def __call__(self, call: Call) -> bytes:
        answer = super().__call__(call)
        rows = msgspec.json.decode(answer)["ProspectActivities"]
        if self.broken & {each["Id"] for each in rows}:
            raise self.fault
        return answer


@pytest.mark.parametrize("fault", [TooHeavy("500"), Unavailable("500"), Rejected("500")])
@pytest.mark.parametrize("unit", ["pages", "rows"])
@pytest.mark.parametrize("broken", [(0,), (12,), (24,), (3, 14), (9, 32, 55)])
@pytest.mark.parametrize("size", [10, 100])
async def test_a_row_that_fails_for_good_starves_no_other(
    fault: Fault, unit: str, broken: tuple[int, ...], size: int
) -> None:
    """A page with it is asked for row by row; the others come once, and the feed says each time what is missing."""
    api = Memory(account := BrokenAccount(64, *broken, unit=unit, fault=fault))
    api.learn("offset-counts", f"{unit} from 0")
    feed = LeadActivitiesFeed(LeadActivitiesSettings(page_size=size))
    first = await read(feed, api, turn=LEAD)
    assert ids(first.raws) == sorted({row["Id"] for row in account.rows} - account.broken)
    assert first.lacks == f"{len(broken)} of 64 activities of a lead did not come, each for itself"
    assert not first.cursors[-1].whole
    second = await read(feed, api, first.cursor, LEAD)
    assert (second.raws, bool(second.lacks)) == ([], True)
    account.broken = set()
    third = await read(feed, api, second.cursor, LEAD)
    assert (ids(third.raws), third.lacks) == (sorted(f"a{number}" for number in broken), "")


@pytest.mark.parametrize("unit", ["pages", "rows"])
@pytest.mark.parametrize("broken", [{1200}, {50}, {1200, 1237, 1274}, {1200, 1201}, {100, 600, 1200}])
async def test_rows_that_fail_for_good_are_left_out(unit: str, broken: set[int]) -> None:
    """After three turns nothing waits for them, and they are looked for once a day: each turn cost 60 to 180 calls."""
    api = Memory(account := BrokenAccount(2000, *broken, unit=unit, fault=TooHeavy("500")))
    api.learn("offset-counts", f"{unit} from 0")
    feed = LeadActivitiesFeed(LeadActivitiesSettings())
    cursor, came, calls = b"", set[str](), list[int]()
    for turn in range(5):
        before = len(api.calls)
        found = await read(feed, api, cursor, LEAD)
        cursor, came = found.cursor, came | set(ids(found.raws))
        calls.append(len(api.calls) - before)
        assert (bool(found.lacks), len(api.given_up)) == (turn < 2, 0 if turn < 2 else len(broken))
        api.now += 600_000
    assert len(came) == 2000 - len(broken)
    assert max(calls) <= 90
    assert max(calls[3:]) <= 35
    account.broken.pop()
    api.now += 24 * 3_600_000
    assert len((await read(feed, api, cursor, LEAD)).raws) == 1


async def test_what_was_read_before_a_fault_comes_out() -> None:
    """An outage in mid-list brings what came before it, and forgets nothing that was known."""
    account = Account(45, "rows")
    api = Memory(account)
    api.learn("offset-counts", "rows from 0")
    whole = await read(TEN, api, turn=LEAD)
    account.rows[3]["ModifiedOn"] = NEW

    def failing(call: Call) -> bytes:
        if int(msgspec.json.decode(call.body)["Paging"]["Offset"]) >= 20:
            raise Unavailable("503")
        return account(call)

    api.answer_with(failing)
    found = Read()
    with pytest.raises(Unavailable):
        await keep_books(found, TEN.read(api, whole.cursor, LEAD))
    assert (ids(found.raws), found.cursors[-1].whole) == (["a3"], False)
    api.answer_with(account)
    assert not (await read(TEN, api, found.cursor, LEAD)).raws


@pytest.mark.parametrize("fault", [TooHeavy("500"), Unavailable("503"), NoRoute("404")])
async def test_pages_that_all_fail_are_the_platforms_trouble(fault: Fault) -> None:
    """Behind the first page an outage begins: nothing is taken for a row of its own."""
    account = Account(40)

    def failing(call: Call) -> bytes:
        if b'"Offset":"0"' not in call.body:
            raise fault
        return account(call)

    api = Memory(failing)
    api.learn("offset-counts", "pages from 0")
    with pytest.raises(type(fault)):
        await read(TEN, api, turn=LEAD)


async def test_only_news_is_appended() -> None:
    """Known rows are left out, edits and late rows are not; what is older than the look-back is no news."""
    account = Account(3)
    api = Memory(account)
    first = await read(TEN, api, turn=LEAD)
    assert len(first.raws) == 3
    account.rows[1]["ModifiedOn"] = NEW
    account.rows += [row(7, NEW), row(8, OLD)]
    second = await read(TEN, api, first.cursor, LEAD)
    assert ids(second.raws) == ["a1", "a7"]
    assert second.skipped == {"outside": 3}
    third = await read(TEN, api, second.cursor, LEAD)
    assert (third.raws, third.skipped) == ([], {"outside": 3, "unchanged": 2})


async def test_rows_that_cannot_be_read_come_once() -> None:
    """One bad row becomes a dead letter in the normalizer; the others of its page come."""
    bad: list[Any] = ["text", {"Id": 7}, row(9, "31/31/2026 26:00")]
    account = Account(2)
    account.rows += bad
    api = Memory(account)
    found = await read(TEN, api, turn=LEAD)
    assert {raw.shape for raw in found.raws} == {"lead-activity"}
    assert {raw.value for raw in found.raws} >= {msgspec.json.encode(one) for one in bad}
    assert len((await read(TEN, api, found.cursor, LEAD)).raws) == 0


@pytest.mark.parametrize(
    "body",
    [
        b'{"ProspectActivities":7}',
        b'{"RecordCount":"many"}',
        b"{}",
        b'{"Message":"maintenance"}',
        b'{"RecordCount":5}',
        b'{"ProspectActivities":null}',
    ],
)
async def test_what_is_no_page_is_no_page(body: bytes) -> None:
    """A document of another form brings nothing, and is not taken for an empty list."""
    with pytest.raises(Unavailable):
        await read(TEN, Memory(lambda _: body), turn=LEAD)


@pytest.mark.parametrize("body", [b'{"RecordCount":0}', b'{"RecordCount":0,"ProspectActivities":null}'])
async def test_a_count_of_0_needs_no_list(body: bytes) -> None:
    """A lead without activities may come without their list."""
    found = await read(TEN, Memory(lambda _: body), turn=LEAD)
    assert (found.raws, found.lacks) == ([], "")


async def test_a_refusal_is_reported() -> None:
    """A lead that the platform refuses at every Offset is refused."""

    def refuse(_: Call) -> bytes:
        raise Rejected("500")

    with pytest.raises(Rejected):
        await read(TEN, Memory(refuse), turn=LEAD)


async def test_a_span_of_a_lead_is_read_by_both_times() -> None:
    """What was created or changed in it comes, whatever is known; a row without times comes as well."""
    account = Account(30)
    account.rows[3] |= {"CreatedOn": "2026-09-01 10:00:00"}
    account.rows[4] |= {"ModifiedOn": "2026-09-01 10:00:00"}
    account.rows[5] |= {"ModifiedOn": "2026-09-01 11:00:00"}
    account.rows[6] |= {"ModifiedOn": "x", "CreatedOn": None}
    begin = 1_788_256_800_000  # 2026-09-01 10:00:00
    found = await read(TEN, Memory(account), turn=Turn(lead="lead-1", span=(begin, begin + 3_600_000)))
    assert [msgspec.json.decode(raw.value)["Id"] for raw in found.raws] == ["a6", "a4", "a3"]
    assert found.cursors[-1].whole
    account.hidden = 1
    api, lacks, cursor = Memory(account), list[tuple[bool, bool]](), b""
    for _ in range(7):
        calls = len(api.calls)
        found = await read(TEN, api, cursor, Turn(lead="lead-1", span=(begin, begin + 3_600_000)))
        cursor = found.cursor
        lacks.append((bool(found.lacks), len(api.calls) > calls))
        assert found.cursors[-1].whole is not bool(found.lacks)
        account.hidden += 1
        api.now += 48_000
    assert lacks == [(True, number % 3 == 0) for number in range(6)] + [(False, True)]
    assert len(api.given_up) == 1


async def test_a_turn_without_a_lead_asks_nothing() -> None:
    """The reference has no call that brings one activity."""
    api = Memory(Account(2))
    assert not (await read(TEN, api, turn=Turn(event="a1"))).raws
    assert not api.calls


async def test_a_killed_reading_loses_nothing() -> None:
    """The one cursor of a turn comes last: whatever was appended before it, comes again."""
    account = Account(25)
    whole = await read(TEN, Memory(account), turn=LEAD)
    assert [len(whole.raws)] == whole.before
    await loses_nothing_when_killed(PROVIDER, TEN, Memory(account), LEAD)


async def test_a_rewound_lead_only_goes_back() -> None:
    """What it was behind with comes as well; what it knows comes again from that time on alone, and once."""
    account = Account(0)
    account.rows = [row(number, _at(NOW - number * DAY)) for number in (1, 2, 3)]
    api = Memory(account)
    behind = (await read(TEN, api, turn=LEAD)).cursor
    api.now += 20 * DAY
    account.rows += [row(8, _at(NOW + 2 * DAY)), row(9, _at(NOW + 19 * DAY))]
    ahead = await read(TEN, api, TEN.rewound(api.now - DAY // 4, behind), turn=LEAD)
    assert ids(ahead.raws) == ["a8", "a9"]
    back = await read(TEN, api, TEN.rewound(NOW - 5 * DAY // 2, behind), turn=LEAD)
    assert ids(back.raws) == ["a1", "a2", "a8", "a9"]
    assert not (await read(TEN, api, back.cursor, turn=LEAD)).raws


def _at(moment: int) -> str:
    return from_millis(moment)[:19].replace("T", " ")
