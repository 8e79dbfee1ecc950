"""Rights on a broker with an authorizer: forbid operations to everybody.

Fields: https://kafka.apache.org/protocol (CreateAcls, version 1).
"""

from collections.abc import Sequence
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int8, Int16, Int32, Schema, String

AUTHORIZER: Final = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}
"""Lines of server.properties of a broker that lets everybody do what nobody was forbidden."""
TOPIC, GROUP, CLUSTER, TRANSACTION = 2, 3, 4, 5
WRITE, ALTER, DESCRIBE = 4, 7, 8
_LITERAL: Final = 3
_ALL: Final = 2
_DENY, _ALLOW = 2, 3
Denied = tuple[int, str, int]
"""A type of resource, its name, and an operation, by Kafka's numbers."""


class _CreateAclsResponse(Response):  # type: ignore[misc]  # the client ships no types
    API_KEY = 30
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32), ("results", Array(("error_code", Int16), ("message", String("utf-8"))))
    )


class _CreateAclsRequest(RequestStruct):  # type: ignore[misc]  # as above
    API_KEY = 30
    API_VERSION = 1
    RESPONSE_TYPE = _CreateAclsResponse
    SCHEMA = Schema(
        (
            "creations",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                ("pattern_type", Int8),
                ("principal", String("utf-8")),
                ("host", String("utf-8")),
                ("operation", Int8),
                ("permission_type", Int8),
            ),
        )
    )


class _CreateAcls(Request[_CreateAclsRequest]):  # type: ignore[misc]  # as above
    """Forbid operations to those who have no name."""

    API_KEY = 30

    def __init__(self, denied: Sequence[Denied]) -> None:
        self._denied = denied

    def build(self, request_struct_class: type[_CreateAclsRequest]) -> _CreateAclsRequest:
        """Build the request. See `Request`."""
        who = "User:ANONYMOUS", "*"
        rows = [(kind, name, _LITERAL, *who, operation, _DENY) for kind, name, operation in self._denied]
        rows += [(kind, name, _LITERAL, *who, _ALL, _ALLOW) for kind, name, _ in self._denied]
        return request_struct_class(rows)


async def forbid(bootstrap_servers: str, *denied: Denied) -> None:
    """Forbid operations, and no others, to everybody who has no name; brokers hear of it a moment later."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers)
    await client.bootstrap()
    try:
        answer = await client.send(client.get_random_node(), _CreateAcls(denied))
    finally:
        await client.close()
    assert [code for code, _ in answer.results] == [0] * 2 * len(denied), answer
