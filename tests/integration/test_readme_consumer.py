"""The example and the consumer of schemas/README.md: its first `json` and its first `python` block, as they stand."""

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaProducer

from headrace_events import decode
from tests.kafka.broker import Broker
from tests.kafka.client import create_topic

ROOT = Path(__file__).parents[2]
GOLDEN = (ROOT / "tests" / "unit" / "golden.jsonl").read_bytes().splitlines()
DEADLINE = 30.0


def block(language: str) -> str:
    """Return the first fenced block of a language in the README for consumers."""
    text = (ROOT / "schemas" / "README.md").read_text("utf-8")
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"schemas/README.md has no {language} block"
    return found[1]


async def publish(servers: str, topic: str, *, prefix: str) -> list[str]:
    """Publish the golden events, and between them some that are taken back; return the words of what is committed."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id=f"{prefix}writer")
    never = msgspec.json.encode(msgspec.structs.replace(decode(GOLDEN[0]), id="never/1"))
    await asyncio.wait_for(producer.start(), DEADLINE)
    try:
        async with asyncio.timeout(DEADLINE):
            for value, committed in ((GOLDEN[0], True), (never, False), (GOLDEN[1], True), (GOLDEN[2], True)):
                await producer.begin_transaction()
                await producer.send_and_wait(topic, value)
                await (producer.commit_transaction() if committed else producer.abort_transaction())
    finally:
        await asyncio.wait_for(producer.stop(), DEADLINE)
    return [decode(line).id for line in (GOLDEN[0], GOLDEN[2])]  # the other one is test traffic


@asynccontextmanager
async def running(script: Path, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run a script and give what it prints; end it at the end."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), *arguments, stdout=PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await asyncio.wait_for(process.wait(), DEADLINE)


async def test_the_consumer_reads_what_is_committed(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """The fifteen lines of the README run as they stand, and print real events once each, none that was taken back."""
    servers, topic, script = kafka.bootstrap_servers, f"{prefix}events", tmp_path / "consumer.py"
    code = block("python")
    assert len(list(filter(str.strip, code.splitlines()))) <= 15
    script.write_text(code, "utf-8")
    await create_topic(servers, topic)
    expected = await publish(servers, topic, prefix=prefix)
    async with running(script, servers, topic, f"{prefix}readme") as printed, asyncio.timeout(DEADLINE):
        lines = [(await printed.readline()).decode().split() for _ in expected]
    assert [line[0] for line in lines if line] == expected


def test_the_example_is_an_event() -> None:
    """The event that the README shows is one that the structs read, whole."""
    assert json.loads(block("json")) == json.loads(GOLDEN[0])
