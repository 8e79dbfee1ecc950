"""Traces of the real program: from a delivery's header to the event, in spans that a collector takes."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import aiohttp
import pytest

from headrace_demo import senders
from headrace_demo.senders import Sending
from headrace_demo.simulators import leadsquared
from headrace_demo.simulators.quota import Allowance
from headrace_events import Event, decode
from tests.integration.child_process import ALL, Program, Roles, configuration
from tests.integration.collector import Collector, TakenSpan, collecting
from tests.integration.pipeline import DEADLINE, Pipeline, make_pipeline, until
from tests.integration.receiver_harness import NOBODY, running_receiver
from tests.kafka.broker import Broker

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"
SERVER = "POST /webhooks/{provider}/{tenant}"
SENDER = senders.make("leadping")
NO_CONTEXT = ("", "no context", f"{SAMPLED}-and-more", "0" * 8_000)
KEY = "planted-key-of-the-collector"
OFF = """
import os, pathlib, signal, sys
from headrace import app
from headrace.config import load
from headrace.receiver.receiver import Receiver
sweep = Receiver._sweep
async def stop(self, server):
    os.kill(os.getpid(), signal.SIGTERM)
    await sweep(self, server)
Receiver._sweep = stop
code = app.run(load(pathlib.Path(sys.argv[1]), {}), app.ROLES)
print(code, sorted(name for name in sys.modules if name.startswith(("opentelemetry", "google", "requests"))))
"""


@contextmanager
def traced(
    servers: str, prefix: str, home: Path, collector: Collector, *, ratio: float, roles: Roles = ALL, tenants: str = ""
) -> Iterator[Program]:
    """Run the program with a collector; at the end it is killed if it has not ended."""
    home.mkdir(exist_ok=True)
    (home / "headers").write_text(f"authorization=Bearer {KEY}\n")
    traces = f'[traces]\nenabled = true\nendpoint = "{collector.url}"\nratio = {ratio}\nheaders_file = "headers"'
    text = configuration(servers, prefix, tenants or senders.toml(SENDER), more=traces)
    program = Program(text, home, "-".join(roles), roles=roles)
    try:
        yield program
    finally:
        program.child.kill()


async def deliver(program: Program, sending: Sending, **headers: str) -> int:
    """Send a delivery with headers beside its own; return the status."""
    url = await program.webhooks()
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE)) as client,
        client.post(url + sending.path, data=sending.body, headers=sending.headers() | headers) as answer,
    ):
        return answer.status


async def events(pipeline: Pipeline) -> dict[str, Event]:
    """Return what was published by native id; its headers say the same of its trace."""
    found: dict[str, Event] = {}
    for record in await pipeline.records("events"):
        event = decode(record.value or b"")
        header = dict(record.headers).get("ce_traceparent", b"").decode()
        assert header == (event.traceparent or "")
        found[event.data.native.id] = event
    return found


def of(event: Event) -> tuple[str, str]:
    """Return trace and span that an event names."""
    assert event.traceparent is not None
    return event.traceparent[3:35], event.traceparent[36:52]


@pytest.mark.apache_kafka
async def test_a_delivery_is_one_trace_to_its_event(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """The sender's span, the receiver's, the append and the normalizer's are one trace, and the event names its end.

    What the sender does not sample is passed on as it came, what is no context is no reason to refuse, and where no
    trace begins there is none.
    """
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    sendings = [one for one in islice(SENDER.stream(), 40) if len(one.facts) == 1]
    async with collecting() as collector:
        with traced(kafka.bootstrap_servers, prefix, tmp_path / "home", collector, ratio=0.0) as program:
            await program.ready()
            contexts = (SAMPLED, UNSAMPLED, *NO_CONTEXT)
            sent = dict(zip(contexts, sendings, strict=False))
            for context, sending in sent.items():
                assert await deliver(program, sending, traceparent=context) == 202
            assert await deliver(program, sent[SAMPLED], traceparent=UNSAMPLED) == 202  # the platform sends it again
            await pipeline.settled()
            found = await events(pipeline)
            assert await asyncio.to_thread(program.stop) == 0
    named = {context: found[fact.id] for context, sending in sent.items() for fact in sending.facts}
    assert len(found) == len(sent)
    (server,), (append,), (normalize,) = (collector.named(name) for name in (SERVER, "append", "normalize"))
    assert {span.trace for span in collector.spans} == {TRACE}
    assert [span.parent for span in (server, append, normalize)] == [SPAN, server.id, server.id]
    assert of(named[SAMPLED]) == (TRACE, normalize.id)
    assert server.began <= append.began <= append.ended <= server.ended
    assert server.attributes["headrace.outcome"] == "accepted"
    assert normalize.attributes["headrace.outcome"] == "published"
    assert server.resource["service.name"] == "headrace"
    assert (collector.path, collector.headers["authorization"]) == ("/v1/traces", f"Bearer {KEY}")
    assert named[UNSAMPLED].traceparent == UNSAMPLED
    assert {named[context].traceparent for context in NO_CONTEXT} == {None}


@pytest.mark.apache_kafka
async def test_promise_7_no_secret_is_in_a_span(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """Traces begin here for webhooks, genuine or not, and for the turns of feeds: they hold words and names alone."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    history = leadsquared.History(seed=5, events=40, leads=2)
    stranger = senders.make("leadping", seed=9)
    async with leadsquared.Simulator(history, allowance=Allowance()) as platform, collecting() as collector:
        keys = {"polling": "true", "base_url": f'"{platform.url}"', "leads": str(list(history.leads)).replace("'", '"')}
        keys |= {"access_key": f'"{platform.access_key}"', "secret_key": f'"{platform.secret_key}"'}
        polled = "[tenants.leadsquared.polled]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items())
        tenants = senders.toml(SENDER) + polled
        servers, home = kafka.bootstrap_servers, tmp_path / "home"
        with traced(servers, prefix, home, collector, ratio=1.0, tenants=tenants) as program:
            await program.ready()
            sending = next(SENDER.stream())
            query = "token=planted-query"
            assert await deliver(program, sending, cookie="planted-cookie") == 202
            forged = {**stranger.signed(sending, 0.0), "traceparent": SAMPLED, "x-api-key": "planted-header"}
            assert await deliver(program, sending, **forged) == 401
            lost = Sending(SENDER, sending.body, query=query, run=sending.run)
            assert await deliver(program, lost, authorization="Bearer planted-bearer") == 202
            await until(lambda: bool(collector.named("call platform")), "feeds were read")
            await pipeline.settled()
            assert await asyncio.to_thread(program.stop) == 0
            log = program.log.read_bytes()
    wire = b"".join(collector.bodies)
    secrets = [SENDER.secret, stranger.secret, platform.access_key, platform.secret_key, KEY, "planted-"]
    assert [secret for secret in secrets if secret.encode() in wire or secret.encode() in log] == []
    assert [lead for lead in history.leads if lead.encode() in wire] == []
    accepted, refused = _by_outcome(collector.named(SERVER), "accepted"), _by_outcome(collector.named(SERVER), "bad_")
    assert (len(accepted), len(refused)) == (2, 1)
    assert refused[0].trace != TRACE, "a stranger chose the trace"
    call = collector.named("call platform")[0]
    assert call.attributes["headrace.feed"]
    assert call.parent in {turn.id for turn in collector.named("read feed")}
    named = {(span.trace, span.id) for span in collector.named("normalize")}
    assert {of(event) for event in (await events(pipeline)).values() if event.traceparent} <= named


def _by_outcome(spans: list[TakenSpan], outcome: str) -> list[TakenSpan]:
    return [span for span in spans if str(span.attributes["headrace.outcome"]).startswith(outcome)]


async def test_a_collector_that_hangs_or_is_away_is_in_nobodys_way(tmp_path: Path) -> None:
    """Deliveries are taken, spans are dropped and counted, and the process ends in order."""
    async with collecting(hang=True) as collector:
        for url, home in ((collector.url, "hangs"), ("http://127.0.0.1:1", "away")):
            there = Collector(url)
            roles = ("receiver",)
            with traced(NOBODY, "x.", tmp_path / home, there, ratio=1.0, roles=roles) as program:
                for sending in islice(SENDER.stream(), 20):
                    assert await deliver(program, sending) == 202
                numbers = await program.numbers()
                assert numbers["headrace_spans_exported_total", frozenset()] == 0
                assert await asyncio.to_thread(program.stop) == 0


async def test_what_waits_in_the_spool_keeps_its_trace(tmp_path: Path) -> None:
    """Where tracing is off a context is passed on all the same, through the spool as well."""
    async with running_receiver(NOBODY, "x.", tmp_path, SENDER) as receiver:
        for context in (SAMPLED, *NO_CONTEXT):
            assert (await receiver.send(next(SENDER.stream()), {"traceparent": context})).status == 202
        stored = b"".join((tmp_path / name).read_bytes() for name in ("spool.db", "spool.db-wal"))
    assert b'"traceparent":"%b"' % SAMPLED.encode() in stored


def test_nothing_of_it_is_imported_where_it_is_off(tmp_path: Path) -> None:
    """A process with all roles that ran and ended has no module of OpenTelemetry, nor of what that needs."""
    file = tmp_path / "headrace.toml"
    file.write_text(configuration(NOBODY, "x.", senders.toml(SENDER)))
    done = subprocess.run(
        [sys.executable, "-c", OFF, file], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["0 []"], done.stderr
