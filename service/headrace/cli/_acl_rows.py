"""ACLs as an administrator wants them: commands for kafka-acls.sh, rows for programs, or KafkaUser of Strimzi."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

import click
import msgspec
from msgspec import Struct

from headrace.kafka.acls import Acl, Kind, Operation

_PREFIXED: Final = "--resource-pattern-type prefixed "
_TYPES: Final[Mapping[Kind, str]] = {
    "topic": "topic",
    "group": "group",
    "transactional-id": "transactionalId",
    "cluster": "cluster",
}
"""Types of resources by the names that KafkaUser and Kafka's own tools for files have for them."""
_USER: Final = re.compile(r"(?:User:)?(?:CN=)?([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)(?:,.*)?")
"""A principal whose name Kubernetes takes for a resource."""


class Granted(Struct, frozen=True):
    """What one principal needs, for the roles that have it."""

    principal: str
    roles: Sequence[str]
    acls: Sequence[Acl]


class AclRow(Struct, frozen=True):
    """One ACL as a row of `--json`, in the words of Kafka's tools."""

    principal: str
    resource_type: str
    resource_name: str
    pattern_type: Literal["literal", "prefixed"]
    operation: str
    permission_type: str = "Allow"
    host: str = "*"


def word(operation: Operation) -> str:
    """Return an operation as tools write it: `DescribeConfigs`."""
    return operation.title().replace("_", "")


def options(kind: Kind, name: str, operations: Iterable[Operation], *, prefixed: bool = False) -> str:
    """Return options of kafka-acls.sh for operations on one resource."""
    wanted = "".join(f"--operation {word(operation)} " for operation in operations)
    return f"{wanted}{_PREFIXED if prefixed else ''}--{kind}" + (f" {shlex.quote(name)}" if name else "")


def commands(granted: Sequence[Granted], servers: str) -> Iterator[str]:
    """Yield lines for a shell."""
    for each in granted:
        yield f"# {', '.join(each.roles)}"
        for kind, name, prefixed, operations in _resources(each.acls):
            yield (
                f"kafka-acls.sh --bootstrap-server {shlex.quote(servers)} --command-config admin.properties "
                f"--add --allow-principal {shlex.quote(each.principal)} "
                f"{options(kind, name, operations, prefixed=prefixed)}"
            )


def rows(granted: Sequence[Granted]) -> Iterator[bytes]:
    """Yield each ACL as JSON."""
    for each in granted:
        for acl in each.acls:
            row = AclRow(
                each.principal,
                _TYPES[acl.kind],
                acl.name or "kafka-cluster",
                "prefixed" if acl.prefixed else "literal",
                word(acl.operation),
            )
            yield msgspec.json.encode(row)


def kafka_users(granted: Sequence[Granted], cluster: str) -> Iterator[str]:
    """Yield lines of YAML, a KafkaUser for each principal.

    Fields: https://strimzi.io/docs/operators/latest/configuring.html#type-AclRule-reference
    """
    for each in granted:
        named = _USER.fullmatch(each.principal)
        if named is None:
            raise click.UsageError(
                f"{each.principal} cannot be a KafkaUser, whose name is its principal's: a to z, 0 to 9, - and dots"
            )
        yield "---"
        yield f"# {', '.join(each.roles)}"
        yield "apiVersion: kafka.strimzi.io/v1"
        yield "kind: KafkaUser"
        yield f"metadata: {{name: {json.dumps(named[1])}, labels: {{strimzi.io/cluster: {json.dumps(cluster)}}}}}"
        yield "spec:"
        yield "  # authentication: {type: scram-sha-512}, or tls: as the listener wants it"
        yield "  authorization:"
        yield "    type: simple"
        yield "    acls:"
        for kind, name, prefixed, operations in _resources(each.acls):
            pattern = "prefix" if prefixed else "literal"
            what = f", name: {json.dumps(name)}, patternType: {pattern}" if name else ""
            yield f"      - resource: {{type: {_TYPES[kind]}{what}}}"
            yield f"        operations: [{', '.join(map(word, operations))}]"


def _resources(acls: Iterable[Acl]) -> Iterator[tuple[Kind, str, bool, list[Operation]]]:
    """Yield each resource with all operations on it."""
    found: dict[tuple[Kind, str, bool], list[Operation]] = {}
    for acl in acls:
        found.setdefault((acl.kind, acl.name, acl.prefixed), []).append(acl.operation)
    for (kind, name, prefixed), operations in found.items():
        yield kind, name, prefixed, operations
