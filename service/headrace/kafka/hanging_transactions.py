"""Transactions of our own that hang: begun by a predecessor, ended for the coordinator, and open in the log for ever.

A coordinator that ends a transaction while partitions have no leader (every broker was away, or a lone one was killed
or frozen) takes them for deleted and writes no marker there: seen with Kafka 4.3.1, whose log then says "these
partitions are likely deleted already and hence can be skipped". So parts of a transaction may be ended and others not,
committed ones too. Readers under read_committed wait at such a part for ever, and the next transaction of the same
producer would end it in its own way.

Once a producer is fenced, whatever is still open under its id and an older epoch is of that kind; what is open under a
newer one belongs to a successor, and we are the one who was fenced. Each part ends as the whole did: DescribeProducers
finds it, WriteTxnMarkers writes what is missing
(https://cwiki.apache.org/confluence/display/KAFKA/KIP-664%3A+Provide+tooling+to+detect+and+abort+hanging+transactions).
How it was ended only the coordinator knows, and only until the fence: so it is asked before.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import structlog
from aiokafka.errors import IncompatibleBrokerVersion, NodeNotReadyError, for_code
from aiokafka.structs import TopicPartition

from headrace.kafka.transaction_requests import DescribeProducers, DescribeTransactions, HangingTransaction, WriteMarker

_CLUSTER_AUTHORIZATION_FAILED: Final = 31
_LEADER_NOT_AVAILABLE: Final = 5
_TRANSACTIONAL_ID_NOT_FOUND: Final = 105
_NO_COORDINATOR: Final = (15, 16)
"""CoordinatorNotAvailable, NotCoordinator: another broker is in charge by now."""
_COMMITTED: Final = ("PrepareCommit", "CompleteCommit")
_UNKNOWN_REQUEST: Final = (IncompatibleBrokerVersion, NotImplementedError)
"""What the client raises for a broker that does not know the question: before Kafka 2.8, the demo's embedded one."""

_log = structlog.get_logger()
_committed: Final[dict[str, set["ProducerEpoch"]]] = {}
"""Whose last transaction was committed and may hang, by transactional id."""


class ProducerEpoch(NamedTuple):
    """Who a producer is for Kafka: each start under a transactional id makes the epoch one greater."""

    producer: int
    epoch: int


class CannotEnd(Exception):  # noqa: N818  (a sentence for the operator)
    """A transaction hangs, and Kafka does not let us end it."""


class Predecessors:
    """Those who held a transactional id before: which of them ended with a commit, and what they left open.

    A coordinator forgets how a transaction ended once its producer is fenced: so what it said is remembered for as long
    as the process lives, whoever owns the partition meanwhile, until nothing hangs. `topics` are those that they may
    write to in any partition, `alone` by topic the only number that they write to (modulo the count).

    What they may have written to needs a leader, or nobody may be fenced; what they cannot have is not asked.
    """

    def __init__(
        self, transactional_id: str, topics: Sequence[str], alone: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._transactional_id: Final = transactional_id
        self._topics: Final = topics
        self._alone: Final = alone
        self._committed: Final = _committed.setdefault(transactional_id, set())

    async def ask_coordinator(self, client: Any, node: int) -> None:
        """Ask how the last transaction ended, and whether what it may have left open could be ended now.

        Call it before each attempt to fence. Raises `KafkaError` where that cannot be told: then nobody may be fenced.
        """
        try:
            answer = await client.send(node, DescribeTransactions(self._transactional_id))
        except _UNKNOWN_REQUEST:
            return
        ((code, _, state, _, _, producer, epoch, _, _),) = answer.transactions
        if code == _TRANSACTIONAL_ID_NOT_FOUND:
            return
        if code in _NO_COORDINATOR:  # the only error for which the client looks for the coordinator again
            raise NodeNotReadyError(f"node {node} does not coordinate {self._transactional_id}")
        if code:
            raise for_code(code)(f"{self._transactional_id}: its last transaction cannot be told")
        if state in _COMMITTED:
            last = ProducerEpoch(producer, epoch)
            self._committed.add(last)
            for _, described in await self._answers(client):
                list(open_before(described, last))  # raises where a leader cannot tell

    async def end_hanging(
        self, client: Any, ours: ProducerEpoch, look_around: Callable[[], Awaitable[None]]
    ) -> list[HangingTransaction]:
        """End what hangs of those whom we fenced, as it was ended elsewhere; return what it was.

        `client` is a started client of the producer that fenced. Raises `CannotEnd`, `KafkaError`.
        """
        await self._know_partitions(client)
        await look_around()  # a leader that is cut off does not know what was ended
        ended: list[HangingTransaction] = []
        for node, answer in await self._answers(client):
            for found in open_before(answer, ours):
                await self._end(client, node, found)
                ended.append(found)
        self._committed.clear()
        return ended

    async def _answers(self, client: Any) -> list[tuple[int, Any]]:
        """Ask all leaders what is open; return their answers by node, none where they do not know the question."""
        led = _by_leader(client, await self._know_partitions(client))
        try:
            return [(node, await client.send(node, DescribeProducers(topics))) for node, topics in led]
        except _UNKNOWN_REQUEST:
            return []

    async def _know_partitions(self, client: Any) -> list[tuple[str, int]]:
        known = [(topic, partition) for topic in self._topics for partition in await _partitions(client, topic)]
        alone = [(topic, number % len(await _partitions(client, topic))) for topic, number in self._alone.items()]
        return [*alone, *known]

    async def _end(self, client: Any, node: int, found: HangingTransaction) -> None:
        committed = ProducerEpoch(found.producer, found.epoch) in self._committed
        facts = {"topic": found.topic, "partition": found.partition, "producer": found.producer, "offset": found.start}
        _log.warning("hanging_transaction_found", **facts, committed=committed)
        answer = await client.send(node, WriteMarker(found, committed=committed))
        ((_, topics, _),) = answer.markers
        code = topics[0][1][0][1]
        if code == _CLUSTER_AUTHORIZATION_FAILED:
            wrong = for_code(code) if committed else CannotEnd  # who knows that it was committed stays, and tries again
            raise wrong(
                f"a transaction that Kafka forgot to end stands in {found.topic}-{found.partition} since offset "
                f"{found.start}, and readers wait there for ever; grant this program ALTER on the cluster: it knows "
                f"that the transaction was {'committed' if committed else 'aborted'}, and ends it so"
            )
        if code:
            raise for_code(code)(f"{found.topic}-{found.partition}")
        _log.warning("hanging_transaction_ended", **facts, committed=committed)


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
