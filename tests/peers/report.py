"""The table, and the page RESULTS.md around it."""

import importlib.metadata
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from msgspec import Struct

from tests.peers.compare import Difference
from tests.peers.contenders import Contender
from tests.peers.delay import Delay
from tests.peers.meter import Measured
from tests.peers.stage import OURS

PAGE: Final = Path(__file__).with_name("RESULTS.md")
_HEAD: Final = (
    "contender",
    "guarantee",
    "records/CPU s",
    "by the clock",
    "peak MB",
    "p50 / p99 ms",
    "ours / it",
    "output",
)


class Result(Struct):
    """What became of one contender: a measurement for each round, or the reason why there is none."""

    contender: Contender
    rounds: list[Measured] = []
    differences: list[Difference] = []
    delay: Delay | None = None
    missing: str = ""

    @property
    def speed(self) -> float:
        """Records a second of CPU, the median of the rounds."""
        return median(each.records / each.cpu for each in self.rounds)

    @property
    def clock(self) -> float:
        """Records a second by the clock, the median of the rounds."""
        return median(each.records / each.wall for each in self.rounds)

    @property
    def peak(self) -> int:
        """The most resident memory of all rounds, in bytes."""
        return max(each.peak for each in self.rounds)


def table(results: Sequence[Result]) -> str:
    """Return the results as a table of Markdown, with the reasons of those that are missing below."""
    ours = next((each.speed for each in results if each.contender is OURS and each.rounds), None)
    rows = [_HEAD, tuple("---" for _ in _HEAD), *(_row(each, ours) for each in results if not each.missing)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines += [f"\n{each.contender.name} was left out: {each.missing}" for each in results if each.missing]
    return "\n".join(lines)


def _row(result: Result, ours: float | None) -> tuple[str, ...]:
    contender, delay = result.contender, result.delay
    figures = ("", "", "", "")
    if result.rounds:
        ratio = f"{ours / result.speed:.2f}" if ours else ""
        figures = (f"{result.speed:,.0f}", f"{result.clock:,.0f}", f"{result.peak / 1e6:,.0f}", ratio)
    times = f"{delay.p50:,.0f} / {delay.p99:,.0f}" if delay else ""
    compared = "; ".join(dict.fromkeys(map(str, result.differences)))
    return contender.name, contender.promise, *figures[:3], times, figures[3], compared


def write_page(sections: Sequence[tuple[str, str]], kafka: str, arguments: Sequence[str]) -> None:
    """Write the tables under their titles, with the machine, the date, the versions and the command."""
    command = shlex.join(["make", "bench-peers", *([f"ARGS={shlex.join(arguments)}"] if arguments else [])])
    lines = [
        "# Measured beside peers",
        "",
        f"Written by `{command}` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. What is compared, and how, stands in",
        "[README.md](README.md).",
        "",
        f"- {os.cpu_count()} cores, {_processor()}, {platform.system()} {platform.release()}",
        f"- load of the machine at the end, the benchmark's own in it: {os.getloadavg()[0]:.1f}",
        f"- {kafka}, on the same machine",
        *(f"- {name} {version}" for name, version in _versions().items()),
    ]
    for title, text in sections:
        lines += ["", f"## {title}", "", text]
    PAGE.write_text("\n".join(lines) + "\n")


def _versions() -> dict[str, str]:
    """Return the versions of what ran here; those of the peers stand in README.md."""
    packages = ("confluent-kafka", "msgspec")
    return {"Python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}


def _processor() -> str:
    """Return the name of the processor, as Linux knows it."""
    try:
        facts = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(": ")[2] for line in facts if line.startswith("model name")), platform.machine())


def say(line: str) -> None:
    """Print a line of progress at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
