"""The example for PostgreSQL."""

import json
import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from headrace_demo.process import Child
from tests.examples.feed import Published
from tests.examples.installed import EXAMPLES, python_of
from tests.examples.postgres import Postgres
from tests.examples.stream import ends
from tests.examples.waiting import wait_for
from tests.results import ShowResult

pytestmark = pytest.mark.apache_kafka

WITHIN = 60.0
KILLS = 4
LATEST = "SELECT json_build_array(source, resource, native_id, id, type, subject, traffic) FROM latest"
COUNTS = "SELECT json_build_array(type, events) FROM counts"


class Consumers:
    """Starts the example again and again, each time in a group of its own: no start waits for one that was killed."""

    def __init__(self, published: Published, database: Postgres, folder: Path) -> None:
        self._published = published
        self._database = database
        self._folder = folder
        self._python = python_of("postgresql")
        self._started = 0

    @contextmanager
    def running(self) -> Iterator[Child]:
        """Run one; kill it at the end."""
        self._started += 1
        group = f"{self._published.topic}-{secrets.token_hex(4)}"
        schemas = EXAMPLES.parent
        script = EXAMPLES / "postgresql" / "to_postgresql.py"
        command = (self._python, script, self._published.servers, self._published.topic, group, self._database.url)
        child = Child(("env", f"PYTHONPATH={schemas}", *command), log=self.log(self._started), cwd=self._folder)
        try:
            yield child
        finally:
            child.kill()

    def log(self, number: int) -> Path:
        """Return the file with what one of them printed, counted from 1."""
        return self._folder / f"{number}.log"


@pytest.fixture
def database() -> Iterator[Postgres]:
    """Start a server of the test's own."""
    with Postgres() as server:
        yield server


def tables(database: Postgres) -> bool:
    """Return whether the example has made its tables."""
    return database.query("SELECT to_regclass('positions') IS NOT NULL") == ["t"]


def position(database: Postgres) -> int:
    """Return how far all partitions are, together."""
    (line,) = database.query("SELECT coalesce(sum(next_offset), 0) FROM positions")
    return int(line)


def waiting(database: Postgres) -> int:
    """Return how many processes wait for a lock."""
    (line,) = database.query("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return int(line)


def compare(database: Postgres, published: Published) -> None:
    """Compare every row and every count with what was published."""
    rows = [json.loads(line) for line in database.query(LATEST)]
    assert {tuple(row[:3]): tuple(row[3:]) for row in rows} == published.latest
    counts = dict(json.loads(line) for line in database.query(COUNTS))
    assert counts == Counter(event.type for event in published.events)


def all_is_written(database: Postgres) -> bool:
    """Return whether the last event of each partition is in the table."""
    return {each.id for each in ends()} <= set(database.query("SELECT id FROM latest"))


@pytest.mark.slow
def test_each_event_counts_once_however_it_is_killed(
    published: Published, database: Postgres, tmp_path: Path, show_result: ShowResult
) -> None:
    """Every row is the latest of its record and every count is right, though it was killed in the midst of batches."""
    consumers, seen = Consumers(published, database, tmp_path), [0]

    def has_moved() -> bool:
        return tables(database) and (position(database) > seen[-1] or all_is_written(database))

    for _ in range(KILLS):
        with consumers.running():
            wait_for(has_moved, within=WITHIN)
        seen.append(position(database))
    with consumers.running():
        wait_for(lambda: all_is_written(database), within=WITHIN)
    compare(database, published)
    show_result(f"to_postgresql.py: killed at positions {seen[1:]} of {position(database)}")


@pytest.mark.slow
def test_of_two_that_read_the_same_one_is_refused(published: Published, database: Postgres, tmp_path: Path) -> None:
    """Two that read the same records never both write them: who comes second ends, and says why."""
    consumers = Consumers(published, database, tmp_path)
    with consumers.running():
        wait_for(lambda: tables(database), within=WITHIN)
    with ExitStack() as stack:
        with database.locked("positions"):
            children = [stack.enter_context(consumers.running()) for _ in range(2)]
            wait_for(lambda: waiting(database) == len(children), within=WITHIN)
        wait_for(lambda: not all(child.runs for child in children), within=WITHIN)
    ended = next(number for number, child in enumerate(children, 2) if child.exit_code == 1)
    assert "another process has written records of" in consumers.log(ended).read_text("utf-8")
    with consumers.running():
        wait_for(lambda: all_is_written(database), within=WITHIN)
    compare(database, published)


@pytest.mark.slow
def test_one_that_is_frozen_holds_up_no_other(published: Published, database: Postgres, tmp_path: Path) -> None:
    """A process that was frozen in its transaction is cut off within seconds; when it wakes up it writes nothing."""
    consumers = Consumers(published, database, tmp_path)
    with consumers.running():
        wait_for(lambda: tables(database), within=WITHIN)
    with consumers.running() as frozen:
        with database.locked("positions"):
            wait_for(lambda: waiting(database) == 1, within=WITHIN)
            frozen.signal(signal.SIGSTOP)
        with consumers.running():
            wait_for(lambda: all_is_written(database), within=WITHIN)
        frozen.signal(signal.SIGCONT)
        wait_for(lambda: not frozen.runs, within=WITHIN)
    compare(database, published)
