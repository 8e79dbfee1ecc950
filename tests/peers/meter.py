"""What a process takes, seen from outside: CPU and memory from /proc, progress from the ends of its topic."""

import os
import time
from pathlib import Path
from typing import Final

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # public, not in __all__
from msgspec import Struct

from headrace_demo.process import Child

LOOKS_EVERY: Final = 0.05
QUIET_SECONDS: Final = 2.0
"""A contender that wrote everything, and nothing for so long, has ended."""
STARTS_WITHIN: Final = 90.0
LEAST_SPEED: Final = 1_000.0
"""Records a second; a contender that is slower is stopped."""
_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # it has no annotations
_TICK: Final = os.sysconf("SC_CLK_TCK")


class Sample(Struct, frozen=True):
    """CPU seconds of a process at a moment (`time.perf_counter`), and the offsets that its topic has taken."""

    at: float
    cpu: float
    written: int


class Measured(Struct, frozen=True):
    """What so many raw records took, in seconds of CPU and by the clock, and the most memory in bytes."""

    records: float
    cpu: float
    wall: float
    peak: int


class Progress:
    """Reads how far a topic has been written: the sum of its ends, markers of transactions included."""

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        self._admin = AdminClient({"bootstrap.servers": servers})
        self._ends = {TopicPartition(topic, number): _LATEST for number in range(partitions)}

    def written(self) -> int:
        """Return the sum of the ends."""
        answers = self._admin.list_offsets(self._ends, isolation_level=IsolationLevel.READ_UNCOMMITTED)
        return sum(answer.result().offset for answer in answers.values())


def watch(child: Child, progress: Progress, *, records: int, events: int, skipped: float) -> Measured:
    """Watch a contender until it wrote `events` and rests; return what the records took after the share `skipped`.

    Raise RuntimeError when it ends by itself, TimeoutError when it takes too long.
    """
    samples = [sample(child.pid, progress)]
    deadline = time.perf_counter() + STARTS_WITHIN + records / LEAST_SPEED
    while True:
        time.sleep(LOOKS_EVERY)
        if not child.runs:
            raise RuntimeError(f"it ended by itself with {child.exit_code}")
        now = sample(child.pid, progress)
        if now.written > samples[-1].written:
            samples.append(now)
        elif now.written >= events and now.at - samples[-1].at > QUIET_SECONDS:
            return measured(samples, records, skipped, peak_memory(child.pid))
        if now.at > deadline:
            raise TimeoutError(f"it wrote {now.written:,} of {events:,} events in time")


def measured(samples: list[Sample], records: int, skipped: float, peak: int) -> Measured:
    """Return what the records after the share `skipped` took. Markers are spread evenly: shares count, not offsets."""
    last = samples[-1]
    first = next(each for each in samples if each.written >= skipped * last.written)
    share = (last.written - first.written) / last.written
    return Measured(records * share, last.cpu - first.cpu, last.at - first.at, peak)


def sample(pid: int, progress: Progress) -> Sample:
    """Look once."""
    written = progress.written()
    return Sample(time.perf_counter(), cpu_seconds(pid), written)


def cpu_seconds(pid: int) -> float:
    """Return what a process and the children that it waited for took, user and system."""
    after_name = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return sum(map(int, after_name[11:15])) / _TICK


def peak_memory(pid: int) -> int:
    """Return the most resident memory of a process so far, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
