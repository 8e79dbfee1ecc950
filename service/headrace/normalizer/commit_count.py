"""Counts what is committed, once each: what was written without an answer, too, where it stands."""

import time
from collections.abc import Callable
from typing import Final

from headrace.normalizer.commit import Commit, CommitLimits, Decision
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.normalizer.record_spans import trace_commit


class CommitCount:
    """Counts the commits of one partition; `decided` gets the decisions of each. `now_ms` is the time (ms)."""

    def __init__(
        self,
        partition: int,
        *,
        metrics: NormalizerMetrics,
        limits: CommitLimits,
        decided: Callable[[list[Decision]], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._partition: Final = partition
        self._metrics: Final = metrics
        self._limits: Final = limits
        self._decided: Final = decided
        self._now_ms: Final = now_ms

    def writing(self, commit: Commit) -> None:
        """Note that its outcome is unknown from now on, whatever happens."""
        self._metrics.unsure[self._partition] = commit, time.monotonic()

    def answered(self) -> None:
        """Note that the outcome of what was written is known."""
        self._metrics.unsure.pop(self._partition, None)

    def restored(self, seen: Seen) -> None:
        """Count the commit whose outcome was unknown, where what was restored shows that it stands."""
        unsure = self._metrics.unsure.pop(self._partition, None)
        if unsure is None:
            return
        commit, began = unsure
        if (commit.next_offset, commit.totals) == (seen.next_offset, seen.totals):
            self.committed(commit, began)

    def committed(self, commit: Commit, began: float) -> None:
        """Count a commit that stands, taken up at `began` (monotonic), and hand on what was decided."""
        seconds = time.monotonic() - began
        self._metrics.committed(self._partition, commit, seconds, self._now_ms())
        if self._metrics.tracer is not None:
            trace_commit(self._metrics.tracer, commit.decisions, self._limits, seconds)
        self._decided(commit.decisions)
