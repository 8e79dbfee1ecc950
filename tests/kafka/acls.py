"""Rights on a broker with an authorizer: allow some principals what they need, or forbid operations to everybody.

Fields: https://kafka.apache.org/protocol (CreateAcls, DescribeAcls, DeleteAcls, version 1).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int8, Int16, Int32, Schema, String

from headrace.kafka.acls import Acl

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
_ANY: Final = 1
_KNOWN_WITHIN: Final = 30.0  # seconds
Denied = tuple[int, str, int]
"""A type of resource, its name, and an operation, by Kafka's numbers."""
AclRow = Mapping[str, str]
"""An ACL in the words of `headrace topics acls --json`."""

_TYPES: Final = {"topic": TOPIC, "group": GROUP, "cluster": CLUSTER, "transactionalId": TRANSACTION}
_PATTERNS: Final = {"literal": _LITERAL, "prefixed": 4}
_OPERATIONS: Final = {"Read": 3, "Write": 4, "Create": 5, "Alter": 7, "Describe": 8, "DescribeConfigs": 10}

_FILTER: Final = (
    ("resource_type", Int8),
    ("resource_name", String("utf-8")),
    ("pattern_type", Int8),
    ("principal", String("utf-8")),
    ("host", String("utf-8")),
    ("operation", Int8),
    ("permission_type", Int8),
)


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
        ("creations", Array(*_FILTER)),
    )


class _CreateAcls(Request[_CreateAclsRequest]):  # type: ignore[misc]  # as above
    """Add ACLs, each a row of the fields of `_FILTER`."""

    API_KEY = 30

    def __init__(self, rows: Sequence[tuple[object, ...]]) -> None:
        self._rows = rows

    def build(self, request_struct_class: type[_CreateAclsRequest]) -> _CreateAclsRequest:
        """Build the request. See `Request`."""
        return request_struct_class(self._rows)


class _DescribeAclsResponse(Response):  # type: ignore[misc]  # as above
    API_KEY = 29
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("message", String("utf-8")),
        (
            "resources",
            Array(
                *_FILTER[:3],
                ("acls", Array(*_FILTER[3:])),
            ),
        ),
    )


class _DescribeAclsRequest(RequestStruct):  # type: ignore[misc]  # as above
    API_KEY = 29
    API_VERSION = 1
    RESPONSE_TYPE = _DescribeAclsResponse
    SCHEMA = Schema(*_FILTER)


class _DescribeAcls(Request[_DescribeAclsRequest]):  # type: ignore[misc]  # as above
    """Ask a broker for all ACLs that it knows."""

    API_KEY = 29

    def build(self, request_struct_class: type[_DescribeAclsRequest]) -> _DescribeAclsRequest:
        """Build the request. See `Request`."""
        return request_struct_class(_ANY, None, _ANY, None, None, _ANY, _ANY)


class _DeleteAclsResponse(Response):  # type: ignore[misc]  # as above
    API_KEY = 31
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            Array(
                ("error_code", Int16),
                ("message", String("utf-8")),
                ("matching", Array(("error_code", Int16), ("message", String("utf-8")), *_FILTER)),
            ),
        ),
    )


class _DeleteAclsRequest(RequestStruct):  # type: ignore[misc]  # as above
    API_KEY = 31
    API_VERSION = 1
    RESPONSE_TYPE = _DeleteAclsResponse
    SCHEMA = Schema(("filters", Array(*_FILTER)))


class _DeleteAcls(Request[_DeleteAclsRequest]):  # type: ignore[misc]  # as above
    """Take ACLs away, each as it was added."""

    API_KEY = 31

    def __init__(self, rows: Sequence[tuple[object, ...]]) -> None:
        self._rows = rows

    def build(self, request_struct_class: type[_DeleteAclsRequest]) -> _DeleteAclsRequest:
        """Build the request. See `Request`."""
        return request_struct_class(self._rows)


async def forbid(bootstrap_servers: str, *denied: Denied) -> None:
    """Forbid operations, and no others, to everybody who has no name; brokers hear of it a moment later."""
    who = "User:ANONYMOUS", "*"
    rows: list[tuple[object, ...]] = [(kind, name, _LITERAL, *who, each, _DENY) for kind, name, each in denied]
    rows += [(kind, name, _LITERAL, *who, _ALL, _ALLOW) for kind, name, _ in denied]
    answer, _ = await _send(bootstrap_servers, _CreateAcls(rows))
    assert [code for code, _ in answer.results] == [0] * len(rows), answer


async def allow(bootstrap_servers: str, rows: Iterable[AclRow]) -> None:
    """Add ACLs, and wait until the broker knows them."""
    wanted = {_fields(row) for row in rows}
    answer, known = await _send(bootstrap_servers, _CreateAcls(sorted(wanted, key=str)))
    assert [code for code, _ in answer.results] == [0] * len(wanted), answer
    async with asyncio.timeout(_KNOWN_WITHIN):
        while not wanted <= known:
            _, known = await _send(bootstrap_servers)


async def take_away(bootstrap_servers: str, rows: Iterable[AclRow]) -> None:
    """Take ACLs away again, and wait until the broker knows that."""
    unwanted = {_fields(row) for row in rows}
    answer, known = await _send(bootstrap_servers, _DeleteAcls(sorted(unwanted, key=str)))
    assert [(code, len(matching)) for code, _, matching in answer.results] == [(0, 1)] * len(unwanted), answer
    async with asyncio.timeout(_KNOWN_WITHIN):
        while unwanted & known:
            _, known = await _send(bootstrap_servers)


def _fields(row: AclRow) -> tuple[object, ...]:
    return (
        _TYPES[row["resource_type"]],
        row["resource_name"],
        _PATTERNS[row["pattern_type"]],
        row["principal"],
        row["host"],
        _OPERATIONS[row["operation"]],
        _ALLOW,
    )


async def _send(bootstrap_servers: str, request: Any = None) -> tuple[Any, set[tuple[object, ...]]]:
    """Send a request where there is one; return its answer, and all ACLs that the broker knows then."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers)
    await client.bootstrap()
    try:
        node = client.get_random_node()
        answer = await client.send(node, request) if request else None
        known = await client.send(node, _DescribeAcls())
    finally:
        await client.close()
    return answer, {(*resource, *acl) for *resource, acls in known.resources for acl in acls}


def rows_of(acls: Iterable[Acl], principal: str) -> list[AclRow]:
    """Return ACLs of a principal in the words of the command."""
    return [
        {
            "principal": principal,
            "resource_type": acl.kind.replace("transactional-id", "transactionalId"),
            "resource_name": acl.name,
            "pattern_type": "prefixed" if acl.prefixed else "literal",
            "operation": acl.operation.title().replace("_", ""),
            "host": "*",
        }
        for acl in acls
    ]
