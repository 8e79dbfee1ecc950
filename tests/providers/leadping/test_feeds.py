"""The feed of one lead's events: in the small on a platform in memory, in the large on the simulated one."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import pytest

from headrace.core.timestamps import from_millis
from headrace.providers.discover import discover
from headrace.providers.leadping.lead_events import LeadEventsFeed
from headrace.providers.leadping.settings import LeadEventsSettings
from headrace.sdk.faults import Denied, Fault, Gone, NoRoute, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import Call, Turn
from headrace.sdk.provider import RawEvent
from headrace_demo import senders
from headrace_demo.simulators import leadping
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
    named_by_webhooks,
    names,
    polled,
    read,
    trouble,
)

PROVIDER = discover()["leadping"]
LEAD = Turn(lead="lead-1")
HOUR = 3_600_000
FEED = LeadEventsFeed(LeadEventsSettings(page_size=2))


class Account:
    """A LeadPing account in memory: `rows` by id, `calls` by id, all of one lead."""

    def __init__(self, *rows: dict[str, Any], calls: Mapping[str, Any] | None = None, detail: str = "old") -> None:
        self.rows = {row["id"]: row for row in rows}
        self.calls = dict(calls or {})
        self.detail = detail
        self.missing: set[str] = set()
        self.plain = False
        self.most = 100
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, call: Call) -> bytes:
        parts = call.path.strip("/").split("/")
        match parts:
            case ["events", "leads", "lead-1"]:
                return self._list(msgspec.json.decode(call.body))
            case ["events", "calls", ident] if ident in self.calls:
                return msgspec.json.encode(self.calls[ident])
            case ["events", ident, "detail"] if self.detail == "old" and ident in self.rows.keys() - self.missing:
                return self._detail(ident)
            case ["events", "detail", ident] if self.detail == "new" and ident in self.rows.keys() - self.missing:
                return self._detail(ident)
            case _:
                raise Gone("404")

    def _list(self, body: dict[str, Any]) -> bytes:
        self.bodies.append(body)
        if self.plain and ("orderBy" in body or "rangeFilters" in body):
            raise Rejected("400")
        if body["pageSize"] > self.most:
            raise TooHeavy("413")
        since = body["rangeFilters"][0]["greaterThanOrEqual"] if "rangeFilters" in body else ""
        rows = [row for row in self.rows.values() if row.get("createdAt", "z") >= since]
        begin = int(body.get("continuationToken", "t 0 ")[2:-1])
        end = begin + body["pageSize"]
        token = f"t {end} " if end < len(rows) else None
        return msgspec.json.encode({"items": rows[begin:end], "continuationToken": token})

    def _detail(self, ident: str) -> bytes:
        return msgspec.json.encode({"id": ident, "leadId": "lead-1", "createdAt": self.rows[ident].get("createdAt")})


def row(number: int, hours_ago: float = 1, **more: Any) -> dict[str, Any]:
    created = from_millis(NOW - int(hours_ago * HOUR))
    return {"id": f"e{number}", "activityType": "Note", "leadId": "lead-1", "createdAt": created, **more}


def calls_to(api: Memory, part: str) -> int:
    """Count the calls of a kind."""
    return sum(part in call.path for call in api.calls)


@pytest.mark.parametrize("generation", ["g1", "g3", "g4"])
async def test_a_history_is_read_completely(generation: Literal["g1", "g3", "g4"]) -> None:
    """Late, changing, repeated rows, empty pages, failing calls, kills: every last version comes, named as by hook."""
    history = leadping.History(seed=11, events=150, leads=3)
    async with leadping.Simulator(history, clock=Clock(history.begin), allowance=Allowance()) as platform:
        provider, client, feed = polled("leadping", base_url=platform.url, api_key=platform.api_key)
        platform.conduct.generation = generation
        platform.conduct.own_calls = generation == "g4"
        platform.conduct.repeats, platform.conduct.empty_every, platform.conduct.max_page = 1, 3, 7
        async with Platform(client) as api:
            reader = Reader(feed, api)
            while platform.clock.now < history.end:
                platform.clock.advance(12 * 3600)
                trouble(platform.faults)
                for lead in history.leads:
                    await reader.turn(lead)
            for lead in history.leads:
                await reader.turn(lead, killed=0)
        assert not missing(provider, reader.raws, history.ledger, platform.clock.now)
        named = named_by_webhooks(provider, history, senders.make("leadping"))
        assert named == {(resource, ident) for resource, ident, _ in names(provider, reader.raws)}


@pytest.mark.parametrize("kind", ["html_404", "json_404", "html_503", "400"])
async def test_one_bad_answer_on_a_list_changes_nothing(kind: Kind) -> None:
    """Later calls ask for ranges as before, and the lead is read."""
    history = leadping.History(seed=11, events=30, leads=1)
    async with leadping.Simulator(history, clock=Clock(history.end), allowance=Allowance()) as platform:
        provider, client, feed = polled("leadping", base_url=platform.url, api_key=platform.api_key)
        async with Platform(client) as api:
            reader = Reader(feed, api)
            for _ in range(2):
                platform.faults.next(1, kind, path="/events/leads")
                with contextlib.suppress(Fault):
                    await reader.turn(history.leads[0], killed=0)
                await reader.turn(history.leads[0], killed=0)
        assert not missing(provider, reader.raws, history.ledger, platform.clock.now)
        assert api.facts.keys() <= {"organization"}


async def test_the_token_is_echoed_and_the_query_stays() -> None:
    """A page is asked for with the size, the order, and the token of the page before, blanks and all."""
    account = Account(row(1), row(2), row(3))
    found = await read(FEED, Memory(account), turn=LEAD)
    order = [{"field": "createdAt", "direction": "asc"}]
    assert account.bodies == [
        {"pageSize": 2, "orderBy": order},
        {"pageSize": 2, "continuationToken": "t 2 ", "orderBy": order},
    ]
    assert [cursor.more for cursor in found.cursors] == [True, False]


async def test_a_page_without_rows_is_not_the_last() -> None:
    """The token alone says whether there is more."""
    pages = iter([b'{"items":[],"continuationToken":"t"}', b'{"items":null,"continuationToken":null}'])
    found = await read(FEED, Memory(lambda _: next(pages)), turn=LEAD)
    assert [cursor.more for cursor in found.cursors] == [True, False]


@pytest.mark.parametrize("body", [b"{}", b'{"message":"maintenance"}', b'{"continuationToken":"t"}', b'{"items":7}'])
async def test_what_has_no_list_is_no_page(body: bytes) -> None:
    """An object of somebody else's was taken for the end of the list: its rows were outside the range from then on."""
    with pytest.raises(Unavailable, match="no list"):
        await read(FEED, Memory(lambda _: body), turn=LEAD)


async def test_a_token_that_does_not_move_ends_the_turn() -> None:
    """A platform that gives the same token again would be read for ever."""
    api = Memory(lambda _: b'{"items":[],"continuationToken":"t"}')
    with pytest.raises(Unavailable):
        await read(FEED, api, turn=LEAD)
    assert len(api.calls) == 2


async def test_parts_of_a_bundle_are_untouched() -> None:
    """Row, detail and call stand in a bundle byte for byte."""
    one = b'{ "id":"e1",  "timelineType":"Call", "odd":1.50 }'
    answers = {
        "/events/leads/lead-1": b'{"items":[' + one + b"]}",
        "/events/e1/detail": b'{"id" : "e1"}',
        "/events/calls/e1": b'{"id":"e1","endedAt":"2026-10-01T00:00:00Z"}',
    }
    found = await read(FEED, Memory(lambda call: answers[call.path]), turn=LEAD)
    assert [raw.value for raw in found.raws] == [
        b'{"row":' + one + b',"detail":{"id" : "e1"},"call":' + answers["/events/calls/e1"] + b"}"
    ]
    assert (found.raws[0].shape, found.raws[0].tenant, found.raws[0].source) == ("bundle", "acme", "/leadping/acme")
    assert found.raws[0].received == NOW


async def test_unchanged_rows_are_not_hydrated_again() -> None:
    """The next reading asks for one page, and for the details of what changed alone."""
    account = Account(row(1), row(2))
    api = Memory(account)
    first = await read(FEED, api, turn=LEAD)
    api.calls.clear()
    account.rows["e2"]["status"] = "Completed"
    second = await read(FEED, api, first.cursor, LEAD)
    assert [call.path for call in api.calls] == ["/events/leads/lead-1", "/events/e2/detail"]
    assert second.skipped == {"unchanged": 1}
    third = await read(FEED, api, second.cursor, LEAD)
    assert not third.raws


async def test_a_row_that_turns_back_is_news() -> None:
    """Only the last state of a row is known: an older one that returns is appended again."""
    account = Account(row(1, status="Pending"))
    api = Memory(account)
    cursor = b""
    for status in ("Pending", "Completed", "Pending"):
        account.rows["e1"]["status"] = status
        found = await read(FEED, api, cursor, LEAD)
        cursor = found.cursor
        assert len(found.raws) == 1


async def test_the_window_is_read_again_and_no_more() -> None:
    """Rows older than the look-back are not asked for, and left out where the platform sends them all the same."""
    account = Account(row(1, hours_ago=24 * 8), row(2))
    api = Memory(account)
    first = await read(FEED, api, turn=LEAD)
    assert len(first.raws) == 2
    account.rows["e1"]["status"] = account.rows["e2"]["status"] = "Completed"
    second = await read(FEED, api, first.cursor, LEAD)
    assert account.bodies[-1]["rangeFilters"] == [
        {"field": "createdAt", "greaterThanOrEqual": from_millis(NOW - 7 * 24 * HOUR)}
    ]
    assert len(second.raws) == 1
    account.plain = True
    account.rows["e1"]["status"] = "Failed"
    third = await read(FEED, api, second.cursor, LEAD)
    assert (third.raws, third.skipped) == ([], {"outside": 1, "unchanged": 1})


async def test_a_platform_that_refuses_ranges_is_asked_plainly() -> None:
    """What may be named in a filter is not published: a refusal that two turns saw is remembered, and all rows come."""
    account = Account(row(1), row(2), row(3))
    account.plain = True
    api = Memory(account)
    first = await read(FEED, api, turn=LEAD)
    assert len(first.raws) == 3
    assert ["orderBy" in body for body in account.bodies] == [True, False, False]
    second = await read(FEED, api, first.cursor, LEAD)
    assert ["orderBy" in body for body in account.bodies[3:]] == [True, False, False]
    assert api.facts == {"lists-are-plain": "yes"}
    await read(FEED, api, second.cursor, LEAD)
    assert ["orderBy" in body for body in account.bodies[6:]] == [False, False]


@pytest.mark.parametrize("fault", [NoRoute("404"), Gone("404"), Unavailable("400"), Denied("401")])
async def test_what_a_gateway_answers_says_nothing_about_ranges(fault: Fault) -> None:
    """One HTML 404 was remembered for good as "ranges are refused": every later call read whole lists."""
    account = Account(row(1), row(2))

    def failing(call: Call) -> bytes:
        if b"orderBy" in call.body:
            raise fault
        return account(call)

    api = Memory(failing)
    for _ in range(2):
        with pytest.raises(type(fault)):
            await read(FEED, api, turn=LEAD)
    api.answer_with(account)
    assert len((await read(FEED, api, turn=LEAD)).raws) == 2
    assert (api.noted, "orderBy" in account.bodies[-1]) == ({}, True)


async def test_a_range_that_is_taken_again_is_contrary_to_a_refusal() -> None:
    """Refused once, taken, refused once: that is a platform with troubles, not one without ranges."""
    account = Account(row(1), row(2))
    api, cursor = Memory(account), b""
    for plain in (True, False, True):
        account.plain = plain
        cursor = (await read(FEED, api, cursor, LEAD)).cursor
    assert not api.facts


async def test_a_lead_that_is_refused_plainly_too_is_refused() -> None:
    """A refusal that has another reason is the runner's to treat."""

    def refuse(_: Call) -> bytes:
        raise Rejected("400")

    api = Memory(refuse)
    with pytest.raises(Rejected):
        await read(FEED, api, turn=LEAD)
    assert not api.noted


async def test_a_token_that_got_old_begins_again() -> None:
    """Where the platform refuses the token of a cursor, the reading begins anew and skips what it knows."""
    account = Account(row(1), row(2), row(3))
    api = Memory(account)
    killed = await read(FEED, api, turn=LEAD, most=3)

    def forgetful(call: Call) -> bytes:
        if b'"t 2 "' in call.body and len(account.bodies) == 1:
            account.bodies.append({})
            raise Rejected("400")
        return account(call)

    rest = await read(FEED, Memory(forgetful), killed.cursor, LEAD)
    assert (len(rest.raws), rest.skipped) == (1, {"repeated": 2})


async def test_a_lead_is_not_gone_where_a_token_is() -> None:
    """410 for an old token says nothing about the lead, and what was read of old history is not read again."""
    account = Account(*[row(n, hours_ago=24 * 30) for n in range(6)])
    killed = await read(FEED, Memory(account), turn=LEAD, most=6)

    def forgetful(call: Call) -> bytes:
        if b'"t 4 "' in call.body and len(account.bodies) == 2:
            account.bodies.append({})
            raise Gone("410")
        return account(call)

    api = Memory(forgetful)
    rest = await read(FEED, api, killed.cursor, LEAD)
    assert (len(rest.raws), rest.skipped) == (2, {"repeated": 4})
    assert calls_to(api, "/detail") == 2


async def test_a_page_that_is_refused_for_ever_ends_the_turn() -> None:
    """To begin again helps an old token; where it brings nothing new, nothing does."""
    account = Account(*[row(n) for n in range(6)])

    def broken(call: Call) -> bytes:
        if b'"t 4 "' in call.body:
            raise Rejected("400")
        return account(call)

    api = Memory(broken)
    with pytest.raises(Rejected):
        await read(FEED, api, turn=LEAD)
    assert calls_to(api, "/events/leads/") == 6


async def test_tokens_that_go_in_a_circle_end_the_turn() -> None:
    """As one that does not move does."""
    tokens = iter("abab")
    api = Memory(lambda _: msgspec.json.encode({"items": [], "continuationToken": next(tokens)}))
    with pytest.raises(Unavailable):
        await read(FEED, api, turn=LEAD)


@pytest.mark.parametrize("odd", ["..", ".", "a\0b", " ", "x" * 300])
async def test_an_event_whose_id_can_be_none_is_not_asked_for(odd: str) -> None:
    """No encoding keeps `..` from leading to another endpoint."""
    account = Account(row(1), {**row(2), "id": odd})
    api = Memory(account)
    found = await read(FEED, api, turn=LEAD)
    assert [raw.shape for raw in found.raws] == ["bundle", "row"]
    assert calls_to(api, "/events/e1/detail") == 1
    assert len(api.calls) == 2


async def test_a_page_that_is_too_much_is_asked_for_in_parts() -> None:
    """The page size is halved until the platform can."""
    account = Account(*[row(n) for n in range(8)])
    account.most = 3
    found = await read(LeadEventsFeed(LeadEventsSettings(page_size=16)), Memory(account), turn=LEAD)
    assert [body["pageSize"] for body in account.bodies] == [16, 8, 4, 2, 2, 2, 2]
    assert len(found.raws) == 8


@pytest.mark.parametrize("kind", ["500", "html_504", "reset"])
async def test_heavy_pages_that_look_like_an_outage_are_asked_for_in_parts(kind: Kind) -> None:
    """Above a size the platform, or the gateway before it, fails without saying why: the lead never came."""
    history = leadping.History(seed=11, events=60, leads=1)
    async with leadping.Simulator(history, clock=Clock(history.end), allowance=Allowance()) as platform:
        provider, client, feed = polled("leadping", base_url=platform.url, api_key=platform.api_key)
        platform.faults.always(kind, rows_over=20)
        async with Platform(client) as api:
            reader = Reader(feed, api)
            await reader.turn(history.leads[0], killed=0)
        assert not missing(provider, reader.raws, history.ledger, platform.clock.now)


async def test_an_outage_costs_one_call_more() -> None:
    """The same page with one row shows that it was not its size."""

    def down(_: Call) -> bytes:
        raise Unavailable("503")

    api = Memory(down)
    with pytest.raises(Unavailable):
        await read(FEED, api, turn=LEAD)
    assert [msgspec.json.decode(call.body)["pageSize"] for call in api.calls] == [2, 1]


async def test_the_other_path_of_details_is_remembered() -> None:
    """A generation has its details at one of two paths: it is found once."""
    api = Memory(Account(row(1), row(2), detail="new"))
    found = await read(FEED, api, turn=LEAD)
    assert all(b'"detail":{' in raw.value for raw in found.raws)
    assert (calls_to(api, "/events/e1/detail"), calls_to(api, "/events/e2/detail")) == (1, 0)


async def test_what_is_not_there_is_null() -> None:
    """An event without a detail, and a call without a record, come with null in their place."""
    account = Account(row(1), row(2, activityType="Call"))
    account.missing = {"e2"}
    api = Memory(account)
    found = await read(FEED, api, turn=LEAD)
    assert found.raws[1].value.endswith(b',"detail":null,"call":null}')
    assert calls_to(api, "/events/e1/detail") == 2  # once to see whether details come at all


async def test_a_call_is_asked_for_until_it_has_ended() -> None:
    """A call moves on while its row stays as it is; one that never ends is given up after two hours."""
    account = Account(row(1, activityType="Call"), calls={"e1": {"id": "e1", "status": "ringing"}})
    api = Memory(account)
    first = await read(FEED, api, turn=LEAD)
    account.calls["e1"] = {"id": "e1", "status": "completed"}
    second = await read(FEED, api, first.cursor, LEAD)
    assert b'"completed"' in second.raws[0].value
    assert not (await read(FEED, api, second.cursor, LEAD)).raws
    account.calls["e1"] = {"id": "e1", "status": "ringing"}
    api.now += 3 * HOUR
    account.rows["e1"]["status"] = "Active"
    third = await read(FEED, api, second.cursor, LEAD)
    assert third.raws
    assert not (await read(FEED, api, third.cursor, LEAD)).raws


class MovingAccount(Account):
    """An account with one activity, which is in its next state from the answer to a call on, as often as there is one.

    `when` is what the path of that call begins with; of a state the row has all fields but the call's.
    """

    def __init__(self, when: str, *states: dict[str, Any]) -> None:
        super().__init__(detail="new")
        self.when = when
        self.coming = list(states)
        self._move()

    def __call__(self, call: Call) -> bytes:
        if call.path.startswith(self.when) and self.coming:
            self._move()
        return super().__call__(call)

    def _move(self) -> None:
        state = self.coming.pop(0)
        self.rows = {"e1": row(1, **{name: value for name, value in state.items() if name != "call"})}
        self.calls = {"e1": {"id": "e1", **state["call"]}} if "call" in state else {}

    def _detail(self, ident: str) -> bytes:
        return msgspec.json.encode(self.rows[ident] | {"status": "InProgress"})


RINGING = {"activityType": "Call", "status": "Ringing", "summary": "0", "call": {"status": "ringing"}}
ACTIVE = RINGING | {"status": "Active", "summary": "1", "call": {"status": "in_progress"}}
ENDED = RINGING | {"status": "Ended", "summary": "2", "call": {"status": "completed"}}
QUEUED = {"activityType": "Sms", "status": "Queued", "summary": "0", "queuedAt": "2026-10-01T23:00:01Z"}
SENT = QUEUED | {"status": "Sent", "summary": "1", "sentAt": "2026-10-01T23:00:02Z"}


def summaries(raws: list[RawEvent]) -> list[tuple[str, str]]:
    """Return of each bundle the summaries of its row (or detail, where it has none) and of its detail."""
    parts = [msgspec.json.decode(raw.value) for raw in raws]
    return [((part["row"] or part["detail"])["summary"], part["detail"]["summary"]) for part in parts]


@pytest.mark.parametrize(
    ("when", "states"),
    [
        ("/events/calls/", (RINGING, ENDED)),
        ("/events/detail/", (RINGING, ENDED)),
        ("/events/detail/", (QUEUED, SENT)),
        ("/events/calls/", (RINGING, ACTIVE, ENDED)),
        ("/events/detail/", (RINGING, ACTIVE, ENDED)),
    ],
)
@pytest.mark.parametrize("event", [None, "e1"], ids=["swept", "named"])
async def test_a_bundle_has_parts_of_one_state(when: str, states: Sequence[dict[str, Any]], event: str | None) -> None:
    """What moves on between its row, its detail and its call is put together anew, and comes once."""
    last = states[-1]["summary"]
    api = Memory(MovingAccount(when, *states))
    found = await read(FEED, api, turn=Turn(lead="lead-1", event=event))
    assert summaries(found.raws) == [(last, last)]
    assert not (await read(FEED, api, found.cursor, LEAD)).raws


async def test_an_event_without_a_row_has_parts_of_one_state() -> None:
    """Of a detail and a call alone the detail is read first."""
    found = await read(FEED, Memory(MovingAccount("/events/calls/", RINGING, ENDED)), turn=Turn(event="e1"))
    assert [(raw.shape, b'"completed"' in raw.value) for raw in found.raws] == [("rowless", True)]
    assert summaries(found.raws) == [("2", "2")]


async def test_a_row_that_stays_behind_its_call_costs_one_look() -> None:
    """Rows may say little while their calls go on: the page is read once more, and the bundle comes as it is."""
    account = Account(row(1, activityType="Call", status="Ringing"), calls={"e1": {"id": "e1", "status": "completed"}})
    api = Memory(account)
    found = await read(FEED, api, turn=LEAD)
    assert [call.path for call in api.calls].count("/events/leads/lead-1") == 2
    assert [b'"completed"' in raw.value for raw in found.raws] == [True]
    assert not (await read(FEED, api, found.cursor, LEAD)).raws


async def test_a_row_that_never_stays_comes_all_the_same() -> None:
    """Three looks, and what was read last comes: the next turn reads on."""
    account = MovingAccount("/events/calls/", *[RINGING | {"summary": str(n)} for n in range(9)])
    account.calls = {}

    def ahead(call: Call) -> bytes:
        answer = account(call)
        return b'{"id":"e1","status":"completed"}' if call.path.startswith("/events/calls/") else answer

    api = Memory(ahead)
    found = await read(FEED, api, turn=LEAD)
    assert [call.path for call in api.calls].count("/events/leads/lead-1") == 4
    assert len(found.raws) == 1


@pytest.mark.parametrize("fault", [Gone("410"), Rejected("400"), TooHeavy("413")])
async def test_a_page_that_cannot_be_had_again_is_taken_as_it_was(fault: Fault) -> None:
    """What is torn comes rather than never."""
    account = MovingAccount("/events/calls/", RINGING, ENDED)

    def once(call: Call) -> bytes:
        if call.path.endswith("/lead-1") and account.bodies:
            raise fault
        return account(call)

    found = await read(FEED, Memory(once), turn=LEAD)
    assert summaries(found.raws) == [("0", "0")]


async def test_a_row_names_its_call() -> None:
    """Newer generations say which call belongs to a row; else the event's own id is tried."""
    related = row(1, timelineType="Call", relatedEntityType="CallEvent", relatedEntityId="c9")
    api = Memory(Account(related, calls={"c9": {"id": "c9", "endedAt": "2026-10-01T00:00:00Z"}}))
    found = await read(FEED, api, turn=LEAD)
    assert b'"call":{"id":"c9"' in found.raws[0].value
    assert calls_to(api, "/events/calls/e1") == 0


@pytest.mark.parametrize("bad", ['"text"', "{}", '{"id":7}', '{"id":""}', "null", "[]"])
async def test_a_row_that_cannot_be_read_goes_to_raw_as_it_is(bad: str) -> None:
    """One bad row becomes a dead letter there; the others of its page come, and it comes once."""
    good = msgspec.json.encode(row(1)).decode()
    account = Account(row(1))

    def answer(call: Call) -> bytes:
        if call.path.endswith("lead-1"):
            return f'{{"items":[{bad},{good}]}}'.encode()
        return account(call)

    api = Memory(answer)
    found = await read(FEED, api, turn=LEAD)
    assert (found.raws[0].shape, found.raws[0].value) == ("row", bad.encode())
    assert found.raws[1].shape == "bundle"
    assert (await read(FEED, api, found.cursor, LEAD)).skipped == {"unchanged": 2}


async def test_a_lead_without_rows_costs_one_call() -> None:
    """The list says that there is nothing, the first time and every time."""
    api = Memory(Account())
    first = await read(FEED, api, turn=LEAD)
    second = await read(FEED, api, first.cursor, LEAD)
    assert ([call.path for call in api.calls], second.raws) == (["/events/leads/lead-1"] * 2, [])


async def test_a_span_of_a_lead_is_read_whatever_is_known() -> None:
    """The rows created in it, and they alone, through kills behind any of them."""
    account = Account(*[row(n, hours_ago=n) for n in range(1, 10)])
    api = Memory(account)
    await read(FEED, api, turn=LEAD)
    span = Turn(lead="lead-1", span=(NOW - 7 * HOUR, NOW - 2 * HOUR))
    found = await read(FEED, api, turn=span)
    assert [msgspec.json.decode(raw.value)["row"]["id"] for raw in found.raws] == ["e3", "e4", "e5", "e6", "e7"]
    assert [cursor.more for cursor in found.cursors][-1] is False
    await loses_nothing_when_killed(PROVIDER, FEED, api, span)


async def test_a_lead_that_is_gone_is_reported() -> None:
    """The runner drops a lead that the platform does not know."""
    with pytest.raises(Gone):
        await read(FEED, Memory(Account()), turn=Turn(lead="lead-2"))


async def test_a_named_event_is_read_whatever_the_list_says() -> None:
    """A nudge's event is hydrated again though its row is unchanged, and read alone where the list is past it."""
    account = Account(row(1, hours_ago=24 * 8), row(2))
    api = Memory(account)
    first = await read(FEED, api, turn=LEAD)
    again = await read(FEED, api, first.cursor, Turn(lead="lead-1", event="e2"))
    assert [b'"e2"' in raw.value for raw in again.raws] == [True]
    old = await read(FEED, api, again.cursor, Turn(lead="lead-1", event="e1"))
    assert [(raw.shape, raw.value[:12]) for raw in old.raws] == [("rowless", b'{"row":null,')]
    assert not old.leads


async def test_an_event_without_a_lead_makes_its_lead_known() -> None:
    """A nudge may name an event alone: it is read, its lead is watched from now on, and no cursor is made up."""
    api = Memory(Account(row(1)))
    found = await read(FEED, api, turn=Turn(event="e1"))
    assert (len(found.raws), found.leads, found.cursors) == (1, ["lead-1"], [])
    assert not (await read(FEED, api, turn=Turn(event="e7"))).raws


async def test_a_killed_reading_loses_nothing() -> None:
    """From every cursor a reading goes on to the same end."""
    calls = {"e3": {"id": "e3", "status": "ringing"}}
    account = Account(*[row(n, activityType="Call" if n == 3 else "Note") for n in range(7)], calls=calls)
    await loses_nothing_when_killed(PROVIDER, FEED, Memory(account), LEAD)


async def test_a_lead_with_an_odd_name_stays_one_part_of_the_path() -> None:
    """Nothing in an id reaches another endpoint."""
    api = Memory(lambda _: b'{"items":[]}')
    await read(FEED, api, turn=Turn(lead="../calls/x?y"))
    assert api.calls[0].path == "/events/leads/..%2Fcalls%2Fx%3Fy"


class FailingAccount(Account):
    """An account where what has a text of `faults` in its path fails."""

    def __init__(
        self, faults: Mapping[str, Fault], *rows: dict[str, Any], calls: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(*rows, calls=calls)
        self.faults = faults

    def __call__(self, call: Call) -> bytes:
        for text, fault in self.faults.items():
            if text in call.path:
                raise fault
        return super().__call__(call)


class Turns:
    """Turns of the lead: what came of each, and from the last cursor on. `waits` is said where something waits."""

    def __init__(self, api: Memory, feed: LeadEventsFeed = FEED) -> None:
        self.api, self.feed = api, feed
        self.cursor = b""
        self.waits = ""

    async def next(self) -> list[RawEvent]:
        """Return what the next turn brings."""
        found = await read(self.feed, self.api, self.cursor, LEAD)
        self.cursor, self.waits = found.cursor if found.cursors else self.cursor, found.lacks
        return found.raws


@pytest.mark.parametrize("fault", [Unavailable("500"), TooHeavy("413"), Denied("403")])
@pytest.mark.parametrize("broken", ["e0", "e3", "e6"])
async def test_a_detail_that_fails_for_good_starves_nothing(fault: Fault, broken: str) -> None:
    """All other rows come at once and once; in the third turn the row comes without it, and nothing waits any more."""
    api = Memory(FailingAccount({broken: fault}, *[row(n) for n in range(7)]))
    turns = Turns(api)
    assert len(await turns.next()) == 6
    assert turns.waits == "the detail or call of 1 of 7 events did not come"
    api.calls.clear()
    assert await turns.next() == []
    assert (turns.waits != "", calls_to(api, "detail")) == (True, 3)
    (last,) = await turns.next()
    assert msgspec.json.decode(last.value)["row"]["id"] == broken
    assert msgspec.json.decode(last.value)["detail"] is None
    assert (turns.waits, api.given_up) == ("", [broken])
    api.calls.clear()
    assert (await turns.next(), calls_to(api, "detail")) == ([], 0)


async def test_a_detail_that_comes_again_is_waited_for() -> None:
    """Its row comes with it, and the page is not read into the cursor before."""
    api = Memory(FailingAccount({"e2": Unavailable("500")}, row(1), row(2)))
    turns = Turns(api)
    assert len(await turns.next()) == 1
    api.answer_with(Account(row(1), row(2)))
    (late,) = await turns.next()
    assert b'"detail":{"id":"e2"' in late.value
    assert (turns.waits, api.given_up) == ("", [])


@pytest.mark.parametrize("fault", [Gone("404"), NoRoute("404"), Rejected("400"), TooHeavy("413"), Unavailable("500")])
async def test_details_that_all_fail_are_the_platforms_trouble(fault: Fault) -> None:
    """A minute of JSON 404 on the route of details: no event is published without its detail."""
    good = Account(row(1))
    api = Memory(good)
    turns = Turns(api)
    assert len(await turns.next()) == 1
    rows = [row(n) for n in range(6)]
    api.answer_with(FailingAccount({"detail": fault}, *rows))
    for _ in range(5):
        with pytest.raises(Unavailable):
            await turns.next()
    api.answer_with(Account(*rows))
    raws = await turns.next()
    assert [b'"detail":{' in raw.value for raw in raws] == [True] * 5


async def test_an_outage_that_meets_a_restart_costs_no_detail() -> None:
    """No part has come yet that could be asked for to compare: for a quarter of an hour nothing is given up."""
    rows = [row(n) for n in range(3)]
    api = Memory(FailingAccount({"detail": Gone("404")}, *rows))
    turns = Turns(api)
    for _ in range(6):
        assert (await turns.next(), bool(turns.waits)) == ([], True)
        api.now += 60_000
    api.answer_with(Account(*rows))
    assert [b'"detail":{' in raw.value for raw in await turns.next()] == [True] * 3


async def test_an_account_without_details_is_read_in_the_end() -> None:
    """After a quarter of an hour it is plain that there are none: from then on nothing waits for them."""
    account = Account(*[row(n) for n in range(3)], detail="none")
    api = Memory(account)
    turns = Turns(api)
    for _ in range(3):
        assert await turns.next() == []
        api.now += 300_000
    assert len(await turns.next()) == 3
    account.rows["e7"] = row(7)
    assert (len(await turns.next()), turns.waits) == (1, "")


async def test_a_control_that_is_gone_is_not_taken_for_an_outage() -> None:
    """Others come: it is dropped, and asked for no more."""
    rows = [row(n) for n in range(4)]
    api = Memory(Account(*rows[:2]))
    turns = Turns(api)
    await turns.next()
    api.answer_with(FailingAccount({"e1": Gone("404"), "e2": Gone("404")}, *rows))
    raws = await turns.next()
    assert sorted(b'"detail":null' in raw.value for raw in raws) == [False, True]
    assert [part for part, _ in api.policy.controls("detail", "")] == ["e3", "e0"]


async def test_a_guessed_call_that_is_not_there_costs_one_call() -> None:
    """Only a call that the row names is held to come; what fails is waited for in either case."""
    guessed = row(1, activityType="Call")
    named = row(2, timelineType="Call", relatedEntityType="CallEvent", relatedEntityId="c9")
    calls = {"c9": {"id": "c9", "endedAt": "2026-10-01T00:00:00Z"}}
    api = Memory(Account(guessed, named, calls=calls))
    turns = Turns(api)
    assert (len(await turns.next()), turns.waits) == (2, "")
    assert [call.path for call in api.calls if "calls" in call.path] == ["/events/calls/e1", "/events/calls/c9"]
    rows = guessed, named, row(3, activityType="Call")
    api.answer_with(FailingAccount({"calls/e3": Unavailable("500")}, *rows, calls=calls))
    assert (len(await turns.next()), bool(turns.waits)) == (1, True)


async def test_a_rewound_lead_only_goes_back() -> None:
    """What it was behind with comes as well; what it knows comes again from that time on alone, and once."""
    account = Account(*(row(number, hours_ago=24 * number) for number in (1, 2, 3)))
    api = Memory(account)
    behind = (await read(FEED, api, turn=LEAD)).cursor
    api.now += 20 * 24 * HOUR
    account.rows |= {each["id"]: each for each in (row(8, -24 * 5), row(9, -24 * 19.9))}
    ahead = await read(FEED, api, FEED.rewound(api.now - 6 * HOUR, behind), turn=LEAD)
    assert listed(ahead.raws) == ["e8", "e9"]
    back = await read(FEED, api, FEED.rewound(NOW - 30 * HOUR, ahead.cursor), turn=LEAD)
    assert listed(back.raws) == ["e1", "e8", "e9"]
    assert not (await read(FEED, api, back.cursor, turn=LEAD)).raws


async def test_a_lead_that_was_rewound_by_an_earlier_version_is_read_to_its_end() -> None:
    """Its cursor says that all is read again, and not from when on."""
    cursor = msgspec.json.encode({"since": NOW - 30 * HOUR, "again": True})
    found = await read(FEED, Memory(Account(row(1, 24), row(2, 48))), cursor, turn=LEAD)
    assert listed(found.raws) == ["e1"]


def listed(raws: Sequence[RawEvent]) -> list[str]:
    """Return the ids of events."""
    return sorted(PROVIDER.identity(raw).id for raw in raws)
