"""Raw as it stands, for the receiver: it needs no other topic, and no right to any."""

from typing import Final

from headrace.config import Config
from headrace.kafka.admin import Admin, Topic, admin
from headrace.kafka.client import KafkaError
from headrace.kafka.topics import HEADER_ROOM_BYTES, UnfitTopics


class RawTopic:
    """Looks at raw, and at seen where that can be read. It remembers by how many partitions ids were placed."""

    def __init__(self, config: Config) -> None:
        self._config: Final = config
        self._placed_by: int | None = None

    async def look(self) -> Topic:
        """Return raw. Raises `UnfitTopics` with what is wrong, `KafkaError` or `TimeoutError` without an answer."""
        raw_name, seen_name = (self._config.topic_prefix + name for name in ("raw", "seen"))
        async with admin(self._config.kafka) as client:
            raw = (await client.topics({raw_name})).get(raw_name)
            if raw is None:
                raise UnfitTopics(f"the topic {raw_name} is missing; run `headrace topics apply`")
            seen = await _topic_if_readable(client, seen_name)
        faults = raw_faults(raw, seen, self._placed_by, self._config.receiver.max_body)
        if faults:
            raise UnfitTopics("; ".join(faults))
        self._placed_by = raw.partitions
        return raw


def raw_faults(raw: Topic, seen: Topic | None, placed_by: int | None, body_bytes: int) -> list[str]:
    """Return why nothing may be appended to raw: `placed_by` partitions before, `body_bytes` are the largest body."""
    faults = []
    if seen is not None and seen.partitions != raw.partitions:
        faults.append(
            f"{raw.name} has {raw.partitions} partitions and {seen.name} has {seen.partitions}: they belong together "
            "one to one; see the README on how to re-split"
        )
    elif placed_by not in (None, raw.partitions):
        faults.append(
            f"{raw.name} has {raw.partitions} partitions and had {placed_by}: see the README on how to re-split, and "
            "start the receiver again"
        )
    most = int(raw.config.get("max.message.bytes") or 0)
    if body_bytes + HEADER_ROOM_BYTES > most:
        faults.append(
            f"{raw.name} takes {most} bytes, the receiver bodies of {body_bytes}: lower [receiver] max_body, or raise "
            f"max.message.bytes of {raw.name} to at least {body_bytes + HEADER_ROOM_BYTES}"
        )
    if raw.config.get("cleanup.policy", "delete") != "delete":
        faults.append(f"{raw.name} must have cleanup.policy=delete: compaction would drop records before they are read")
    return faults


async def _topic_if_readable(client: Admin, name: str) -> Topic | None:
    """Return a topic; None where it is missing, or nobody may look at it."""
    try:
        return (await client.topics({name})).get(name)
    except KafkaError:
        return None
