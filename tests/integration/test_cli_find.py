"""`headrace find`: one event explained, from a real broker."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from headrace.config import KafkaSettings
from headrace.core.record import ProducerRecord
from headrace.kafka.consumer import Consumer
from headrace.kafka.partition_scan import ALL_TIME, PartitionRead, scan
from tests.integration.command import Headrace
from tests.integration.test_cli_dead_letters import normalizing
from tests.integration.test_cli_kafka import page, row
from tests.kafka.broker import Broker
from tests.kafka.client import add_partitions, delete_records


@pytest.fixture
def headrace(tmp_path: Path, kafka: Broker, prefix: str) -> Headrace:
    """Return the program with topics of three partitions."""
    program = Headrace(tmp_path, kafka.bootstrap_servers, prefix)
    program("topics", "apply", "--profile", "dev", "--partitions", "3")
    return program


def found(program: Headrace, *words: str) -> dict[str, Any]:
    """Return the one id that is found."""
    (line,) = program("find", "--json", *words).stdout.splitlines()
    trail: dict[str, Any] = json.loads(line)
    return trail


def test_an_event_is_explained_from_its_copies_to_its_row(headrace: Headrace) -> None:
    """Copies with their fates, the event with row and mapping, and a letter of a copy that could not be read."""
    ingest = ("ingest", "-p", "outreach", "-t", "acme", "-")
    headrace(*ingest, stdin=page(*(row(number) for number in range(1, 40))))
    headrace(*ingest, stdin=page(row(7), row(50, eventAt="soon")))
    with normalizing(headrace, letters=1, events=39):
        pass
    whole = found(headrace, "--id", "event/7", "-p", "outreach", "-t", "acme")
    assert [(copy["fate"], copy["basis"], copy["via"]) for copy in whole["copies"]] == [
        ("published", "events", "ingest"),
        ("duplicate", "derived", "ingest"),
    ]
    (version,) = whole["versions"]
    assert (version["event"]["id"], whole["counts"]) == ("event/7", {"copies": 2, "events": 1})
    assert len(whole["marks"]) == 1
    read = {each["topic"].removeprefix(headrace.prefix): each for each in whole["read"]}
    assert set(read) == {"seen", "raw", "dead-letters", "events"}
    assert 0 < read["raw"]["records"] < 41
    shown = headrace("find", "--source", "/outreach/acme", "--native", "7")
    assert f"row         {version['event']['data']['provenance']['row']}, mapping" in shown.stdout
    assert f"Read {headrace.prefix}raw partition" in shown.stderr
    dead = found(headrace, "--id", "event/50")
    assert [(copy["fate"], copy["basis"]) for copy in dead["copies"]] == [("dead", "dead-letters")]
    assert dead["letters"][0]["letter"]["problem"]["source"]["pointer"] == "$.attributes.eventAt"
    lines = headrace("find", "--lead", "81", "--json").stdout.splitlines()
    assert len(lines) == 39
    assert json.loads(lines[0])["raw"]["bytes"] > 100
    assert "-n shows more" in headrace("find", "--lead", "81", "-n", "3").stdout
    assert headrace("find", "--id", "event/4711", code=1).stderr.splitlines()[-1].startswith("Nothing of event/4711")


def test_an_id_is_found_where_retention_took_its_copies_and_partitions_were_added(headrace: Headrace) -> None:
    """What remembers it says so; a changed number of partitions is said, and all of them can be read."""
    headrace("ingest", "-p", "outreach", "-t", "acme", "-", stdin=page(*(row(number) for number in range(1, 9))))
    with normalizing(headrace, events=8):
        pass
    place = found(headrace, "--id", "event/5")["partition"]
    asyncio.run(add_partitions(headrace.servers, f"{headrace.prefix}raw", 7))
    everywhere = found(headrace, "--id", "event/5", "--everywhere")
    assert (everywhere["partition"], everywhere["counts"]) == (place, {"copies": 1, "events": 1})
    assert "the number was changed" in everywhere["notes"][0]
    asyncio.run(delete_records(headrace.servers, f"{headrace.prefix}raw", place, -1))
    gone = found(headrace, "--id", "event/5", "--everywhere")
    assert (gone["copies"], len(gone["marks"]), len(gone["versions"])) == ([], 1, 1)
    assert "gone by retention" in headrace("find", "--id", "event/5", "--everywhere").stderr


def test_a_scan_goes_on_where_retention_deletes_under_it(kafka: Broker, headrace: Headrace) -> None:
    """What is deleted while a partition is read is counted, and what is left is read."""
    topic = f"{headrace.prefix}raw"
    headrace.append("raw", *(ProducerRecord(b"k", b"x" * 200_000, [], 0) for _ in range(60)))

    async def work() -> tuple[int, PartitionRead]:
        into: list[PartitionRead] = []
        last = -1
        async with Consumer(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers), committed=False) as log:
            groups = scan(log, topic, 0, ALL_TIME, advance=lambda *_: None, into=into)
            async for records in groups:
                if last < 0 and records:
                    await delete_records(kafka.bootstrap_servers, topic, 0, 55)
                last = records[-1].offset if records else last
        return last, into[0]

    last, read = asyncio.run(work())
    assert last == 59
    assert read.records + read.deleted == 60


def test_what_was_published_of_a_paused_tenant_is_found(headrace: Headrace) -> None:
    """Its events with their lead, as published; what came since as held; and without its settings the events still."""
    ingest = ("ingest", "-p", "outreach", "-t", "acme", "-")
    headrace(*ingest, stdin=page(row(7), row(8)))
    with normalizing(headrace, letters=0, events=2):
        pass
    settings = headrace.folder / "headrace.toml"
    settings.write_text(settings.read_text().replace('acme.toml"', 'acme.toml"\npaused = true'))
    headrace(*ingest, stdin=page(row(7), row(9)))
    headrace("ingest", "-p", "outreach", "-t", "north", "-", stdin=page(*(row(number) for number in range(20, 40))))
    with normalizing(headrace, letters=0, events=22):
        pass
    acme = ("-p", "outreach", "-t", "acme")
    whole = found(headrace, "--id", "event/7", *acme)
    assert [copy["fate"] for copy in whole["copies"]] == ["published", "held"]
    assert (whole["copies"][0]["basis"], len(whole["versions"])) == ("events", 1)
    assert found(headrace, "--id", "event/9", *acme)["copies"][0]["fate"] == "held"
    settings.write_text("[tenants.outreach.north]\n")
    whole = found(headrace, "--id", "event/7", *acme)
    assert ([copy["fate"] for copy in whole["copies"]], len(whole["versions"])) == (["published", "held"], 1)
