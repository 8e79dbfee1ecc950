import pytest

from tests.benchmarks.__main__ import main
from tests.kafka.broker import Broker


@pytest.mark.slow
def test_every_benchmark_runs(kafka: Broker) -> None:
    """One command measures every row; what the figures are is for people to judge, on a quiet machine."""
    rows = main(["--quick", "--servers", kafka.bootstrap_servers])
    names = " ".join(row.name for row in rows)
    for wanted in ("normalizer", "stripped loop", "partitions against 1", "restore", "memory an id", "remembered ids"):
        assert wanted in names
    assert "find an id in" in names
    for wanted in ("receiver: all kinds in turn", "accepted -> visible", "budget with a backlog", "a page, into raw"):
        assert wanted in names
    assert sum(row.name.startswith("decode") for row in rows) == 11
    assert all(row.ours for row in rows)
