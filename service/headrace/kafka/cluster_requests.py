"""What Kafka says of our rights: of topics, and of the cluster as a whole.

Fields: https://kafka.apache.org/protocol (DescribeCluster, version 0, Kafka 2.8 and newer; of topics: Metadata, as
`topic_id_request.py` has it). Who has no right to see a thing is not told of rights on it.
"""

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields


class _DescribeClusterResponse(Response):  # type: ignore[misc]  # the client ships no types
    API_KEY = 60
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", CompactString("utf-8")),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
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
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _DescribeClusterRequest(RequestStruct):  # type: ignore[misc]  # as above
    FLEXIBLE_VERSION = True
    API_KEY = 60
    API_VERSION = 0
    RESPONSE_TYPE = _DescribeClusterResponse
    SCHEMA = Schema(("include_authorized_operations", Boolean), ("tags", TaggedFields))


class DescribeClusterRights(Request[_DescribeClusterRequest]):  # type: ignore[misc]  # as above
    """Ask a broker what we may do with the cluster."""

    API_KEY = 60

    def build(self, request_struct_class: type[_DescribeClusterRequest]) -> _DescribeClusterRequest:
        """Build the request. See `Request`."""
        return request_struct_class(True, {})  # noqa: FBT003  (a row of fields)
