"""Transactions of our own that hang: begun by a predecessor, ended for the coordinator, and open in the log for ever.

A coordinator that ends a transaction while the partitions have no leader (every broker was away, or a lone one was
frozen, for longer than the transaction's time-out) takes them for deleted and writes no marker: seen with Kafka 4.3.1,
whose log then says "these partitions are likely deleted already and hence can be skipped". Readers under
read_committed wait at such a transaction for ever, and the next commit of the same producer would end it as committed.

Once a producer is fenced, whatever is still open under its id is of that kind. It is ended as
`kafka-transactions.sh abort` ends it: DescribeProducers finds it, WriteTxnMarkers writes what is missing
(https://cwiki.apache.org/confluence/display/KAFKA/KIP-664%3A+Provide+tooling+to+detect+and+abort+hanging+transactions).
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

import structlog
from aiokafka.errors import IncompatibleBrokerVersion, for_code
from aiokafka.structs import TopicPartition

from headrace.kafka.transaction_requests import DescribeProducers, HangingTransaction, WriteAbort

DEADLINE: Final = 15.0
"""Seconds for all of it."""
_CLUSTER_AUTHORIZATION_FAILED: Final = 31
_LEADER_NOT_AVAILABLE: Final = 5

_log = structlog.get_logger()


class CannotEnd(Exception):  # noqa: N818  (a sentence for the operator)
    """A transaction hangs, and Kafka does not let us end it."""


async def end_hanging(client: Any, producer: int, topics: Sequence[str]) -> list[HangingTransaction]:
    """Abort what hangs under a producer id that was fenced, in all partitions of some topics; return what it was.

    `client` is a started client of the producer that fenced. Raises `CannotEnd`, `KafkaError`, `TimeoutError`.
    A broker that does not know the question (before Kafka 2.8, the demo's embedded one) is not asked again.
    """
    async with asyncio.timeout(DEADLINE):
        ended: list[HangingTransaction] = []
        for node, partitions in _by_leader(client, [(t, p) for t in topics for p in await _partitions(client, t)]):
            try:
                answer = await client.send(node, DescribeProducers(partitions))
            except (IncompatibleBrokerVersion, NotImplementedError):
                return []
            for found in _open(answer, producer):
                await _end(client, node, found)
                ended.append(found)
        return ended


async def _end(client: Any, node: int, found: HangingTransaction) -> None:
    facts = {"topic": found.topic, "partition": found.partition, "producer": found.producer, "offset": found.start}
    _log.warning("hanging_transaction_found", **facts)
    answer = await client.send(node, WriteAbort(found))
    ((_, topics, _),) = answer.markers
    code = topics[0][1][0][1]
    if code == _CLUSTER_AUTHORIZATION_FAILED:
        raise CannotEnd(
            f"a transaction that Kafka forgot to end stands in {found.topic}-{found.partition} since offset "
            f"{found.start}, and readers wait there for ever; grant this program ALTER on the cluster, or end it with "
            f"`kafka-transactions.sh abort --topic {found.topic} --partition {found.partition} "
            f"--start-offset {found.start}`"
        )
    if code:
        raise for_code(code)(f"{found.topic}-{found.partition}")
    _log.warning("hanging_transaction_aborted", **facts)


def _open(answer: Any, producer: int) -> Iterator[HangingTransaction]:
    """Yield the transactions of a producer that are open. Raises `KafkaError` where a leader cannot tell."""
    for topic, partitions, _ in answer.topics:
        for partition, code, message, producers, _ in partitions:
            if code:
                raise for_code(code)(f"{topic}-{partition}: {message}")
            for known, epoch, _, _, coordinator_epoch, start, _ in producers:
                if known == producer and start >= 0:
                    yield HangingTransaction(
                        topic=topic,
                        partition=partition,
                        producer=known,
                        epoch=epoch,
                        coordinator_epoch=coordinator_epoch,
                        start=start,
                    )


async def _partitions(client: Any, topic: str) -> Sequence[int]:
    client.add_topic(topic)
    await client._wait_on_metadata(topic)  # noqa: SLF001  (as the producer itself does before it sends)
    return sorted(client.cluster.partitions_for_topic(topic) or ())


def _by_leader(client: Any, partitions: Sequence[tuple[str, int]]) -> list[tuple[int, dict[str, list[int]]]]:
    """Return partitions by the node that leads them. Raises `KafkaError` where one has no leader now."""
    found: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for topic, partition in partitions:
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        if leader is None or leader < 0:
            raise for_code(_LEADER_NOT_AVAILABLE)(f"{topic}-{partition} has no leader")
        found[leader][topic].append(partition)
    return list(found.items())
