"""The commands that work with Kafka, as the real program, against a real broker."""

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from headrace.core.record import ProducerRecord
from headrace.providers.discover import discover
from headrace.records.dead_letter import encode_letter
from headrace.records.raw import from_raw_record, to_raw_record
from headrace.sdk.provider import UNREADABLE, RawEvent
from headrace_events import DeadLetter, Problem, RawPosition, Source, Via
from tests.integration.command import DEADLINE, Headrace, first_line
from tests.kafka.broker import Broker

PROVIDER = discover()["outreach"]
TOPICS = ("raw", "events", "seen", "cursors", "nudges", "dead-letters", "notices")
FOREIGN: dict[str, Any] = {
    "problem": Problem("foreign", "Not a record of ours", "no header"),
    "source": "//",
    "via": "ingest",
    "received": "2026-08-08T09:00:00Z",
    "recordedtime": "2026-08-08T09:00:09Z",
    "raw": RawPosition("raw", 0, 9),
}


def row(number: int, name: str = "message_opened", **more: Any) -> dict[str, Any]:
    return {
        "type": "event",
        "id": number,
        "attributes": {"name": name, "eventAt": "2026-08-08T09:00:00.000Z", **more},
        "relationships": {"prospect": {"data": {"type": "prospect", "id": 81}}},
    }


def page(*rows: dict[str, Any]) -> str:
    return json.dumps({"data": rows})


@pytest.fixture
def empty(tmp_path: Path, kafka: Broker, prefix: str) -> Headrace:
    """Return the program where no topics exist yet."""
    return Headrace(tmp_path, kafka.bootstrap_servers, prefix)


@pytest.fixture
def headrace(empty: Headrace) -> Headrace:
    """Return the program with topics of two partitions."""
    empty("topics", "apply", "--profile", "dev", "--partitions", "2")
    return empty


def names(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the fields of a table's rows, without its titles."""
    return [" ".join(line.split()) for line in done.stdout.splitlines()[1:]]


def letter(value: bytes, offset: int, code: str, shape: str = "event", tenant: str = "acme") -> ProducerRecord:
    """Write the dead letter of a raw record."""
    raw = RawEvent(
        provider="outreach",
        tenant=tenant,
        shape=shape,
        value=value,
        via=Via.WEBHOOK,
        received=1_786_179_600_000,
        delivery="d-1",
    )
    letter = DeadLetter(
        problem=Problem(code, "A test", "a detail", Source(pointer="$.id")),
        source=raw.source,
        via="webhook",
        received="2026-08-08T09:00:00Z",
        recordedtime=f"2026-08-08T09:00:{offset:02}Z",
        raw=RawPosition("raw", 1, offset),
    )
    return encode_letter(letter, b"k", value, to_raw_record(PROVIDER, raw).headers, 1)


def raw_events(records: list[ConsumerRecord]) -> list[RawEvent]:
    return [from_raw_record(record.headers, record.value) for record in records]


def test_topics_are_created_once(empty: Headrace) -> None:
    """`topics show` tells what is missing, `apply` creates it, and a second `apply` changes nothing."""
    missing = empty("topics", "show", code=1)
    assert names(missing) == [f"{empty.prefix}{name} missing" for name in TOPICS]
    assert "run `headrace topics apply`" in missing.stderr
    created = names(empty("topics", "apply", "--profile", "dev", "--partitions", "3"))
    assert created[0] == f"{empty.prefix}raw 3 1 30 d 2 MiB created"
    assert [line.rsplit(" ", 1)[1] for line in created] == ["created"] * len(TOPICS)
    again = names(empty("topics", "apply", "--profile", "dev", "--partitions", "5"))
    assert again[0] == f"{empty.prefix}raw 3 1 30 d 2 MiB was there"
    assert names(empty("topics", "show"))[0] == f"{empty.prefix}raw 3 1 30 d 2 MiB"


@pytest.mark.parametrize(
    ("words", "topic"),
    [
        (("tail",), "events"),
        (("tail", "--dead-letters"), "dead-letters"),
        (("redrive",), "dead-letters"),
        (("taxonomy", "unmapped"), "events"),
        (("ingest", "-p", "outreach", "-t", "acme", "-"), "raw"),
    ],
)
def test_a_missing_topic_is_one_sentence(empty: Headrace, words: tuple[str, ...], topic: str) -> None:
    """Where a topic is missing, the command says which, and what to run."""
    done = empty(*words, stdin="{}", code=1)
    assert done.stderr == f"Error: there is no topic {empty.prefix}{topic}: run `headrace topics apply`\n"


def test_ingest_appends_in_order(headrace: Headrace) -> None:
    """Each record of a page or of lines goes to raw under its identity, records of one id in their order."""
    (headrace.folder / "page.json").write_text(page(row(1), row(2)))
    lines = "\n".join(page(row(7, body="x" * (n % 7) * 3000, n=n)) for n in range(600))
    (headrace.folder / "lines.ndjson").write_text(lines)
    done = headrace("ingest", "-p", "outreach", "-t", "acme", "page.json", "lines.ndjson")
    raw = f"{headrace.prefix}raw"
    assert done.stdout.splitlines() == [
        f"2 records into {raw} (page.json)",
        f"600 records into {raw} (lines.ndjson)",
        f"602 records into {raw} (2 files)",
    ]
    records = headrace.read("raw")
    appended = raw_events(records)
    assert sorted({(each.resource, each.id) for each in appended}) == [("event", "1"), ("event", "2"), ("event", "7")]
    assert {(each.provider, each.tenant, each.via) for each in appended} == {("outreach", "acme", "ingest")}
    sevens = [json.loads(record.value) for record, each in zip(records, appended, strict=True) if each.id == "7"]
    assert [each["attributes"]["n"] for each in sevens] == list(range(600))


def test_ingest_takes_what_it_cannot_read(headrace: Headrace) -> None:
    """Bytes that are no record go to raw untouched, and are counted."""
    done = headrace("ingest", "-p", "outreach", "-t", "acme", "-", stdin='{"data": [{"id')
    assert done.stdout.splitlines() == [
        f"1 record into {headrace.prefix}raw (standard input), 1 of them unreadable",
        "What is unreadable becomes a dead letter: headrace tail --dead-letters --from-start",
    ]
    [record] = headrace.read("raw")
    assert record.value == b'{"data": [{"id'
    assert from_raw_record(record.headers, record.value).identity is None


def test_ingest_leaves_out_what_is_too_large(headrace: Headrace) -> None:
    """A record that raw does not take is left out and reported, with exit code 1; the others go in."""
    large = row(2, body="x" * 2**21)
    done = headrace("ingest", "-p", "outreach", "-t", "acme", "-", stdin=page(row(1), large, row(3)), code=1)
    assert done.stdout == f"2 records into {headrace.prefix}raw (standard input); 1 too large and left out\n"
    assert "left out a record of 2,09" in done.stderr
    assert sorted(each.id for each in raw_events(headrace.read("raw"))) == ["1", "3"]


def test_redrive_asks_and_sends_each_letter_once(headrace: Headrace) -> None:
    """Letters are shown by source and problem; after a yes each is taken in again, the same record once."""
    one, two = json.dumps(row(1)).encode(), json.dumps(row(2)).encode()
    headrace.append(
        "dead-letters",
        letter(one, 1, "bad_value"),
        letter(two, 2, "bad_value"),
        letter(one, 3, "bad_shape"),
        letter(two, 4, "unknown_tenant", tenant="south"),
        encode_letter(DeadLetter(**FOREIGN), b"k", b"junk", [], 0),
    )
    shown = headrace("redrive", stdin="n\n")
    table = "source problem letters newest outreach/acme bad_shape 1 {} outreach/acme bad_value 1 {}"
    flat = re.sub(r"\d\d-\d\d \d\d:\d\d|\d\d:\d\d:\d\d", "{}", " ".join(shown.stdout.split()))
    assert flat.startswith(table)
    assert "1 older letter of records that have a newer one: only the newest goes back" in shown.stdout
    assert "1 letter that Headrace did not append: cannot go back" in shown.stdout
    assert "1 letter of /outreach/south, which is not configured: would only come back" in shown.stdout
    assert shown.stdout.endswith("Nothing was sent.\n")
    assert headrace.read("raw") == []
    sent = headrace("redrive", "--yes")
    assert sent.stdout.endswith(f"2 records back into {headrace.prefix}raw\n")
    records = headrace.read("raw")
    assert sorted(record.value for record in records) == [one, two]
    assert {(each.via, each.received, each.delivery, each.redriven) for each in raw_events(records)} == {
        ("webhook", 1_786_179_600_000, "d-1", True)
    }
    assert sorted(each.id for each in raw_events(records)) == ["1", "2"]


def test_redrive_by_reason_tenant_and_time(headrace: Headrace) -> None:
    """Only the letters that are asked for go back."""
    bodies = [json.dumps(row(number)).encode() for number in range(1, 5)]
    headrace.append(
        "dead-letters",
        letter(bodies[0], 1, "bad_value"),
        letter(bodies[1], 2, "bad_shape"),
        letter(bodies[2], 3, "bad_value", tenant="north"),
        letter(bodies[3], 4, "bad_value"),
    )
    window = ("--since", "2026-08-08T09:00:00Z", "--until", "2026-08-08T09:00:04Z")
    headrace("redrive", "--yes", "--reason", "bad_value", "-p", "outreach", "-t", "acme", *window)
    assert [each.id for each in raw_events(headrace.read("raw"))] == ["1"]
    none = headrace("redrive", "--yes", "--reason", "malformed")
    assert none.stdout == "No dead letter fits; there are others: bad_value (3), bad_shape (1)\n"


def test_redrive_of_what_webhooks_brought(headrace: Headrace) -> None:
    """Raw's own records go again as they are: those of webhooks, of the tenant and the time that are asked for."""
    bodies = [json.dumps(row(number)).encode() for number in range(1, 5)]
    ways = (("acme", Via.WEBHOOK, False), ("acme", Via.POLL, False), ("north", Via.WEBHOOK, False))
    headrace.append(
        "raw",
        *(
            to_raw_record(
                PROVIDER,
                RawEvent(
                    provider="outreach",
                    tenant=tenant,
                    shape="event",
                    value=body,
                    via=via,
                    received=1_786_179_600_000,
                    as_told=as_told,
                ),
            )
            for body, (tenant, via, as_told) in zip(bodies, (*ways, ("acme", Via.WEBHOOK, True)), strict=True)
        ),
    )
    assert "--nudged needs --since" in headrace("redrive", "--nudged", code=2).stderr
    shown = headrace("redrive", "--nudged", "--since", "1h", "-t", "acme", stdin="n\n")
    assert names(shown)[0] == "outreach/acme 1"
    assert shown.stdout.endswith("Nothing was sent.\n")
    sent = headrace("redrive", "--nudged", "--since", "1h", "-t", "acme", "--yes")
    assert sent.stdout.endswith(f"1 record back into {headrace.prefix}raw\n")
    assert sorted(each.id for each in raw_events(headrace.read("raw"))) == ["1", "1", "2", "3", "4"]


def test_redrive_cuts_again_what_could_not_be_cut(headrace: Headrace) -> None:
    """A body that could not be cut when it came in is cut by the program of now."""
    headrace.append("dead-letters", letter(page(row(1), row(2)).encode(), 1, "malformed", shape=UNREADABLE))
    headrace("redrive", "--yes")
    assert sorted(each.id for each in raw_events(headrace.read("raw"))) == ["1", "2"]


def test_redrive_without_dead_letters(headrace: Headrace) -> None:
    """Where there is nothing to redrive, it says so and asks nothing."""
    assert headrace("redrive").stdout == "There is no dead letter to send back.\n"


def test_from_a_file_to_events(headrace: Headrace) -> None:
    """What is ingested comes out: as lines, as JSON, as counts of unmapped codes, as dead letters, and by redrive."""
    rows = [
        row(1),
        row(1),
        row(2, "moon_landed"),
        row(3, "sun_landed"),
        row(4, "sun_landed"),
        {"type": "event", "id": "x"},
    ]
    headrace("ingest", "-p", "outreach", "-t", "acme", "-", stdin=page(*rows))
    with headrace.start("run", "--role", "normalizer"):
        events = [
            json.loads(line) for line in headrace("tail", "--from-start", "--json", "-n", "4").stdout.splitlines()
        ]
        assert sorted((each["id"], each["type"]) for each in events) == [
            ("event/1", "headrace.email.opened.v1"),
            ("event/2", "headrace.custom.logged.v1"),
            ("event/3", "headrace.unmapped.v1"),
            ("event/4", "headrace.unmapped.v1"),
        ]
        [opened] = headrace("tail", "--from-start", "-n", "1", "--type", "email").stdout.splitlines()
        assert opened.split() == [
            "2026-08-08T09:00:00Z", "outreach/acme", "ingest", "email.opened", "lead/81", "event/1",
        ]  # fmt: skip
        [bad] = headrace("tail", "--dead-letters", "--from-start", "-n", "1", "-t", "acme").stdout.splitlines()
        assert bad.split()[1] == "outreach/acme"
        assert "$." in bad
        assert [line.rsplit(" ", 3)[0] for line in names(headrace("taxonomy", "unmapped"))[:2]] == [
            "outreach/acme event sun_landed - unmapped 2",
            "outreach/acme event moon_landed - custom.logged (provisional) 1",
        ]
        assert headrace("redrive", "--yes").stdout.endswith(f"1 record back into {headrace.prefix}raw\n")
        letters = headrace("tail", "--dead-letters", "--from-start", "--json", "-n", "2").stdout.splitlines()
        assert len({json.loads(line)["raw"]["offset"] for line in letters}) == 2


def test_tail_ends_quietly_with_ctrl_c(headrace: Headrace) -> None:
    """Ctrl-C is how one ends `tail`: no traceback, exit code 0."""
    headrace.append("dead-letters", letter(b"{}", 1, "bad_value"))
    with headrace.start("tail", "--dead-letters", "--from-start") as process:
        assert "bad_value" in first_line(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0


def test_foreign_records_are_passed_over(headrace: Headrace) -> None:
    """A record on a public topic that is none of ours is reported, and what follows it is shown."""
    headrace.append("dead-letters", ProducerRecord(b"k", b"junk", [], 1), letter(b"{}", 1, "bad_value"))
    done = headrace("tail", "--dead-letters", "--from-start", "-n", "1")
    assert "bad_value" in done.stdout
    assert f"{headrace.prefix}dead-letters 1@0 is no dead letter of ours" in done.stderr


def test_tail_ends_quietly_once_its_reader_has_enough(headrace: Headrace) -> None:
    """`headrace tail | head -1` ends at once, without a word, whether further records come or not."""
    headrace.append("dead-letters", letter(b"{}", 1, "bad_value"), letter(b"{}", 2, "bad_value"))
    with headrace.start("tail", "--dead-letters", "--from-start", stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert "bad_value" in first_line(process)
        process.stdout.close()
        assert process.wait(DEADLINE) == 0
        assert process.stderr.read() == ""


def test_work_goes_on_without_a_reader(headrace: Headrace, tmp_path: Path) -> None:
    """`headrace ingest … | head -1` appends every file: only what it says of them has no reader."""
    for number in (1, 2):
        (tmp_path / f"{number}.json").write_text(page(row(number)))
    with headrace.start("ingest", "-p", "outreach", "-t", "acme", "1.json", "2.json") as process:
        assert process.stdout
        process.stdout.close()
        assert process.wait(DEADLINE) == 0
    assert len(headrace.read("raw")) == 2
