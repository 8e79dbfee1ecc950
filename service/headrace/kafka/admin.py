"""Topics as the broker has them: create them, describe them."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.metadata import MetadataRequest
from msgspec import Struct

from headrace.config import KafkaSettings
from headrace.kafka.call import call
from headrace.kafka.client import CALL_DEADLINE, STOP_DEADLINE, client_options
from headrace.kafka.cluster_view import watch_leaders

_TOPIC_ALREADY_EXISTS: Final = 36


class Topic(Struct, frozen=True):
    """One topic as the broker has it."""

    name: str
    partitions: int
    replicas: int
    config: dict[str, str]


class Admin:
    """Creates and describes topics."""

    def __init__(self, client: AIOKafkaAdminClient) -> None:
        self._client = client

    async def create(self, name: str, partitions: int, replicas: int, config: dict[str, str]) -> bool:
        """Create a topic; False where it exists. Raises `KafkaError` with the broker's word."""
        new = NewTopic(name, partitions, replicas, topic_configs=config)
        answer = await call(self._client.create_topics([new]), CALL_DEADLINE)
        # create_topics raises nothing: the errors stand in the answer.
        for _, code, *messages in answer.topic_errors:
            if code == _TOPIC_ALREADY_EXISTS:
                return False
            if code:
                raise for_code(code)(
                    f"{name}: {messages[0] if messages and messages[0] else for_code(code).description}"
                )
        return True

    async def brokers(self) -> list[int]:
        """Return the ids of the brokers that are up."""
        cluster = await call(self._client.describe_cluster(), CALL_DEADLINE)
        return [broker["node_id"] for broker in cluster["brokers"]]

    async def known_everywhere(self, names: set[str]) -> bool:
        """Return whether every broker that is up knows the topics, with a leader and copies enough to be written to.

        `create_topics` returns before they do.
        """
        for broker in await self.brokers():
            asking = self._client._send_request(MetadataRequest(None), broker)  # noqa: SLF001  (the client asks any broker)
            answer = await call(asking, CALL_DEADLINE)
            topics = [topic for topic in answer.to_object()["topics"] if topic["topic"] in names]
            if len(topics) < len(names) or not all(map(_is_usable, topics)):
                return False
        return True

    async def topics(self, names: set[str]) -> dict[str, Topic]:
        """Describe those of the topics that exist. Raises `KafkaError` where the broker cannot say yet."""
        # All topics, in one answer: to ask for a missing one would create it where auto-creation is on, and a second
        # question may reach a broker that does not know yet what the first one knows.
        found = await call(self._client.describe_topics(), CALL_DEADLINE)
        described = [topic for topic in found if topic["topic"] in names]
        for topic in described:
            if code := topic["error_code"]:  # such as: it has no leader yet
                raise for_code(code)(topic["topic"])
        present = sorted(topic["topic"] for topic in described)
        configs = await call(self._configs(present), CALL_DEADLINE) if present else {}
        return {
            topic["topic"]: Topic(
                topic["topic"],
                len(topic["partitions"]),
                min((len(p["replicas"]) for p in topic["partitions"]), default=0),
                configs.get(topic["topic"], {}),
            )
            for topic in described
        }

    async def _configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        found: dict[str, dict[str, str]] = {}
        for answer in await self._client.describe_configs(resources):
            for resource in answer.resources:
                code, _, _, name, entries, *_ = resource
                if code:
                    raise for_code(code)(name)
                found[name] = {entry[0]: _text(entry[1]) for entry in entries}
        return found


@contextlib.asynccontextmanager
async def admin(kafka: KafkaSettings) -> AsyncIterator[Admin]:
    """Connect. Raises `KafkaError` or `TimeoutError` where no broker answers."""
    client = AIOKafkaAdminClient(**client_options(kafka))
    watch_leaders(client._client)  # noqa: SLF001  (nothing public gives it)
    try:
        await call(client.start(), CALL_DEADLINE)
        yield Admin(client)
    finally:
        with contextlib.suppress(KafkaError, TimeoutError):
            await call(client.close(), STOP_DEADLINE)


def _is_usable(topic: dict[str, Any]) -> bool:
    parts = topic["partitions"]
    return not topic["error_code"] and all(_has_copies(part) and not part["error_code"] for part in parts)


def _has_copies(part: dict[str, Any]) -> bool:
    """Return whether two copies are in sync, where there is more than one: fewer may not take a record."""
    return len(part["isr"]) >= min(2, len(part["replicas"]))


def _text(value: Any) -> str:
    return "" if value is None else str(value)
