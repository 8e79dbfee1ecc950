"""What `headrace check --online` says of a broker that lets us do little, or advertises another address."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.integration.command import Headrace
from tests.integration.test_cli_check_online import Row, row_of
from tests.integration.test_cli_polling import comes
from tests.kafka.acls import ALTER, AUTHORIZER, CLUSTER, DESCRIBE, GROUP, TOPIC, TRANSACTION, WRITE, forbid
from tests.kafka.plugin import OwnKafka


def rows_of(headrace: Headrace, *, code: int = 0) -> list[Row]:
    return [json.loads(line) for line in headrace("check", "--online", "--json", code=code).stdout.splitlines()]


@pytest.mark.slow
def test_rights_are_shown_as_far_as_kafka_tells_them(tmp_path: Path, own_kafka: OwnKafka, prefix: str) -> None:
    """What is forbidden is a fault each; a topic that may not be seen is not taken for missing."""
    broker = own_kafka(AUTHORIZER)
    headrace = Headrace(tmp_path, broker.bootstrap_servers, prefix)
    (tmp_path / "headrace.toml").write_text("")
    headrace("topics", "apply", "--profile", "dev", "--partitions", "1")
    assert row_of(rows_of(headrace), "kafka", "rights")["state"] == "ok"

    def lacking() -> set[str]:
        return {row["found"] for row in rows_of(headrace, code=1) if row["check"] == "rights"}

    asyncio.run(
        forbid(
            broker.bootstrap_servers,
            (TOPIC, f"{prefix}raw", WRITE),
            (TOPIC, f"{prefix}seen", DESCRIBE),
            (GROUP, f"{prefix}poller", DESCRIBE),
            (TRANSACTION, f"{prefix}normalizer-0", DESCRIBE),
        )
    )
    wanted = {
        f"this user lacks WRITE on the topic {prefix}raw",
        f"this user lacks DESCRIBE on the topic {prefix}seen (it comes with READ and WRITE)",
        f"this user lacks READ on the group {prefix}poller",
        f"this user lacks WRITE on the transactional-id {prefix}normalizer-0",
    }
    comes(lambda: lacking() == wanted, "all that is forbidden is shown")
    assert row_of(rows_of(headrace, code=1), "kafka", "topics")["state"] == "unknown"
    asyncio.run(forbid(broker.bootstrap_servers, (CLUSTER, "kafka-cluster", ALTER)))
    comes(lambda: "this user lacks ALTER on the cluster" in lacking(), "so is what concerns the cluster")


@pytest.mark.slow
def test_a_broker_that_advertises_an_address_where_nobody_is(tmp_path: Path, own_kafka: OwnKafka, prefix: str) -> None:
    """It answers once, and sends us elsewhere: the row says where, and nothing behind it is ok."""
    broker = own_kafka()
    headrace = Headrace(tmp_path, f"127.0.0.1:{broker.proxied_port}", prefix)
    (tmp_path / "headrace.toml").write_text("")
    rows = rows_of(headrace, code=1)
    reach = row_of(rows, "kafka", "reach")
    assert reach["found"].startswith(f"broker 1 does not answer at 127.0.0.1:{broker.proxy_port} (")
    assert "advertised.listeners" in reach["next"]
    assert {row["state"] for row in rows if row["where"] == "kafka"} == {"fault", "unknown"}
