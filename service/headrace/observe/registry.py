"""Registry of the metrics of one process: plain dicts, rendered as Prometheus text.

The client library's own metrics take a lock and a lookup for every single event, and about 10 us for every line of a
scrape (measured): with a hundred tenants each scrape would block the event loop for 100 ms. Here the counts of a commit
are added at once, and the beginning of each line (name and labels) is formatted once.
"""

import platform
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from headrace.observe.escapes import escaped
from headrace.observe.metric_definitions import FAMILIES, Family
from headrace.observe.notices import Notices
from headrace.observe.tracer import Tracer

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The text format that every Prometheus reads; newer formats would add nothing to plain names and labels."""

OTHER: Final = "other"
STARTED: Final = 5_000
"""Label sets of one metric that stand at 0 before their first use: with thousands of tenants, the others do not."""
MOST: Final = 10_000
"""Label sets of one counter: further ones are counted under the tenant `other`."""

Labels = tuple[str, ...]
Shown = TypeVar("Shown", "Series", "Capped", "Histogram")


class Series:
    """A counter or gauge: its value by label values, in the order of the family's labels."""

    def __init__(self, family: Family) -> None:
        self.family: Final = family
        self.values: Final[dict[Labels, float]] = {}
        self._heads: Final[dict[Labels, str]] = {}

    def start(self, *labels: str) -> None:
        """Make a label set visible, at 0 where it is new, unless there are too many before their first use."""
        if len(self.values) < STARTED:
            self.values.setdefault(labels, 0)
            self._head(labels)

    def add(self, labels: Labels, count: float = 1) -> None:
        """Count, under the tenant `other` where there are too many label sets."""
        if labels in self.values:
            self.values[labels] += count
            return
        shown = self._shown_as(labels)
        self.values[shown] = self.values.get(shown, 0) + count

    def lines(self) -> Iterator[str]:
        """Yield one line of text for each label set."""
        for labels, value in self.values.items():
            yield f"{self._heads.get(labels) or self._head(labels)} {value}\n"

    def _shown_as(self, labels: Labels) -> Labels:
        """Return the label set that counts for a new one: itself, while there is room."""
        if len(self.values) < MOST:
            return labels
        names = self.family.labels
        return tuple(OTHER if name == "tenant" else label for name, label in zip(names, labels, strict=True))

    def _head(self, labels: Labels) -> str:
        head = self._heads[labels] = _begin(self.family.name, zip(self.family.labels, labels, strict=True))
        return head


class Capped(Series):
    """A counter whose last label comes from outside: only the first `most` values of a tenant get their own series."""

    def __init__(self, family: Family, most: int = 100, longest: int = 64) -> None:
        super().__init__(family)
        self.most: Final = most
        self.longest: Final = longest
        self._sizes: Final[Counter[Labels]] = Counter()

    def _shown_as(self, labels: Labels) -> Labels:
        """Return the label set that counts for a new one: `other` where there are too many values, or it is empty."""
        named = (*labels[:-1], escaped(labels[-1][: self.longest]))
        if named in self.values:
            return named
        shown = super()._shown_as(named)
        known = shown[:-1]
        if shown in self.values:
            return shown
        if not shown[-1] or self._sizes[known] >= self.most:
            return (*known, OTHER)
        self._sizes[known] += 1
        return shown


class Histogram:
    """Cumulative counts at each edge of the family, and the sum of all observations, by label values."""

    def __init__(self, family: Family) -> None:
        self.family: Final = family
        self.counts: Final[dict[Labels, list[int]]] = {}
        self.sums: Final[dict[Labels, float]] = {}
        self._heads: Final[dict[Labels, list[str]]] = {}

    def start(self, *labels: str) -> None:
        """Make a label set visible, at 0 where it is new."""
        if labels not in self.counts:
            self.counts[labels] = [0] * (len(self.family.edges) + 1)
            self.sums[labels] = 0.0
            self._heads[labels] = self._begin_all(labels)

    def observe(self, labels: Labels, value: float) -> None:
        """Count one value."""
        if labels not in self.counts:
            self.start(*labels)
        counts = self.counts[labels]
        for index in range(bisect_left(self.family.edges, value), len(counts)):
            counts[index] += 1
        self.sums[labels] += value

    def merge(self, labels: Labels, cumulative: Sequence[int], total: float) -> None:
        """Count many values: how many lie at or below each edge, then how many in all, and their sum."""
        self.start(*labels)
        self.counts[labels] = [old + new for old, new in zip(self.counts[labels], cumulative, strict=True)]
        self.sums[labels] += total

    def lines(self) -> Iterator[str]:
        """Yield the lines of text of each label set: buckets, count, sum."""
        for labels, counts in self.counts.items():
            values = (*counts, counts[-1], self.sums[labels])
            for head, value in zip(self._heads[labels], values, strict=True):
                yield f"{head} {value}\n"

    def _begin_all(self, labels: Labels) -> list[str]:
        name, pairs = self.family.name, list(zip(self.family.labels, labels, strict=True))
        edges = (*(str(edge) for edge in self.family.edges), "+Inf")
        buckets = [_begin(f"{name}_bucket", [*pairs, ("le", edge)]) for edge in edges]
        return [*buckets, _begin(f"{name}_count", pairs), _begin(f"{name}_sum", pairs)]


class Registry:
    """All metrics of one process: each role takes its families and may refresh them before a scrape.

    `notices` are those of the process: what shows in a number, and an operator must know, is noted there. `tracer`
    takes the spans of the process, None where tracing is off.

    Metrics of the process itself come from the client library's own collectors. `version` is that of Headrace.
    """

    def __init__(self, version: str, tracer: Tracer | None = None) -> None:
        self.notices: Final = Notices()
        self.tracer: Final = tracer
        self._process: Final = CollectorRegistry()
        self._families: Final = {family.name: family for family in FAMILIES}
        self._shown: Final[dict[str, Series | Histogram]] = {}
        self._refreshers: Final[list[Callable[[], None]]] = []
        ProcessCollector(registry=self._process)
        self.series("headrace_build_info").add((version, platform.python_version()))

    def series(self, name: str) -> Series:
        """Return a defined counter or gauge, exported from now on. Raises `KeyError` for one that is not defined."""
        return self._show(name, Series)

    def capped(self, name: str) -> Capped:
        """Return a defined counter whose last label comes from outside, exported from now on."""
        return self._show(name, Capped)

    def histogram(self, name: str) -> Histogram:
        """Return a defined histogram, exported from now on."""
        return self._show(name, Histogram)

    def before_scrape(self, refresh: Callable[[], None]) -> None:
        """Call `refresh` before each scrape."""
        self._refreshers.append(refresh)

    def render(self) -> bytes:
        """Return the text exposition: the exported families in the order of their definitions, then the process."""
        for refresh in self._refreshers:
            refresh()
        text = []
        for name, family in self._families.items():
            if name in self._shown:
                text += [f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n", *self._shown[name].lines()]
        return "".join(text).encode() + generate_latest(self._process)

    def _show(self, name: str, kind: type[Shown]) -> Shown:
        shown = self._shown.get(name)
        if not isinstance(shown, kind):  # the first role that asks creates it, the others share it
            shown = self._shown[name] = kind(self._families[name])
        return shown


def _begin(name: str, pairs: Iterable[tuple[str, str]]) -> str:
    labels = ",".join(f'{label}="{_escape(value)}"' for label, value in pairs)
    return f"{name}{{{labels}}}" if labels else name


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
