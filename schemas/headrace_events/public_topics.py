"""The topics that consumers read, each with its key, its headers and the struct that it carries.

A topic is added here, once: its JSON Schema, the AsyncAPI document, the registry and the check of compatibility follow.
"""

from typing import Final

from msgspec import Struct

from headrace_events.dead_letter import DEAD_LETTER_HEADER, DeadLetter
from headrace_events.event import Event
from headrace_events.notice import Notice

VERSION: Final = "0.1.0"
"""That of the service and of this package: a test compares them."""

DEFAULT_PREFIX: Final = "headrace."


class PublicTopic(Struct, frozen=True, kw_only=True):
    """One topic. Its records carry `struct` as JSON: as the value, or in the header `header`, beside other bytes."""

    name: str
    """Behind the prefix, which is configurable."""
    title: str
    description: str
    key: str
    """What the key of a record is made of; `{…}` stands for an attribute."""
    partitioning: str
    """How a record's partition follows from it."""
    content_type: str
    struct: type[Struct]
    schema: str
    """Name of the schema: `event` is `event.schema.json` and `urn:headrace:event:1`."""
    header: str | None = None

    @property
    def file(self) -> str:
        """Return the name of the file with its JSON Schema."""
        return f"{self.schema}.schema.json"

    @property
    def schema_id(self) -> str:
        """Return the `$id` of its JSON Schema."""
        return f"urn:headrace:{self.schema}:1"


PUBLIC_TOPICS: Final = (
    PublicTopic(
        name="events",
        title="Canonical event",
        description="What happened to leads, each event once: CloudEvents 1.0 in structured mode. "
        "Read with isolation.level=read_committed.",
        key="{source}/{subject}",
        partitioning="murmur2 of the key, as in Java clients",
        content_type="application/cloudevents+json; charset=UTF-8",
        struct=Event,
        schema="event",
    ),
    PublicTopic(
        name="dead-letters",
        title="Dead letter",
        description="Payloads that could not be read: the bytes as they came (none where a tenant's events are "
        "redacted), and in a header why. Read with isolation.level=read_committed.",
        key="that of the raw record, 16 bytes",
        partitioning="that of the raw record",
        content_type="application/octet-stream",
        struct=DeadLetter,
        schema="dead-letter",
        header=DEAD_LETTER_HEADER,
    ),
    PublicTopic(
        name="notices",
        title="Notice",
        description="What an operator must know, and that it is over: CloudEvents 1.0 in structured mode. "
        "The topic is compacted: the last record of a key is how things stand.",
        key="{source}/{subject}",
        partitioning="murmur2 of the key, as in Java clients",
        content_type="application/cloudevents+json; charset=UTF-8",
        struct=Notice,
        schema="notice",
    ),
)
