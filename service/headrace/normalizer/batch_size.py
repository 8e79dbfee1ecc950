"""How many records a task decides on at once. Pure."""

from typing import Final

MOST_RECORDS: Final = 2_000


class BatchSize:
    """Halves the batches that Kafka refuses, down to the one record that becomes a dead letter.

    `most` is the number of records to take at once; `unwritable` the offset of the record that was refused twice and
    alone, -1 where there is none.
    """

    def __init__(self) -> None:
        self.most = MOST_RECORDS
        self.unwritable = -1
        self._refused: tuple[int, int] | None = None

    def written(self) -> None:
        """Grow again: a batch was committed."""
        self.most = min(self.most * 2, MOST_RECORDS)

    def refused(self, position: int, size: int) -> None:
        """Take note that Kafka refused what `size` records from `position` on became; the second time, halve."""
        at, before = self._refused or (-1, 0)
        if at != position or size < before:
            self._refused = (position, size)
            return
        # The second time may bring more records than the first: more were there to read.
        self._refused = None
        self.most = max(1, before // 2)
        if before == 1:
            self.unwritable = position
