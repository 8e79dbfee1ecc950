"""Clients that others wrote for the real platforms read the simulated ones: completely, or the simulators are wrong."""

import asyncio
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from headrace_demo.simulators import leadping, outreach
from headrace_demo.simulators.clock import iso, seconds_of
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.quota import Allowance

VENDORS: Final = Path(__file__).parent / "vendors"
BUILD: Final = Path(__file__).parents[2] / "build" / "vendors"
UNREACHABLE: Final = ("Temporary failure in name resolution", "NewConnectionError", "ConnectTimeoutError", "ProxyError")
DEADLINE: Final = 60.0
"""Seconds that a client may take to read everything."""
INSTALLS_WITHIN: Final = 200.0
REQUIRED: Final = bool(os.environ.get("HEADRACE_REQUIRE_VENDOR_CLIENTS") or os.environ.get("CI"))


def python_with(name: str) -> Path:
    """Return a Python that has a client in the versions of its file: made once, kept below `build`.

    Skips where no package can be had, unless HEADRACE_REQUIRE_VENDOR_CLIENTS or CI says that it must be.
    """
    pins = VENDORS / f"{name}.txt"
    home = BUILD / f"{name}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    with one_at_a_time(home.with_suffix(".lock")):
        if not (home / "complete").exists():
            install_client(name, pins, home)
    return home / "bin" / "python"


@contextmanager
def one_at_a_time(file: Path) -> Iterator[None]:
    """Keep other workers of the same run out."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install_client(name: str, pins: Path, home: Path) -> None:
    """Make the virtual environment of a client; skip the test where no package can be had."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True, timeout=INSTALLS_WITHIN)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "-r", str(pins)], capture_output=True, text=True, check=False, timeout=INSTALLS_WITHIN)
    if done.returncode and not REQUIRED and any(word in done.stderr for word in UNREACHABLE):
        pytest.skip(f"{name} cannot be installed: no package index can be reached from here")
    assert done.returncode == 0, done.stderr
    (home / "complete").touch()


async def run(*command: object) -> list[dict[str, Any]]:
    """Run a client to its end, and give the lines of JSON that it wrote."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*map(str, command), stdout=pipe, stderr=pipe)
    out, err = await asyncio.wait_for(process.communicate(), DEADLINE)
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("own_calls", [False, True])
async def test_the_vendors_client_reads_all_of_leadping(own_calls: bool) -> None:  # noqa: FBT001  (a case)
    """Every activity of every lead as it is now, with its detail and its call, in spite of a 429 and empty pages.

    The organization's list has the later half of the same rows.
    """
    python = python_with("leadping")
    history = leadping.History(seed=21, events=300, leads=6)
    async with leadping.Simulator(history, allowance=Allowance()) as platform:
        platform.conduct = leadping.Conduct(empty_every=4, unsorted=3600.0, own_calls=own_calls)
        platform.faults.next(1, "429", after=5)
        since = history.plans[150].created
        account = (platform.url, platform.api_key, "org_1", iso(since, "Z"))
        everything = await run(python, VENDORS / "read_leadping.py", *account, *history.leads)
        assert platform.faults.come == {"429": 1}
        assert set(platform.answers) == {200, 429}
    found = [row for row in everything if "organization" not in row]
    assert sorted(row["id"] for row in found) == sorted(history.by_id)
    later = {row["id"]: row["summary"] for row in everything if "organization" in row}
    assert later.keys() == {history.id_of(plan) for plan in history.plans if plan.created >= since}
    assert later.items() <= {row["id"]: row["summary"] for row in found}.items()
    for row in found:
        plan = history.by_id[row["id"]]
        last = len(plan.moves) - 1
        expected = history.row(plan, last)
        assert [row[name] for name in ("summary", "status", "type", "lead")] == [
            expected[name] for name in ("summary", "status", "timelineType", "leadId")
        ]
        assert datetime.fromisoformat(row["created"]).timestamp() == plan.created
        assert (row["delivered"] is None) == (expected["deliveredAt"] is None)
        assert (row["amount"], row["retries"], row["detail"]) == (0.0079, 0, row["id"])
        assert datetime.fromisoformat(row["modified"]).timestamp() == plan.moves[last].at
        if row["type"] == "Call":
            assert row["call_status"] == history.call(plan, last)["status"]


@pytest.mark.slow
async def test_the_singer_tap_reads_all_of_outreach(tmp_path: Path) -> None:
    """Every event, page by page over the server's links, with tokens that it mints itself; the 502 is tried again."""
    python = python_with("tap-outreach")
    # Windows of eventAt, the tap's own, are open at the end: everything must come.
    history = outreach.History(seed=22, events=500, shape=Shape(span=86_400.0))
    async with outreach.Simulator(history) as platform:
        platform.faults.next(1, "502", path="/events", after=1)
        config = platform.tokens.settings() | {"start_date": iso(history.begin - 10 * 86_400, "Z"), "page_size": 100}
        (tmp_path / "config.json").write_text(json.dumps(config))
        command = [python, VENDORS / "read_outreach.py", platform.url, "--config", tmp_path / "config.json"]
        (catalog,) = [await discovered(*command, folder=tmp_path)]
        messages = await run(*command, "--catalog", catalog)
        assert platform.faults.come == {"502": 1}
        assert platform.tokens.minted == 1
        assert platform.quota.exceeded == 0
    rows = [message["record"] for message in messages if message["type"] == "RECORD"]
    assert [row["id"] for row in rows] == [int(history.id_of(plan)) for plan in by_time(history)]
    for row in rows:
        plan = history.by_id[str(row["id"])]
        assert (seconds_of(row["createdAt"]), seconds_of(row["eventAt"])) == (plan.created, history.happened(plan))
        assert row["name"] == history.name_of(plan)
        assert row.get("mailingId") == history.mailing_of(plan)


def by_time(history: outreach.History) -> list[Any]:
    """Return the events in the order in which the tap asks for them."""
    return sorted(history.plans, key=lambda plan: (history.happened(plan), plan.number))


async def discovered(*command: object, folder: Path) -> Path:
    """Let the tap write its catalogue, and select the events in it, and nothing else."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), "--discover", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), DEADLINE)
    assert process.returncode == 0, err.decode()
    catalog = json.loads(out)
    (events,) = [stream for stream in catalog["streams"] if stream["tap_stream_id"] == "events"]
    for entry in events["metadata"]:
        entry["metadata"]["selected"] = True
    file = folder / "catalog.json"
    file.write_text(json.dumps({"streams": [events]}))
    return file
