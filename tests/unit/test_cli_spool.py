"""`headrace spool`, as far as it needs no Kafka."""

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headrace.cli import main
from headrace.spool import Spool
from tests.unit.spool_harness import record


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run headrace in an empty folder and a clean environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("HEADRACE_")]:
        monkeypatch.delenv(name)

    def call(*words: str) -> Result:
        return CliRunner().invoke(main, ["spool", *words])

    return call


async def _fill(spool: Spool) -> None:
    """Put five records of two sources, of which one is drained and one set aside."""
    now = int(time.time() * 1000)
    for number, source in enumerate(("/things/a", "/things/a", "/things/b", "/things/b")):
        await spool.append([("raw", source, record(number, 1_000))], now - 3_700_000)
    await spool.append([("nudges", "/things/b", record(9, 10))], now)
    found = await spool.oldest("raw", 10, 10**6)
    spool.remove(found[:1])
    spool.set_aside(found[1:2], "refused")
    await spool.settled()


def _while_owned(words: Sequence[str], run: Any) -> Result:
    """Run a command while this process owns a spool that was filled."""

    async def beside() -> Result:
        async with Spool("spool.db", 2**30) as spool:
            await _fill(spool)
            done: Result = await asyncio.to_thread(run, *words)
            return done

    return asyncio.run(beside())


def test_what_waits_is_shown_beside_its_owner(run: Any) -> None:
    """A table of what waits, a table of what was set aside with its reason, and the sums."""
    done = _while_owned(["show"], run)
    assert done.exit_code == 0, done.output
    lines = [line.rstrip() for line in done.output.splitlines()]
    assert lines[:3] == [
        "  source     topic   records     size      waits",
        "  /things/b  nudges        1    310 B        0 s",
        "  /things/b  raw           2  2.6 KiB  1 h 1 min",
    ]
    assert lines[5:7] == [
        "  source     topic  records     size        age  reason",
        "  /things/a  raw          1  1.3 KiB  1 h 1 min  refused",
    ]
    assert lines[-1].endswith("since it was made 5 records came in and 1 record went on to Kafka.")


def test_programs_get_one_json_object(run: Any) -> None:
    """With --json the same is written for programs."""
    found = json.loads(_while_owned(["show", "--json"], run).output)
    assert (found["put"], found["drained"]) == (5, 1)
    assert [(group["source"], group["topic"], group["records"]) for group in found["waiting"]] == [
        ("/things/b", "nudges", 1),
        ("/things/b", "raw", 2),
    ]
    assert [group["reason"] for group in found["set_aside"]] == ["refused"]


def test_a_spool_in_use_is_drained_by_its_owner(run: Any) -> None:
    """While a receiver owns the spool, draining by hand is refused with one sentence."""
    done = _while_owned(["drain"], run)
    assert done.exit_code == 1
    assert f"in use by process {os.getpid()}, which drains it itself" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [("show",), ("drain",)])
def test_where_there_is_no_spool_none_is_made(run: Any, words: Sequence[str], tmp_path: Path) -> None:
    """A spool that does not exist is an error with the path that was looked at."""
    done = run(*words)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: there is no spool at ")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("words", [("show",), ("drain",)])
def test_a_spool_that_cannot_be_opened_is_reported_in_a_sentence(
    run: Any, words: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that belongs to somebody else gives a sentence, not a traceback."""

    def connect(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    Path("spool.db").touch()
    monkeypatch.setattr(sqlite3, "connect", connect)
    done = run(*words)
    assert done.exit_code == 1
    assert done.stderr.endswith("spool.db cannot be read: unable to open database file\n")


def test_an_empty_spool_says_so(run: Any) -> None:
    """Nothing to see is good news."""

    async def make() -> None:
        Spool("spool.db", 2**30).close()

    asyncio.run(make())
    assert run("show").output.startswith("Nothing waits.\n")
