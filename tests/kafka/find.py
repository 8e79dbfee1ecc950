"""Which Kafka the tests use: the first that can be had, in a fixed order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.kafka import docker, embedded, external, jvm
from tests.kafka.broker import Broker, Unavailable


@dataclass(frozen=True)
class Found:
    """The broker to use (not started yet), and why each one before it is not used."""

    broker: Broker
    why_not_others: tuple[str, ...]

    def __str__(self) -> str:
        reasons = f" ({'; '.join(self.why_not_others)})" if self.why_not_others else ""
        return f"Kafka for tests: {self.broker.name}{reasons}"


def find(home: Path, only: str | None = None) -> Found:
    """Return the first Kafka that can be had, or only of the kind asked for; raise Unavailable with every reason."""
    offers: Mapping[str, Callable[[], Broker]] = {
        "external": external.offer,
        "docker": docker.offer,
        "jvm": lambda: jvm.offer(home),
        "embedded": lambda: embedded.offer(home),
    }
    reasons: list[str] = []
    for kind, offer in offers.items():
        if only in (None, kind):
            try:
                return Found(offer(), tuple(reasons))
            except Unavailable as reason:
                reasons.append(str(reason))
        else:
            reasons.append(f"{kind}: not asked for")
    raise Unavailable("; ".join(reasons))
