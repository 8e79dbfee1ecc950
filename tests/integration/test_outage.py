"""Kafka away for a while: every role shows it, says it in a few lines, and goes on by itself."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from headrace_demo import senders
from headrace_demo.simulators import outreach
from headrace_demo.simulators.quota import Allowance
from tests.fake_provider import Row
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import DEADLINE, make_pipeline, until
from tests.kafka.plugin import OwnKafka
from tests.results import ShowResult

ROLES = ("normalizer", "poller", "receiver")
AWAY_SECONDS = 120.0
LINES_A_MINUTE = 20


async def probe(program: Program, name: str) -> tuple[int, dict[str, Any]]:
    url = f"{await program.admin()}/healthz/{name}"
    async with aiohttp.ClientSession() as client, asyncio.timeout(DEADLINE), client.get(url) as answer:
        return answer.status, msgspec.json.decode(await answer.read())


async def ready(program: Program) -> bool:
    return (await probe(program, "ready"))[0] == 200


async def shown(program: Program, name: str, role: str) -> float:
    return (await program.numbers())[f"headrace_{name}", frozenset({("role", role)})]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["frozen", "killed"])
async def test_an_outage_of_kafka_shows_and_is_said_in_a_few_lines(
    own_kafka: OwnKafka, prefix: str, tmp_path: Path, how: str, show_result: ShowResult
) -> None:
    """Up, the last fetch, readiness and the oldest age tell it within the bound; live holds; all is well afterwards.

    Every role is at work when it begins: what fails then, sooner or later, is no sign of life.
    """
    broker = own_kafka()
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix, partitions=4)
    async with AsyncExitStack() as stack:
        platform = await stack.enter_async_context(outreach.Simulator(outreach.History(1, 50), allowance=Allowance()))
        tenant = platform.tenant() | {"events.every": "1s", "budget.per_window": 1_000, "budget.window": "1s"}
        text = configuration(broker.bootstrap_servers, prefix, senders.toml(senders.make("outreach"), **tenant))
        programs = {role: Program(text, tmp_path / role, role, roles=(role,)) for role in ROLES}
        for program in programs.values():
            stack.callback(program.child.kill)
            await program.ready()
        for role, program in programs.items():
            assert await shown(program, "kafka_up", role) == 1
            assert time.time() - await shown(program, "last_fetch_timestamp_seconds", role) < 30
        before = {role: len(program.log.read_bytes().splitlines()) for role, program in programs.items()}
        async with pipeline.under_load(seed=8) as taken:
            await until(lambda: taken["rows"] > 500, "there is load")
            broker.pause() if how == "frozen" else broker.kill()
            began = time.monotonic()
            for role, program in programs.items():
                await shows(program, role, up=0)
                assert await ready(program) == (role == "receiver")
            assert time.monotonic() - began < 40
        while time.monotonic() - began < AWAY_SECONDS:
            for role, program in programs.items():
                assert await shown(program, "kafka_up", role) == 0, program.tail()
            await asyncio.sleep(0.5)  # looks, not a wait: it must hold all the time
        ages = [
            value for (name, _), value in (await programs["normalizer"].numbers()).items() if "oldest_unpro" in name
        ]
        assert all(age > AWAY_SECONDS / 2 for age in ages)
        for role, program in programs.items():
            assert time.time() - await shown(program, "last_fetch_timestamp_seconds", role) > AWAY_SECONDS / 2
            assert (await probe(program, "live"))[0] == 200
        check_log(programs, before, f"Kafka {how}", time.monotonic() - began, show_result)
        if how == "frozen":
            broker.resume()
        else:
            broker.spawn()
            await asyncio.to_thread(broker.wait_until_serves)
        for role, program in programs.items():
            await program.ready()
            await shows(program, role, up=1)
        await pipeline.append([Row(number, 1, "after") for number in range(5)])
        for program in programs.values():
            assert await asyncio.to_thread(program.stop) == 0, program.tail()


async def shows(program: Program, role: str, *, up: int) -> None:
    """Wait until a role shows whether Kafka answers; a receiver is ready either way, the others only if it does."""

    async def shown_so() -> bool:
        return await shown(program, "kafka_up", role) == up and await ready(program) == (role == "receiver" or up == 1)

    await until(shown_so, f"{role} shows {up}", every=0.5)


def check_log(
    programs: dict[str, Program], before: dict[str, int], what: str, seconds: float, show_result: ShowResult
) -> None:
    """Each role has said it, and in a few lines: those behind the first so many."""
    for role, program in programs.items():
        lines = program.log.read_bytes().splitlines()[before[role] :]
        kinds = Counter(str(msgspec.json.decode(line).get("event"))[:60] for line in lines)
        show_result(f"{role}, {what}: {len(lines)} lines in {seconds:.0f} s, {dict(kinds)}")
        assert len(lines) <= LINES_A_MINUTE * (seconds / 60 + 1), kinds
        assert program.events("kafka_away"), program.tail()
