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
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)
from aiokafka.structs import TopicPartition
from msgspec import Struct

DEADLINE: Final = 15.0
"""Seconds for all of it."""
_CLUSTER_AUTHORIZATION_FAILED: Final = 31
_LEADER_NOT_AVAILABLE: Final = 5

_log = structlog.get_logger()


class HangingTransaction(Struct, frozen=True):
    """A transaction that is open in a partition, as the partition's leader reports it."""

    topic: str
    partition: int
    producer: int
    epoch: int
    coordinator_epoch: int
    start: int


class CannotEnd(Exception):  # noqa: N818  (a sentence for the operator)
    """A transaction hangs, and Kafka does not let us end it."""


class _DescribeProducersResponse(Response):  # type: ignore[misc]  # the client ships no types
    API_KEY = 61
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("error_code", Int16),
                        ("error_message", CompactString("utf-8")),
                        (
                            "producers",
                            CompactArray(
                                ("producer_id", Int64),
                                ("producer_epoch", Int32),
                                ("last_sequence", Int32),
                                ("last_timestamp", Int64),
                                ("coordinator_epoch", Int32),
                                ("transaction_start", Int64),
                                ("tags", TaggedFields),
                            ),
                        ),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _DescribeProducersRequest(RequestStruct):  # type: ignore[misc]  # as above
    FLEXIBLE_VERSION = True
    API_KEY = 61
    API_VERSION = 0
    RESPONSE_TYPE = _DescribeProducersResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("name", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)),
        ),
        ("tags", TaggedFields),
    )


class _DescribeProducers(Request[_DescribeProducersRequest]):  # type: ignore[misc]  # as above
    API_KEY = 61

    def __init__(self, topics: dict[str, list[int]]) -> None:
        self._topics: list[Any] = [(name, partitions, {}) for name, partitions in topics.items()]

    def build(self, request_struct_class: type[_DescribeProducersRequest]) -> _DescribeProducersRequest:
        return request_struct_class(self._topics, {})


class _WriteTxnMarkersResponse(Response):  # type: ignore[misc]  # as above
    API_KEY = 27
    API_VERSION = 1
    SCHEMA = Schema(
        (
            "markers",
            CompactArray(
                ("producer_id", Int64),
                (
                    "topics",
                    CompactArray(
                        ("name", CompactString("utf-8")),
                        (
                            "partitions",
                            CompactArray(("partition", Int32), ("error_code", Int16), ("tags", TaggedFields)),
                        ),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _WriteTxnMarkersRequest(RequestStruct):  # type: ignore[misc]  # as above
    FLEXIBLE_VERSION = True
    API_KEY = 27
    API_VERSION = 1
    RESPONSE_TYPE = _WriteTxnMarkersResponse
    SCHEMA = Schema(
        (
            "markers",
            CompactArray(
                ("producer_id", Int64),
                ("producer_epoch", Int16),
                ("committed", Boolean),
                (
                    "topics",
                    CompactArray(
                        ("name", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
                    ),
                ),
                ("coordinator_epoch", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _WriteAbort(Request[_WriteTxnMarkersRequest]):  # type: ignore[misc]  # as above
    API_KEY = 27

    def __init__(self, found: HangingTransaction) -> None:
        topics: list[Any] = [(found.topic, [found.partition], {})]
        self._marker: tuple[Any, ...] = (
            found.producer,
            found.epoch,
            False,
            topics,
            max(0, found.coordinator_epoch),
            {},
        )

    def build(self, request_struct_class: type[_WriteTxnMarkersRequest]) -> _WriteTxnMarkersRequest:
        return request_struct_class([self._marker], {})


async def end_hanging(client: Any, producer: int, topics: Sequence[str]) -> list[HangingTransaction]:
    """Abort what hangs under a producer id that was fenced, in all partitions of some topics; return what it was.

    `client` is a started client of the producer that fenced. Raises `CannotEnd`, `KafkaError`, `TimeoutError`.
    A broker that does not know the question (before Kafka 2.8, the demo's embedded one) is not asked again.
    """
    async with asyncio.timeout(DEADLINE):
        ended: list[HangingTransaction] = []
        for node, partitions in _by_leader(client, [(t, p) for t in topics for p in await _partitions(client, t)]):
            try:
                answer = await client.send(node, _DescribeProducers(partitions))
            except (IncompatibleBrokerVersion, NotImplementedError):
                return []
            for found in _open(answer, producer):
                await _end(client, node, found)
                ended.append(found)
        return ended


async def _end(client: Any, node: int, found: HangingTransaction) -> None:
    facts = {"topic": found.topic, "partition": found.partition, "producer": found.producer, "offset": found.start}
    _log.warning("hanging_transaction_found", **facts)
    answer = await client.send(node, _WriteAbort(found))
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
