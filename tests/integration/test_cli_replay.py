"""`headrace replay`: what is shown is what is then published, once, and only with --yes."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from headrace.config import KafkaSettings
from headrace.config.load import load
from headrace.kafka import topics
from headrace.normalizer.mapping_waits import MOST_SECONDS
from headrace_events import Event, decode
from tests.integration.command import CONFIG, OVERLAY, Headrace
from tests.integration.pipeline import Pipeline, until
from tests.integration.test_cli_kafka import page, row
from tests.kafka.broker import Broker
from tests.kafka.client import change_topic, delete_records

SUN = '\n[[row]]\ntable = "event"\ncode = "sun_landed"\ntype = "task.logged"\n'
SUN_AND_CHANNEL = SUN + 'channel = "voice"\n'
PAUSED = CONFIG.replace('acme.toml"\n', 'acme.toml"\npaused = true\n')
STAR = '\n[[row]]\ntable = "event"\ncode = "star_landed"\ntype = "task.logged"\n'


@pytest.fixture
def headrace(tmp_path: Path, kafka: Broker, prefix: str) -> Headrace:
    """Return the program where eight events of two tenants are published, five of them without a row."""
    program = Headrace(tmp_path, kafka.bootstrap_servers, prefix)
    program("topics", "apply", "--profile", "dev", "--partitions", "2")
    codes = ["moon_landed", "sun_landed", "sun_landed", "star_landed", "message_opened", "sun_landed"]
    rows = [row(number, name) for number, name in enumerate(codes, 1)]
    program("ingest", "-p", "outreach", "-t", "acme", "-", stdin=page(*rows))
    program("ingest", "-p", "outreach", "-t", "north", "-", stdin=page(row(7, "sun_landed"), row(8)))
    with normalizing(program, 8):
        pass
    return program


@contextmanager
def normalizing(program: Headrace, events: int) -> Iterator[None]:
    """Run a normalizer until so many events are published in all."""
    with program.start("run", "--role", "normalizer"):
        yield
        program("tail", "--from-start", "-n", str(events))


def published(program: Headrace) -> list[Event]:
    """Return the events of the topic by their ids."""
    return sorted((decode(record.value or b"") for record in program.read("events")), key=lambda event: event.id)


def found(program: Headrace, *words: str) -> dict[str, Any]:
    """Return what the command says as JSON."""
    answer: dict[str, Any] = json.loads(program("replay", "--json", *words).stdout)
    return answer


def test_the_difference_is_shown_and_then_published(headrace: Headrace, tmp_path: Path) -> None:
    """Without --yes nothing is sent; with it exactly what was shown is published, and nothing is left."""
    (headrace.folder / "acme.toml").write_text(OVERLAY + SUN + STAR)
    diff = tmp_path / "changes.ndjson"
    shown = headrace("replay", "--diff", str(diff)).stdout
    assert shown.splitlines()[0].split() == ["4", "unmapped", "→", "task.logged"]
    assert "gained data.action" in shown
    assert "such as event/" in shown
    assert "4 events would not change." in shown
    assert "with --yes, 4 records go back to raw" in shown
    assert len(published(headrace)) == 8
    with normalizing(headrace, 12):
        done = headrace("replay", "--yes")
    assert done.stdout.endswith("4 records back through " + f"{headrace.prefix}raw, and published.\n")
    news = {event.id: event for event in published(headrace) if "~" in event.id}
    lines = [json.loads(line) for line in diff.read_text().splitlines()]
    assert sorted(news) == sorted(line["new"]["id"] for line in lines)
    assert {event.word for event in news.values()} == {"task.logged"}
    assert {event.data.native.id for event in news.values()} == {line["old"]["data"]["native"]["id"] for line in lines}
    assert found(headrace)["changed"] == 0
    assert found(headrace)["compared"] == 8


def test_fields_alone_are_a_difference(headrace: Headrace) -> None:
    """The type stays: the whole event counts. There and back again, each event has an id of its own."""
    (headrace.folder / "acme.toml").write_text(OVERLAY + SUN)
    with normalizing(headrace, 11):
        headrace("replay", "--yes")
    (headrace.folder / "acme.toml").write_text(OVERLAY + SUN_AND_CHANNEL)
    shown = found(headrace)
    (kind,) = shown["changes"]
    assert (kind["old"], kind["new"], kind["events"]) == ("task.logged", "task.logged", 3)
    assert (kind["gained"], kind["lost"], kind["changed"]) == ({"data.channel": 3}, {}, {})
    with normalizing(headrace, 14):
        headrace("replay", "--yes")
    (headrace.folder / "acme.toml").write_text(OVERLAY + SUN)
    with normalizing(headrace, 17):
        headrace("replay", "--yes")
    assert len({event.id for event in published(headrace)}) == 17
    assert found(headrace)["changed"] == 0


def test_a_change_of_what_is_redacted_is_a_difference(headrace: Headrace) -> None:
    """What was published is published anew without it, under the id of the other settings; no other tenant's is."""
    (headrace.folder / "headrace.toml").write_text(f'{CONFIG}[tenants.outreach.acme.redact]\ndrop = ["refs.lead"]\n')
    shown = found(headrace)
    assert (shown["changed"], shown["compared"]) == (6, 8)
    assert {name for kind in shown["changes"] for name in kind["lost"]} == {"data.refs.lead"}
    with normalizing(headrace, 14):
        headrace("replay", "--yes")
    news = [event for event in published(headrace) if "~" in event.id]
    assert [event.data.refs for event in news] == [None] * 6
    assert {event.id.rpartition("~")[2] for event in news} == {event.data.provenance.mapping for event in news}
    assert found(headrace)["changed"] == 0


def test_what_is_wanted_can_be_narrowed(headrace: Headrace) -> None:
    """By tenant, code and time; events that are not wanted are not compared."""
    (headrace.folder / "acme.toml").write_text(OVERLAY + SUN + STAR)
    assert found(headrace, "--code", "star_landed")["changed"] == 1
    assert found(headrace, "--code", "star_landed")["compared"] == 1
    assert found(headrace, "-p", "outreach", "-t", "north")["compared"] == 2
    assert found(headrace, "--since", "1h")["changed"] == 4
    assert found(headrace, "--until", "1h")["compared"] == 0


def test_what_is_not_remembered_is_listed_and_not_sent(headrace: Headrace) -> None:
    """Without its mark an event cannot be published once; without its raw record it cannot be compared."""
    (headrace.folder / "acme.toml").write_text(OVERLAY + SUN)
    program = headrace
    asyncio.run(delete_records(program.servers, f"{program.prefix}raw", 0, -1))
    left = found(program)
    assert left["gone"] > 0
    assert left["gone"] + left["compared"] == 8
    for partition in (0, 1):
        asyncio.run(delete_records(program.servers, f"{program.prefix}seen", partition, -1))
    forgotten = found(program)
    assert forgotten["publishable"] == 0
    assert forgotten["not_remembered"]["events"] == left["changed"]
    assert "Nothing was published" not in program("replay").stdout


def replayed_beside_others(program: Headrace, overlay: str, config: str = CONFIG, *, later: int = 0) -> str:
    """Return what `replay --yes` says, under tables that normalizers do not have; their clock is ahead (seconds)."""

    async def work() -> str:
        known = load(program.folder / "headrace.toml", program.environ)
        pipeline = Pipeline(known, 2)
        pipeline.topics = await topics.verify(known)
        async with pipeline.running(clock=lambda: time.time() + later) as running:
            await running.runs(2)
            (program.folder / "headrace.toml").write_text(config)
            (program.folder / "acme.toml").write_text(overlay)
            done = await asyncio.to_thread(program, "replay", "--yes", code=1)
        return done.stdout

    return asyncio.run(work())


def test_what_normalizers_cannot_publish_is_no_success(headrace: Headrace) -> None:
    """They have other tables: all records become dead letters. So it ends with 1, and says why; also a second time."""
    for _ in range(2):
        (headrace.folder / "acme.toml").write_text(OVERLAY)
        shown = replayed_beside_others(headrace, OVERLAY + SUN, later=MOST_SECONDS)
        assert f"3 records back through {headrace.prefix}raw: 0 published, 3 not.\n  3 mapping_missing: " in shown
    assert len(headrace.read("dead-letters")) == 3
    assert len(published(headrace)) == 8


def test_what_normalizers_hold_is_no_success(headrace: Headrace) -> None:
    """Their tenant is paused, ours goes on: that is a roll-out, too."""
    (headrace.folder / "headrace.toml").write_text(PAUSED)
    shown = replayed_beside_others(headrace, OVERLAY + SUN)
    assert ": 0 published, 3 not.\n  3 held: " in shown


def test_a_paused_tenant_is_compared_and_not_sent(headrace: Headrace) -> None:
    """Everything is shown as if it went on; --yes refuses it, and sends what is of others."""
    (headrace.folder / "acme.toml").write_text(OVERLAY + SUN)
    (headrace.folder / "headrace.toml").write_text(PAUSED)
    shown = found(headrace)
    assert (shown["changed"], shown["same"], shown["dead"], shown["publishable"]) == (3, 5, {}, 0)
    assert shown["paused"]["events"] == len(shown["paused"]["ids"]) == 3
    before = len(headrace.read("raw"))
    text = headrace("replay", "--yes", code=1).stdout
    assert "3 events would change and cannot be published, the tenant is paused: let it go on first: event/" in text
    assert len(headrace.read("raw")) == before


def test_a_record_that_grew_over_what_raw_takes_is_left_out_and_named(headrace: Headrace) -> None:
    """What a replay adds to it may be too much; the others can go."""
    body = "x" * 3000
    with normalizing(headrace, 9):
        headrace("ingest", "-p", "outreach", "-t", "acme", "-", stdin=page(row(50, "sun_landed", body=body)))
    limits = {"max_message_bytes": "3200", "retention_ms": str(30 * 86_400_000)}
    asyncio.run(change_topic(headrace.servers, f"{headrace.prefix}raw", **limits))
    (headrace.folder / "acme.toml").write_text(OVERLAY + SUN)
    shown = headrace("replay").stdout
    assert "1 event would change and cannot be published, the record has grown over what raw takes" in shown
    assert "with --yes, 3 records go back to raw" in shown
    assert found(headrace)["too_large"]["events"] == 1


def test_ctrl_c_says_how_to_go_on(headrace: Headrace) -> None:
    """While no normalizer runs, records wait in raw: stopped, it says so; the same command does the rest, once."""
    (headrace.folder / "acme.toml").write_text(OVERLAY + SUN)
    with headrace.start("replay", "--yes", stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "redrive" not in process.stdout.readline():
            pass
        until_sent(headrace, 11)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert "3 records back in raw, 0 of them decided, 0 left" in process.stderr.read()
    with normalizing(headrace, 11):
        headrace("replay", "--yes")
    assert len({event.id for event in published(headrace)}) == len(published(headrace)) == 11


def until_sent(program: Headrace, records: int) -> None:
    """Wait until raw holds so many records."""

    async def there() -> bool:
        return len(await asyncio.to_thread(program.read, "raw")) >= records

    asyncio.run(until(there, "records are in raw"))


def test_files_are_compared_without_kafka(tmp_path: Path) -> None:
    """For the CI of an overlay: 0 where both tables make the same of it, 3 where they do not."""
    program = Headrace(tmp_path, KafkaSettings().bootstrap_servers, "none.")
    other = tmp_path / "other"
    other.mkdir()
    (other / "headrace.toml").write_text((tmp_path / "headrace.toml").read_text())
    (other / "acme.toml").write_text(OVERLAY)
    (tmp_path / "page.json").write_text(page(row(1, "sun_landed"), row(2)))
    words = ("replay", "-p", "outreach", "-t", "acme", "--from", "page.json", "--against", "other/headrace.toml")
    assert "2 events would not change." in program(*words).stdout
    (tmp_path / "acme.toml").write_text(OVERLAY + SUN)
    shown = program(*words, code=3).stdout
    assert "unmapped → task.logged" in shown
    assert "1 event would not change." in shown
