"""Transactions of our own that hang: begun by a predecessor, ended for the coordinator, and open in the log for ever.

A coordinator that ends a transaction while the partitions have no leader (every broker was away, or a lone one was
frozen, for longer than the transaction's time-out) takes them for deleted and writes no marker: seen with Kafka 4.3.1,
whose log then says "these partitions are likely deleted already and hence can be skipped". Readers under
read_committed wait at such a transaction for ever, and the next commit of the same producer would end it as committed.

Once a producer is fenced, whatever is still open under its id and an older epoch is of that kind; what is open under a
newer one belongs to a successor, and we are the one who was fenced. It is ended as
`kafka-transactions.sh abort` ends it: DescribeProducers finds it, WriteTxnMarkers writes what is missing
(https://cwiki.apache.org/confluence/display/KAFKA/KIP-664%3A+Provide+tooling+to+detect+and+abort+hanging+transactions).
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import structlog
from aiokafka.errors import IncompatibleBrokerVersion, for_code
from aiokafka.structs import TopicPartition

from headrace.kafka.transaction_requests import DescribeProducers, HangingTransaction, WriteAbort

_CLUSTER_AUTHORIZATION_FAILED: Final = 31
_LEADER_NOT_AVAILABLE: Final = 5

_log = structlog.get_logger()


class ProducerEpoch(NamedTuple):
    """Who a producer is for Kafka: each start under a transactional id makes the epoch one greater."""

    producer: int
    epoch: int


class CannotEnd(Exception):  # noqa: N818  (a sentence for the operator)
    """A transaction hangs, and Kafka does not let us end it."""


async def end_hanging(
    client: Any, ours: ProducerEpoch, topics: Sequence[str], look_around: Callable[[], Awaitable[None]]
) -> list[HangingTransaction]:
    """Abort what hangs of those whom we fenced, in all partitions of some topics; return what it was.

    `client` is a started client of the producer that fenced. Raises `CannotEnd`, `KafkaError`.
    A broker that does not know the question (before Kafka 2.8, the demo's embedded one) is not asked again.
    """
    ended: list[HangingTransaction] = []
    partitions = [(topic, partition) for topic in topics for partition in await _partitions(client, topic)]
    await look_around()  # a leader that is cut off does not know what was ended
    for node, led in _by_leader(client, partitions):
        try:
            answer = await client.send(node, DescribeProducers(led))
        except (IncompatibleBrokerVersion, NotImplementedError):
            return []
        for found in open_before(answer, ours):
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


def open_before(answer: Any, ours: ProducerEpoch) -> Iterator[HangingTransaction]:
    """Yield the open transactions of those whom we fenced. Raises `KafkaError` where a leader cannot tell."""
    for topic, partitions, _ in answer.topics:
        for partition, code, message, producers, _ in partitions:
            if code:
                raise for_code(code)(f"{topic}-{partition}: {message}")
            for known, epoch, _, _, coordinator_epoch, start, _ in producers:
                if known == ours.producer and epoch < ours.epoch and start >= 0:
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
