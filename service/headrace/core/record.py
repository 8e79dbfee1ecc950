"""A record to append to a topic: key, value, headers. Pure."""

from typing import Final

import msgspec

_HEADER_WORDS_BYTES: Final = 1024
"""More than the names and the constant words of an event's headers take."""

Headers = list[tuple[str, bytes]]


class ProducerRecord(msgspec.Struct, frozen=True, gc=False):
    """A record to append: where no `partition` is named, the key decides as Java clients do (murmur2)."""

    key: bytes
    value: bytes
    headers: Headers
    partition: int | None = None

    @property
    def written(self) -> bytes | None:
        """The value as Kafka takes it."""
        return self.value

    @property
    def size(self) -> int:
        """Bytes on the wire, rounded up: key, value, headers and the framing of a record."""
        return len(self.key) + len(self.value) + sum(len(name) + len(value) + 10 for name, value in self.headers) + 100

    def fits(self, limit: int) -> bool:
        """Return whether the record of an event takes no more than `limit` bytes; most are too small to be counted."""
        # Key and headers repeat what stands in the value: each is shorter, but for the names and words of the headers.
        return 3 * len(self.value) + _HEADER_WORDS_BYTES <= limit or self.size <= limit


class RemovalRecord(ProducerRecord, frozen=True, gc=False):
    """Removes its key from a compacted topic: written without a value, which alone makes compaction drop a key."""

    @property
    def written(self) -> None:
        """None."""
