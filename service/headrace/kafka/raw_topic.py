"""Raw as it stands, for the receiver: it needs no other topic, and no right to any."""

from typing import Final

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from headrace.config import Config
from headrace.kafka.admin import Admin, Topic, admin
from headrace.kafka.client import KafkaError
from headrace.kafka.role_rights import REFUSED, RoleRights
from headrace.kafka.topic_rules import check_raw
from headrace.kafka.topics import UnfitTopics

_UNREADABLE: Final = (ClusterAuthorizationFailedError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError)


class RawTopic:
    """Looks at raw, and at seen where that can be read. It remembers by how many partitions ids were placed.

    Whether the receiver has all rights is asked before it looks for the first time, and again after a refusal.
    """

    def __init__(self, config: Config) -> None:
        self._config: Final = config
        self._rights: Final = RoleRights(config, "receiver")
        self._in_doubt = True
        self._placed_by: int | None = None

    def refused(self, error: BaseException) -> None:
        """Note why an append failed: where rights are missing, they are asked for before raw is looked at again."""
        self._in_doubt = self._in_doubt or isinstance(error, REFUSED)

    async def look(self) -> Topic:
        """Return raw. Raises `UnfitTopics` with what is wrong, `KafkaError` or `TimeoutError` without an answer."""
        if self._in_doubt:
            await self._rights.check()
        try:
            raw = await self._look()
        except (UnfitTopics, *REFUSED):  # what may not be seen looks as if it were missing
            self._in_doubt = True
            raise
        self._in_doubt = False
        return raw

    async def _look(self) -> Topic:
        raw_name, seen_name = (self._config.topic_prefix + name for name in ("raw", "seen"))
        async with admin(self._config.kafka) as client:
            raw = (await client.topics({raw_name})).get(raw_name)
            if raw is None:
                raise UnfitTopics(f"the topic {raw_name} is missing; run `headrace topics apply`")
            faults = check_raw(
                raw,
                await self._seen(client, seen_name),
                placed_by=self._placed_by,
                body_bytes=self._config.receiver.max_body,
                brokers=len(await client.brokers()),
            )
        if faults:
            raise UnfitTopics("; ".join(faults))
        self._placed_by = raw.partitions
        return raw

    async def _seen(self, client: Admin, name: str) -> Topic | None:
        """Return seen; None where it is missing, or nobody may look at it.

        What else keeps it from being told may pass: it is raised, unless it is known by how many partitions ids were
        placed before.
        """
        try:
            return (await client.topics({name})).get(name)
        except _UNREADABLE:
            return None
        except (KafkaError, TimeoutError):
            if self._placed_by is None:
                raise
            return None
