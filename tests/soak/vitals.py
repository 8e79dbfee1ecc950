"""Memory and file descriptors of each process by time, one life at a time, and whether they are flat."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression
from typing import Final, NamedTuple

MIB: Final = 1024 * 1024
LIMITS: Final = {"receiver": 768, "normalizer": 2048, "poller": 1024}
"""MiB: the memory limits of the containers (deploy/KUBERNETES.md, "Sizing")."""
JUDGED_FROM: Final = 240.0
"""Seconds that a life must have lasted: a shorter one is still filling its buffers."""
STEEPEST: Final = 4.0
"""MiB a minute in the second half of a life, without the marks that a normalizer is there to remember."""
MOST_DESCRIPTORS_A_MINUTE: Final = 3.0
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Sample(NamedTuple):
    """One look at a process: seconds (`time.monotonic`), bytes, descriptors, bytes of marks in a normalizer."""

    at: float
    rss: int
    descriptors: int
    marks: float = 0.0


@dataclass
class Life:
    """One process from its start to its end."""

    role: str
    name: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it was looked at."""
        return self.samples[-1].at - self.samples[0].at if self.samples else 0.0

    @property
    def highest(self) -> float:
        """The most that was resident, MiB."""
        return max((sample.rss for sample in self.samples), default=0) / MIB

    @property
    def slope(self) -> float:
        """MiB a minute in the second half, without marks."""
        return self._slope([(sample.rss - sample.marks) / MIB for sample in self._late()])

    @property
    def descriptors(self) -> float:
        """File descriptors a minute in the second half."""
        return self._slope([float(sample.descriptors) for sample in self._late()])

    def breaches(self, *, flat: bool = True) -> list[str]:
        """Return what is wrong with it; growth below the limit counts only where it should be `flat`."""
        found, flat = list[str](), flat and self.seconds >= JUDGED_FROM
        if self.highest > LIMITS[self.role]:
            found.append(f"{self.name}: {self.highest:.0f} MiB, over its limit of {LIMITS[self.role]}")
        if flat and self.slope > STEEPEST:
            found.append(f"{self.name}: grows by {self.slope:.1f} MiB a minute")
        if flat and self.descriptors > MOST_DESCRIPTORS_A_MINUTE:
            found.append(f"{self.name}: {self.descriptors:.1f} more file descriptors a minute")
        return found

    def _late(self) -> list[Sample]:
        middle = self.samples[0].at + self.seconds / 2 if self.samples else 0.0
        return [sample for sample in self.samples if sample.at >= middle]

    def _slope(self, values: list[float]) -> float:
        late = self._late()
        if len(late) < 3 or late[-1].at == late[0].at:
            return 0.0
        return linear_regression([sample.at / 60 for sample in late], values).slope


def look(pid: int, marks: float = 0.0) -> Sample | None:
    """Look at a process; None where it has just ended."""
    process = Path("/proc") / str(pid)
    try:
        resident = int((process / "statm").read_text().split()[1]) * _PAGE
        return Sample(time.monotonic(), resident, len(list((process / "fd").iterdir())), marks)
    except (OSError, IndexError):
        return None
