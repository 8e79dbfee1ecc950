"""What a run ends with: a table for each role, on the screen and as a page, and its flame graph."""

import os
import platform
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests import benchmarks
from tests.profiling.flame import svg
from tests.profiling.roles import Sampled
from tests.profiling.sampler import RATE
from tests.profiling.steps import Samples, read

FOLDER: Final = Path(benchmarks.__file__).parent
PAGE: Final = "PROFILE.md"
LEAST: Final = 0.005
"""The share below which steps stand together as the rest."""


def write(found: Mapping[str, Sampled], folder: Path = FOLDER) -> str:
    """Write the page and the graphs of the roles; return the page."""
    parts = [_head()]
    for role, sampled in found.items():
        samples = read(sampled.text)
        title = f"{role}: {cost_of(sampled, samples):.0f} µs of CPU for each {sampled.unit}"
        (folder / f"profile-{role}.svg").write_text(svg(title, samples.stacks), "utf-8")
        parts.append("\n".join(_section(role, sampled, samples)))
    text = "\n\n".join(parts) + "\n"
    (folder / PAGE).write_text(text, "utf-8")
    return text


def shares(samples: Samples) -> list[tuple[str, float]]:
    """Return the steps with their shares, the largest first; small ones are one, the last."""
    total = samples.steps.total() or 1
    large = [(step, count / total) for step, count in samples.steps.most_common() if count >= LEAST * total]
    rest = 1 - sum(share for _, share in large)
    return [*large, ("the rest", rest)] if rest > 0 else large


def cost_of(sampled: Sampled, samples: Samples) -> float:
    """Return the microseconds of CPU that each piece of work took, without the start's part of them."""
    load = samples.steps.total()
    return sampled.seconds * 1e6 / sampled.count * load / ((load + samples.start) or 1)


def _section(role: str, sampled: Sampled, samples: Samples) -> Iterator[str]:
    cost = cost_of(sampled, samples)
    yield f"## {role.capitalize()}\n"
    yield f"{sampled.count:,} {_plural(sampled.unit)}, {cost:.1f} µs of CPU each; {samples.steps.total():,} samples."
    yield f"[Flame graph](profile-{role}.svg)\n"
    yield "| step | share | µs each |\n|---|---|---|"
    for step, share in shares(samples):
        yield f"| {step} | {share:.1%} | {share * cost:.1f} |"


def _head() -> str:
    """Return what a reader needs to judge the figures."""
    loads = " ".join(f"{one:.1f}" for one in os.getloadavg())
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"""# Where the CPU time goes

Written by `make profile`: each role in a process of its own under the load of its benchmark, sampled by py-spy {RATE}
times a second. A stack belongs to the innermost function that `tests/profiling/steps.py` knows; what C code does
(decode, encode, compress) counts to the step that asked for it, and so does the garbage collector, unless
`ARGS=--native` shows both apart (and halts the process for each sample: shares count then, absolute figures do not).
What the start takes is left out.

{now}; {_processor()}, {os.cpu_count()} cores, load {loads}; {platform.system()} {platform.release()}, \
Python {platform.python_version()}; Apache Kafka on the same machine."""


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text("utf-8")) if info.exists() else None
    return found[1] if found else platform.machine()


def _plural(unit: str) -> str:
    return unit.removesuffix("y") + "ies" if unit.endswith("y") else f"{unit}s"
