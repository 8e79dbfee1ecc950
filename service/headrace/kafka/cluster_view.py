"""Who leads a partition: a broker that is cut off from the others may be wrong about it, and does not know that.

The client believes whatever broker it asks. Leaders have epochs, which only grow: of several brokers the one that knows
the newest epoch is right, and whoever tells an older one than was known is asked again together with all others.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any, Final

from aiokafka.errors import KafkaError

from headrace.kafka.metadata_request import DescribeLeaders
from headrace.kafka.topic_id_request import DescribeTopicId, topic_id_of

ASK_SECONDS: Final = 2.0
"""Seconds that one broker gets to answer."""
MERGED_VERSION: Final = 1
"""The version of the client's own metadata whose shape merged answers have."""


class LeaderEpochs:
    """The newest leader epochs that were told, by topic and partition. Pure."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], int] = {}

    def goes_back(self, answer: Any) -> bool:
        """Return whether an answer tells an older epoch than is known."""
        return any(epoch < self._known.get(at, -1) for at, epoch in _epochs(answer).items())

    def note(self, answers: Sequence[Any]) -> None:
        """Take over the newest of some answers. They may be older than what was known: a topic was created anew."""
        newest: dict[tuple[str, int], int] = {}
        for answer in answers:
            for at, epoch in _epochs(answer).items():
                newest[at] = max(epoch, newest.get(at, -1))
        self._known |= newest


def watch_leaders(client: Any) -> "ClusterView":
    """See to all metadata updates of a client that was not started yet, and return what it believes."""
    view = ClusterView(client)
    client._metadata_update = view.update  # noqa: SLF001  (nothing public)
    return view


class ClusterView:
    """What one client believes about leaders."""

    def __init__(self, client: Any) -> None:
        self._client: Final = client
        self._epochs: Final = LeaderEpochs()
        self._without_epochs: Final[Callable[[Any, Any], Awaitable[bool]]] = client._metadata_update  # noqa: SLF001  (nothing public)

    async def look_around(self) -> None:
        """Ask every broker that is known about the client's topics, and believe the newest epochs."""
        topics = sorted(self._client._topics)  # noqa: SLF001  (as above)
        if topics and (answers := await self._ask_all(topics)):
            self._believe(self._client.cluster, answers)

    async def topic_id(self, topic: str) -> str:
        """Return the id that a topic got when it was made, empty where that is not known, or brokers do not agree."""
        answers = await asyncio.gather(*(self._ask(node, DescribeTopicId(topic)) for node in self._nodes()))
        found = {topic_id_of(answer, topic) for answer in answers if answer is not None}
        return found.pop() if len(found) == 1 else ""

    async def update(self, cluster: Any, topics: Any) -> bool:
        """Ask one broker, and all of them where it tells old news; return whether any answered.

        Where none knows epochs (before Kafka 2.1, the demo's embedded one), the client asks in its own way.
        """
        for node in self._nodes() if topics else []:
            answer = await self._ask(node, DescribeLeaders(sorted(topics)))
            if answer is not None and answer.brokers:
                answers = await self._ask_all(sorted(topics)) if self._epochs.goes_back(answer) else [answer]
                self._believe(cluster, answers or [answer])
                return True
        return await self._without_epochs(cluster, topics)

    def _nodes(self) -> list[int]:
        nodes = [broker.nodeId for broker in self._client.cluster.brokers()]
        random.shuffle(nodes)
        return nodes

    async def _ask_all(self, topics: list[str]) -> list[Any]:
        answers = await asyncio.gather(*(self._ask(node, DescribeLeaders(topics)) for node in self._nodes()))
        return [answer for answer in answers if answer is not None and answer.brokers]

    async def _ask(self, node: int, question: Any) -> Any:
        """Return what a broker answers, None where it does not in time."""
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await self._client.send(node, question)
        except (KafkaError, TimeoutError, OSError, NotImplementedError):
            return None

    def _believe(self, cluster: Any, answers: Sequence[Any]) -> None:
        self._epochs.note(answers)
        cluster.update_metadata(merge(answers))


def merge(answers: Sequence[Any]) -> Any:
    """Return one answer for several: of each partition what the broker says that knows the newest epoch."""
    topics: dict[str, tuple[int, bool, dict[int, Any]]] = {}
    for answer in answers:
        for error, topic, internal, rows in answer.topics:
            if topic not in topics or topics[topic][0]:  # not known yet, or only from brokers that could not tell
                topics[topic] = error, internal, {}
            newest = topics[topic][2]
            for row in rows:
                if row[1] not in newest or row[3] > newest[row[1]][3]:
                    newest[row[1]] = row
    return SimpleNamespace(
        API_VERSION=MERGED_VERSION,
        brokers=list({broker[0]: broker for answer in answers for broker in answer.brokers}.values()),
        controller_id=answers[0].controller_id,
        topics=[(error, topic, internal, _plain(newest)) for topic, (error, internal, newest) in topics.items()],
    )


def _plain(rows: dict[int, Any]) -> list[tuple[Any, ...]]:
    """Return rows without their epochs, as the client knows them."""
    return [(code, number, leader, nodes, isr) for code, number, leader, _, nodes, isr, *_ in rows.values()]


def _epochs(answer: Any) -> dict[tuple[str, int], int]:
    return {(topic, row[1]): row[3] for _, topic, _, rows in answer.topics for row in rows}
