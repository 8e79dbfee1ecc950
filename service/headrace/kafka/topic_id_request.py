"""The metadata request in the version that tells the id which Kafka gave a topic when it was made.

Fields: https://kafka.apache.org/protocol#The_Messages_Metadata (version 12, Kafka 3.1 and newer).
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Final

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

NO_ID: Final = bytes(16)


class _Uuid(AbstractType[bytes]):  # type: ignore[misc]  # the client ships no types
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(len(NO_ID))


class _TopicIdResponse(Response):  # type: ignore[misc]  # as above
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _TopicIdRequest(RequestStruct):  # type: ignore[misc]  # as above
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _TopicIdResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("topic", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class DescribeTopicId(Request[_TopicIdRequest]):  # type: ignore[misc]  # as above
    """Ask a broker about one topic, which is not created by the question."""

    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_TopicIdRequest]) -> _TopicIdRequest:
        """Build the request. See `Request`."""
        return request_struct_class([(NO_ID, self._topic, {})], False, False, {})  # noqa: FBT003  (a row of fields)


class DescribeTopicRights(Request[_TopicIdRequest]):  # type: ignore[misc]  # as above
    """Ask a broker what we may do with some topics, which are not created by the question."""

    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_TopicIdRequest]) -> _TopicIdRequest:
        """Build the request. See `Request`."""
        return request_struct_class([(NO_ID, topic, {}) for topic in self._topics], False, True, {})  # noqa: FBT003  (as above)


def topic_id_of(answer: _TopicIdResponse, topic: str) -> str:
    """Return the id of a topic in hex, empty where the broker does not know it."""
    for error, name, found, *_ in answer.topics:
        if name == topic and not error and found != NO_ID:
            return bytes(found).hex()
    return ""
