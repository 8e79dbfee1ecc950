"""Where the records of a commit go: topics and partitions."""

from typing import Final

from headrace.core.record import ProducerRecord
from headrace.kafka.partitioner import partitions
from headrace.kafka.producer import Groups, Transactions
from headrace.normalizer.commit import Commit


class Outputs:
    """The topics that the normalizer of one raw partition writes to.

    Seen records go to the partition of the same number. Events and nudges are placed by their key as Java clients do,
    dead letters by the raw partition.
    """

    def __init__(self, prefix: str, partition: int) -> None:
        self.seen: Final = f"{prefix}seen"
        self._events: Final = f"{prefix}events"
        self._nudges: Final = f"{prefix}nudges"
        self._letters: Final = f"{prefix}dead-letters"
        self._partition: Final = partition
        self._counts: Final[dict[str, int]] = {}

    @property
    def alone(self) -> list[str]:
        """Those of which one partition is written to, by full name; that of seen first."""
        return [self.seen, self._letters]

    @property
    def at_large(self) -> list[str]:
        """Those of which any partition is written to, by full name."""
        return [self._events, self._nudges]

    async def count_partitions(self, producer: Transactions) -> None:
        """Ask how many partitions the topics have. Raises `KafkaError`, `TimeoutError`."""
        for topic in (self._events, self._nudges, self._letters):
            self._counts[topic] = await producer.partitions_of(topic)

    def place(self, commit: Commit) -> Groups:
        """Return the records of a commit by topic and partition."""
        groups: dict[tuple[str, int], list[ProducerRecord]] = {
            (self.seen, self._partition): [ProducerRecord(b"", commit.seen_value, [])]
        }
        for topic, outs in ((self._events, commit.events), (self._nudges, commit.nudges)):
            for out, partition in zip(outs, partitions([o.key for o in outs], self._counts[topic]), strict=True):
                groups.setdefault((topic, partition), []).append(out)
        if commit.letters:
            groups[self._letters, self._partition % self._counts[self._letters]] = commit.letters
        return groups
