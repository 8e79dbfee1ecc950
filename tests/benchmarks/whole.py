"""The whole path on a real broker, exactly once: the normalizer against the loop stripped to what nobody can leave out.

Each contender runs in a process of its own and takes the same raw records; the two run in turns.
"""

import asyncio
import base64
import secrets
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec
from aiokafka import AIOKafkaProducer

from headrace.config import Config, Kafka
from headrace.door import place
from headrace.kafka import topics
from headrace.publish import Out
from headrace.tenants import Tenants
from tests.benchmarks.limits import SKIPPED
from tests.benchmarks.worker import Job, Result

BATCH_BYTES = 900_000
APPENDED_TOGETHER = 100
"""Records of one batch of raw: a page of a feed, or what webhooks bring within some milliseconds."""


class Round:
    """The raw records of one comparison, appended once; each contender writes to topics of its own."""

    def __init__(self, servers: str, partitions: int, count: int) -> None:
        self.servers = servers
        self.partitions = partitions
        self.count = count
        self.prefix = f"b{secrets.token_hex(4)}."
        self._plan: dict[int, bytearray] = defaultdict(bytearray)

    def run(self, contender: str, *, partitions: int | None = None) -> Result:
        """Run one contender over all records, in a process of its own."""
        target = self.prefix
        if contender == "stripped":
            target = f"{self.prefix}{secrets.token_hex(2)}."
            asyncio.run(self._create(target))
        plan = {partition: base64.b64encode(kinds).decode() for partition, kinds in self._plan.items()}
        job = Job(contender, self.servers, self.prefix, target, self.count, plan)
        worker = (sys.executable, "-m", "tests.benchmarks.worker")
        done = subprocess.run(worker, input=msgspec.json.encode(job), stdout=subprocess.PIPE, check=True)
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Result)

    async def fill(self, outs: Iterable[tuple[int | None, Out]]) -> None:
        """Create the topics and append the records, each with the number of its kind."""
        await self._create(self.prefix)
        producer = AIOKafkaProducer(
            bootstrap_servers=self.servers, acks="all", compression_type="lz4", max_batch_size=BATCH_BYTES
        )
        await producer.start()
        try:
            waiting: dict[int, list[Out]] = defaultdict(list)
            for number, out in outs:
                partition = place(out.key, self.partitions)
                self._plan[partition].append(SKIPPED if number is None else number)
                waiting[partition].append(out)
            for partition, placed in waiting.items():
                for batch in _chunks(placed, APPENDED_TOGETHER):
                    await self._append(producer, partition, batch)
            await producer.flush()
        finally:
            await producer.stop()

    async def _append(self, producer: AIOKafkaProducer, partition: int, outs: Sequence[Out]) -> None:
        batch = producer.create_batch()
        for out in outs:
            if batch.append(timestamp=None, key=out.key, value=out.value, headers=out.headers) is None:
                raise ValueError("a batch of the load is larger than the producer's batches")
        await producer.send_batch(batch, f"{self.prefix}raw", partition=partition)

    async def _create(self, prefix: str) -> None:
        config = Config(kafka=Kafka(bootstrap_servers=self.servers), tenants=Tenants([]), topic_prefix=prefix)
        await topics.apply(config, "dev", self.partitions)


def _chunks(outs: Sequence[Out], size: int) -> Iterator[list[Out]]:
    it = iter(outs)
    while chunk := list(islice(it, size)):
        yield chunk
