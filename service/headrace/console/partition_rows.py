"""Each partition of raw, and the equation that must hold of it: every record has one fate.

position = published + duplicate + … + held, and what lies behind the position waits. Read off the last commit of each
partition of `seen`.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from headrace.kafka.consumer import Consumer
from headrace.kafka.positions import last_commit
from headrace.records.seen import TOTALS


class PartitionRow(Struct, frozen=True):
    """One partition: the position of its last commit, the fates of all before it, and where raw ends (offsets)."""

    partition: int
    position: int
    end: int
    totals: tuple[int, ...]

    @property
    def waiting(self) -> int:
        """Records that are not decided yet; markers of transactions are none here, raw is written without."""
        return max(0, self.end - self.position)

    @property
    def fates(self) -> Mapping[str, int]:
        """The fates by name, those that occur."""
        return {name: number for name, number in zip(TOTALS, self.totals, strict=True) if number}

    @property
    def holds(self) -> bool:
        """Whether every record before the position has one fate."""
        return sum(self.totals) == self.position

    @property
    def equation(self) -> str:
        """The equation, with the numbers of this partition."""
        fates = " + ".join(f"{number:,} {name}" for name, number in self.fates.items()) or "0"
        return f"{self.position:,} {'=' if self.holds else '≠'} {fates}"


async def partition_rows(log: Consumer, raw: str, seen: str, count: int) -> list[PartitionRow]:
    """Return a row for each partition. Raises `KafkaError`, `TimeoutError`, `NewerFormat`."""
    commits = [await last_commit(log, seen, partition) for partition in range(count)]
    ends = await log.bounds_of_all(raw, range(count))  # after the commits: none lies behind the end
    rows: list[PartitionRow] = []
    for partition, commit in enumerate(commits):
        totals: Sequence[int] = commit.totals if commit else (0,) * len(TOTALS)
        position = commit.next_offset if commit else 0
        rows.append(PartitionRow(partition, position, ends[partition][1], tuple(totals)))
    return rows
