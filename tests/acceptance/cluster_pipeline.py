"""A pipeline on a cluster: its topics, a load on raw, and the processes of the program."""

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, Self

from confluent_kafka import Producer

from headrace.providers.discover import discover
from headrace.records.raw import place, to_raw_record
from headrace.sdk.provider import RawEvent
from headrace_events import Via
from tests.acceptance.fleet import Fleet
from tests.acceptance.scenario import TENANT, Scenario
from tests.integration.child_process import NORMALIZER, Roles, configuration
from tests.kafka.cluster import Cluster

TENANTS: Final = "\n".join(f"[tenants.{name}.{TENANT}]" for name in sorted(discover()))
PACE: Final = 0.1
"""Seconds between two groups of records."""
TOGETHER: Final = 30
APPLIES: Final = 5
_HEADRACE: Final = Path(sys.executable).with_name("headrace")


class LoadGenerator:
    """Appends a scenario to raw from a thread of its own, as long as the body of `async with` runs.

    The client is not the program's own: it must find the new leader whatever the program does.
    """

    def __init__(self, servers: str, topic: str, partitions: int, scenario: Scenario) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "linger.ms": 20,
                "reconnect.backoff.max.ms": 500,
                "log_level": 2,
            }
        )
        self._topic = topic
        self._partitions = partitions
        self._scenario = scenario
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._generate, name="load")

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._enough.set()
        await asyncio.to_thread(self._thread.join)
        assert await asyncio.to_thread(self._producer.flush, 120.0) == 0

    def _generate(self) -> None:
        records = iter(self._scenario)
        while not self._enough.wait(PACE):
            for record in islice(records, TOGETHER):
                received = int(time.time() * 1000)
                raw = RawEvent(
                    provider=record.provider.name,
                    tenant=TENANT,
                    shape=record.shape,
                    value=record.value,
                    via=Via.POLL,
                    received=received,
                )
                out = to_raw_record(record.provider, raw)
                partition = place(out.key, self._partitions)
                self._producer.produce(self._topic, out.value, out.key, partition, headers=list(out.headers))
            self._producer.poll(0)


class ClusterPipeline:
    """Topics under one prefix on a cluster, and the processes of the program that work on them."""

    def __init__(
        self,
        cluster: Cluster,
        prefix: str,
        partitions: int,
        home: Path,
        session_timeout: str = "1s",
        *,
        tenants: str = TENANTS,
        roles: Roles = NORMALIZER,
    ) -> None:
        self.cluster = cluster
        self.partitions = partitions
        self.fleet = Fleet(partial(self._configuration, session_timeout), home, roles)
        self._tenants = tenants
        self._prefix = prefix
        self._home = home

    def topic(self, name: str) -> str:
        """Return a topic's full name."""
        return self._prefix + name

    def apply(self) -> int:
        """Create the topics, three copies each; run it again where it fails, and return how often it was run."""
        for number in range(1, APPLIES + 1):
            complaint = self.apply_once()
            if not complaint:
                return number
        raise RuntimeError(f"topics apply failed {APPLIES} times: {complaint}")

    def apply_once(self) -> str:
        """Run `topics apply`; return what it complained of."""
        self._home.mkdir(exist_ok=True)
        file = self._home / "headrace.toml"
        file.write_text(self._configuration("1s", self.cluster.bootstrap_servers))
        command = (_HEADRACE, "--config", file, "topics", "apply", "--partitions", str(self.partitions))
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        return done.stderr if done.returncode else ""

    def committed_ends(self, name: str, viewer: int) -> dict[int, int]:
        """Return where the partitions of a topic end that a node takes itself to lead."""
        topic = self.topic(name)
        found: dict[int, int] = {}
        for partition, leader in self.cluster.leaders(topic, viewer).items():
            with suppress(LookupError):
                if leader == viewer:
                    found[partition] = self.cluster.end_offset(topic, partition, viewer, committed=True)
        return found

    def _configuration(self, session_timeout: str, servers: str) -> str:
        return configuration(servers, self._prefix, self._tenants, session_timeout)
