"""The metrics of every role that owns partitions: states of tasks, take-overs, commits, producers."""

import time
from collections.abc import Callable
from typing import Final

from headrace.observe.kafka_contact import KafkaMetrics
from headrace.observe.registry import OTHER, Registry

STATES: Final = ("created", "fencing", "restoring", "running", "closed")
DOUBTFUL: Final = "doubtful"


class TaskMetrics:
    """The metrics of a role's tasks, in the registry that all roles of a process share.

    `clock` returns seconds since the epoch. `owned` holds the state of each task by partition.
    """

    def __init__(self, registry: Registry, role: str, clock: Callable[[], float] = time.time) -> None:
        self.registry: Final = registry
        self.notices: Final = registry.notices
        self.tracer: Final = registry.tracer
        self.role: Final = role
        self.owned: Final[dict[int, str]] = {}
        self.kafka: Final = KafkaMetrics(registry, role, clock)
        self._tasks = registry.series("headrace_tasks")
        self._tasks_owned = registry.series("headrace_tasks_owned")
        self._rebalances = registry.series("headrace_rebalances_total")
        self._fenced = registry.series("headrace_fenced_total")
        self._stale = registry.series("headrace_stale_ends_total")
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
        if partition not in self.owned:
            if state == "closed":  # a task that ends late, after its partition was forgotten, brings nothing back
                return
            self._start(str(partition))
        self.owned[partition] = state

    def count_restore(self, seconds: float) -> None:
        """Count a restore that took so long."""
        self._restore_duration.observe((self.role,), seconds)

    def task_fenced(self, partition: int) -> None:
        """Count a task that found another producer in its place."""
        self._fenced.add((self.role, str(partition)))

    def stale_end(self, partition: int) -> None:
        """Count an end of a log that lies before what is known to stand in it."""
        self._stale.add((self.role, str(partition)))

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

    def count_commit(self, partition: int, seconds: float) -> None:
        """Count a durable commit that took so long."""
        self._commits.add((self.role, str(partition)))
        self._commit_duration.observe((self.role,), seconds)

    def _start(self, partition: str) -> None:
        for series in (self._fenced, self._stale, self._commits):
            series.start(self.role, partition)
        for reason in (DOUBTFUL, OTHER):
            self._rebuilt.start(self.role, partition, reason)

    def _count_states(self) -> None:
        for state in STATES:
            self._tasks.values[self.role, state] = sum(owned == state for owned in self.owned.values())
