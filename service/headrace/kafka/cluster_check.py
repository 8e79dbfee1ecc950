"""How Kafka looks from here: which brokers answer, what they can do, and what they let us do. Nothing is changed.

Rights are those of whoever asks. They show as far as Kafka tells them: what we may do with topics and the cluster; of
groups and transactions only that we may not even see them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import collect_hosts
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError
from aiokafka.protocol.admin import ApiVersionRequest, DescribeGroupsRequest
from msgspec import Struct

from headrace.config import KafkaSettings
from headrace.kafka.acls import DESCRIBE, Acl, Kind, Operation
from headrace.kafka.call import call
from headrace.kafka.client import STOP_DEADLINE, client_options
from headrace.kafka.cluster_requests import DescribeClusterRights
from headrace.kafka.topic_id_request import DescribeTopicRights
from headrace.kafka.transaction_requests import DescribeTransactions

REACH_SECONDS: Final = 10.0
"""Time in which one broker must answer one question."""
_KNOCK_SECONDS: Final = 3.0
_GROUP_DENIED: Final = 30
_TOPIC_DENIED: Final = 29
_TRANSACTION_DENIED: Final = 53
_NOT_KNOWN: Final = -(2**31)
"""What stands in the place of rights where a broker has not looked."""
_BITS: Final[Mapping[str, int]] = {
    "READ": 1 << 3,
    "WRITE": 1 << 4,
    "CREATE": 1 << 5,
    "ALTER": 1 << 7,
    "DESCRIBE": 1 << 8,
    "DESCRIBE_CONFIGS": 1 << 10,
}
"""Operations by their bit in an answer: its number is that of Kafka's AclOperation."""
_BRINGING: Final = ("READ", "WRITE")
"""Operations that bring DESCRIBE with them."""
NEEDED: Final[Mapping[str, tuple[int, int]]] = {
    "Metadata": (3, 12),
    "WriteTxnMarkers": (27, 1),
    "DescribeProducers": (61, 0),
    "DescribeTransactions": (65, 0),
}
"""Requests that a broker must know, with their key and version: Kafka 3.1 and newer do."""
_UNKNOWN_REQUEST: Final = (IncompatibleBrokerVersion, NotImplementedError)


class BrokerFound(Struct, frozen=True):
    """One broker: `fault` is why it did not answer, `lacks` which requests it does not know."""

    number: int
    address: str
    fault: str = ""
    lacks: Sequence[str] = ()


class Denial(Struct, frozen=True):
    """What we may not do: operations of Kafka's ACLs on a topic, a group, a transactional id or the cluster.

    Where that is DESCRIBE alone, `brought_by` are the operations on the same thing that would bring it.
    """

    operations: Sequence[Operation]
    kind: Kind
    name: str
    brought_by: Sequence[Operation] = ()

    def __str__(self) -> str:
        thing = "the cluster" if self.kind == "cluster" else f"the {self.kind} {self.name}"
        hint = f" (it comes with {' and '.join(self.brought_by)})" if self.brought_by else ""
        return f"this user lacks {' and '.join(self.operations)} on {thing}{hint}"


class Rights(Struct, frozen=True):
    """What we may do, as far as it shows: `unseen` is what Kafka does not tell."""

    denials: Sequence[Denial]
    unseen: Sequence[str]


class ClusterCheck:
    """Asks the brokers of one cluster."""

    def __init__(self, client: AIOKafkaClient) -> None:
        self._client: Final = client
        self._silent: Final[set[int]] = set()

    async def brokers(self) -> list[BrokerFound]:
        """Ask each broker what it knows, all at once."""
        return list(await asyncio.gather(*map(self._broker, self._known())))

    async def rights(self, acls: Iterable[Acl]) -> Rights:
        """Ask which of these are missing. Raises `KafkaError`, `TimeoutError`."""
        wanted: dict[tuple[Kind, str], list[Operation]] = {}
        for acl in acls:
            operations = wanted.setdefault((acl.kind, acl.name + "0" if acl.prefixed else acl.name), [])
            operations += [] if acl.operation in operations else [acl.operation]
        named = {kind: [name for each, name in wanted if each == kind] for kind, _ in wanted}
        denials, unseen = await self._on_topics(
            {name: operations for (kind, name), operations in wanted.items() if kind == "topic"}
        )
        denials += await self._hidden(named.get("group", ()), named.get("transactional-id", ()))
        if "cluster" in named:
            on_cluster = await self._on_cluster(wanted["cluster", ""])
            unseen += ["the cluster"] if on_cluster is None else []
            denials += [Denial(on_cluster, "cluster", "")] if on_cluster else []
        return Rights(denials, unseen)

    def _known(self) -> list[Any]:
        return sorted(self._client.cluster.brokers(), key=lambda broker: broker.nodeId)

    async def _broker(self, broker: Any) -> BrokerFound:
        address = f"{broker.host}:{broker.port}"
        try:
            answer = await self._ask(broker.nodeId, ApiVersionRequest())
        except (KafkaError, TimeoutError, OSError) as error:
            self._silent.add(broker.nodeId)
            return BrokerFound(broker.nodeId, address, type(error).__name__)
        known = {key: newest for key, _, newest in answer.api_versions}
        return BrokerFound(
            broker.nodeId,
            address,
            lacks=[name for name, (key, version) in NEEDED.items() if known.get(key, -1) < version],
        )

    async def _on_topics(self, wanted: Mapping[str, Sequence[Operation]]) -> tuple[list[Denial], list[str]]:
        answer = await self._ask_any(DescribeTopicRights(list(wanted))) if wanted else None
        if answer is None:
            return [], ["topics"] if wanted else []
        denials: list[Denial] = []
        unseen: list[str] = []
        for error, name, _, _, _, rights, _ in answer.topics:
            if error == _TOPIC_DENIED:
                bringing = [operation for operation in wanted[name] if operation in _BRINGING]
                denials.append(Denial([DESCRIBE], "topic", name, bringing))
            elif not error and rights == _NOT_KNOWN:
                unseen.append(name)
            elif not error and (lacking := _lacking(wanted[name], rights)):
                denials.append(Denial(lacking, "topic", name))
        return denials, unseen

    async def _on_cluster(self, wanted: Sequence[Operation]) -> list[Operation] | None:
        """Return which operations on the cluster are missing, None where Kafka does not tell."""
        answer = await self._ask_any(DescribeClusterRights())
        if answer is None or answer.error_code or answer.authorized_operations in (0, _NOT_KNOWN):
            return None
        return _lacking(wanted, answer.authorized_operations)

    async def _hidden(self, groups: Sequence[str], transactions: Sequence[str]) -> list[Denial]:
        """Return which groups and transactional ids we may not see: any broker refuses that before all else."""
        found: list[Denial] = []
        for group in groups:
            answer = await self._ask_any(DescribeGroupsRequest([group]))
            if answer is not None and answer.groups[0][0] == _GROUP_DENIED:
                found.append(Denial(["READ"], "group", group))
        for name in transactions:
            answer = await self._ask_any(DescribeTransactions(name))
            if answer is not None and answer.transactions[0][0] == _TRANSACTION_DENIED:
                found.append(Denial(["WRITE"], "transactional-id", name))
        return found

    async def _ask_any(self, request: Any) -> Any:
        """Return what the first broker that answers says; None where brokers do not know the question.

        Those that did not answer before are not waited for again. Raises `KafkaError`, `TimeoutError`.
        """
        failed: Exception = TimeoutError("no broker answers")
        for broker in self._known():
            if broker.nodeId in self._silent:
                continue
            try:
                return await self._ask(broker.nodeId, request)
            except _UNKNOWN_REQUEST:
                return None
            except (KafkaError, TimeoutError, OSError) as error:
                self._silent.add(broker.nodeId)
                failed = error
        raise failed

    async def _ask(self, node: int, request: Any) -> Any:
        return await call(self._client.send(node, request), REACH_SECONDS)


@contextlib.asynccontextmanager
async def cluster_check(kafka: KafkaSettings) -> AsyncIterator[ClusterCheck]:
    """Connect. Raises `KafkaError`, `TimeoutError`, `OSError` where no broker answers."""
    client = AIOKafkaClient(**client_options(kafka))
    try:
        await call(client.bootstrap(), REACH_SECONDS)
        yield ClusterCheck(client)
    finally:
        with contextlib.suppress(KafkaError, TimeoutError):
            await call(client.close(), STOP_DEADLINE)


async def listening(kafka: KafkaSettings) -> list[str]:
    """Return the bootstrap servers at which anybody listens, whatever is spoken there."""
    places = [(host, port) for host, port, _ in collect_hosts(kafka.bootstrap_servers)]
    open_ = await asyncio.gather(*(_listens(host, port) for host, port in places))
    return [f"{host}:{port}" for (host, port), listens in zip(places, open_, strict=True) if listens]


async def _listens(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_KNOCK_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_KNOCK_SECONDS):
            await writer.wait_closed()
    return True


def _lacking(wanted: Sequence[Operation], rights: int) -> list[Operation]:
    """Return the operations that are missing among rights, which are a sum of bits."""
    return [operation for operation in wanted if not rights & _BITS[operation]]
