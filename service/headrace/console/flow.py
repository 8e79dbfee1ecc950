"""How much flows: events by platform and way, second by second, over the last minute. Pure.

At a high rate only a part of the events is read, and counted for all: `looked_at` says how many really were.
"""

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from headrace_events import Event

SECONDS: Final = 60
RATE_SECONDS: Final = 10
"""The rate that is shown is that of so many seconds: of fewer it would jump about."""

Way = tuple[str, str]
"""Provider and way, such as webhook."""


class Tick(Struct, frozen=True):
    """What came within `seconds`: events, of which `looked_at` were read, and how often each way was among them."""

    seconds: float
    events: int
    looked_at: int
    ways: Counter[Way]


class Lane(Struct, frozen=True):
    """One platform: events a second now, of the last minute, by way, and the course of that minute (0 to 1)."""

    provider: str
    rate: float
    minute: int
    ways: dict[str, int]
    course: list[float]


class Flow:
    """The last minute of a stream."""

    def __init__(self) -> None:
        self._ticks: Final[deque[Tick]] = deque()

    def add(self, tick: Tick) -> None:
        """Take what came within the last second or so."""
        self._ticks.append(tick)
        while sum(one.seconds for one in self._ticks) - self._ticks[0].seconds >= SECONDS:
            self._ticks.popleft()

    def clear(self) -> None:
        """Forget all: nobody has looked meanwhile."""
        self._ticks.clear()

    @property
    def seconds(self) -> float:
        """How many seconds are known."""
        return sum(one.seconds for one in self._ticks)

    @property
    def minute(self) -> int:
        """The events of the last minute."""
        return sum(one.events for one in self._ticks)

    @property
    def looked_at(self) -> int:
        """How many of them were read."""
        return sum(one.looked_at for one in self._ticks)

    @property
    def rate(self) -> float:
        """Events a second now."""
        recent = self._recent()
        seconds = sum(one.seconds for one in recent)
        return sum(one.events for one in recent) / seconds if seconds else 0.0

    def lanes(self, providers: Iterable[str]) -> list[Lane]:
        """Return a lane for each platform."""
        return [self._lane(provider) for provider in providers]

    def _lane(self, provider: str) -> Lane:
        counts = [(tick.seconds, _share(tick, provider)) for tick in self._ticks]
        recent = self._recent()
        seconds = sum(tick.seconds for tick in recent)
        ways: Counter[str] = Counter()
        for tick in self._ticks:
            for (name, way), number in tick.ways.items():
                if name == provider:
                    ways[way] += round(number * tick.events / tick.looked_at)
        most = max((count / length for length, count in counts), default=0.0)
        return Lane(
            provider=provider,
            rate=sum(_share(tick, provider) for tick in recent) / seconds if seconds else 0.0,
            minute=round(sum(count for _, count in counts)),
            ways=dict(ways),
            course=[count / length / most if most else 0.0 for length, count in counts],
        )

    def _recent(self) -> list[Tick]:
        recent: list[Tick] = []
        for tick in reversed(self._ticks):
            if sum(one.seconds for one in recent) >= RATE_SECONDS:
                break
            recent.append(tick)
        return recent


def tick_of(seconds: float, events: int, found: Iterable[Event]) -> Tick:
    """Return the tick of `events` of which these were read."""
    ways: Counter[Way] = Counter()
    looked_at = 0
    for event in found:
        looked_at += 1
        ways[event.data.native.provider, event.data.provenance.via] += 1
    return Tick(seconds, max(events, looked_at), looked_at, ways)


def _share(tick: Tick, provider: str) -> float:
    if not tick.looked_at:
        return 0.0
    mine = sum(number for (name, _), number in tick.ways.items() if name == provider)
    return mine * tick.events / tick.looked_at
