"""`headrace run` as a process: roles together and apart, what stops them, and what they leave behind."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from headrace.observe.metric_definitions import APPENDING, EVERYWHERE, PROCESS, RECEIVER
from headrace_demo import senders
from headrace_demo.senders import Fact, Sending
from headrace_events import decode
from tests.integration.child_process import ALL, Program, Roles, configuration
from tests.integration.pipeline import DEADLINE, Pipeline, make_pipeline, until
from tests.kafka.broker import Broker
from tests.kafka.client import delete_topic
from tests.kafka.ports import free_port

pytestmark = pytest.mark.apache_kafka

RECEIVING = ("receiver",)
SENDER = senders.make("leadsquared")
SHOWN = (*EVERYWHERE, *PROCESS, *APPENDING, *RECEIVER)


@contextmanager
def run(servers: str, prefix: str, home: Path, roles: Roles = ALL, more: str = "") -> Iterator[Program]:
    """Run the program for one sender; at the end it is killed if it has not ended."""
    text = configuration(servers, prefix, senders.toml(SENDER), more=more)
    program = Program(text, home, "-".join(roles), roles=roles)
    try:
        yield program
    finally:
        program.child.kill()


async def ends(program: Program) -> tuple[int | None, str]:
    """Wait until it ends by itself; return its exit code and what it said about it."""
    await until(lambda: not program.child.runs, "the program ends", every=0.1)
    return program.child.exit_code, str([event["reason"] for event in program.events("refused_to_run")])


async def probe(program: Program, name: str) -> tuple[int, dict[str, Any]]:
    url = f"{await program.admin()}/healthz/{name}"
    async with aiohttp.ClientSession() as client, asyncio.timeout(DEADLINE), client.get(url) as answer:
        return answer.status, msgspec.json.decode(await answer.read())


async def deliver(url: str, sendings: list[Sending]) -> set[Fact]:
    """Send deliveries, all of which must be taken; return their facts."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE)) as client:
        for sending in sendings:
            async with client.post(url + sending.path, data=sending.body, headers=sending.headers()) as answer:
                assert answer.status == 200, await answer.text()
    return {fact for sending in sendings for fact in sending.facts}


async def published(pipeline: Pipeline) -> list[Fact]:
    return [senders.fact_of(decode(record.value or b"")) for record in await pipeline.records("events")]


async def all_are_published(pipeline: Pipeline, facts: set[Fact]) -> None:
    """Wait until each of them is, and assert that each is once."""

    async def done() -> bool:
        return facts <= set(await published(pipeline))

    await until(done, "every fact is published", every=0.3)
    found = await published(pipeline)
    assert len(found) == len(set(found))
    assert set(found) == facts


async def test_a_receiver_alone_works_without_kafka(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """It starts, is ready, takes deliveries and ends in order; the next one with Kafka drains what it left."""
    nowhere = f"127.0.0.1:{free_port()}"
    sendings = [*islice(SENDER.stream(), 6)]
    with run(nowhere, prefix, tmp_path, RECEIVING) as program:
        await program.ready()
        acknowledged = await deliver(await program.webhooks(), sendings)
        for name in ("startup", "live", "ready"):
            status, body = await probe(program, name)
            assert status == 200, body
            assert {check["role"] for check in body["checks"]} - {"process"} == {"receiver"}
        numbers = await program.numbers()
        shown = {name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name, _ in numbers}
        assert {name for name in shown if name.startswith("headrace_")} == {family.name for family in SHOWN}
        spooled = numbers["headrace_spool_records", frozenset()]
        assert spooled >= len(sendings)
        assert await asyncio.to_thread(program.stop) == 0, program.tail()
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    with run(kafka.bootstrap_servers, prefix, tmp_path) as program:
        await all_are_published(pipeline, acknowledged)
        numbers = await program.numbers()
        assert (
            numbers["headrace_drained_total", frozenset()]
            == spooled
            == numbers["headrace_spool_put_total", frozenset()]
        )
        assert await asyncio.to_thread(program.stop) == 0, program.tail()


async def test_what_is_started_is_said(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """The first line of the log names the roles, the admin port and the URL of webhooks."""
    await make_pipeline(kafka.bootstrap_servers, prefix)
    with run(kafka.bootstrap_servers, prefix, tmp_path) as program:
        await program.says("started")
        (started,) = program.events("started")
        assert started["roles"] == ["receiver", "normalizer", "poller"]
        assert str(started["webhooks"]).startswith("http://127.0.0.1:")
        assert str(started["webhooks"]).endswith("/webhooks/PROVIDER/TENANT")
        assert await program.admin() == f"http://127.0.0.1:{started['admin']}"


@pytest.mark.parametrize("section", ["receiver", "admin"])
async def test_a_port_that_is_taken_ends_the_process_with_a_sentence(
    kafka: Broker, prefix: str, tmp_path: Path, section: str
) -> None:
    """The other role does not go on alone: half a process would look like a whole one."""
    await make_pipeline(kafka.bootstrap_servers, prefix)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = configuration(kafka.bootstrap_servers, prefix, "")
        text = text.replace(
            f'[{section}]\nhost = "127.0.0.1"\nport = 0', f'[{section}]\nhost = "127.0.0.1"\nport = {port}'
        )
        program = Program(text, tmp_path, "all", roles=ALL)
        code, why = await ends(program)
    assert code == 1, program.tail()
    assert f"127.0.0.1:{port} cannot be had" in why
    assert f"choose another [{section}] port" in why
    assert "Traceback" not in program.tail(100)


async def test_roles_that_cannot_run_do_not_close_the_port(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """Without topics the process says what to do and takes deliveries; once that is done it publishes them."""
    with run(kafka.bootstrap_servers, prefix, tmp_path) as program:
        await program.says("role_cannot_run")
        acknowledged = await deliver(await program.webhooks(), [*islice(SENDER.stream(), 3)])
        reasons = {event["role"]: str(event["reason"]) for event in program.events("role_cannot_run")}
        assert "run `headrace topics apply`" in reasons["normalizer"]
        assert (await probe(program, "live"))[0] == 200
        status, body = await probe(program, "ready")
        assert status == 503
        failed = {check["role"]: check["why"] for check in body["checks"] if not check["ok"]}
        assert "run `headrace topics apply`" in failed["normalizer"]
        assert "receiver" not in failed
        pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
        await all_are_published(pipeline, acknowledged)
        await program.ready()
        assert "Traceback" not in program.tail(100)
        assert await asyncio.to_thread(program.stop) == 0, program.tail()


async def test_the_receiver_goes_on_where_another_role_lost_its_topic(
    kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    """Without `cursors` no poller can run: deliveries still go to raw, and the next poller begins when it is back."""
    await make_pipeline(kafka.bootstrap_servers, prefix)
    await delete_topic(kafka.bootstrap_servers, f"{prefix}cursors")
    with run(kafka.bootstrap_servers, prefix, tmp_path) as program:
        await program.says("role_cannot_run")
        await deliver(await program.webhooks(), [*islice(SENDER.stream(), 3)])

        async def in_raw() -> bool:
            numbers = await program.numbers()
            appended = sum(value for (name, _), value in numbers.items() if name == "headrace_raw_appended_total")
            return appended >= 3 and numbers["headrace_spool_records", frozenset()] == 0

        await until(in_raw, "what was delivered is in raw")


async def test_a_role_alone_that_cannot_run_ends_with_a_sentence(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """Whoever started it can see that it did not work."""
    with run(kafka.bootstrap_servers, prefix, tmp_path, ("normalizer", "poller")) as program:
        code, why = await ends(program)
        assert code == 1, program.tail()
        assert "run `headrace topics apply`" in why
        assert "Traceback" not in program.tail(100)


async def test_a_spool_has_one_owner(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """A second process on the same spool ends with a sentence; the first one goes on."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    with run(kafka.bootstrap_servers, prefix, tmp_path) as first:
        await first.ready()
        with run(kafka.bootstrap_servers, prefix, tmp_path, RECEIVING) as second:
            code, why = await ends(second)
            assert code == 1, second.tail()
            assert "is in use by process" in why
        await all_are_published(pipeline, await deliver(await first.webhooks(), [*islice(SENDER.stream(), 3)]))


async def test_promise_1_sigterm_under_load_loses_nothing(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """All roles end in order while deliveries come in: what was acknowledged is published by this one or the next."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    acknowledged: set[Fact] = set()
    with run(kafka.bootstrap_servers, prefix, tmp_path) as program:
        await program.ready()
        loads = [asyncio.create_task(_load(await program.webhooks(), seed, acknowledged)) for seed in range(4)]
        await until(lambda: len(acknowledged) > 200, "deliveries come in")
        assert await asyncio.to_thread(program.stop) == 0, program.tail()
        assert program.events("stopped")
        await asyncio.gather(*loads)
    with run(kafka.bootstrap_servers, prefix, tmp_path) as program:

        async def done() -> bool:
            return acknowledged <= set(await published(pipeline))

        await until(done, "every acknowledged fact is published", every=0.3)
        assert await asyncio.to_thread(program.stop) == 0, program.tail()
    found = await published(pipeline)
    assert len(found) == len(set(found))


async def _load(url: str, seed: int, acknowledged: set[Fact]) -> None:
    """Send until nobody answers any more; note what was acknowledged."""
    sender = senders.make(SENDER.provider, SENDER.tenant, seed=seed + 1, secret=SENDER.secret)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE)) as client:
        for sending in sender.stream():
            try:
                async with client.post(url + sending.path, data=sending.body, headers=sending.headers()) as answer:
                    if answer.status == 200:
                        acknowledged |= sending.facts
            except (aiohttp.ClientError, OSError):
                return


async def test_a_poller_that_has_nobody_to_poll_is_ready_and_quiet(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """It owns its partitions, answers every probe, warns of nothing, and ends in order."""
    await make_pipeline(kafka.bootstrap_servers, prefix)
    with run(kafka.bootstrap_servers, prefix, tmp_path, ("poller",)) as program:
        await program.ready()
        for name in ("startup", "live", "ready"):
            status, body = await probe(program, name)
            assert status == 200, body
            assert {check["role"] for check in body["checks"]} - {"process"} == {"poller"}
        numbers = await program.numbers()
        assert numbers["headrace_tasks_owned", frozenset({("role", "poller")})] > 0
        assert await asyncio.to_thread(program.stop) == 0, program.tail()
        ours = [line for line in program.log.read_text("utf-8").splitlines() if '"logger": "aiokafka' not in line]
        assert not [line for line in ours if '"warning"' in line]  # the client's are those of a broker that has begun
