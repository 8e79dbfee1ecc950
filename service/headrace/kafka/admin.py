"""Topics as the broker has them: create them, describe them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code
from msgspec import Struct

from headrace.config import KafkaSettings
from headrace.kafka.client import CALL_DEADLINE, STOP_DEADLINE, client_options

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
        async with asyncio.timeout(CALL_DEADLINE):
            answer = await self._client.create_topics([new])
        # create_topics raises nothing: the errors stand in the answer.
        for _, code, *messages in answer.topic_errors:
            if code == _TOPIC_ALREADY_EXISTS:
                return False
            if code:
                raise for_code(code)(
                    f"{name}: {messages[0] if messages and messages[0] else for_code(code).description}"
                )
        return True

    async def topics(self, names: set[str]) -> dict[str, Topic]:
        """Describe those of the topics that exist. Raises `KafkaError` where the broker cannot say yet."""
        async with asyncio.timeout(CALL_DEADLINE):
            # describe_topics on a missing topic would create it where auto-creation is on.
            present = sorted(names & set(await self._client.list_topics()))
            if not present:
                return {}
            described = await self._client.describe_topics(present)
            for topic in described:
                if code := topic["error_code"]:  # such as: it has no leader yet
                    raise for_code(code)(topic["topic"])
            configs = await self._configs(present)
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
                _, _, _, name, entries, *_ = resource
                found[name] = {entry[0]: _text(entry[1]) for entry in entries}
        return found


@contextlib.asynccontextmanager
async def admin(kafka: KafkaSettings) -> AsyncIterator[Admin]:
    """Connect. Raises `KafkaError` or `TimeoutError` where no broker answers."""
    client = AIOKafkaAdminClient(**client_options(kafka))
    try:
        async with asyncio.timeout(CALL_DEADLINE):
            await client.start()
        yield Admin(client)
    finally:
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(STOP_DEADLINE):
                await client.close()


def _text(value: Any) -> str:
    return "" if value is None else str(value)
