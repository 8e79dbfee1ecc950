"""`headrace status`: ways and notices, the worst first, as a screen and for programs."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest
from click.testing import CliRunner

from headrace.cli import _status_page as page, main
from headrace.cli._status_rows import (
    TROUBLE,
    WORST_FIRST,
    NoticeRow,
    WayRow,
    is_in_trouble,
    notice_rows,
    rows_of,
    way_rows,
)
from headrace.config.tenants import Account, Tenants
from headrace.observe.notice_level import LASTS_SECONDS
from headrace.observe.notices import Notices
from headrace.poller.state import PartitionState
from headrace.records.cursors import FeedState, Position, Standing, entry
from headrace.records.hooks import HookFinding, HookReport
from headrace_events import Notice, NoticeKind, Via
from tests.fake_provider import account, polled

NOW = datetime(2026, 8, 8, 9, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
MINUTE = 60_000


def tenant(name: str, **settings: Any) -> Account:
    """Configure a polled tenant with two feeds, and webhooks."""
    return polled("http://nowhere", name, feeds=["rows", "finder"], webhook_secrets=["x"], **settings)


def stored(*accounts: Account, **over: FeedState) -> PartitionState:
    """Remember of each tenant feeds that went well, but for one of the first, which is as `over` says."""
    state, well = PartitionState(), FeedState(succeeded=NOW_MS - MINUTE, next=NOW_MS + MINUTE)
    for number, one in enumerate(accounts):
        for feed in ("rows", "finder"):
            value = over.get(feed, well) if number == 0 else well
            state.apply([entry(one.source, value, feed), entry(one.source, Position(b"1", NOW_MS - MINUTE), feed, "")])
        state.apply([entry(one.source, HookReport(NOW_MS, {}))])
    return state


def noted(*kinds: NoticeKind, age: float = 60.0) -> dict[str, Notice]:
    """Return notices of a tenant, written so many seconds ago."""
    notices = Notices(lambda: NOW.timestamp() - age)
    for kind in kinds:
        notices.note(kind, "/things/a", "it says no", item="rows" if kind is NoticeKind.FEED_STALE else "")
    notices.settle({})
    return {one.partitionkey: one for one in notices.due()}


def test_each_way_is_as_bad_as_its_worst_feed_and_as_old_as_its_oldest() -> None:
    """The worst comes first; of a tenant that is well nothing more is written."""
    bad, good = tenant("a"), tenant("b")
    failing = FeedState(succeeded=NOW_MS - 5 * MINUTE, failures=2, code="unavailable", sentence="it says 503")
    first, *others = way_rows([good, bad], stored(bad, good, rows=failing), NOW_MS)
    assert first == WayRow(
        source="/things/a",
        via=Via.POLL,
        state="failing",
        why=("it says 503 (rows)",),
        last_success="2026-08-08T08:55:00Z",
        feeds=2,
    )
    assert [(row.source, row.via, row.state) for row in others] == [
        ("/things/a", "webhook", "ok"),
        ("/things/b", "poll", "ok"),
        ("/things/b", "webhook", "ok"),
    ]
    assert is_in_trouble([first], [])
    assert not is_in_trouble(others, [])


def test_what_stops_several_feeds_is_written_once() -> None:
    """With their names; what stops the tenant without."""
    bad = tenant("a")
    failing = FeedState(failures=2, code="unavailable", sentence="it says 503")
    state = stored(bad, rows=failing, finder=failing)
    assert way_rows([bad], state, NOW_MS)[0].why == ("it says 503 (rows, finder)",)
    state.apply([entry(bad.source, Standing(parked=NOW_MS - MINUTE, sentence="it says 401"))])
    row = way_rows([bad], state, NOW_MS)[0]
    assert (row.state, row.why) == ("parked", ("it says 401",))


def test_webhooks_are_as_the_last_look_found_them() -> None:
    """A tenant that nobody looks at is unwatched; one without webhooks has no such way."""
    state = PartitionState()
    state.apply([entry("/things/a", HookReport(NOW_MS, {}, (HookFinding("disabled", "created", NOW_MS, "by us"),)))])
    accounts = [account("a", webhook_secrets=["x"]), account("b", webhook_secrets=["x"]), account("c")]
    assert [(row.source, row.via, row.state) for row in way_rows(accounts, state, NOW_MS)] == [
        ("/things/a", "webhook", "trouble"),
        ("/things/b", "webhook", "unwatched"),
    ]


def test_notices_that_nobody_confirms_come_last_and_count_no_more() -> None:
    """What is over is not listed."""
    found = noted(NoticeKind.CODE_FIRST_SEEN, NoticeKind.FEED_STALE, NoticeKind.TENANT_PARKED)
    rows = notice_rows(found, NOW)
    assert [row.notice for row in rows] == ["tenant_parked", "feed_stale", "code_first_seen"]
    assert is_in_trouble([], rows)
    later = notice_rows(found, NOW + timedelta(seconds=LASTS_SECONDS))
    assert [(row.notice, row.confirmed) for row in later] == [
        ("code_first_seen", True),
        ("tenant_parked", False),
        ("feed_stale", False),
    ]
    old = notice_rows(noted(NoticeKind.TENANT_PARKED, age=LASTS_SECONDS), NOW)
    assert len(old) == 1
    assert not is_in_trouble([], old)
    assert notice_rows(noted(NoticeKind.TENANT_PARKED, age=LASTS_SECONDS + 86_400), NOW) == [], "its process is gone"
    for one in found.values():
        one.data.state = "over"
    assert notice_rows(found, NOW) == []


def test_what_is_of_a_tenant_that_is_not_configured_needs_nobody() -> None:
    """What is of a process does."""
    notices = Notices(NOW.timestamp)
    for source in ("/things/a", "/things/gone", "/headrace/web-1:9464/receiver"):
        notices.note(NoticeKind.CODE_FIRST_SEEN, source, "no row", item="1")
    notices.settle({})
    rows = notice_rows({one.partitionkey: one for one in notices.due()}, NOW)
    assert [row.source for row in rows_of(rows, Tenants([tenant("a")]))] == [
        "/headrace/web-1:9464/receiver",
        "/things/a",
    ]


def test_a_notice_of_a_later_release_is_shown() -> None:
    """Behind all kinds that are known."""
    found = noted(NoticeKind.TENANT_PARKED, NoticeKind.CODE_FIRST_SEEN)
    found["/things/a/tenant_parked"].data.notice = "moon_landed"
    assert [row.notice for row in notice_rows(found, NOW)] == ["code_first_seen", "moon_landed"]


def test_every_state_has_its_place() -> None:
    """None is listed twice, and trouble is what is worst."""
    assert len(set(WORST_FIRST)) == len(WORST_FIRST)
    assert set(WORST_FIRST[:5]) == TROUBLE


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (120, 30), (80, 10)])
def test_it_is_one_screen(
    columns: int, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No line is too long, and no more lines than there are; what is bad comes before what is well."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((columns, lines)))
    ways = [
        WayRow(source=f"/things/tenant-{number}", via=Via.POLL, state="failing", why=("no " * 80,))
        for number in range(40)
    ]
    notices = [
        NoticeRow(
            notice="feed_stale", source=f"/things/t{n}", item="rows", since=from_(n), why="x " * 90, written=from_(n)
        )
        for n in range(20)
    ]
    page.write_page(ways, notices, "", NOW)
    written = [click.unstyle(line) for line in capsys.readouterr().out.splitlines()]
    assert written[0].endswith("20 notices open, 40 of 40 ways in trouble")
    assert max(map(len, written)) <= columns
    assert len(written) < max(lines, 18)
    hidden = [line for line in written if line.startswith("  and ")]
    assert [line.partition(" more")[2].split()[-1] for line in hidden] == ["trouble", "all"]


def test_a_reason_is_whole_where_the_screen_has_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes on below its beginning; with too many of them, each is cut at the end of its line."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    reason = "the platform answered 503 Service Unavailable, 合同 and so on, for all"
    ways = [WayRow(source=f"/things/t{number}", via=Via.POLL, state="failing", why=(reason,)) for number in range(20)]
    page.write_page(ways[:2], [], "", NOW)
    first, *more = [click.unstyle(line) for line in capsys.readouterr().out.splitlines()][3:]
    begin = first.index("the platform")
    assert " ".join([first[begin:], more[0].strip()]) == reason
    assert more[0].index(more[0].strip()) == begin
    assert len(more) == 3
    page.write_page(ways, [], "", NOW)
    assert [click.unstyle(line)[-1] for line in capsys.readouterr().out.splitlines()[3:6]] == ["…"] * 3


def from_(minutes: int) -> str:
    return (NOW - timedelta(minutes=minutes)).replace(tzinfo=None).isoformat() + "Z"


def test_without_a_terminal_everything_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Each sentence is one line, however long."""
    ways = [WayRow(source=f"/things/tenant-{number}", via=Via.POLL, state="ok") for number in range(40)]
    notices = [
        NoticeRow(
            notice="feed_stale", source="/things/t", item="rows", since=from_(5), why="x" * 200, written=from_(1)
        ),
        NoticeRow(
            notice="spool_in_use",
            source="/headrace/a/all",
            since=from_(600),
            why="away",
            written=from_(590),
            confirmed=False,
        ),
    ]
    page.write_page(ways, notices, "There is no topic.", NOW)
    written = capsys.readouterr().out.splitlines()
    assert written[0] == "2026-08-08 09:00:00 UTC: 1 notice open, 0 of 40 ways in trouble"
    assert written[-5:] == [
        "",
        f"  things/t: feed_stale rows for 5 min: {'x' * 200}",
        "  headrace/a/all: spool_in_use for 10 h, which nobody has confirmed for 9 h: away",
        "",
        "  There is no topic.",
    ]
    assert len(written) == 1 + 1 + 1 + 40 + 5


def test_what_unwatched_means_stands_below_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """It is no trouble, and nothing else says why nobody looks."""
    ways = [WayRow(source=f"/things/{name}", via=Via.WEBHOOK, state="unwatched") for name in "ab"]
    page.write_page(ways, [], "", NOW)
    assert click.unstyle(capsys.readouterr().out).splitlines()[-1].startswith("  unwatched: nobody looks at these")


def test_a_screen_is_no_json() -> None:
    """The one is for people, the other for programs."""
    done = CliRunner().invoke(main, ["status", "--watch", "--json"])
    assert done.exit_code == 2
    assert "leave out --json" in done.output
