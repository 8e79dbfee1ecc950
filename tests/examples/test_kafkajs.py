"""The example for kafkajs."""

import json
from pathlib import Path
from typing import Any

import pytest

from headrace_demo.process import Child
from tests.examples.feed import Published
from tests.examples.installed import built, need
from tests.examples.stream import ends, state_of
from tests.examples.waiting import wait_for

pytestmark = pytest.mark.apache_kafka

WITHIN = 60.0


@pytest.mark.slow
def test_the_memory_has_the_latest_of_each_record(published: Published, tmp_path: Path) -> None:
    """What is printed last of each record is the latest; it ends at SIGTERM, in good order."""
    need("node", "npm", package="nodejs npm")
    home, log = built("kafkajs", ("npm", "install", "--silent")), tmp_path / "printed"
    last = {each.id for each in ends()}

    def printed() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in log.read_text("utf-8").split("\n")[:-1]]  # whole lines
        return [line for line in lines if "specversion" in line]  # the client's warnings are JSON too

    command = ("node", home / "latest.js", published.servers, published.topic, f"{published.topic}-kafkajs")
    child = Child(command, log=log, cwd=tmp_path)
    try:
        wait_for(lambda: last <= {each["id"] for each in printed()} or not child.runs, within=WITHIN)
        child.terminate(WITHIN)
    finally:
        child.kill()
    assert state_of(printed()) == published.latest
    assert child.exit_code == 0
