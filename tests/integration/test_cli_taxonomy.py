"""`headrace taxonomy unmapped` and `draft` on a real broker: eight codes of an account's own, from events to rows."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

import headrace as package
from headrace.records.cursors import FeedNote, encode, entry
from tests.integration.command import Headrace
from tests.kafka.broker import Broker

EIGHT = Path(package.__file__).parent / "providers/leadsquared/example/eight-codes.ndjson"
TENANTS = "[tenants.leadsquared.acme]\n[tenants.leadsquared.north]\n[tenants.outreach.north]\n"
GUESSES = {
    "201": "meeting.held",
    "202": "message.sent",
    "203": "call.logged",
    "204": None,
    "205": "meeting.scheduled",
    "206": "payment.logged",
    "207": "form.submitted",
    "350": None,
}


@pytest.fixture
def headrace(tmp_path: Path, kafka: Broker, prefix: str) -> Headrace:
    """Return the program where the events of eight codes of an account's own are published."""
    program = Headrace(tmp_path, kafka.bootstrap_servers, prefix)
    (tmp_path / "acme.toml").unlink()
    (tmp_path / "headrace.toml").write_text(TENANTS)
    program("topics", "apply", "--profile", "dev", "--partitions", "2")
    publish(program, EIGHT.read_text("utf-8"))
    return program


def publish(program: Headrace, rows: str) -> None:
    """Ingest rows, and wait for the event of each."""
    before = len(program.read("events"))
    program("ingest", "-p", "leadsquared", "-t", "acme", "-", stdin=rows)
    with program.start("run", "--role", "normalizer"):
        program("tail", "--from-start", "-n", str(before + rows.count("\n")))


def unmapped(program: Headrace, *words: str) -> dict[str, dict[str, Any]]:
    """Return the codes that are listed, by code."""
    lines = program("taxonomy", "unmapped", "--json", *words).stdout.splitlines()
    return {one["code"]: one for one in map(json.loads, lines)}


def decide(text: str) -> str:
    """Return a draft as somebody leaves it who takes every guess, and finds a type for the rest."""
    text = re.sub(r'^# type = "…".*$', 'type = "custom.logged"', text, flags=re.MULTILINE)
    return re.sub(r"^# (type|direction|channel|outcome) = ", r"\1 = ", text, flags=re.MULTILINE)


def test_eight_codes_are_work_and_then_are_done(headrace: Headrace) -> None:
    """From events: codes with counts, samples and explained guesses; a draft that check refuses until it is decided."""
    found = unmapped(headrace, "-t", "acme")
    assert {code: one["proposal"] and one["proposal"]["type"] for code, one in found.items()} == GUESSES
    assert next(iter(found)) == "201"
    visit = found["201"]
    assert (visit["provider"], visit["tenant"], visit["name"]) == ("leadsquared", "acme", "Showroom Visit")
    assert (visit["events"], visit["published_as"]) == (7, "custom.logged (provisional)")
    assert visit["statuses"] == {"Visited": 5, "No Show": 2}
    assert visit["first"] <= visit["last"]
    assert [sample["topic"] for sample in visit["samples"]] == [f"{headrace.prefix}raw"] * 3
    assert visit["proposal"]["why"] == '"visit" in the name'
    assert found["350"]["published_as"] == "unmapped"

    done = headrace("taxonomy", "draft", "-t", "acme", "-o", "draft.toml")
    assert done.stdout.startswith("draft.toml: 8 codes, 6 with a guess.")
    draft = (headrace.folder / "draft.toml").read_text("utf-8")
    assert [row["code"] for row in tomllib.loads(draft)["row"]] == [
        "201",
        "202",
        "203",
        "204",
        "205",
        "206",
        "350",
        "207",
    ]
    assert '# "mx_Custom_1" = "text or fields.…"    # Asked for a discount' in draft
    (headrace.folder / "headrace.toml").write_text(TENANTS.replace("]\n", ']\nmapping = "draft.toml"\n', 1))
    refused = headrace("check", code=1)
    assert refused.stderr.count('a row needs a "type"') == 8

    (headrace.folder / "draft.toml").write_text(decide(draft), "utf-8")
    headrace("check")
    assert unmapped(headrace, "-t", "acme") == {}
    assert unmapped(headrace, "--all")["201"]["today"] == "meeting.held"
    shown = headrace("taxonomy", "show", "-p", "leadsquared", "-t", "acme", "205").stdout.splitlines()
    assert [" ".join(line.split()) for line in shown[1:]] == [
        "205 meeting.scheduled draft.toml yes",
        "100-299 custom.logged provisional built in no, an earlier row does",
    ]


def test_a_draft_keeps_what_the_tenant_has_and_overwrites_nothing(headrace: Headrace) -> None:
    """The rows of an overlay stand above the drafted ones; a name like theirs is a better guess than the words."""
    row = '# ours\n[[row]]\ncode = "201"\ntype = "meeting.held"\n'
    row += '\n[[row]]\ncode = "204"\ntype = "sale.logged"\nprovisional = true\n'
    (headrace.folder / "ours.toml").write_text(row)
    (headrace.folder / "headrace.toml").write_text(TENANTS.replace("]\n", ']\nmapping = "ours.toml"\n', 1))
    again = json.loads(EIGHT.read_text("utf-8").splitlines()[0])
    again |= {"Id": "7c0effff-5b1d-4e2f-8a90-1b2c3d4e5f60"}
    more = again | {"Id": "7c0efffe-5b1d-4e2f-8a90-1b2c3d4e5f60", "EventCode": 208, "EventName": "Showroom Visits"}
    publish(headrace, f"{json.dumps(again)}\n{json.dumps(more)}\n")

    refused = headrace("taxonomy", "draft", "-t", "acme", "-o", "headrace.toml", code=1)
    assert refused.stderr == "Error: headrace.toml exists: name another file, or add --force to write it anew\n"
    refused = headrace("taxonomy", "draft", "-t", "acme", "-o", "ours.toml", code=1)
    assert refused.stderr.endswith("add --force to add what is new below its rows\n")
    printed = headrace("taxonomy", "draft", "-t", "acme").stdout
    assert printed.startswith(row)
    assert 'named like code 201, "Showroom Visit"' in printed
    assert '# code "204": no row is written, your mapping has one already' in printed
    forced = headrace("taxonomy", "draft", "-t", "acme", "-o", "ours.toml", "--force")
    assert forced.stderr.startswith("ours.toml is in use: ")
    assert "no process starts anew" in forced.stderr
    assert (headrace.folder / "ours.toml").read_text("utf-8").rstrip() == printed.rstrip()
    assert "# Drafted by" in printed
    assert "# 1. Decide" not in printed


def test_a_name_that_no_record_carries_comes_from_the_accounts_own_list(headrace: Headrace) -> None:
    """Rows of some lists tell codes alone: the name that the poller noted is shown, and a guess is made by it."""
    polled = '[tenants.leadsquared.acme]\npolling = true\naccess_key = "k"\nsecret_key = "s"\n'
    (headrace.folder / "headrace.toml").write_text(polled)
    nameless = json.loads(EIGHT.read_text("utf-8").splitlines()[0])
    del nameless["EventName"]
    nameless |= {"Id": "7c0effff-5b1d-4e2f-8a90-1b2c3d4e5f60", "EventCode": 209}
    publish(headrace, f"{json.dumps(nameless)}\n")
    assert unmapped(headrace)["209"]["name"] == ""
    note = FeedNote(msgspec.json.encode({"209": "Site Visit Cancelled", "201": "not needed"}))
    headrace.append("cursors", encode(entry("/leadsquared/acme", note, "activities-by-code", "names")))
    found = unmapped(headrace)
    assert (found["209"]["name"], found["209"]["proposal"]["type"]) == ("Site Visit Cancelled", "meeting.canceled")
    assert found["201"]["name"] == "Showroom Visit"


def test_a_draft_is_of_one_tenant(headrace: Headrace) -> None:
    """A name that several providers know, or none, is said; a tenant without open codes gets no file."""
    assert "name one with --provider" in headrace("taxonomy", "draft", "-t", "north", code=2).stderr
    assert 'did you mean "acme"?' in headrace("taxonomy", "draft", "-t", "acne", code=1).stderr
    done = headrace("taxonomy", "draft", "-t", "north", "-p", "outreach", "-o", "north.toml")
    assert done.stderr.endswith("nothing to draft.\n")
    assert not (headrace.folder / "north.toml").exists()


def test_a_span_of_time_bounds_what_is_read(headrace: Headrace) -> None:
    """What was published before --since, or from --until on, is not counted."""
    assert len(unmapped(headrace, "--since", "1h")) == 8
    assert unmapped(headrace, "--until", "1h") == {}
    assert unmapped(headrace, "--since", "2999-01-01") == {}
    assert headrace("taxonomy", "unmapped", "--until", "1h").stdout == "Every event on Kafka has a row of its own.\n"
