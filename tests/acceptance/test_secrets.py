"""Promise 7 for the real program: planted secrets are found nowhere but on the wire and in the configuration."""

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import aiohttp
import pytest

from headrace_demo import senders
from headrace_demo.senders import Sender, Sending
from tests.integration.child_process import ALL, Program, configuration
from tests.integration.pipeline import DEADLINE, Pipeline, make_pipeline, until
from tests.kafka.plugin import OwnKafka

PATIENT = {"broker.session.timeout.ms": "120000"}
PLANTED = {
    "Authorization": "Bearer planted-bearer-3f81",
    "Proxy-Authorization": "Basic planted-proxy-77aa",
    "Cookie": "session=planted-cookie-90b2",
    "X-Api-Key": "planted-key-51cd",
    "X-Lsq-AccessKey": "planted-access-12ef",
}
"""What nobody asked for and a sender may send all the same."""
QUERY = "token=planted-query-64be&secretKey=planted-secret-key-08dd"
SIGNED: set[bytes] = set()
"""The signatures that were sent."""

pytestmark = [pytest.mark.apache_kafka, pytest.mark.slow]


async def test_promise_7_planted_secrets_are_found_nowhere(own_kafka: OwnKafka, prefix: str, tmp_path: Path) -> None:
    """Good, forged, broken and unwelcome deliveries, Kafka there and away: no answer, log, metric or record tells."""
    broker = own_kafka(PATIENT)
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix)
    accounts = [senders.make(name, seed=21) for name in sorted(senders.SENDERS)]
    strangers = [senders.make(name, seed=22) for name in sorted(senders.SENDERS)]
    settings = configuration(broker.bootstrap_servers, prefix, senders.toml(*accounts)).replace(
        'format = "json"', 'format = "json"\nlevel = "debug"'
    )
    program = Program(settings, tmp_path / "home", roles=ALL)
    await program.ready()
    answers: list[bytes] = []
    SIGNED.clear()
    await _send_all(program, accounts, strangers, answers)
    broker.pause()
    await _send_all(program, accounts, strangers, answers)
    spool = b"".join(path.read_bytes() for path in (tmp_path / "home").glob("spool.db*"))
    metrics = (await _text(program, "/metrics")).encode()
    broker.resume()
    await until(lambda: _is_drained(program), "the spool is empty", every=0.2)
    await pipeline.settled()
    metrics += (await _text(program, "/metrics")).encode() + (await _text(program, "/healthz/ready")).encode()
    assert await asyncio.to_thread(program.stop) == 0
    places = {
        "answers": b"".join(answers),
        "metrics": metrics,
        "log": program.log.read_bytes(),
        "spool": spool,
        **{name: await _bytes_of(pipeline, name) for name in ("raw", "events", "dead-letters", "nudges", "seen")},
    }
    assert all(places[name] for name in ("answers", "metrics", "log", "spool", "raw", "events", "dead-letters"))
    found = [
        f"{secret!r} in {name}" for name, text in places.items() for secret in _planted(accounts) if secret in text
    ]
    assert not found


def _planted(accounts: list[Sender]) -> Iterator[bytes]:
    """Yield every secret and signature, and the forms in which they travel."""
    yield from SIGNED
    for secret in (hidden for account in accounts for hidden in account.hidden):
        yield secret.encode()
        if secret.startswith("whsec_"):
            yield secret.removeprefix("whsec_").encode()
            yield base64.b64decode(secret.removeprefix("whsec_"))
    for value in PLANTED.values():
        yield value.partition("planted-")[2].encode()
    yield from (b"planted-query", b"planted-secret-key")


async def _send_all(program: Program, accounts: list[Sender], strangers: list[Sender], answers: list[bytes]) -> None:
    """Send every kind of delivery: genuine, undecodable, forged, and to the wrong place."""
    url = await program.webhooks()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE)) as client:
        for account, stranger in zip(accounts, strangers, strict=True):
            genuine = list(islice(account.stream(), 8))
            broken = account.sending_of(b'{"planted": "\xff"')
            for sending in (*genuine, broken):
                answers.append(await _post(client, url, sending, sending.headers()))
                answers.append(await _post(client, url, sending, stranger.signed(sending, 0.0)))
            lost = replace(genuine[0], query=QUERY)
            answers.append(await _post(client, url + "/elsewhere", lost, lost.headers()))


async def _post(client: aiohttp.ClientSession, url: str, sending: Sending, headers: dict[str, str]) -> bytes:
    query = "&".join(part for part in (sending.query, QUERY) if part)
    SIGNED.update(value.rpartition(",")[2].encode() for name, value in headers.items() if "signature" in name.lower())
    target = f"{url}{sending.sender.path}?{query}"
    try:
        async with client.post(target, data=sending.body, headers=PLANTED | headers) as answer:
            fields = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
            return f"{answer.status} {fields}".encode() + await answer.read()
    except aiohttp.ClientError as error:
        return type(error).__name__.encode()


async def _text(program: Program, path: str) -> str:
    async with aiohttp.ClientSession() as client, client.get(await program.admin() + path) as answer:
        return await answer.text()


async def _is_drained(program: Program) -> bool:
    return (await program.numbers())["headrace_spool_records", frozenset()] == 0


async def _bytes_of(pipeline: Pipeline, topic: str) -> bytes:
    """Return everything that stands in the records of a topic."""
    parts: list[bytes] = []
    for record in await pipeline.records(topic):
        parts += [record.key or b"", record.value or b""]
        parts += [part for name, value in record.headers for part in (name.encode(), value or b"")]
    return b"\n".join(parts)
