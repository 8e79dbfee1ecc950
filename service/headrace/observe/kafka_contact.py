"""Whether Kafka answers a role, and since when it does not: one truth for health, metrics and the log."""

import math
import time
from collections.abc import Callable
from typing import Final

from headrace.observe.registry import Registry

SILENCE_SECONDS: Final = 15.0
"""Time without an answer after which Kafka counts as away."""


class KafkaContact:
    """When Kafka last answered a role, by a fetch or by a question. `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock: Final = clock
        self._answered_at: float | None = None
        self.since: float | None = None
        """When Kafka began to answer, None where the last question got no answer."""

    def note(self, *, answers: bool) -> None:
        """Note an answer, or a question that got none. Until the first one Kafka counts as away."""
        now = self._clock()
        if not answers:
            self.since = None
            return
        self._answered_at = now
        if self.since is None:
            self.since = now

    @property
    def silence(self) -> float:
        """Seconds since the last answer, infinite where there was none yet."""
        return math.inf if self._answered_at is None else max(0.0, self._clock() - self._answered_at)

    @property
    def up(self) -> bool:
        """Whether Kafka answers, one lost answer aside."""
        return self.silence <= SILENCE_SECONDS


class KafkaMetrics:
    """Shows a role's contact to Kafka at each reading; `now` returns seconds since the epoch."""

    def __init__(self, registry: Registry, role: str, now: Callable[[], float] = time.time) -> None:
        self._now: Final = now
        self._role: Final = role
        self._contact: KafkaContact | None = None
        self._up = registry.series("headrace_kafka_up")
        self._last = registry.series("headrace_last_fetch_timestamp_seconds")
        for series in (self._up, self._last):
            series.start(role)
        registry.before_scrape(self._read)

    def show(self, contact: KafkaContact) -> None:
        """Show this contact from now on."""
        self._contact = contact

    @property
    def unknown_seconds(self) -> float:
        """Seconds for which nobody can know what stands in Kafka, 0 while it answers."""
        contact = self._contact
        return 0.0 if contact is None or contact.up or math.isinf(contact.silence) else contact.silence

    def _read(self) -> None:
        contact = self._contact
        if contact is None or math.isinf(contact.silence):
            return
        self._up.values[self._role,] = int(contact.up)
        self._last.values[self._role,] = round(self._now() - contact.silence, 3)
