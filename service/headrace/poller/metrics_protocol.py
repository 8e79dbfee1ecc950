"""What the pollers tell about their work: the seam to the metrics."""

from collections.abc import Mapping
from typing import Protocol

from headrace.poller.budget import Span


class FeedMetrics(Protocol):
    """What turns and calls tell. `provider` and `tenant` are configured ones, `feed` a feed of that provider."""

    def called(self, provider: str, tenant: str, outcome: str, seconds: float) -> None:
        """Count a call by its outcome: `ok`, or the code of its fault; `seconds` up to the end of the answer."""

    def waited(self, provider: str, tenant: str, seconds: float) -> None:
        """Note how long a call waited for its budget."""

    def appended(self, provider: str, tenant: str, feed: str, count: int) -> None:
        """Count raw events of a feed that are durable in raw."""

    def skipped(self, provider: str, tenant: str, feed: str, reason: str, count: int) -> None:
        """Count rows that a feed left out: `outside`, `unchanged`, `repeated`; or by us: `too_large`."""

    def turn(self, provider: str, tenant: str, feed: str, code: str, seconds: float) -> None:
        """Count a turn: `ok`, the code of the fault that ended it, `append` where Kafka did not take it, `broken`."""

    def fresh(self, provider: str, tenant: str, feed: str, at: float) -> None:
        """Note up to when (seconds since the epoch) a feed is read: of a feed by lead, its longest unread lead."""

    def budget(self, provider: str, tenant: str, left: Mapping[Span, int]) -> None:
        """Note the calls that are left of each span."""

    def parked(self, provider: str, tenant: str, *, parked: bool) -> None:
        """Note whether a tenant is parked."""

    def watched(self, provider: str, tenant: str, leads: int) -> None:
        """Note how many leads are watched."""

    def lead_gone(self, provider: str, tenant: str) -> None:
        """Count a lead that is watched no more because the platform does not know it."""

    def token(self, provider: str, tenant: str, expires: float) -> None:
        """Note when (seconds since the epoch) the access token expires."""

    def skew(self, provider: str, tenant: str, seconds: float) -> None:
        """Note how far the platform's clock is ahead of ours."""


class TaskMetrics(Protocol):
    """What tasks tell."""

    def task_state(self, partition: int, state: str) -> None:
        """Note that a task entered a state."""

    def task_fenced(self, partition: int) -> None:
        """Count a task that found another producer in its place."""

    def producer_rebuilt(self, partition: int, reason: str) -> None:
        """Count a producer that was discarded for a new one."""

    def producer_stuck(self) -> None:
        """Count a producer that could not be stopped in time."""

    def restored(self, partition: int, seconds: float) -> None:
        """Note how long a task took to restore its memory."""

    def committed(self, partition: int, records: int, seconds: float) -> None:
        """Note a durable commit."""

    def rebalanced(self, owned: int) -> None:
        """Count an assignment, of `owned` partitions."""

    def forget(self, partition: int) -> None:
        """Drop what was known of a partition that is no longer owned."""


class Metrics(FeedMetrics, TaskMetrics, Protocol):
    """All that a poller tells."""
