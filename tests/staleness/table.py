"""The table of what the ways yield, in Markdown."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from headrace.cli._formatting import span
from tests.staleness.measure import Result

KINDS: Final = ("nudged", "due", "found", "unsure", "swept")
_HEAD: Final = (
    *("platform", "way", "p50", "p95", "max", "calls an event", "calls: nudged, due, found, unsure, swept"),
    *("longest wait: nudged, due, found, unsure", "longest unread lead", "never read"),
)


def table(results: Sequence[Result]) -> str:
    """Return the table."""
    return "\n".join(_lines(results))


def _lines(results: Sequence[Result]) -> Iterator[str]:
    yield _line(_HEAD)
    yield _line(["---", "---", *["--:"] * (len(_HEAD) - 2)])
    for result in results:
        yield _line(_cells(result))


def _cells(result: Result) -> Iterator[str]:
    yield from (result.platform, result.way)
    yield from (_time(float(np.quantile(result.staleness, part))) for part in (0.5, 0.95))
    yield _time(float(result.staleness.max())) + (f" or more ({result.missing:,} open)" if result.missing else "")
    yield f"{result.calls_an_event:.2f}"
    every = sum(result.calls.values())
    yield " · ".join(f"{result.calls.get(kind, 0) / every:.0%}" for kind in KINDS)
    waits = result.waits
    yield " · ".join(_time(waits.longest[kind]) if kind in waits.longest else "-" for kind in KINDS[:4])
    swept = "swept" in result.calls
    yield _time(waits.lead) if swept else "-"
    yield f"{waits.never_read:,}" if swept else "-"


def _line(cells: Sequence[str] | Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _time(seconds: float) -> str:
    """Return seconds as the commands write them, those below three minutes whole."""
    return f"{seconds:.0f} s" if seconds < 180 else span(round(seconds), 2)
