"""The example for kcat and jq."""

import json
import subprocess

import pytest

from tests.examples.feed import Published
from tests.examples.installed import EXAMPLES, need
from tests.examples.stream import state_of

pytestmark = pytest.mark.apache_kafka


def test_the_pipe_prints_the_latest_of_each_record(published: Published) -> None:
    """Each record once, as it is at the end of the topic."""
    need("kcat", "jq", package="kcat jq")
    command = (EXAMPLES / "kcat" / "latest.sh", published.servers, published.topic)
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(published.latest)
    assert state_of(lines) == published.latest
