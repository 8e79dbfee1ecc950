"""What every role with tasks tells about them: states, take-overs, commits, producers."""

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from msgspec import Struct

from headrace.observe.registry import OTHER, Registry

STATES: Final = ("created", "fencing", "restoring", "running", "closed")
DOUBTFUL: Final = "doubtful"


class Marks(Protocol):
    """What is shown of remembered ids: how many there are, and the bytes that they take."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""

    def __len__(self) -> int:
        """Count the ids."""


class Memory(Protocol):
    """What is shown of a task's memory: the next offset of raw, one total a fate, and the marks."""

    next_offset: int

    @property
    def totals(self) -> Sequence[int]:
        """How many records got each fate."""

    @property
    def marks(self) -> Marks:
        """The remembered ids."""


class Owned(Struct):
    """What is known of one partition: `end` is the end of its raw log, `oldest` when (ms) its lag began."""

    state: str = "created"
    seen: Memory | None = None
    end: int = 0
    oldest: int | None = None
    heard_at: int = -1

    @property
    def position(self) -> int:
        """Offset of the next record to decide on."""
        return self.seen.next_offset if self.seen else 0

    def hear(self, end: int, oldest_ms: int | None, now_ms: int) -> None:
        """Take over the end of the log; where nobody knows the oldest record, it is as old as the news of it."""
        position = self.position
        if oldest_ms is not None:
            self.oldest = oldest_ms
        elif end <= position:
            self.oldest = None
        elif self.oldest is None or self.heard_at != position:
            self.oldest = now_ms
        self.end, self.heard_at = end, position

    def age(self, now_ms: int) -> float:
        """Seconds since the oldest record without a fate was appended, 0 where there is none."""
        if self.oldest is None or self.end <= self.position:
            return 0.0
        return max(0, now_ms - self.oldest) / 1000


class TaskMetrics:
    """The metrics of a role's tasks, in the registry that all roles of a process share.

    `clock` gives seconds since the epoch.
    """

    def __init__(self, registry: Registry, role: str, clock: Callable[[], float] = time.time) -> None:
        self.registry: Final = registry
        self.role: Final = role
        self._clock: Final = clock
        self.owned: Final[dict[int, Owned]] = {}
        self._tasks = registry.series("headrace_tasks")
        self._tasks_owned = registry.series("headrace_tasks_owned")
        self._rebalances = registry.series("headrace_rebalances_total")
        self._fenced = registry.series("headrace_fenced_total")
        self._rebuilt = registry.capped("headrace_producers_rebuilt_total")
        self._stuck = registry.series("headrace_producers_stuck_total")
        self._commits = registry.series("headrace_commits_total")
        self._commit_duration = registry.histogram("headrace_commit_duration_seconds")
        self._restore_duration = registry.histogram("headrace_restore_duration_seconds")
        for shown in (self._tasks_owned, self._rebalances, self._stuck, self._commit_duration, self._restore_duration):
            shown.start(role)
        registry.before_scrape(self._count_states)

    def task_state(self, partition: int, state: str) -> None:
        """Note that a task entered a state; its partition's counters stand at 0 from then on."""
        owned = self.owned.get(partition)
        if owned is not None:
            owned.state = state
        elif state != "closed":  # a task that ends late, after its partition was forgotten, brings nothing back
            self.owned[partition] = Owned(state)
            self._start(str(partition))

    def task_restored(self, partition: int, seen: Memory, seconds: float) -> None:
        """Note that a task's memory is restored; from now on `seen` is read whenever the metrics are."""
        self._own(partition).seen = seen
        self.count_restore(seconds)

    def count_restore(self, seconds: float) -> None:
        """Count a restore that took so long."""
        self._restore_duration.observe((self.role,), seconds)

    def task_fenced(self, partition: int) -> None:
        """Count a task that found another producer in its place."""
        self._fenced.add((self.role, str(partition)))

    def producer_rebuilt(self, partition: int, reason: str) -> None:
        """Count a producer that was discarded for a new one."""
        self._rebuilt.add((self.role, str(partition), reason))

    def producer_stuck(self) -> None:
        """Count a producer that could not be stopped in time."""
        self._stuck.add((self.role,))

    def rebalanced(self, owned: int) -> None:
        """Count an assignment, of `owned` partitions."""
        self._rebalances.add((self.role,))
        self._tasks_owned.values[self.role,] = owned

    def forget(self, partition: int) -> None:
        """Drop what was known of a partition that is no longer owned; what this process counted stays."""
        if self.owned.pop(partition, None) is not None:
            self._tasks_owned.values[self.role,] = max(0, self._tasks_owned.values[self.role,] - 1)

    def end_offset(self, partition: int, end: int, oldest_ms: int | None) -> None:
        """Note the end of a partition's log and when (ms) its oldest undecided record was appended, where known."""
        self._own(partition).hear(end, oldest_ms, self._now_ms())

    def count_commit(self, partition: int, seconds: float) -> None:
        """Count a durable commit that took so long."""
        self._commits.add((self.role, str(partition)))
        self._commit_duration.observe((self.role,), seconds)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _own(self, partition: int) -> Owned:
        if partition not in self.owned:
            self.task_state(partition, "created")
        return self.owned[partition]

    def _start(self, partition: str) -> None:
        for series in (self._fenced, self._commits):
            series.start(self.role, partition)
        for reason in (DOUBTFUL, OTHER):
            self._rebuilt.start(self.role, partition, reason)

    def _count_states(self) -> None:
        for state in STATES:
            self._tasks.values[self.role, state] = sum(owned.state == state for owned in self.owned.values())
