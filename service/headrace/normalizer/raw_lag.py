"""How far a task is behind the end of its raw partition. Pure: times are handed in."""

from msgspec import Struct

from headrace.normalizer.dedupe import Seen


class RawLag(Struct):
    """What is known of one partition: `end` is the end of its raw log, `oldest_ms` when its lag began.

    `seen` is None until it is restored. `end_noted_at` is the position at which the end was last noted.
    """

    seen: Seen | None = None
    end: int = 0
    oldest_ms: int | None = None
    end_noted_at: int = -1

    @property
    def position(self) -> int:
        """Offset of the next record to decide on."""
        return self.seen.next_offset if self.seen else 0

    def note_end(self, end: int, oldest_ms: int | None, now_ms: int) -> None:
        """Note the end of the log.

        Without a timestamp of the oldest record, its age counts from when the end was noted.
        """
        position = self.position
        if oldest_ms is not None:
            self.oldest_ms = oldest_ms
        elif end <= position:
            self.oldest_ms = None
        elif self.oldest_ms is None or self.end_noted_at != position:
            self.oldest_ms = now_ms
        self.end, self.end_noted_at = end, position

    def age(self, now_ms: int) -> float:
        """Seconds since the oldest record without a fate was appended, 0 where there is none."""
        if self.oldest_ms is None or self.end <= self.position:
            return 0.0
        return max(0, now_ms - self.oldest_ms) / 1000
