"""Replay: what is shown is what is then published, to the event, through kills, while new events flow.

`HEADRACE_REPLAY_RECORDS` says how many raw records there are, `HEADRACE_REPLAY_SEED` repeats the choices of a run.
Rows of three tables change; `replay --yes` is killed five times, and begun again. Then the rows change back, and how
fast that is published is compared with how fast the same normalizer decided on the records at first.
"""

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from itertools import count as count_from, islice
from pathlib import Path
from typing import Any, Final

import pytest

from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.normalizer.replay_change import bare
from headrace.records.raw import place
from tests.benchmarks import load
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import Pipeline, make_pipeline
from tests.kafka.broker import Broker
from tests.results import ShowResult

RECORDS: Final = int(os.environ.get("HEADRACE_REPLAY_RECORDS", "4000"))
SEED: Final = int(os.environ.get("HEADRACE_REPLAY_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
PARTITIONS: Final = 4
KILLS: Final = 5
DEADLINE: Final = 120.0 + RECORDS / 250
LIVE: Final = 20
"""New records every fifth of a second."""

TENANTS: Final = "\n".join(
    f'[tenants.{name}.{load.TENANT}]\nmapping = "{name}.toml"' for name in ("leadping", "leadsquared", "outreach")
)
OVERLAYS: Final = {
    "leadping": '[[row]]\ntable = "activity"\ncode = "Sms"\ntype = "message.sent"\nchannel = "sms"\n',
    "leadsquared": '[[row]]\ncode = "164"\ntype = "meeting.held"\nlift = { mx_Custom_1 = "fields.place" }\n',
    "outreach": '[[row]]\ntable = "event"\ncode = "message_opened"\ntype = "email.opened"\noutcome = "positive"\n',
}
"""A type, a type and fields, and an attribute alone."""

pytestmark = [pytest.mark.apache_kafka, pytest.mark.slow, pytest.mark.crash, pytest.mark.timeout(5 * DEADLINE)]


class Stage:
    """The topics, the folder of the configuration, and the normalizer of the moment."""

    def __init__(self, pipeline: Pipeline, home: Path) -> None:
        self.pipeline = pipeline
        self.home = home
        self.text = configuration(pipeline.config.kafka.bootstrap_servers, pipeline.config.topic_prefix, TENANTS)
        self.runs = count_from()

    def tables(self, overlays: dict[str, str]) -> None:
        """Write the overlays of all tenants; those that are not named are empty."""
        for name in OVERLAYS:
            (self.home / f"{name}.toml").write_text(overlays.get(name, ""))

    @contextlib.asynccontextmanager
    async def normalizing(self) -> AsyncIterator[Program]:
        """Run a normalizer with the tables of now."""
        program = Program(self.text, self.home, f"normalizer-{next(self.runs)}")
        try:
            await program.says("task_restored", PARTITIONS)
            yield program
            assert await asyncio.to_thread(program.stop) == 0, program.tail()
        finally:
            program.child.kill()

    def command(self, *words: str) -> "subprocess.Popen[str]":
        """Start `headrace replay`."""
        headrace = Path(sys.executable).with_name("headrace")
        return subprocess.Popen(
            [headrace, "--config", self.home / "headrace.toml", "replay", *words], stdout=subprocess.PIPE, text=True
        )

    async def replay(self, *words: str) -> str:
        """Run `headrace replay` to its end; return what it prints."""
        with self.command(*words) as process:
            shown, _ = await asyncio.to_thread(process.communicate, timeout=DEADLINE)
            assert process.returncode == 0, shown
        return shown

    async def append(self, outs: Iterable[ProducerRecord]) -> int:
        """Append records to raw, in their order; return how many ids they are about."""
        keys: set[bytes] = set()
        async with Appender(self.pipeline.config.kafka) as appender:
            left = iter(outs)
            while some := list(islice(left, 1000)):
                await self._append(appender, some)
                keys.update(out.key for out in some)
        return len(keys)

    async def _append(self, appender: Appender, outs: list[ProducerRecord]) -> None:
        groups: dict[int, list[ProducerRecord]] = defaultdict(list)
        for out in outs:
            groups[place(out.key, PARTITIONS)].append(out)
        taken = await appender.append_all(self.pipeline.topic("raw"), groups, DEADLINE)
        assert all(one.error is None for one in taken.values())

    @contextlib.asynccontextmanager
    async def new_events(self) -> AsyncIterator[Counter[str]]:
        """Append new records beside the body; `ids` counts what they are about, each once."""
        flown: Counter[str] = Counter()
        over = asyncio.Event()
        job = asyncio.create_task(self._flow(flown, over))
        try:
            yield flown
        finally:
            over.set()
            await job

    async def _flow(self, flown: Counter[str], over: asyncio.Event) -> None:
        async with Appender(self.pipeline.config.kafka) as appender:
            for number in count_from(SEED + 1):
                fresh = [out for kind, out in load.mixed(LIVE * 20, number) if kind is not None]
                for first in range(0, len(fresh), LIVE):
                    if over.is_set():
                        return
                    await self._append(appender, fresh[first : first + LIVE])
                    flown["ids"] += len(fresh[first : first + LIVE])
                    await asyncio.sleep(0.2)  # a flow, no flood

    async def events(self) -> list[dict[str, Any]]:
        """Return all committed events."""
        return [json.loads(record.value or b"") for record in await self.pipeline.records("events")]


async def test_what_is_shown_is_published_once_through_kills(
    kafka: Broker, prefix: str, tmp_path: Path, show_result: ShowResult
) -> None:
    """The difference, its publication through five kills beside new events, and its speed on the way back."""
    dice = random.Random(SEED)
    pipeline = await make_pipeline(
        kafka.bootstrap_servers, prefix, partitions=PARTITIONS, accounts=list(load.tenants())
    )
    stage = Stage(pipeline, tmp_path)
    stage.tables({})
    distinct = await stage.append(out for _, out in load.mixed(RECORDS, SEED))
    async with stage.normalizing():
        began = time.monotonic()
        await pipeline.settled(deadline=DEADLINE)
        first = RECORDS / (time.monotonic() - began)
    stage.tables(OVERLAYS)
    async with stage.normalizing(), stage.new_events() as flown:
        began = time.monotonic()
        await stage.replay("--diff", str(tmp_path / "shown.ndjson"))
        comparing = time.monotonic() - began
        for _ in range(KILLS):
            with stage.command("--yes") as process:
                await asyncio.sleep(dice.uniform(0.3, 1.6) * comparing)  # any moment
                process.kill()
        await stage.replay("--yes")
    async with stage.normalizing():
        await pipeline.settled(deadline=DEADLINE)
        shown = [json.loads(line) for line in (tmp_path / "shown.ndjson").read_bytes().splitlines()]
        assert await _is_published(stage, shown) == distinct + flown["ids"]
        assert json.loads(await stage.replay("--json"))["changed"] == 0
    stage.tables({})
    async with stage.normalizing():
        total, seconds = await _timed(stage)
    show_result(
        f"replay: {RECORDS} raw records, {len(shown)} events shown and published once through {KILLS} kills beside "
        f"{flown['ids']} new ones; compared {distinct / comparing:,.0f}/s; back again {total} in {seconds:.1f} s, "
        f"{total / seconds:,.0f}/s, {total / seconds / first:.2f} of the normalizer's {first:,.0f}/s; seed {SEED}"
    )
    assert total >= len(shown)


async def _is_published(stage: Stage, shown: list[dict[str, Any]]) -> int:
    """Assert that replayed events are those that were shown; return how many other events there are."""
    events = await stage.events()
    ids = Counter((event["source"], event["id"]) for event in events)
    assert [name for name, number in ids.items() if number > 1] == [], f"seed {SEED}"
    replayed = {(event["source"], event["id"]): event for event in events if "~" in event["id"]}
    wanted = {(line["new"]["source"], line["new"]["id"]): line["new"] for line in shown}
    assert replayed.keys() == wanted.keys(), f"seed {SEED}"
    assert [name for name, event in replayed.items() if bare(event) != bare(wanted[name])] == []
    assert {event["type"] for event in replayed.values()} == {line["new"]["type"] for line in shown}
    return len(events) - len(replayed)


async def _timed(stage: Stage) -> tuple[int, float]:
    """Replay without kills; return how many records, and the seconds from the first sent to the last decided."""
    with stage.command("--yes") as process:
        assert process.stdout is not None
        while "redrive" not in (line := await asyncio.to_thread(process.stdout.readline)):
            assert line, "it ended"
        began = time.monotonic()
        rest, _ = await asyncio.to_thread(process.communicate, timeout=DEADLINE)
        seconds = time.monotonic() - began
        assert process.returncode == 0, rest
    return int(rest.split()[0].replace(",", "")), seconds
