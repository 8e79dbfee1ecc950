"""Requests of the Kafka protocol that aiokafka does not have: DescribeTransactions, DescribeProducers, WriteTxnMarkers.

The schemas are those of Kafka's own message definitions:
https://github.com/apache/kafka/tree/trunk/clients/src/main/resources/common/message
"""

from typing import Any

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
from msgspec import Struct


class HangingTransaction(Struct, frozen=True):
    """A transaction that is open in a partition, as the partition's leader reports it."""

    topic: str
    partition: int
    producer: int
    epoch: int
    coordinator_epoch: int
    start: int


class _DescribeTransactionsResponse(Response):  # type: ignore[misc]  # the client ships no types
    API_KEY = 65
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "transactions",
            CompactArray(
                ("error_code", Int16),
                ("transactional_id", CompactString("utf-8")),
                ("state", CompactString("utf-8")),
                ("timeout_ms", Int32),
                ("start_ms", Int64),
                ("producer_id", Int64),
                ("producer_epoch", Int16),
                (
                    "topics",
                    CompactArray(
                        ("name", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _DescribeTransactionsRequest(RequestStruct):  # type: ignore[misc]  # as above
    FLEXIBLE_VERSION = True
    API_KEY = 65
    API_VERSION = 0
    RESPONSE_TYPE = _DescribeTransactionsResponse
    SCHEMA = Schema(("transactional_ids", CompactArray(CompactString("utf-8"))), ("tags", TaggedFields))


class DescribeTransactions(Request[_DescribeTransactionsRequest]):  # type: ignore[misc]  # as above
    """Ask a coordinator for the last transaction under a transactional id (KIP-664)."""

    API_KEY = 65

    def __init__(self, transactional_id: str) -> None:
        self._ids = [transactional_id]

    def build(self, request_struct_class: type[_DescribeTransactionsRequest]) -> _DescribeTransactionsRequest:
        """See Request of aiokafka."""
        return request_struct_class(self._ids, {})


class _DescribeProducersResponse(Response):  # type: ignore[misc]  # as above
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


class DescribeProducers(Request[_DescribeProducersRequest]):  # type: ignore[misc]  # as above
    """Ask a leader for the producers that are known in some of its partitions, by topic (KIP-664)."""

    API_KEY = 61

    def __init__(self, topics: dict[str, list[int]]) -> None:
        self._topics: list[Any] = [(name, partitions, {}) for name, partitions in topics.items()]

    def build(self, request_struct_class: type[_DescribeProducersRequest]) -> _DescribeProducersRequest:
        """See Request of aiokafka."""
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


class WriteMarker(Request[_WriteTxnMarkersRequest]):  # type: ignore[misc]  # as above
    """Write the marker that ends a transaction in its partition, as its coordinator does."""

    API_KEY = 27

    def __init__(self, found: HangingTransaction, *, committed: bool) -> None:
        topics: list[Any] = [(found.topic, [found.partition], {})]
        self._marker: tuple[Any, ...] = (
            found.producer,
            found.epoch,
            committed,
            topics,
            max(0, found.coordinator_epoch),
            {},
        )

    def build(self, request_struct_class: type[_WriteTxnMarkersRequest]) -> _WriteTxnMarkersRequest:
        """See Request of aiokafka."""
        return request_struct_class([self._marker], {})
