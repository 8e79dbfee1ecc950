"""`headrace dead-letters`: which are still open, through redrives that fail, wait and succeed."""

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from headrace.sdk.provider import UNREADABLE
from tests.integration.command import CONFIG, Headrace
from tests.integration.test_cli_kafka import letter, page, row
from tests.kafka.broker import Broker
from tests.kafka.client import change_topic, delete_records

BAD = {"type": "event", "id": "x"}


@pytest.fixture
def headrace(tmp_path: Path, kafka: Broker, prefix: str) -> Headrace:
    """Return the program with topics of two partitions."""
    program = Headrace(tmp_path, kafka.bootstrap_servers, prefix)
    program("topics", "apply", "--profile", "dev", "--partitions", "2")
    return program


@contextmanager
def normalizing(program: Headrace, *, letters: int = 0, events: int = 0) -> Iterator[None]:
    """Run a normalizer until so many letters and events are on the topics."""
    with program.start("run", "--role", "normalizer"):
        if letters:
            program("tail", "--dead-letters", "--from-start", "-n", str(letters))
        if events:
            program("tail", "--from-start", "-n", str(events))
        yield


def listed(program: Headrace, *words: str) -> list[tuple[str, str]]:
    """Return the state and the problem of each letter that is listed."""
    lines = program("dead-letters", "--json", *words).stdout.splitlines()
    return [(found["state"], found["letter"]["problem"]["code"]) for found in map(json.loads, lines)]


def test_a_letter_is_open_until_what_was_sent_back_has_another_fate(headrace: Headrace) -> None:
    """Sent back in vain, its newer letter stands for it; what is held is not closed before its tenant goes on."""
    headrace.append("dead-letters", letter(json.dumps(row(1)).encode(), 0, "held_too_long", tenant="north"))
    headrace("ingest", "-p", "outreach", "-t", "acme", "-", stdin=page(BAD))
    (headrace.folder / "headrace.toml").write_text(f"{CONFIG}paused = true\n")
    with normalizing(headrace, letters=2):
        assert sorted(listed(headrace)) == [("open", "bad_value"), ("open", "held_too_long")]
        headrace("redrive", "--yes")
        headrace("tail", "--dead-letters", "--from-start", "-n", "3")
        assert sorted(listed(headrace)) == [("open", "bad_value"), ("sent back", "held_too_long")]
        assert ("dead again", "bad_value") in listed(headrace, "--all")
    (headrace.folder / "headrace.toml").write_text(CONFIG)
    with normalizing(headrace, events=1):
        assert listed(headrace) == [("open", "bad_value")]
        assert headrace("dead-letters", "-t", "north").stdout == "No dead letter is open; --all lists 1 that was.\n"
        assert listed(headrace, "--all", "-t", "north") == [("closed", "held_too_long")]
    (headrace.folder / "headrace.toml").write_text(f"{CONFIG}paused = true\n")
    assert listed(headrace, "--all", "-t", "north") == [("closed", "held_too_long")]  # a pause opens nothing again
    (line,) = headrace("dead-letters").stdout.splitlines()
    assert line.split()[:4:2] == ["open", "outreach/acme"]


def test_a_body_that_can_be_cut_now_is_closed_by_its_records(headrace: Headrace) -> None:
    """What was one unreadable body goes back as several records, under other names: they close its letter."""
    body = page(row(1), row(2)).encode()
    headrace.append("dead-letters", letter(body, 1, "malformed", UNREADABLE), letter(body, 2, "malformed", UNREADABLE))
    assert listed(headrace, "--all") == [("copy", "malformed"), ("open", "malformed")]
    headrace("redrive", "--yes")
    assert listed(headrace) == [("sent back", "malformed")]
    with normalizing(headrace, events=2):
        assert listed(headrace) == []
        assert listed(headrace, "--all") == [("closed", "malformed")] * 2


def test_a_letter_that_is_older_than_raw_may_have_been_sent_back(headrace: Headrace) -> None:
    """Once raw has lost records that came after a letter, nobody knows; newer letters are not concerned."""
    headrace.append("dead-letters", letter(b"{}", 1, "malformed"))
    headrace("ingest", "-p", "outreach", "-t", "acme", "-", stdin=page(row(1), BAD))
    with normalizing(headrace, letters=2):
        assert listed(headrace) == [("open", "malformed"), ("open", "bad_value")]
        for partition in (0, 1):
            asyncio.run(delete_records(headrace.servers, f"{headrace.prefix}raw", partition, -1))
        assert listed(headrace)[0] == ("unknown", "malformed")


def test_without_letters_there_is_nothing_to_list(headrace: Headrace) -> None:
    """An empty topic is no error."""
    assert headrace("dead-letters").stdout == "No dead letter is open.\n"


def test_a_letter_is_shown_with_its_place_underlined_and_what_it_is_today(headrace: Headrace) -> None:
    """The page has the bytes around the place, today's verdict and the next step; a place without a letter is 1."""
    bad = page(row(1, eventAt="soon")).encode()
    headrace("ingest", "-p", "outreach", "-t", "acme", "-", stdin=bad.decode())
    with normalizing(headrace, letters=1):
        pass
    (found,) = map(json.loads, headrace("dead-letters", "--json").stdout.splitlines())
    shown = headrace("dead-letters", "show", found["place"]).stdout
    (above,) = [number for number, line in enumerate(shown.splitlines()) if '"eventAt"' in line]
    line, mark = shown.splitlines()[above : above + 2]
    assert line[mark.index("^") :].startswith('"soon"')
    assert mark.strip() == "^" * len('"soon"')
    assert "a dead letter again, the same" in shown
    assert headrace("dead-letters", "show", "0@77", code=1).stderr.startswith("There is no dead letter at 0@77")
    headrace("dead-letters", "show", "0@77", "-t", "acme", code=2)


def test_what_can_be_read_today_says_so_and_goes_back_by_its_place(headrace: Headrace) -> None:
    """Of two letters the one that is named goes back; bytes are whole in JSON, as base64 where they are no text."""
    body, binary = page(row(1)).encode(), bytes(range(256))
    headrace.append(
        "dead-letters", letter(body, 1, "malformed", UNREADABLE), letter(binary, 2, "malformed", UNREADABLE)
    )
    first, second = map(json.loads, headrace("dead-letters", "show", "--json").stdout.splitlines())
    assert (first["text"].encode(), first["today"][0]["event"]["id"]) == (body, "event/1")
    assert base64.b64decode(second["base64"]) == binary
    shown = headrace("dead-letters", "show").stdout
    assert f"today it can be read: headrace dead-letters redrive {first['place']}" in shown
    assert all(line.isprintable() for line in shown.splitlines())
    headrace("dead-letters", "redrive", "--yes", first["place"])
    assert [json.loads(line)["state"] for line in headrace("dead-letters", "list", "--json").stdout.splitlines()] == [
        "sent back",
        "open",
    ]


def test_letters_without_bytes_are_shown(headrace: Headrace) -> None:
    """What carries no bytes has its problem and its coordinates."""
    headrace.append("dead-letters", letter(b"", 1, "bad_value", "event"))
    shown = headrace("dead-letters", "show").stdout
    assert "none in the letter" in shown
    assert "outreach/acme" in shown


REDACTING = f'{CONFIG}[tenants.outreach.acme.redact]\ndrop = ["text"]\n'.replace("[tenants.outreach.north]\n", "")


def test_a_letter_without_bytes_goes_back_from_raw(headrace: Headrace) -> None:
    """Where a tenant redacts, `show` says why there are none, and `redrive` reads raw as long as that has it."""
    (headrace.folder / "headrace.toml").write_text(REDACTING)
    secret = page(row(1, body="a hidden text", eventAt="soon"), row(2, body="a hidden text", eventAt="later"))
    headrace("ingest", "-p", "outreach", "-t", "acme", "-", stdin=secret)
    with normalizing(headrace, letters=2):
        found = [json.loads(line) for line in headrace("dead-letters", "--json").stdout.splitlines()]
        assert [(one["state"], one["letter"]["redacted"]) for one in found] == [("open", True)] * 2
        assert [record.value for record in headrace.read("dead-letters")] == [b"", b""]
        shown = headrace("dead-letters", "show", found[0]["place"]).stdout
        assert "its tenant's events are redacted; raw has the record" in " ".join(shown.split())
        assert "hidden" not in shown
        assert headrace("redrive", found[0]["place"], "--yes").stdout.splitlines()[-1].startswith("1 record back")
        headrace("tail", "--dead-letters", "--from-start", "-n", "3")
        assert sorted(listed(headrace, "--all")) == [("dead again", "bad_value"), *[("open", "bad_value")] * 2]
    for partition in (0, 1):
        asyncio.run(delete_records(headrace.servers, f"{headrace.prefix}raw", partition, -1))
    gone = headrace("redrive", "--yes").stdout
    assert "3 letters without bytes whose record is not on raw (any more): cannot go back" in gone


def test_what_a_tenant_redacts_is_nowhere_but_on_raw(headrace: Headrace) -> None:
    """With the real program at level debug: not in events, letters, marks, nudges, its log, or what commands show."""
    (headrace.folder / "headrace.toml").write_text(
        REDACTING.replace('["text"]', '["text", "client", "urls", "fields"]')
    )
    headrace.environ["HEADRACE_LOG__LEVEL"] = "debug"
    payload = {"note": "a hidden text", "deep": ['{"a": "hidden city"}']}
    hidden: dict[str, Any] = {"body": "a hidden text", "requestCity": "hidden city", "payload": payload}
    rows = [row(1, **hidden), row(2, **hidden, eventAt="soon"), row(3, "moon_landed", **hidden), BAD | {"hidden": "x"}]
    headrace("ingest", "-p", "outreach", "-t", "acme", "-", stdin=page(*rows))
    with (
        (headrace.folder / "log").open("w+b") as log,
        headrace.start("run", "--role", "normalizer", stderr=log.fileno()),
    ):
        headrace("tail", "--dead-letters", "--from-start", "-n", "2")
        headrace("tail", "--from-start", "-n", "2")
        shown = [
            headrace(*words).stdout
            for words in (
                ("tail", "--from-start", "-n", "2"),
                ("dead-letters", "list", "--json"),
                ("dead-letters", "show", "--json"),
                ("taxonomy", "unmapped", "--all", "--json"),
                ("taxonomy", "draft", "-t", "acme"),
            )
        ]
        lines = (headrace.folder / "log").read_text()
    assert lines.count("record_decided") == 4
    topics = [headrace.read(topic) for topic in ("events", "dead-letters", "seen", "nudges")]
    records = [part for topic in topics for one in topic for part in (one.key, one.value, *(v for _, v in one.headers))]
    assert len(topics[0]) == len(topics[1]) == 2
    assert not [part for part in records if b"hidden" in (part or b"")]
    assert "hidden" not in "\n".join((lines, *shown))


def test_a_record_that_raw_takes_no_more_keeps_nothing_else_back(headrace: Headrace) -> None:
    """Its limit was lowered: the others go back, and the letter is named; so it is with what webhooks told."""
    large = json.dumps(row(1) | {"pad": "x" * 4_000}).encode()
    headrace.append(
        "dead-letters",
        letter(large, 1, "bad_value"),
        letter(json.dumps(row(2)).encode(), 2, "bad_value"),
    )
    raw = f"{headrace.prefix}raw"
    headrace("redrive", "--yes", "--reason", "bad_value")
    asyncio.run(change_topic(headrace.servers, raw, max_message_bytes="3000"))
    done = headrace("redrive", "--yes", code=1)
    assert f"1 record back into {raw}" in done.stdout
    assert "1 letter did not go back" in done.stderr
    assert "larger: 1@0. Raise its max.message.bytes" in done.stderr
    nudged = headrace("redrive", "--nudged", "--since", "1h", "--yes", code=1)
    assert f"2 records back into {raw}" in nudged.stdout
    assert "1 record did not go back" in nudged.stderr
