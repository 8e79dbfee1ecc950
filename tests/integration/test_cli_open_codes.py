"""`headrace taxonomy unmapped`: what is open under today's tables, judged by the raw records where they are left."""

import itertools
from pathlib import Path

import msgspec
import pytest

from headrace.core.record import ProducerRecord
from headrace_events import Event, decode
from tests.integration.command import OVERLAY, Headrace
from tests.integration.test_cli_kafka import names, page, row
from tests.kafka.broker import Broker

SUN = '\n[[row]]\ntable = "event"\ncode = "sun_landed"\ntype = "task.logged"\n'
APPS = '\n[[row]]\ntable = "event"\ncode = "<app>:<event>"\ntype = "custom.logged"\n'
CODES = ("moon_landed", "sun_landed", "sun_landed", "star:landed")


@pytest.fixture
def headrace(tmp_path: Path, kafka: Broker, prefix: str) -> Headrace:
    """Return the program where four events have no row of their own: two codes, and one of an app."""
    program = Headrace(tmp_path, kafka.bootstrap_servers, prefix)
    program("topics", "apply", "--profile", "dev", "--partitions", "2")
    rows = [row(number, name) for number, name in enumerate(CODES, 1)]
    program("ingest", "-p", "outreach", "-t", "acme", "-", stdin=page(*rows))
    with program.start("run", "--role", "normalizer"):
        program("tail", "--from-start", "-n", "4")
    return program


def listed(program: Headrace, *words: str) -> list[str]:
    """Return the rows of the list, without source, resource, name, times and sample."""
    lines = (line.split(" ") for line in itertools.takewhile(bool, names(program("taxonomy", "unmapped", *words))))
    return sorted(" ".join((line[2], *line[4:-3])) for line in lines)


def test_what_todays_overlay_decides_is_open_no_more(headrace: Headrace) -> None:
    """A code leaves the list with its row, a fallback of its provider's included; --all keeps it, and says as what."""
    assert listed(headrace) == [
        "moon_landed custom.logged (provisional) 1",
        "star:landed custom.logged (provisional) 1",
        "sun_landed unmapped 2",
    ]
    (headrace.folder / "acme.toml").write_text(OVERLAY + SUN)
    assert listed(headrace) == [
        "moon_landed custom.logged (provisional) 1",
        "star:landed custom.logged (provisional) 1",
    ]
    (headrace.folder / "acme.toml").write_text(OVERLAY.replace("provisional = true", "") + SUN + APPS)
    done = headrace("taxonomy", "unmapped")
    assert done.stdout == "Every code on Kafka has a row of its own today; --all lists 3 that had none.\n"
    assert listed(headrace, "--all") == [
        "moon_landed custom.logged (provisional) custom.logged 1",
        "star:landed custom.logged (provisional) custom.logged 1",
        "sun_landed unmapped task.logged 2",
    ]
    (headrace.folder / "acme.toml").write_text(SUN)
    assert listed(headrace, "--all") == [
        "moon_landed custom.logged (provisional) open 1",
        "star:landed custom.logged (provisional) open 1",
        "sun_landed unmapped task.logged 2",
    ]


def test_without_its_raw_record_a_code_is_looked_up_by_its_name(headrace: Headrace) -> None:
    """Where raw has gone, the table is asked for the native code itself; a tenant that is gone decides nothing."""
    events = [decode(record.value or b"") for record in headrace.read("events")]
    (sun, *_) = (event for event in events if event.data.native.code == "sun_landed")
    gone: list[Event] = []
    for source in ("/outreach/acme", "/outreach/former"):
        event = decode(msgspec.json.encode(sun))
        event.source, event.data.provenance.raw.offset = source, 10_000
        event.data.native.tenant = source.rpartition("/")[2]
        event.data.native.status = "landed"
        gone.append(event)
    headrace.append("events", *(ProducerRecord(b"k", msgspec.json.encode(event), []) for event in gone))
    assert "sun_landed unmapped 3" in listed(headrace, "-t", "acme")
    (headrace.folder / "acme.toml").write_text(OVERLAY + SUN)
    assert listed(headrace, "-t", "acme") == [
        "moon_landed custom.logged (provisional) 1",
        "star:landed custom.logged (provisional) 1",
    ]
    assert listed(headrace, "-t", "former") == ["sun_landed unmapped 1"]
