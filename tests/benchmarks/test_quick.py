"""Every benchmark runs; what the figures are is for people to judge, on a quiet machine."""

import pytest

from tests.benchmarks.__main__ import ON_KAFKA, PURE, main
from tests.benchmarks.table import Row
from tests.kafka.broker import Broker

WANTED = {
    "whole": ["normalizer", "stripped loop"],
    "spread": ["partitions against 1"],
    "processes": ["two processes"],
    "restore": ["restore", "take-over"],
    "find": ["find an id in"],
    "receiver": ["receiver: all kinds in turn"],
    "latency": ["accepted -> visible"],
    "trace": ["trace: -> committed"],
    "polling": ["budget with a backlog", "a page, into raw"],
    "console": ["while nobody looks"],
    "loop": ["leads"],
}
"""What the rows of each benchmark on Kafka name."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_KAFKA)
def test_a_benchmark_on_kafka_runs(kafka: Broker, name: str) -> None:
    rows = main(["--quick", "--only", name, "--servers", kafka.bootstrap_servers])
    _check(rows, WANTED[name])


@pytest.mark.slow
def test_the_pure_benchmarks_run() -> None:
    rows = main(["--quick", "--only", *PURE])
    _check(rows, ["memory an id", "remembered ids"])
    assert sum(row.name.startswith("decode") for row in rows) == 11


def _check(rows: list[Row], wanted: list[str]) -> None:
    names = " ".join(row.name for row in rows)
    assert [each for each in wanted if each not in names] == []
    assert all(row.ours for row in rows)
