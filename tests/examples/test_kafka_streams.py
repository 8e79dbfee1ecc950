"""The example for Kafka Streams."""

import asyncio
import json
import secrets
from pathlib import Path

import pytest

from headrace_demo.process import Child
from tests.examples.feed import Published
from tests.examples.installed import built, need
from tests.examples.stream import State, state_of
from tests.examples.waiting import wait_for
from tests.kafka.client import create_topic, read_all

pytestmark = pytest.mark.apache_kafka

WITHIN = 90.0
MAVEN = ("mvn", "-B", "-q", "-Dstyle.color=never", "compile", "dependency:copy-dependencies")


def state_on(servers: str, topic: str) -> State:
    """Return what a reader of committed records finds on the topic that the example writes."""
    records = asyncio.run(read_all(servers, topic))
    for record in records:
        value = json.loads(record.value)
        native = value["data"]["native"]
        assert json.loads(record.key) == [value["source"], native["resource"], native["id"]]
    return state_of(json.loads(record.value) for record in records)


@pytest.mark.slow
def test_the_topic_has_the_latest_of_each_record(published: Published, tmp_path: Path) -> None:
    """A compacted topic ends with the latest of each record, under its key, and stays so when the program ends."""
    need("java", "mvn", package="default-jdk-headless maven")
    home, name = built("kafka-streams", MAVEN), f"streams-{secrets.token_hex(4)}"
    asyncio.run(create_topic(published.servers, f"{name}.latest", partitions=2, cleanup_policy="compact"))
    java = ("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", f"-Djava.io.tmpdir={tmp_path}", "-cp")
    classes = (f"{home}/target/classes:{home}/target/dependency/*", "Latest")
    child = Child(
        (*java, *classes, published.servers, published.topic, f"{name}.latest", name),
        log=tmp_path / "log",
        cwd=tmp_path,
    )
    try:
        wait_for(lambda: state_on(published.servers, f"{name}.latest") == published.latest, within=WITHIN)
        child.terminate(WITHIN)
    finally:
        child.kill()
    assert state_on(published.servers, f"{name}.latest") == published.latest
