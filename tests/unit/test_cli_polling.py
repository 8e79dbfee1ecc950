"""`headrace feeds`, `leads` and `fetch`, as far as they need no Kafka."""

import io
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec import UNSET
from msgspec.structs import replace

from headrace.cli import feeds, main
from headrace.cli._feed_rows import LATE_MS, FeedRow, feed_rows
from headrace.cli._lead_files import CannotRead, leads_of
from headrace.cli._resting import resting_feeds, write as write_resting
from headrace.config.tenants import Account
from headrace.poller.feed_status import FeedStatuses
from headrace.poller.gone_leads import TIMES
from headrace.poller.missing_leads import Missing
from headrace.poller.state import TenantState
from headrace.records.cursors import (
    FeedState,
    OpenNudge,
    PlatformFact,
    Position,
    Resting,
    RestingLead,
    Standing,
    Watched,
    entry,
)
from headrace.records.nudge import AddressedNudge
from tests.fake_provider import polled

NOW = 1_786_179_600_000
MINUTE = 60_000
SOURCE = "/things/t"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run headrace in an empty folder and a clean environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("HEADRACE_")]:
        monkeypatch.delenv(name)

    def call(*words: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(main, words, input=stdin)

    return call


def tenant(*leads: str) -> Account:
    """Configure a tenant with a feed of its own, and one by lead."""
    return polled("http://nowhere", feeds=["rows", "trail"], leads=list(leads))


def from_timestamp(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)


def remembered(**states: FeedState) -> TenantState:
    """Remember states of feeds."""
    found = TenantState()
    for feed, state in states.items():
        found.apply(entry(SOURCE, state, feed))
    return found


def rows_of(found: TenantState, *leads: str) -> tuple[FeedRow, FeedRow]:
    first, second = feed_rows(tenant(*leads), found, NOW)
    return first, second


def test_a_feed_that_nobody_read_is_unread() -> None:
    """Of what is not known nothing is said."""
    first, second = rows_of(TenantState())
    assert (first.source, first.feed, first.state, first.leads) == (SOURCE, "rows", "unread", UNSET)
    assert (second.feed, second.leads, second.staleness_seconds) == ("trail", 0, UNSET)
    assert (first.last_success, first.next_turn, first.staleness_seconds, first.cursor) == (UNSET,) * 4


def test_a_feed_that_is_read_in_time_is_ok_and_late_when_its_turn_is_long_overdue() -> None:
    """Nobody took its turn: probably no poller runs."""
    state = FeedState(turns=4, events=12, succeeded=NOW - MINUTE, next=NOW + MINUTE)
    found = remembered(rows=state)
    found.apply(entry(SOURCE, Position(b"abc", NOW - MINUTE), "rows", ""))
    row, _ = rows_of(found)
    assert (row.state, row.cursor, row.staleness_seconds, row.records) == ("ok", "abc", 60, 12)
    assert (row.last_success, row.next_turn) == ("2026-08-08T08:59:00Z", "2026-08-08T09:01:00Z")
    [late, _] = feed_rows(tenant(), found, NOW + MINUTE + LATE_MS + 1)
    assert late.state == "late"


def test_a_poller_whose_time_is_ahead_hides_no_standstill() -> None:
    """What it stored is in its own time: after a predecessor with a wrong clock that is ahead of the system's."""
    hour = 60 * MINUTE
    found = remembered(rows=FeedState(succeeded=NOW + hour - MINUTE, next=NOW + hour))
    found.apply(entry(SOURCE, Position(b"abc", NOW + hour - MINUTE), "rows", ""))
    found.apply(entry(SOURCE, Standing(ahead=3_600)))
    row, _ = rows_of(found)
    assert (row.state, row.last_success, row.staleness_seconds) == ("ok", "2026-08-08T08:59:00Z", 60)
    [late, _] = feed_rows(tenant(), found, NOW + LATE_MS + 1)
    assert late.state == "late"


def test_a_feed_that_failed_says_why_and_a_parked_tenant_goes_first() -> None:
    """The fault of a feed is its own; parked is the tenant with all its feeds."""
    found = remembered(rows=FeedState(succeeded=NOW, failures=3, code="unavailable", sentence="no answer"))
    assert rows_of(found)[0].state == "failing"
    found.apply(entry(SOURCE, Standing(parked=NOW - MINUTE, again=NOW + MINUTE, sentence="it says no")))
    first, second = rows_of(found)
    assert (first.state, second.state) == ("parked", "parked")
    assert (first.parked_since, first.rests_until) == ("2026-08-08T08:59:00Z", "2026-08-08T09:01:00Z")


def test_a_feed_of_which_a_part_does_not_come_is_partial_and_says_which() -> None:
    """All else was read: it does not fail as a whole."""
    lack = "activities of code 22 did not come: the platform says 500"
    state = FeedState(succeeded=NOW, failures=3, code="incomplete", sentence=lack, missing=1, since=NOW - MINUTE)
    row = rows_of(remembered(rows=state))[0]
    assert (row.state, row.sentence) == ("partial", lack)


def test_a_feed_that_cannot_read_all_is_partial_and_says_what_to_set() -> None:
    """However well its turns go."""
    unread = "one user's view is read: set organization"
    found = remembered(rows=FeedState(succeeded=NOW, next=NOW + MINUTE, unread=unread))
    row, _ = rows_of(found)
    assert (row.state, row.unread) == ("partial", unread)


def test_what_a_feed_cannot_read_is_stored_with_the_last_cursor_of_a_turn() -> None:
    """In mid-turn what was known before stays."""
    statuses = FeedStatuses("/toy/acme", TenantState(), lambda _: Missing(0, 0.0))
    for last, unread, shown in ((True, "this", "this"), (False, "", "this"), (True, "", "")):
        after = statuses.covered("rows", began=1.0, events=0, due=2.0, last=last, unread=unread).value
        assert isinstance(after, FeedState)
        assert after.unread == shown


def test_a_feed_by_lead_is_as_stale_as_its_longest_unread_lead() -> None:
    """A lead that was never read counts from when it was named."""
    found = TenantState()
    for lead, added, read in (("a", NOW - 9 * MINUTE, NOW - MINUTE), ("b", NOW - 9 * MINUTE, NOW - 3 * MINUTE)):
        found.apply(entry(SOURCE, Watched(added, "people"), lead))
        found.apply(entry(SOURCE, Position(b"1", read), "trail", lead))
    _, row = rows_of(found, "a")
    assert (row.leads, row.staleness_seconds) == (2, 180)
    found.apply(entry(SOURCE, Watched(NOW - 5 * MINUTE, "event"), "c"))
    _, row = rows_of(found, "d")
    assert (row.leads, row.staleness_seconds) == (4, 300)


def test_the_table_says_what_is_wrong_once_for_each_tenant(capsys: pytest.CaptureFixture[str]) -> None:
    """Each row has the tenant's name, for `grep`; its reason is below, once, and a feed's own sentence beside it."""
    found = remembered(
        rows=FeedState(succeeded=NOW - MINUTE, next=NOW + MINUTE), trail=FeedState(failures=2, code="rejected")
    )
    found.apply(entry(SOURCE, FeedState(failures=2, code="rejected", sentence="it will never be"), "trail"))
    found.apply(entry(SOURCE, Standing(parked=NOW, again=NOW + 1, sentence="it says no", skew=-90.0, left={"day": 9})))
    feeds._write(rows_of(found), NOW / 1000)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "tenant feed state staleness errors leads last success next turn records left today",
        "things/t rows parked - - - 1 min ago in 1 min 0 9",
        "things/t trail parked - 2x rejected 0 never - 0 9",
        "",
        "/things/t is parked since 2026-08-08 09:00:00 UTC, tried again at 2026-08-08 09:00:00 UTC: it says no",
        "/things/t: the platform's clock is 1 min 30 s behind ours",
        "/things/t trail: it will never be",
    ]


def test_a_narrow_terminal_shows_what_needs_somebody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tenant stands above its feeds, state, staleness and errors come first, and what is left out is named."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    found = remembered(rows=FeedState(failures=2, code="unavailable", succeeded=NOW - 90_000 * MINUTE))
    found.apply(entry(SOURCE, Standing(left={"day": 9})))
    feeds._write(rows_of(found), NOW / 1000)
    lines = [click.unstyle(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0].split()[:5] == ["tenant,", "feed", "state", "staleness", "errors"]
    assert [line.split() for line in lines[1:3]] == [
        ["things/t"],
        ["rows", "failing", "-", "2x", "unavailable", "-", "62", "d", "ago"],
    ]
    assert lines[4] == "  a wider terminal, or a pipe, also shows: next turn, records, left today"


@pytest.mark.parametrize(
    "text",
    [
        "81\n82\n",
        "\ufefflead\r\n81\r\n\r\n82\r\n",
        "Lead Id\n81\n82",
        "name,LEAD_ID,id\nAnn,81,5\n,82,6\n",
        'name;id\n"An;n";81\nBo;82\n',
        'id\tname\n81\t"Ann"\n82\tBo\n',
        '{"name": "Ann", "lead": 81}\n\n{"lead": "82", "other": null}\n',
        "  81 \n82",
    ],
)
def test_leads_are_found_in_files_of_many_shapes(text: str) -> None:
    """CSV with any delimiter, with or without titles, one lead a line, and NDJSON."""
    assert list(leads_of(io.BytesIO(text.encode()))) == ["81", "82"]


def test_the_column_of_leads_can_be_named() -> None:
    """In CSV and in NDJSON, whatever its case and separators."""
    assert list(leads_of(io.BytesIO(b"Contact Id,id\n81,5\n"), "contact_id")) == ["81"]
    assert list(leads_of(io.BytesIO(b'{"contactId": "81", "id": 5}'), "contact_id")) == ["81"]
    assert list(leads_of(io.BytesIO(b"Contact Id\n81\n"), "contact_id")) == ["81"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"name,mail\nAnn,a@b\n", "line 1 has name, mail: say with --column which of these is the lead"),
        (b"name,lead\nAnn,81\nBo,\n", "line 3 names no lead"),
        (b"name,lead\nAnn\n", "line 2 names no lead"),
        (b"lead\n8\x001\n", "line 2: this is no lead's id: '8\\x001'"),
        (b"lead\n" + b"8" * 201, f"line 2: this is no lead's id: '{'8' * 40}'"),
        (b'{"lead": 81}\n{"lead": 8', "line 2 is no JSON object"),
        (b'{"lead": 81}\n{"led": 82}', "line 2 has led: say with --column which of these is the lead"),
        (b'{"lead": 8.5}', "line 1: lead is neither a text nor a whole number"),
        (b"lead\n\xff\xfe", "byte 5 is not UTF-8: save the file as UTF-8"),
    ],
)
def test_a_file_that_is_none_of_leads_says_where(text: bytes, why: str) -> None:
    """Nothing is guessed: the line, and what to do."""
    with pytest.raises(CannotRead) as refused:
        list(leads_of(io.BytesIO(text)))
    assert str(refused.value) == why


def test_nothing_is_polled(run: Any) -> None:
    """Without a polled tenant there is nothing to show, and it says what to set."""
    Path("headrace.toml").write_text("[tenants.outreach.acme]\n")
    done = run("feeds")
    assert done.exit_code == 0
    assert done.stdout == "No tenant that is asked for is polled: set polling = true in [tenants.PROVIDER.NAME].\n"


def test_a_tenant_that_is_not_configured_is_no_tenant_that_is_well(run: Any) -> None:
    """Whoever misspells a name is told so, with what was meant and what there is; of a broken one, what is wrong."""
    Path("headrace.toml").write_text("[tenants.outreach.acme]\n[tenants.outreach.south]\npolling = 3\n")
    for command in ("status", "feeds"):
        done = run(command, "-t", "acmee")
        assert done.exit_code == 2
        assert 'no tenant is called "acmee"; did you mean "acme"?; configured are outreach/acme, ' in done.stderr
        assert "no tenant of leadping is configured" in run(command, "-p", "leadping").stderr
        assert 'tenant "south" of outreach cannot be used:\n  headrace.toml:3' in run(command, "-t", "south").stderr


def test_what_cannot_be_fetched_is_said_before_anybody_is_asked(run: Any) -> None:
    """A resource that there is not, one that no call brings, a tenant without credentials, an unknown tenant."""
    Path("headrace.toml").write_text(
        '[tenants.outreach.acme]\n[tenants.leadsquared.acme]\naccess_key = "a"\nsecret_key = "b"\n'
    )
    done = run("fetch", "-p", "outreach", "-t", "acme", "-r", "evnt", "5")
    assert done.exit_code == 2
    assert 'outreach has no "evnt"; did you mean "event"?' in done.stderr
    done = run("fetch", "-p", "outreach", "-t", "acme", "-r", "event", "5")
    assert done.stderr.endswith("has no credentials to poll with: add them to [tenants.outreach.acme]\n")
    done = run("fetch", "-p", "leadsquared", "-t", "acme", "-r", "activity", "5")
    assert done.stderr == "Error: the platform of leadsquared has no call that brings one activity\n"
    assert (
        'tenant "nobody" is not configured' in run("fetch", "-p", "outreach", "-t", "nobody", "-r", "event", "5").stderr
    )


def test_a_file_without_leads_ends_before_kafka_is_asked(run: Any) -> None:
    """Whatever is wrong with it is one sentence."""
    Path("headrace.toml").write_text("[tenants.outreach.acme]\n")
    to = ("leads", "import", "-p", "outreach", "-t", "acme", "-")
    assert run(*to, stdin="\n").stderr == "Error: standard input names no lead\n"
    assert run(*to, stdin="a,b\n1,2\n").stderr.startswith("Error: line 1 has a, b: say with --column")
    done = run("leads", "add", "-p", "outreach", "-t", "acme", " ")
    assert done.stderr == "Error: LEAD names no lead\n"


def test_leads_are_woken_only_where_feeds_are_read_by_lead(run: Any) -> None:
    """Where none is, nothing is written; what to restore has to be said."""
    Path("headrace.toml").write_text("[tenants.outreach.acme]\n")
    done = run("leads", "wake", "-p", "outreach", "-t", "acme", "7")
    assert done.stderr == "Error: no feed of /outreach/acme is read lead by lead: see headrace feeds wake\n"
    for words in ((), ("--all", "7")):
        done = run("leads", "restore", "-p", "outreach", "-t", "acme", *words)
        assert done.exit_code == 2
        assert "name the leads, or say --all" in done.stderr


def test_a_feed_is_ok_only_where_everything_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Leads that failed, that were never read or wait too long, rows without a part: each is said, with its number."""
    well = FeedState(succeeded=NOW - MINUTE, next=NOW + MINUTE)
    found = remembered(trail=well)
    for lead, read in (("a", NOW - MINUTE), ("b", NOW - MINUTE)):
        found.apply(entry(SOURCE, Watched(NOW - 300 * MINUTE, "people"), lead))
        found.apply(entry(SOURCE, Position(b"1", read), "trail", lead))
    assert rows_of(found)[1].state == "ok"

    def word_with(state: FeedState) -> tuple[str, list[str]]:
        found.apply(entry(SOURCE, state, "trail"))
        row = rows_of(found)[1]
        feeds._write([row], NOW / 1000)
        return row.state, [line.strip() for line in capsys.readouterr().out.splitlines()[3:]]

    ill = replace(well, missing=1, since=NOW - 5 * MINUTE, code="gone", sentence="the platform answered 404")
    since = "since 2026-08-08 08:55:00 UTC: the platform answered 404"
    assert word_with(ill) == ("partial", [f"/things/t trail: 1 of 2 leads not read as it should be {since}"])
    lacks = replace(well, lacking=2, lacked=NOW - 60 * MINUTE)
    last = "the last 2026-08-08 08:00:00 UTC; the log names them: row_incomplete"
    assert word_with(lacks) == ("partial", [f"/things/t trail: 2 rows came without a part or not at all, {last}"])
    assert word_with(replace(lacks, lacked=NOW - 25 * 60 * MINUTE))[0] == "ok"
    nudge = AddressedNudge(feed="trail", lead="a", partition=1, offset=2, record="0a", time=1)
    found.apply(entry(SOURCE, OpenNudge(nudge, came=NOW - 20 * MINUTE), "trail", "0a"))
    waits = word_with(well)
    assert waits[0] == "partial"
    assert waits[1][0].startswith("/things/t trail: 1 webhook waiting for longer than a quarter of an hour")
    found.apply(entry(SOURCE, OpenNudge(nudge, came=NOW - 20 * MINUTE, ended=NOW), "trail", "0a"))
    found.apply(entry(SOURCE, Position(b"1", NOW - 200 * MINUTE), "trail", "b"))
    behind = word_with(well)
    assert behind[0] == "behind"
    assert "behind with its round through 2 leads" in behind[1][0]
    found.apply(entry(SOURCE, Watched(NOW, "event"), "c"))
    found.apply(entry(SOURCE, PlatformFact("pages from 0", at=NOW - MINUTE, seen=2), "offset-counts"))
    unread = word_with(well)
    assert unread[0] == "unread"
    assert unread[1][0] == "/things/t: learned of its platform: offset-counts: pages from 0"
    assert unread[1][1].startswith("/things/t trail: 1 lead never read; they take 0 s or more")


def test_who_rests_is_shown_with_the_reason_and_until_when(capsys: pytest.CaptureFixture[str]) -> None:
    """A table a feed, its reasons below; what waits for its feed has no time of its own."""
    found = TenantState()
    reasons = (("gone", "it is not there"), ("unavailable", "no answer"))
    leads = (
        RestingLead("a", 0, NOW - 5 * MINUTE, NOW + MINUTE, 2),
        RestingLead("b", 1, NOW - MINUTE, NOW - 1, 1),
        RestingLead("c", 1, NOW - MINUTE, NOW, 1, aside=True),
    )
    found.apply(entry(SOURCE, Resting(NOW - 3 * MINUTE, leads, reasons, more=1_000, held=NOW + MINUTE), "trail"))
    found.apply(entry(SOURCE, Resting(NOW, (RestingLead("", 0, NOW, NOW + MINUTE, 1),), reasons[1:]), "rows"))
    rests = list(resting_feeds(tenant(), found))
    write_resting(rests, from_timestamp(NOW))
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "/things/t rows: rests",
        "  lead  why             until  times     since",
        "  -     unavailable  09:01:00     1x  09:00:00",
        "  unavailable, 1 of these: no answer",
        "",
        "/things/t trail: 1,003 leads not read in time; no turn before 09:01:00 (as of 08:57:00)",
        "  lead  why             until  times     since",
        "  a     gone         09:01:00     2x  08:55:00",
        "  b     unavailable       now     1x  08:59:00",
        "  c     unavailable  its feed     1x  08:59:00",
        "  and 1,000 more",
        "  unavailable, 2 of these: no answer",
        "  gone, 1 of these: it is not there",
    ]
    assert msgspec.to_builtins(rests[1])["leads"][2] == {
        "lead": "c",
        "code": "unavailable",
        "sentence": "no answer",
        "times": 1,
        "since": "2026-08-08T08:59:00Z",
        "aside": True,
    }
    write_resting([], from_timestamp(NOW))
    assert capsys.readouterr().out == "No lead rests.\n"


def test_feeds_say_that_a_mass_of_leads_is_held_back(capsys: pytest.CaptureFixture[str]) -> None:
    """Once for the tenant, with what to look at and what to do."""
    found = remembered(trail=FeedState(succeeded=NOW - MINUTE, next=NOW + MINUTE))
    for number in range(3):
        found.apply(entry(SOURCE, Watched(NOW, "people", gone=NOW, times=TIMES), f"{number}"))
    rows = rows_of(found)
    assert [row.held_back for row in rows] == [3, 3]
    feeds._write(rows, NOW / 1000)
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  /things/t: ")]
    assert [line.split(": ", 1)[1] for line in notes] == [
        "its platform does not know 3 leads, too many at once to be dropped: they stay watched",
        (
            "check its credentials and address; headrace leads list --dropped names the leads, "
            "headrace leads remove takes away what is gone indeed"
        ),
    ]


def test_a_feed_in_its_first_pass_is_unread() -> None:
    """Pages are stored as they come; what it reads back to may still hold all that anybody looks for."""
    found = remembered(rows=FeedState(events=100, next=NOW + MINUTE))
    found.apply(entry(SOURCE, Position(b"page 1", 0), "rows", ""))
    assert rows_of(found)[0].state == "unread"
    statuses = FeedStatuses(SOURCE, found, lambda _: Missing())
    assert statuses.covered("rows", began=1.0, events=1, due=2.0, last=False).value == FeedState(events=101, next=2_000)
    assert statuses.covered("rows", began=1.0, events=1, due=2.0, last=True).value == FeedState(
        events=102, succeeded=1_000, next=2_000
    )
