"""Rows of `headrace check --online`: what is at fault, what is only unknown, and how they are printed."""

from pathlib import Path

import msgspec
import pytest

from headrace.cli import _online_check
from headrace.cli._check_rows import CheckRow, write_json, write_table
from headrace.cli._feed_rows import FeedRow
from headrace.cli._kafka_checks import reach_rows, right_rows, topics_found, version_rows
from headrace.cli._platform_checks import quota_row, tokenless
from headrace.cli._tenant_checks import feeds_row, leads_row, receiver_row, webhook_rows
from headrace.config import load
from headrace.kafka.cluster_check import BrokerFound, Denial, Rights
from headrace.kafka.topics import ALL, NAMES
from headrace.poller.http_client import open_session
from headrace.poller.probe_calls import left_of
from headrace.poller.receiver_reach import Reached
from headrace.poller.state import TenantState
from headrace.records.cursors import SealedTokens, Spending
from headrace.records.hooks import HookFinding, HookReport
from headrace.sdk.faults import Denied
from tests.unit.configs import tenant, write

GOOD = BrokerFound(1, "one:9092")
NOW = 1_800_000_000.0


def test_a_broker_that_is_silent_is_a_fault_beside_those_that_answer() -> None:
    """It is named with its address; the others do not make it well."""
    (row,) = reach_rows([GOOD, BrokerFound(2, "two:9092", "NodeNotReadyError")], "one:9092")
    assert (row.state, row.found) == ("fault", "broker 2 does not answer at two:9092 (NodeNotReadyError)")
    assert [row.state for row in reach_rows([GOOD], "one:9092")] == ["ok"]
    assert [row.state for row in reach_rows([], "one:9092")] == ["unknown"]


def test_topics_are_counted_as_apply_makes_them() -> None:
    """The one that the service does without is counted where it is there, and named where it is not."""
    assert topics_found("t.", {f"t.{name}" for name in ALL}) == "all 7 of t.* keep what is promised"
    assert topics_found("t.", {f"t.{name}" for name in NAMES}).startswith("6 of t.* keep what is promised; without t.n")


async def test_what_breaks_on_an_answer_is_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other tenants are looked at all the same, and the answer is not repeated."""

    async def break_down(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(_online_check, "try_platform", break_down)
    config = load(write(tmp_path, "[tenants.outreach.acme]\npolling = true\naccess_token = 'three'\n"), {})
    async with open_session() as session:
        look = await _online_check._called(config, tenant(config), TenantState(), session, counted=True)
    assert (look.rows[0].check, look.rows[0].state) == ("platform", "fault")
    assert "a secret" not in str(look.rows)


def test_an_old_broker_is_a_fault_and_says_what_it_lacks() -> None:
    """One of several is enough; of those that do not answer nothing is known."""
    (row,) = version_rows([GOOD, BrokerFound(2, "two:9092", lacks=["DescribeProducers"])])
    assert row.state == "fault"
    assert "broker 2 is older than Kafka 3.1: it does not know DescribeProducers" in row.found
    assert [row.state for row in version_rows([BrokerFound(1, "one:9092", "TimeoutError")])] == ["unknown"]


@pytest.mark.parametrize(
    ("denial", "grant"),
    [
        (Denial(["READ", "DESCRIBE_CONFIGS"], "topic", "r"), "--operation Read --operation DescribeConfigs --topic r"),
        (Denial(["READ"], "group", "h.poller"), "--operation Read --group h.poller"),
        (Denial(["ALTER"], "cluster", ""), "--operation Alter --cluster"),
        (
            Denial(["WRITE"], "transactional-id", "h.poller-0"),
            "--operation Write --resource-pattern-type prefixed --transactional-id h.poller-",
        ),
    ],
)  # fmt: skip
def test_a_denial_says_how_it_is_granted(denial: Denial, grant: str) -> None:
    """The next step is a command of Kafka's own."""
    (row,) = right_rows(Rights([denial], []))
    assert row.next == f"kafka-acls.sh --add --allow-principal User:NAME {grant}"


def test_rights_that_kafka_does_not_tell_are_unknown() -> None:
    """Never ok."""
    assert [row.state for row in right_rows(Rights([], ["the cluster"]))] == ["unknown"]
    assert [row.state for row in right_rows(Rights([], []))] == ["ok"]


def test_a_feed_is_ok_only_where_all_are() -> None:
    """Parked and failing are faults, whatever else is not ok is unknown."""

    def state(*words: str) -> str:
        feeds = [
            msgspec.convert({"source": "/p/t", "feed": word, "state": word, "every_seconds": 1}, FeedRow)
            for word in words
        ]
        return feeds_row("p/t", feeds).state

    assert [state("ok", "ok"), state("paused"), state("ok", "partial"), state("unread", "failing")] == [
        *("ok", "off", "unknown", "fault")
    ]


def test_leads_are_ok_with_a_round_in_time() -> None:
    """How long it takes stands beside how long it may."""
    feed = FeedRow(
        source="/p/t", feed="f", state="ok", every_seconds=1, leads=9, pass_seconds=60, max_staleness_seconds=3600
    )
    assert leads_row("p/t", [feed]).found == "9 leads: a round takes 1 min, and may take 1 h"
    slow = msgspec.structs.replace(feed, sweep_seconds=7200, would_do={"day": 400})
    row = leads_row("p/t", [slow])
    assert (row.state, "400 calls a day would do" in row.found) == ("fault", True)


@pytest.mark.parametrize(
    ("token", "end"),
    [
        (SealedTokens("", minted=1, expires=2, intent=3), "what became of the last one that it asked for is not known"),
        (SealedTokens("", minted=1, refused=int(NOW * 1000) - 60_000), "the platform refused it a new one 1 min ago"),
        (SealedTokens("", minted=1, expires=int(NOW * 1000) - 60_000), "the last one ended 1 min ago"),
    ],
)  # fmt: skip
def test_the_last_state_of_tokens_is_said(token: SealedTokens, end: str) -> None:
    """Where none holds: the poller's own word for it."""
    row = next(row for row in tokenless("p/t", token, Denied("none holds"), NOW) if row.check == "credentials")
    assert (row.state, row.found) == ("fault", f"none holds; {end}")


def test_a_budget_that_is_used_up_is_a_fault() -> None:
    """Of the day or the year; a short window that is full for a moment is none."""
    assert quota_row("p/t", {"window": 0, "day": 5}, None).state == "ok"
    row = quota_row("p/t", {"window": 5, "day": 9, "year": 0}, None)
    assert (row.state, row.found) == ("fault", "no call is left of the year's budget")


def test_a_short_window_is_shown_where_it_is_all_there_is(tmp_path: Path) -> None:
    """Beside a day's budget it is not: what a poller leased fills it, for seconds."""
    text = (
        "[tenants.outreach.acme]\npolling = true\naccess_token = 't'\nbudget = { per_window = 10, window = '1s'%s }\n"
    )
    spent = TenantState()
    spent.spending = Spending({int(NOW / 300): 100}, {}, NOW + 10, 100)
    day = tenant(load(write(tmp_path, text % ", per_day = 10_000"), {}))
    assert quota_row("p/t", left_of(day, spent, NOW), None).found == "9,900 of the day left"
    window = tenant(load(write(tmp_path, text % ""), {}))
    assert quota_row("p/t", left_of(window, TenantState(), NOW), None).found == "10 now left"


def test_webhooks_that_were_made_since_are_no_fault(tmp_path: Path) -> None:
    """A report is believed for two hours."""
    account = tenant(load(write(tmp_path, '[tenants.outreach.acme]\nwebhook_secrets = ["s"]\n'), {}))
    state, now = TenantState(), int(NOW * 1000)
    state.hook_report = HookReport(now - 60_000, {"missing": 1}, (HookFinding("missing", "*.*", 1),))
    (row,) = webhook_rows(account, "https://x.example.com", state, None, now)
    assert (row.found, row.next) == ("webhook *.* is needed and not registered", "headrace hooks apply")
    (row,) = webhook_rows(account, "https://x.example.com", state, None, now + 3 * 3_600_000)
    assert row.state == "unknown"
    (row,) = webhook_rows(account, None, state, None, now)
    assert row.state == "off"
    assert receiver_row(account, None, None).found == "public_url is not set"
    assert receiver_row(account, "https://x.example.com", Reached(0.1)).state == "ok"


def test_the_same_of_many_tenants_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    """With their names, and what to do; nothing that looks like a secret."""
    rows = [CheckRow(f"p/t{number}", "receiver", "fault", "down: token=planted-71", "look") for number in range(9)]
    write_table(rows)
    out = capsys.readouterr().out
    assert "  p/t0, p/t1, p/t2, p/t3, p/t4 and 4 more receiver: down: token=[redacted].\n  next: look\n" in out
    assert out.endswith("9 faults.\n")
    write_json(rows)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 9
    assert "planted-71" not in out
