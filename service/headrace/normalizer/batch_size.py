"""How many records a task decides on at once. Pure.

The reader bounds what they weigh (`kafka/bounded_reader.py`); this bounds their number, and learns from failures.
"""

from typing import Final

MOST_RECORDS: Final = 2_000
FIRST_RECORDS: Final = 125
"""A start is careful: what ended the process before may lie ahead."""
_SLOWLY: Final = 8
"""After a failure batches grow by an eighth at a time, else every other one would be too large again."""


class BatchSize:
    """Halves the batches that could not be written, whatever the reason, down to the one record.

    `most` is the number of records to take at once; `unwritable` the offset of the record that Kafka refused twice and
    alone, -1 where there is none: it becomes a dead letter.
    """

    def __init__(self) -> None:
        self.most = FIRST_RECORDS
        self.unwritable = -1
        self._refused_alone = -1
        self._failed = False

    def written(self) -> None:
        """Grow: a batch was committed."""
        more = max(1, self.most // _SLOWLY) if self._failed else self.most
        self.most = min(self.most + more, MOST_RECORDS)

    def failed(self, position: int, size: int, *, definite: bool) -> None:
        """Halve: what `size` records from `position` on became was not written, or nobody knows.

        `definite` is whether Kafka refused it as it is: then the record that is alone twice is unwritable.
        """
        self._failed = True
        self.most = max(1, min(self.most, size // 2))
        if definite and size == 1:
            if self._refused_alone == position:
                self.unwritable = position
            self._refused_alone = position
