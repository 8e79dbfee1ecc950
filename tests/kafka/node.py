"""One node of a cluster: broker and controller in one small JVM, which is one process less for two cores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.kafka import jvm
from tests.kafka.addresses import Addresses
from tests.kafka.jvm import JvmBroker

# Three copies, two of which must have a record before it is acknowledged; what is away is noticed within seconds.
SETTINGS: Final[Mapping[str, str]] = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.num.partitions": "3",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.num.partitions": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "4000",  # the default is 9 s
    "controller.quorum.election.backoff.max.ms": "500",
    "replica.lag.time.max.ms": "5000",  # the default is 30 s
    "num.io.threads": "2",
    "num.network.threads": "1",
}
_SMALL: Final = ("-Xms64m", "-Xmx256m")  # the last one counts


class Node(JvmBroker):
    """One node. `bootstrap_servers` is its own port, past all proxies: for the harness alone."""

    def __init__(self, number: int, home: Path, addresses: Addresses, settings: Mapping[str, str]) -> None:
        home.mkdir()
        super().__init__(jvm.jars(), home, {**SETTINGS, **addresses.settings(number), **settings})
        hosts = home / "hosts"
        hosts.write_text(addresses.hosts(number))
        self.name = f"node {number}"
        self.number = number
        self.bootstrap_servers = addresses.direct(number)
        self.options = (*JvmBroker.options, *_SMALL, f"-Djdk.net.hosts.file={hosts}")
