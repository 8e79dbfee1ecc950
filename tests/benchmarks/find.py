"""`headrace find`: one id among many raw records on a real broker, by the program itself, its start counted in."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any, Final

from headrace.core.record import ProducerRecord
from headrace.providers.discover import discover
from headrace.records.raw import from_raw_record
from headrace.sdk.provider import RawEvent
from tests.benchmarks import load
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row
from tests.benchmarks.whole import Stage

INVENTED_TOGETHER: Final = 100_000
"""Records of one seed: more would fill memory."""
LOOKED_FOR: Final = 5


def rows(sizes: Sizes, servers: str) -> Iterator[Row]:
    """Look for ids, one after the other, in what the normalizer has worked through."""
    stage = Stage(servers, sizes.whole_partitions)
    sample: list[ProducerRecord] = []
    asyncio.run(stage.fill(_records(sizes.found, sample)))
    stage.run("ours")
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "headrace.toml").write_text("".join(f"[tenants.{name}.{load.TENANT}]\n" for name in discover()))
        found = [_find(Path(home), stage, out) for out in sample[:: max(1, len(sample) // LOOKED_FOR)][:LOOKED_FOR]]
    name = f"find an id in {sizes.found:,} raw records, {sizes.whole_partitions} partitions"
    yield Row(name, f"{median(seconds for seconds, _, _ in found):.1f} s", "")
    yield Row("  its CPU, with the start of the program", f"{median(cpu for _, cpu, _ in found):.1f} s", "")
    for topic in ("raw", "seen", "events", "dead-letters"):
        parts = [part for *_, trail in found for part in trail["read"] if part["topic"] == stage.prefix + topic]
        records, size = (sum(part[key] for part in parts) / len(found) for key in ("records", "bytes"))
        yield Row(f"  read of {topic}", f"{records:,.0f} records, {size / 1e6:,.1f} MB", "")


def _records(count: int, sample: list[ProducerRecord]) -> Iterator[tuple[int | None, ProducerRecord]]:
    """Invent records seed by seed, and put some that came once into `sample`."""
    seeds = range(1, 1 + -(-count // INVENTED_TOGETHER))
    streams = (load.mixed(min(count, INVENTED_TOGETHER), seed=seed) for seed in seeds)
    for number, (kind, out) in enumerate(chain.from_iterable(streams)):
        if kind is not None and number % max(1, count // (2 * LOOKED_FOR)) == 1:
            sample.append(out)
        yield kind, out


def _find(home: Path, stage: Stage, out: ProducerRecord) -> tuple[float, float, dict[str, Any]]:
    """Run the program for the id of a raw record; return seconds by the clock and of CPU, and what it says."""
    raw: RawEvent = from_raw_record(out.headers, out.value)
    environ = os.environ | {
        "HEADRACE_KAFKA__BOOTSTRAP_SERVERS": stage.kafka.bootstrap_servers,
        "HEADRACE_TOPIC_PREFIX": stage.prefix,
    }
    words = ("find", "--json", "--source", raw.source, "--id", f"{raw.resource}/{raw.id}")
    began, used = time.perf_counter(), _cpu()
    done = subprocess.run(
        (sys.executable, "-m", "headrace", *words), cwd=home, env=environ, stdout=subprocess.PIPE, check=True
    )
    return time.perf_counter() - began, _cpu() - used, json.loads(done.stdout.splitlines()[0])


def _cpu() -> float:
    """Return the CPU seconds of programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
