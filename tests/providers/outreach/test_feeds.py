"""The feed of events: in the small on a platform in memory, in the large on the simulated one."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from headrace.core.timestamps import from_millis, micros
from headrace.providers.discover import discover
from headrace.providers.outreach.feeds import EventsFeed
from headrace.providers.outreach.settings import EventsSettings, OutreachSettings
from headrace.sdk.faults import Gone, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import Call, Turn
from headrace_demo.simulators import outreach
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.faults import Kind
from headrace_demo.simulators.quota import Allowance
from tests.providers.feeds_kit import (
    NOW,
    Memory,
    Platform,
    Reader,
    loses_nothing_when_killed,
    missing,
    polled,
    read,
    trouble,
)

PROVIDER = discover()["outreach"]
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Account:
    """An Outreach account in memory: `rows` by id; a page that is larger than `heaviest` is too much."""

    def __init__(self, *rows: dict[str, Any], now: int = NOW) -> None:
        self.rows = list(rows)
        self.now = now
        self.heaviest = 1000
        self.host = "https://api.outreach.io"
        self.windows: list[str] = []
        self.sizes: list[int] = []
        self.stray: list[dict[str, Any]] = []
        self.on_link: Callable[[], None] = lambda: None

    def __call__(self, call: Call) -> bytes:
        if call.path != "/api/v2/events":
            found = [row for row in self.rows if call.path == f"/api/v2/events/{row['id']}"]
            if not found:
                raise Gone("404")
            return msgspec.json.encode({"data": found[0]})
        query = dict(call.query)
        size = int(query["page[size]"])
        if "filter[createdAt]" not in query:
            return b'{"data":[]}'
        if "page[after]" in query:
            self.on_link()
        self.sizes.append(size)
        if size > self.heaviest:
            raise TooHeavy("502")
        return self._list(query, size)

    def _list(self, query: dict[str, str], size: int) -> bytes:
        low, _, high = query["filter[createdAt]"].partition("..")
        begin = int(query.get("page[after]", "0"))
        if not begin:
            self.windows.append(query["filter[createdAt]"])
        rows = [row for row in self.rows if micros(low) <= micros(row["attributes"]["createdAt"]) <= micros(high)]
        more = begin + size < len(rows)
        following = urlencode({**query, "page[after]": begin + size})
        links = {"links": {"next": f"{self.host}/api/v2/events?{following}"}} if more else {}
        return msgspec.json.encode({"data": rows[begin : begin + size] + self.stray} | links)


def row(number: int, minutes_ago: float = 1) -> dict[str, Any]:
    created = from_millis(NOW - int(minutes_ago * MINUTE))
    return {"type": "event", "id": number, "attributes": {"name": "message_opened", "createdAt": created}}


def feed(**settings: Any) -> EventsFeed:
    return EventsFeed(OutreachSettings(events=EventsSettings(**settings)))


def ids(raws: list[Any]) -> list[str]:
    return [PROVIDER.identity(raw).id for raw in raws]


@pytest.mark.parametrize("kind", ["html_504", "reset"])
async def test_heavy_pages_that_look_like_an_outage_are_asked_for_in_parts(kind: Kind) -> None:
    """Above a size the platform, or the gateway before it, fails without saying why: nothing came."""
    history = outreach.History(seed=11, events=60)
    async with outreach.Simulator(history, clock=Clock(history.end), allowance=Allowance()) as platform:
        platform.faults.always(kind, rows_over=20, seconds=0)
        provider, client, feed = polled("outreach", base_url=platform.url, access_token=platform.access_token)
        async with Platform(client) as api:
            found = await read(feed, api)
        assert not missing(provider, found.raws, history.ledger, platform.clock.now)


async def test_a_history_is_read_completely() -> None:
    """Late, unsorted and stray rows, pages too large, tokens that end in mid-page, failing calls, kills: all comes."""
    history = outreach.History(seed=11, events=600)
    async with outreach.Simulator(history, clock=Clock(history.begin + 60, tick=1), allowance=Allowance()) as platform:
        tokens = platform.tokens
        tokens.terms.mint_every, tokens.terms.calls = 0.0, 7
        provider, client, events = polled(
            "outreach",
            base_url=platform.url,
            client_id=tokens.client_id,
            client_secret=tokens.client_secret,
            redirect_uri=tokens.redirect_uri,
            refresh_token=tokens.refresh_token,
            token_key="k" * 32,
            events=EventsSettings(page_size=80),
        )
        conduct = platform.conduct
        conduct.repeats, conduct.beyond, conduct.heaviest, conduct.unsorted = 2, 3, 20, 600.0
        async with Platform(client) as api:
            reader, turns = Reader(events, api), 0
            while platform.clock.now < history.end + 3 * 3600:
                platform.clock.advance(3 * 3600)
                turns += 1
                conduct.ended = 403 if turns % 2 else 401
                if turns % 3 == 0:
                    trouble(platform.faults, "/events")
                await reader.turn()
            await reader.turn(killed=0)
        assert not missing(provider, reader.raws, history.ledger, history.end)
        assert tokens.minted > 10
        assert tokens.reused == 0


async def test_windows_are_closed_and_follow_each_other() -> None:
    """The first reading begins as long ago as is said, and goes on window by window to the platform's now."""
    account = Account(row(1, 50 * 60), row(2))
    api = Memory(account)
    found = await read(feed(history=60 * 3600, window=86_400), api)
    times = [from_millis(at) for at in (NOW - 60 * HOUR, NOW - 36 * HOUR, NOW - 12 * HOUR, NOW)]
    assert account.windows == [f"{a}..{b}" for a, b in pairwise(times)]
    assert ids(found.raws) == ["1", "2"]
    assert [cursor.more for cursor in found.cursors] == [True, True, False]
    assert dict(api.calls[1].query) == {
        "filter[createdAt]": account.windows[0],
        "sort": "createdAt",
        "count": "false",
        "page[size]": "500",
    }


async def test_late_rows_are_found_and_known_ones_left_out() -> None:
    """The next turn reads the look-back again: what was appended is not appended once more, what showed up late is."""
    account = Account(row(1, 90), row(2))
    api = Memory(account)
    first = await read(feed(), api)
    account.rows.insert(0, row(3, 300))
    api.now += 10 * MINUTE
    second = await read(feed(), api, first.cursor)
    assert account.windows[-1] == f"{from_millis(NOW - 6 * HOUR)}..{from_millis(api.now)}"
    assert (ids(second.raws), second.skipped) == (["3"], {"repeated": 2})


async def test_looking_back_costs_a_page_a_turn() -> None:
    """A look-back of five pages is read in every fifth turn; in the others a few minutes are."""
    account = Account(*[row(n, 100) for n in range(50)])
    api = Memory(account)
    events = feed(page_size=10, every=60)
    cursor = (await read(events, api)).cursor
    pages = []
    for _ in range(9):
        api.now += MINUTE
        api.calls.clear()
        cursor = (await read(events, api, cursor)).cursor
        pages.append(len(api.calls))
    assert pages == [5, 1, 1, 1, 5, 1, 1, 1, 5]


async def test_rows_beyond_the_window_are_left_for_theirs() -> None:
    """The platform does not always keep to a bound: such rows are dropped, and those without a time are not."""
    account = Account(row(1))
    account.stray = [row(2, 60 * 24 * 40), row(3, -60), {"id": 4, "attributes": {"createdAt": None}}]
    found = await read(feed(), Memory(account))
    assert (ids(found.raws)[:1], sorted(ids(found.raws))) == (["4"], ["1", "4"])
    assert found.skipped["outside"] == 60


async def test_a_clock_of_ours_that_is_ahead_skips_nothing() -> None:
    """What is read is what the platform's clock says, not what ours said before it was asked."""
    account = Account(row(1))
    ours = NOW + 3 * HOUR

    def answer(call: Call) -> bytes:
        api.now = NOW
        return account(call)

    api = Memory(answer, now=NOW)
    cursor = (await read(feed(), api)).cursor
    api.now = ours
    cursor = (await read(feed(), api, cursor)).cursor
    account.rows.append(row(2, -30))
    api.now = NOW + HOUR
    assert ids((await read(feed(), Memory(account, NOW + HOUR), cursor)).raws) == ["2"]


async def test_what_is_created_while_our_clock_is_ahead_is_not_skipped() -> None:
    """Nothing beyond the platform's now is read, where what is created meanwhile would be in none of the windows."""
    account, theirs = Account(row(1)), NOW
    cursor = (await read(feed(), Memory(account))).cursor

    def answer(call: Call) -> bytes:
        nonlocal theirs
        body = account(call)
        theirs += 7 * HOUR
        account.rows.append(row(len(account.rows) + 1, (NOW - theirs) / MINUTE + 1))
        api.now = theirs
        return body

    api = Memory(answer, now=NOW + 40 * DAY)
    first = await read(feed(window=12 * 3600), api, cursor)
    rest = await read(feed(), Memory(account, theirs), first.cursor)
    assert {"1", *ids(first.raws), *ids(rest.raws)} == {str(row["id"]) for row in account.rows}


async def test_a_clock_of_ours_that_was_ahead_ends_no_looking_back() -> None:
    """The look-back is read again when it is its turn by the platform's clock, whatever ours said when it began."""
    account = Account(*[row(number, number / 10) for number in range(1, 20)])
    reading = feed(page_size=5)
    cursor = (await read(reading, Memory(account))).cursor

    def answer(call: Call) -> bytes:
        api.now = NOW + MINUTE
        return account(call)

    api = Memory(answer, now=NOW + 40 * DAY)
    cursor = (await read(reading, api, cursor)).cursor
    account.rows.append(row(99, 60 * 5))
    assert ids((await read(reading, Memory(account, NOW + HOUR), cursor)).raws) == ["99"]


async def test_what_came_late_while_a_window_was_left_open_is_found() -> None:
    """A reading that goes on a day later looks back behind the window that it was left in."""
    account = Account(*[row(number, 20 - number) for number in range(1, 20)])
    reading = feed(page_size=5, history=3600)
    killed = await read(reading, Memory(account), most=7)
    account.rows.insert(0, row(99, 30))
    found = await read(reading, Memory(account, NOW + DAY), killed.cursor)
    assert "99" in ids(found.raws)


async def test_a_clock_of_ours_that_is_behind_delays_nothing() -> None:
    """Where our clock says that there is nothing to read yet, the platform is asked for its time."""
    account = Account(row(1))
    cursor = (await read(feed(), Memory(account))).cursor

    def answer(call: Call) -> bytes:
        api.now = NOW + MINUTE
        return account(call)

    api = Memory(answer, now=NOW - 3 * HOUR)
    account.rows.append(row(2, -0.5))
    assert ids((await read(feed(), api, cursor)).raws) == ["2"]


async def test_the_page_size_is_halved_and_grows_back() -> None:
    """A 502 halves the page, links of larger pages included; a row of good pages doubles it again."""
    account = Account(*[row(n, 10 + n / 100) for n in range(400)])
    account.heaviest = 30
    api = Memory(account)
    events = feed(page_size=100, history=86_400)
    first = await read(events, api)
    assert len(set(ids(first.raws))) == 400
    assert account.sizes[:11] == [100, 50, 25, 25, 25, 25, 25, 25, 25, 25, 50]
    assert account.sizes[11] == 25
    account.heaviest, account.sizes = 1000, []
    account.rows += [row(n, 5) for n in range(1000, 2000)]
    second = await read(events, api, first.cursor)
    assert len(second.raws) == 1000
    assert (account.sizes[0], account.sizes[-1]) == (50, 100)


async def test_a_platform_that_brings_no_row_ends_the_turn() -> None:
    """There is nothing smaller to ask for, and an empty window does not come either."""
    account = Account(row(1))
    account.heaviest = 0
    with pytest.raises(TooHeavy):
        await read(feed(page_size=8), Memory(account))
    assert account.sizes == [8, 4, 2, 1, 1]


class BrokenAccount(Account):
    """An account in which every page fails that has a row of `broken` in it."""

    def __init__(self, *rows: dict[str, Any], broken: Sequence[int]) -> None:
        super().__init__(*rows)
        self.broken = set(broken)
        self.lists = 0

    def _list(self, query: dict[str, str], size: int) -> bytes:
        self.lists += 1
        page = super()._list(query, size)
        if self.broken & {each["id"] for each in msgspec.json.decode(page)["data"]}:
            raise TooHeavy("500")
        return page


def many(count: int, minutes: float = 1.0) -> list[dict[str, Any]]:
    """Return so many rows, one each so many minutes, sorted as the platform sorts them."""
    return [row(n, 5 + (count - n) * minutes) for n in range(count)]


@pytest.mark.parametrize("broken", [[0], [60], [119], [60, 61], [10, 100]])
async def test_a_row_that_breaks_its_pages_starves_no_other(broken: list[int]) -> None:
    """All others come in the first turn; it is asked for in three turns, and left out from then on."""
    account = BrokenAccount(*many(120), broken=broken)
    api, events = Memory(account), feed(history=DAY // 1000)
    first = await read(events, api)
    assert set(ids(first.raws)) == {str(n) for n in range(120)} - {str(n) for n in broken}
    assert first.lacks == f"events of {len(broken)} moments did not come: every page with them fails"
    assert account.lists < 450 * len(broken)
    account.lists = 0
    second = await read(events, api, first.cursor)
    assert (second.raws, bool(second.lacks), account.lists < 10) == ([], True, True)
    third = await read(events, api, second.cursor)
    assert (third.raws, third.lacks, len(api.given_up)) == ([], "", len(broken))
    account.rows.append(row(500, 0.5))
    account.lists = 0
    fourth = await read(events, api, third.cursor)
    assert (ids(fourth.raws), fourth.lacks, account.lists) == (["500"], "", 1)


async def test_a_row_that_breaks_its_pages_for_a_while_comes_in_the_end() -> None:
    """In the next turn, if it comes by then."""
    account = BrokenAccount(*many(50), broken=[20])
    api, events = Memory(account), feed(history=DAY // 1000)
    first = await read(events, api)
    account.broken = set()
    second = await read(events, api, first.cursor)
    assert (ids(second.raws), second.lacks, api.given_up) == (["20"], "", [])
    assert not (await read(events, api, second.cursor)).raws


async def test_a_platform_that_fails_over_everything_has_no_broken_rows() -> None:
    """Not even an empty window comes: the turn ends, and nothing is left out."""
    account = BrokenAccount(*many(50), broken=[])
    api, events = Memory(account), feed(history=DAY // 1000)

    def failing(_: Call) -> bytes:
        raise TooHeavy("500")

    api.answer_with(failing)
    for _ in range(3):
        with pytest.raises(TooHeavy):
            await read(events, api)
    assert len(api.calls) < 50
    api.answer_with(account)
    assert len((await read(events, api)).raws) == 50


async def test_a_killed_reading_with_a_broken_row_loses_nothing() -> None:
    """Wherever it stood when it was killed."""
    account = BrokenAccount(*many(12), broken=[5])
    events, cursor = feed(history=DAY // 1000, page_size=2), b""
    seen: set[str] = set()
    for most in (3, 7, 11, 20, None):
        found = await read(events, Memory(account), cursor, most=most)
        covered = found.raws if most is None else found.raws[: found.before[-1] if found.before else 0]
        seen |= set(ids(covered))
        cursor = found.cursor if found.cursors else cursor
    assert seen == {str(n) for n in range(12)} - {"5"}


async def test_a_link_to_another_host_is_refused() -> None:
    """The token goes to no host but its own; and no link is ever called, only its query is taken."""
    account = Account(row(1), row(2))
    account.host = "https://api.outreach.example.com"
    api = Memory(account)
    with pytest.raises(Rejected, match="another host"):
        await read(feed(page_size=1, history=86_400), api)
    assert {call.path for call in api.calls} == {"/api/v2/events"}


async def test_a_link_that_leads_nowhere_ends_the_turn() -> None:
    """A page whose link is its own would be read for ever."""
    page = msgspec.json.encode({"data": [row(1)], "links": {"next": "/api/v2/events?page%5Bafter%5D=x"}})
    with pytest.raises(Unavailable):
        await read(feed(), Memory(lambda _: page))


async def test_a_link_that_is_refused_for_ever_ends_the_turn() -> None:
    """To begin again helps an old link, once."""
    account = Account(*[row(n) for n in range(4)])

    def refuse() -> None:
        raise Rejected("400")

    account.on_link = refuse
    api = Memory(account)
    with pytest.raises(Rejected):
        await read(feed(page_size=2, history=86_400), api)
    assert len(api.calls) < 10


async def test_links_that_go_in_a_circle_end_the_turn() -> None:
    """As one that leads nowhere does."""

    def circle(call: Call) -> bytes:
        after = dict(call.query).get("page[after]", "0")
        following = urlencode({"page[after]": {"0": "1", "1": "2", "2": "1"}[after]})
        return msgspec.json.encode({"data": [row(int(after))], "links": {"next": f"/api/v2/events?{following}"}})

    with pytest.raises(Unavailable):
        await read(feed(), Memory(circle))


async def test_a_link_that_got_old_begins_its_window_again() -> None:
    """Where the platform refuses the place that a cursor names, the window is read anew and known rows are left out."""
    account = Account(*[row(n, 10) for n in range(4)])
    events = feed(page_size=2, history=86_400)
    killed = await read(events, Memory(account), most=3)
    assert killed.cursors

    def refuse() -> None:
        account.on_link = lambda: None
        raise Rejected("422")

    account.on_link = refuse
    rest = await read(events, Memory(account), killed.cursor)
    assert (ids(rest.raws), rest.skipped) == (["2", "3"], {"repeated": 2})


@pytest.mark.parametrize("bad", ["text", 7, {"id": 7}, {"id": 8, "attributes": "see elsewhere"}])
async def test_a_row_that_cannot_be_read_goes_to_raw(bad: Any) -> None:
    """One bad row becomes a dead letter there; the others of its page come, and it comes once."""
    account = Account(row(1))
    account.stray = [bad]
    found = await read(feed(history=3600), Memory(account))
    assert [raw.value for raw in found.raws] == [msgspec.json.encode(each) for each in (row(1), bad)]
    assert {(raw.shape, raw.tenant, raw.provider) for raw in found.raws} == {("event", "acme", "outreach")}


async def test_what_is_no_page_is_no_page() -> None:
    """A document of another form brings nothing, and is not taken for an empty list."""
    with pytest.raises(Unavailable):
        await read(feed(), Memory(lambda _: b'{"data":{"id":1}}'))


async def test_a_named_event_is_read_by_itself() -> None:
    """A nudge that names an event brings it at once; the list is read as ever."""
    account = Account(row(1, 60 * 24 * 40), row(2))
    found = await read(feed(history=3600), Memory(account), turn=Turn(event="1"))
    assert ids(found.raws) == ["1", "2"]
    assert ids((await read(feed(history=3600), Memory(account), turn=Turn(event="9"))).raws) == ["2"]


async def test_a_killed_reading_loses_nothing() -> None:
    """From every cursor, in mid-window or between two, a reading goes on to the same end."""
    account = Account(*[row(n, 60 * 7 * n) for n in range(12)])
    await loses_nothing_when_killed(PROVIDER, feed(page_size=2, history=4 * 86_400), Memory(account))


async def test_a_span_is_read_alone() -> None:
    """What was created in it comes, in windows, whatever the feed knows; a killed turn goes on behind its last page."""
    account = Account(*(row(number, number) for number in range(300)))
    span = NOW - 200 * MINUTE, NOW - 100 * MINUTE  # the second is not part of it
    wanted = {str(number) for number in range(101, 201)}
    reading = feed(window=1_800, page_size=7)
    whole = await read(reading, Memory(account), turn=Turn(span=span))
    assert sorted(ids(whole.raws)) == sorted(wanted)
    assert [cursor.more for cursor in whole.cursors] == [True] * (len(whole.cursors) - 1) + [False]
    for most in range(1, 140, 9):
        killed = await read(reading, Memory(account), turn=Turn(span=span), most=most)
        covered = killed.raws[: killed.before[-1]] if killed.cursors else []
        rest = await read(reading, Memory(account), killed.cursor if killed.cursors else b"", turn=Turn(span=span))
        assert rest.cursors[-1].whole
        found = ids([*covered, *rest.raws])
        assert set(found) == wanted
        assert len(found) <= len(wanted) + 7


async def test_a_span_of_one_moment_is_read() -> None:
    """The shortest there is: nothing before it, nothing behind it."""
    account = Account(row(1, 3), row(2, 2), row(3, 1))
    moment = NOW - 2 * MINUTE
    assert ids((await read(feed(), Memory(account), turn=Turn(span=(moment, moment + 1)))).raws) == ["2"]


async def test_a_rewound_feed_only_goes_back() -> None:
    """What it was behind with is read as well; from a time before that on, nothing is read that is older."""
    account = Account(*(row(number, 60 * number) for number in range(1, 40)))
    api, reading = Memory(account), feed(history=86_400)
    behind = (await read(reading, api)).cursor
    account.rows += [row(100 + number, -60 * number) for number in range(12)]
    api.now += 12 * HOUR
    ahead = reading.rewound(api.now - HOUR, behind)
    assert {str(100 + number) for number in range(12)} <= set(ids((await read(reading, api, ahead)).raws))
    back = await read(reading, api, reading.rewound(NOW - 30 * HOUR, behind))
    assert set(ids(back.raws)) == {str(number) for number in (*range(1, 31), *range(100, 112))}
    assert not (await read(reading, api, back.cursor)).raws
