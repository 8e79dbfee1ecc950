"""`headrace ledger` with Kafka: what the poller stored of hours, as a table and for programs."""

import json
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from headrace.core.timestamps import from_millis
from headrace.records.cursors import encode, entry, home_partition
from headrace.records.hour_report import EDGES
from headrace.records.ledger_hour import HOUR_SECONDS, LedgerHour
from headrace_demo import senders
from tests.integration.command import Headrace
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

PARTITIONS = 2
ACME, NORTH = ("-p", "outreach", "-t", "acme"), ("-p", "outreach", "-t", "north")
NOW_HOUR = int(time.time()) // HOUR_SECONDS
TITLES = ["hour (UTC)", "both", "webhook", "poll", "lost", "poll later", "webhook later", "missed", "uncounted"]


@pytest.fixture
def headrace(tmp_path: Path, kafka: Broker, prefix: str) -> Headrace:
    """Configure a tenant that is polled and takes webhooks, and one that is not polled."""
    found = Headrace(tmp_path, kafka.bootstrap_servers, prefix)
    both = senders.toml(senders.make("outreach", "acme"), polling=True, access_token="an invented one")  # noqa: S106  (it opens nothing)
    (found.folder / "headrace.toml").write_text(both + senders.toml(senders.make("outreach", "north")))
    found("topics", "apply", "--profile", "dev", "--partitions", str(PARTITIONS))
    return found


def store(headrace: Headrace, **hours: LedgerHour) -> None:
    """Store hours of the tenant acme as its poller does, each `ago` so many hours."""
    for ago, hour in hours.items():
        record = encode(entry("/outreach/acme", hour, str(NOW_HOUR - int(ago.removeprefix("ago_")))))
        headrace.append("cursors", replace(record, partition=home_partition("/outreach/acme", PARTITIONS)))


def hour_of(ago: int) -> str:
    return from_millis((NOW_HOUR - ago) * HOUR_SECONDS * 1000)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_hours_are_shown_as_a_table_and_for_programs(headrace: Headrace) -> None:
    """Closed ones with what each way lost, open ones marked; only those of the time that is asked for."""
    store(
        headrace,
        ago_30=LedgerHour(both=1, closed=1),
        ago_5=LedgerHour(
            both=960,
            webhook=10,
            poll=30,
            untold={"x": 4},
            poll_later=(900, 0, 60),
            webhook_later=(*(0,) * len(EDGES), 7),
            missed=2,
            partitions=(0, 1),
            closed=1,
            hole=1,
            backfill="bf-7",
        ),
        ago_3=LedgerHour(both=40, uncounted=3, partitions=(1,)),
    )
    lines = headrace("ledger", *ACME).stdout.splitlines()
    shown = [f"{hour_of(ago)[5:10]} {hour_of(ago)[11:16]}" for ago in (5, 3)]
    assert [cells(line) for line in lines[:3]] == [
        TITLES,
        [shown[0], "960", "10", "30", "3.0%", "1s 5s", ">4h >4h", "2", "0"],
        [f"{shown[1]}*", "40", "0", "0", "0.0%", "-", "-", "0", "3"],
    ]
    assert [line.strip() for line in lines[3:]] == [
        "",
        "1,000 facts of closed hours: webhooks lost 3.00%, polling 1.00%",
        "later: of the facts that both told, half within the first time, 95 % within the second",
        "* not all partitions of raw have reported it yet",
        "2 records of the sweep should have been named by discovery",
        "3 facts found no room in memory: they are in no other number",
        f"{shown[0]}: webhooks lost 3.0%, polling 1.0%; back-fill bf-7 was started for it",
    ]
    found = [json.loads(line) for line in headrace("ledger", *ACME, "--json").stdout.splitlines()]
    assert [(row["hour"], row["state"]) for row in found] == [(hour_of(5), "closed"), (hour_of(3), "open")]
    assert found[0] == {
        "source": "/outreach/acme",
        "hour": hour_of(5),
        "state": "closed",
        "both": 960,
        "webhook": 10,
        "poll": 30,
        "webhooks_lost": 0.03,
        "polling_lost": 0.01,
        "poll_later": {"p50": 1, "p95": 5},
        "webhook_later": {"p50": -1, "p95": -1},
        "missed_by_discovery": 2,
        "uncounted": 0,
        "untold": 4,
        "hole": from_millis(1),
        "backfill": "bf-7",
    }
    assert len(headrace("ledger", *ACME, "--json", "--since", "36h").stdout.splitlines()) == 3
    assert len(headrace("ledger", *ACME, "--json", "--since", hour_of(4)).stdout.splitlines()) == 1


def test_where_there_is_no_hour_it_says_why(headrace: Headrace) -> None:
    """None is over yet, or the tenant has one way alone; programs get nothing."""
    none = headrace("ledger", *ACME).stdout
    assert none == (
        "No hour of that time is reported yet: the first one is when it is over for the time of [ledger] settle.\n"
    )
    one_way = headrace("ledger", *NORTH).stdout
    assert one_way == (
        "/outreach/north has no loss ledger: it needs polling = true and webhooks, to hold one against the other.\n"
    )
    assert headrace("ledger", *ACME, "--json").stdout == headrace("ledger", *NORTH, "--json").stdout == ""


def test_a_tenant_that_is_not_configured_is_a_mistake(headrace: Headrace) -> None:
    """It is named, and nothing is shown."""
    done = headrace("ledger", "-p", "outreach", "-t", "nobody", code=1)
    assert (done.stdout, "nobody" in done.stderr) == ("", True)
