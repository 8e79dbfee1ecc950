"""Where the numbers of one process stand until they are asked for: plain dicts, rendered as Prometheus text.

The client library's own metrics take a lock and a lookup for every single event. Here a commit is summed up first and
added at once.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from headrace.observe.contract import CONTRACT, Family

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The text format that every Prometheus reads; names and labels are plain, so that newer ones would add nothing."""

OTHER: Final = "other"

Labels = tuple[str, ...]
Shown = TypeVar("Shown", "Series", "Capped", "Histogram")


class Series:
    """A counter or gauge: its value by label values, in the order of the family's labels."""

    def __init__(self, family: Family) -> None:
        self.family: Final = family
        self.values: Final[dict[Labels, float]] = {}

    def start(self, *labels: str) -> None:
        """Make a label set visible, at 0 where it is new."""
        self.values.setdefault(labels, 0)

    def add(self, labels: Labels, count: float = 1) -> None:
        """Count."""
        self.values[labels] = self.values.get(labels, 0) + count

    def collect(self) -> Metric:
        """Give what stands here as the client library's family."""
        kind = CounterMetricFamily if self.family.kind == "counter" else GaugeMetricFamily
        metric = kind(self.family.name, self.family.help, labels=self.family.labels)
        for labels, value in list(self.values.items()):
            metric.add_metric(labels, value)
        return metric


class Capped(Series):
    """A counter whose last label comes from outside: the first `most` values of it are told apart."""

    def __init__(self, family: Family, most: int = 100, longest: int = 64) -> None:
        super().__init__(family)
        self.most: Final = most
        self.longest: Final = longest
        self._sizes: Final[Counter[Labels]] = Counter()

    def add(self, labels: Labels, count: float = 1) -> None:
        """Count, under `other` where there are too many values or none."""
        super().add(labels if labels in self.values else self._admit(labels), count)

    def _admit(self, labels: Labels) -> Labels:
        *group, last = labels
        known = tuple(group)
        named = (*known, last[: self.longest].encode("utf-8", "replace").decode())
        if named in self.values:
            return named
        if not last or self._sizes[known] >= self.most:
            return (*known, OTHER)
        self._sizes[known] += 1
        return named


class Histogram:
    """Cumulative counts below each edge of the family, and the sum of what was observed, by label values."""

    def __init__(self, family: Family) -> None:
        self.family: Final = family
        self.counts: Final[dict[Labels, list[int]]] = {}
        self.sums: Final[dict[Labels, float]] = {}

    def start(self, *labels: str) -> None:
        """Make a label set visible, at 0 where it is new."""
        self.counts.setdefault(labels, [0] * (len(self.family.edges) + 1))
        self.sums.setdefault(labels, 0.0)

    def observe(self, labels: Labels, value: float) -> None:
        """Count one value."""
        edges = self.family.edges
        below = bisect_left(edges, value)
        self.merge(labels, [int(index >= below) for index in range(len(edges) + 1)], value)

    def merge(self, labels: Labels, cumulative: Sequence[int], total: float) -> None:
        """Count many values: how many lie at or below each edge, then how many in all, and their sum."""
        self.start(*labels)
        self.counts[labels] = [old + new for old, new in zip(self.counts[labels], cumulative, strict=True)]
        self.sums[labels] += total

    def collect(self) -> Metric:
        """Give what stands here as the client library's family."""
        metric = HistogramMetricFamily(self.family.name, self.family.help, labels=self.family.labels)
        names = [*(f"{edge:g}" for edge in self.family.edges), "+Inf"]
        for labels, counts in list(self.counts.items()):
            metric.add_metric(labels, list(zip(names, counts, strict=True)), self.sums[labels])
        return metric


class Board:
    """All metrics of one process: each role asks for its families and may bring them up to date before a reading."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        self._families: Final = {family.name: family for family in CONTRACT}
        self._shown: Final[dict[str, Series | Histogram]] = {}
        self._refreshers: Final[list[Callable[[], None]]] = []
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def series(self, name: str) -> Series:
        """Show a counter or gauge of the contract. Raises `KeyError` where it is not in it."""
        return self._show(name, Series)

    def capped(self, name: str) -> Capped:
        """Show a counter of the contract whose last label comes from outside."""
        return self._show(name, Capped)

    def histogram(self, name: str) -> Histogram:
        """Show a histogram of the contract."""
        return self._show(name, Histogram)

    def before_reading(self, refresh: Callable[[], None]) -> None:
        """Have `refresh` called before each reading."""
        self._refreshers.append(refresh)

    def collect(self) -> Iterator[Metric]:
        """Give all families, in the order of the contract."""
        for refresh in self._refreshers:
            refresh()
        for name in self._families:
            if name in self._shown:
                yield self._shown[name].collect()

    def render(self) -> bytes:
        """Give the text exposition."""
        return generate_latest(self.registry)

    def _show(self, name: str, kind: type[Shown]) -> Shown:
        shown = self._shown.get(name)
        if not isinstance(shown, kind):  # the first role that asks makes it, the others share it
            shown = self._shown[name] = kind(self._families[name])
        return shown
