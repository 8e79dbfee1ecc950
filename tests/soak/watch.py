"""Looks at a run once a second: memory of each process, lag, what ended, and shows it on one line."""

import asyncio
import shutil
import sys
import time
from collections.abc import Callable
from typing import Final

from tests.soak.rig import SPARE, Rig
from tests.soak.vitals import MIB, Life, look

LINE_EVERY: Final = 30.0
_SCRAPED: Final = {"normalizer", "receiver"}


class Watch:
    """Samples of a run; `lives` are all processes that it had, `faults` what must not have happened."""

    def __init__(self, rig: Rig, about: Callable[[], str]) -> None:
        self.lives: Final[dict[str, Life]] = {}
        self.faults: Final[list[str]] = []
        self.lag = 0.0
        self.spooled = 0.0
        self.most_lag = 0.0
        self._rig: Final = rig
        self._about: Final = about
        self._began: Final = time.monotonic()
        self._shown = 0.0

    async def look(self) -> None:
        """Look once a second, until cancelled."""
        while True:
            began = time.monotonic()
            await self.scrape()
            self._sample()
            self._look_for_ends()
            self.show()
            await asyncio.sleep(max(0.1, began + 1.0 - time.monotonic()))

    async def scrape(self) -> bool:
        """Read lag and spools; return whether every process showed them."""
        places = [place for place in self._rig.places if place.role in _SCRAPED]
        found = await asyncio.gather(*(place.scrape() for place in places))
        self.lag = sum(numbers.get("headrace_lag_records", 0.0) for numbers in found)
        self.spooled = sum(numbers.get("headrace_spool_records", 0.0) for numbers in found)
        self.most_lag = max(self.most_lag, self.lag)
        return all(found)

    def show(self, line: str = "", *, now: bool = False) -> None:
        """Show how it goes: once a second where somebody looks, else every half a minute."""
        text = f"{time.monotonic() - self._began:6.0f} s  {line or self._line()}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{text[: shutil.get_terminal_size().columns - 1]}")
        elif now or time.monotonic() - self._shown >= LINE_EVERY:
            self._shown = time.monotonic()
            sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def _line(self) -> str:
        sizes = [f"{life.name} {life.samples[-1].rss / MIB:.0f}" for life in self._newest() if life.samples]
        return f"{self._about()}  lag {self.lag:,.0f}  spool {self.spooled:,.0f}  MiB: {', '.join(sizes)}"

    def _newest(self) -> list[Life]:
        names = [f"{place.name}.{place.lives}" for place in self._rig.places]
        return [self.lives[name] for name in names if name in self.lives]

    def _sample(self) -> None:
        for place in self._rig.places:
            pid = place.pid
            if pid is None or (sample := look(pid, place.seen_bytes)) is None:
                continue
            name = f"{place.name}.{place.lives}"
            self.lives.setdefault(name, Life(place.role, name)).samples.append(sample)

    def _look_for_ends(self) -> None:
        self.faults.extend(words for words in self._rig.ended() if words not in self.faults)
        for place in self._rig.places:
            if place.ended():
                place.start()  # as a kubelet does: what follows is judged as well
        if shutil.disk_usage(self._rig.home).free < SPARE / 2:
            raise RuntimeError("the disk is nearly full: the run was broken off")
