"""The example for DuckDB."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.examples.feed import Published
from tests.examples.installed import EXAMPLES, python_of
from tests.examples.stream import state_of

pytestmark = pytest.mark.apache_kafka

COLUMNS = "SELECT to_json([source, resource, native_id, id, type, subject, traffic]) FROM latest"
SHOW = """
import sys
import duckdb
with duckdb.connect(sys.argv[1], read_only=True) as db:
    for row in db.execute(sys.argv[2]).fetchall():
        print(*row)
"""


@pytest.mark.slow
def test_the_view_shows_the_latest_of_each_record(published: Published, tmp_path: Path) -> None:
    """Each record once; a second run adds nothing, and one that lost its newest batch adds that."""
    python, file = python_of("duckdb"), tmp_path / "events.duckdb"

    def run(*command: object) -> list[str]:
        done = subprocess.run([python, *map(str, command)], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.split("\n")[:-1]  # not at U+2028, as splitlines does

    def show(sql: str) -> list[str]:
        return run("-c", SHOW, file, sql)

    for _ in range(2):
        run(EXAMPLES / "duckdb" / "to_duckdb.py", published.servers, published.topic, file)
        assert show("SELECT count(*) FROM events") == [str(len(published.events))]
        lines = [json.loads(line) for line in show("SELECT event FROM latest")]
        assert len(lines) == len(published.latest)
        assert state_of(lines) == published.latest
    rows = [json.loads(line) for line in show(COLUMNS)]
    assert {tuple(row[:3]): tuple(row[3:]) for row in rows} == published.latest
