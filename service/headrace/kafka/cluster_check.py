"""How Kafka looks from here: which brokers answer, what they can do, and what they let us do. Nothing is changed.

Rights are those of whoever asks. They show as far as Kafka tells them: what we may do with topics and the cluster; of
groups and transactions only that we may not even see them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import collect_hosts
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError
from aiokafka.protocol.admin import ApiVersionRequest, DescribeGroupsRequest
from msgspec import Struct

from headrace.config import KafkaSettings
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
_TOPIC_RIGHTS: Final = {3: "READ", 4: "WRITE", 8: "DESCRIBE", 10: "DESCRIBE_CONFIGS"}
"""Numbers of Kafka's AclOperation, which are bits of an answer, by what all roles together need."""
_ALTER: Final = 7
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
    """What we may not do: operations of Kafka's ACLs on a topic, a group, a transactional id or the cluster."""

    operations: Sequence[str]
    kind: str
    name: str


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

    async def rights(self, topics: Sequence[str], groups: Sequence[str], transactions: Sequence[str]) -> Rights:
        """Ask what we may do with these. Raises `KafkaError`, `TimeoutError`."""
        denials, unseen = await self._on_topics(topics)
        on_cluster = await self._on_cluster()
        denials += await self._hidden(groups, transactions)
        if on_cluster is None:
            unseen.append("the cluster")
        elif not on_cluster:
            denials.append(Denial(["ALTER"], "cluster", ""))
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

    async def _on_topics(self, topics: Sequence[str]) -> tuple[list[Denial], list[str]]:
        answer = await self._ask_any(DescribeTopicRights(topics))
        if answer is None:
            return [], ["topics"]
        denials: list[Denial] = []
        unseen: list[str] = []
        for error, name, _, _, _, rights, _ in answer.topics:
            if error == _TOPIC_DENIED:
                denials.append(Denial(["DESCRIBE"], "topic", name))
            elif not error and rights == _NOT_KNOWN:
                unseen.append(name)
            elif not error and (lacking := list(_lacking(rights))):
                denials.append(Denial(lacking, "topic", name))
        return denials, unseen

    async def _on_cluster(self) -> bool | None:
        """Return whether we may end transactions that hang, None where Kafka does not tell."""
        answer = await self._ask_any(DescribeClusterRights())
        if answer is None or answer.error_code or answer.authorized_operations in (0, _NOT_KNOWN):
            return None
        return bool(answer.authorized_operations & 1 << _ALTER)

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


def _lacking(rights: int) -> Iterator[str]:
    """Yield the operations that are missing among rights, which are a sum of bits."""
    yield from (name for number, name in _TOPIC_RIGHTS.items() if not rights & 1 << number)
