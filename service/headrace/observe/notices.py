"""What an operator must know now: the notices of one process, until they are written. No I/O.

Whoever sees something says whether it is so, as often as it likes (`note`); only changes are written, and what holds is
written again now and then. What a process sees first may stand on the topic already, from another process or an earlier
start: nothing is written of it until that was looked up (`settle`).

```
note(why)   ──► open ──► written ──► written again each hour while it holds
note(None)  ──► over, where this process or the topic has it as open ──► written once it held a minute ──► forgotten
```
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from headrace.observe import notice_level
from headrace.observe.escapes import escaped
from headrace.observe.notice_level import (
    LONGEST_ITEM,
    NoticeLevel,
    NoticeSubject,
    bounded_summary,
    level_over,
    notice_of,
)
from headrace_events import Notice, NoticeKind

MOST: Final = 2_000
"""Subjects that are open or wait to be written, codes up to half; beyond it and `MOST_BYTES` new ones are refused."""
MOST_BYTES: Final = 4 << 20
MOST_SETTLED: Final = 20_000
"""Subjects of which it is remembered that nothing is the case, that this is to be looked up, or that it was refused."""


class Notices:
    """The notices of a process. `process` is its source; `news` is set where there may be something to write.

    `dropped` counts the subjects that were refused because there were too many, `wrote` what was written. `ends`: the
    process does, so that nothing waits until it has held for a while.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.process = "/headrace"
        self.news: Final = asyncio.Event()
        self.dropped = 0
        self.wrote = 0
        self.ends = False
        self._clock: Final = clock
        self._levels: Final[OrderedDict[str, NoticeLevel]] = OrderedDict()
        self._weight = 0
        self._tidied = 0.0
        self._over: Final[OrderedDict[str, float]] = OrderedDict()
        """What is not the case, with when that was written (0: not here)."""
        self._asks: Final[OrderedDict[str, NoticeSubject]] = OrderedDict()
        """What is over as far as this process knows, and may be open on the topic."""
        self._refused: Final[OrderedDict[str, None]] = OrderedDict()
        self._judges: Final[dict[NoticeKind, Callable[[Notice], bool]]] = {}
        self._looks = False

    def note(self, kind: NoticeKind, source: str, why: str | None, *, item: str = "", mapping: str = "") -> None:
        """Note that something is the case and `why`, a sentence without secrets; or, with None, that it is not."""
        subject = NoticeSubject(kind, source, escaped(item[:LONGEST_ITEM]))
        key = str(subject)
        level = self._levels.get(key)
        if why is None:
            self._note_over(key, level, subject)
        elif level is None:
            self._note_open(key, subject, bounded_summary(why), mapping)
        elif not level.is_open:
            level.reopen(bounded_summary(why), mapping, self._now())
            self.news.set()
        else:
            level.summary, level.mapping = bounded_summary(why), mapping
            if level.is_code and self._clock() >= level.written + level.renews:
                self._wait(level)

    def end(self, source: str, kinds: Collection[NoticeKind]) -> None:
        """Note that nothing of these kinds that is noted of a source is the case any more."""
        for level in list(self._levels.values()):
            if level.subject.source == source and level.subject.kind in kinds and level.is_open:
                self._note_over(str(level.subject), level, level.subject)

    def release(self, source: str) -> None:
        """Forget a source that another process looks after from now on: what is the case is for that to say."""
        for key in [key for key, level in self._levels.items() if level.subject.source == source]:
            self._drop(key)
        for known in (self._over, self._asks, self._refused):
            for key in [key for key in known if key.startswith(f"{source}/")]:
                del known[key]

    def judge(self, kind: NoticeKind, holds: Callable[[Notice], bool]) -> None:
        """Let `holds` judge, at the next look, what is open on the topic and not noted here."""
        self._judges[kind] = holds
        self._looks = True
        self.news.set()

    @property
    def unsettled(self) -> bool:
        """Whether it has to be looked up what stands on the topic."""
        return self._looks or bool(self._asks) or any(not level.settled for level in self._levels.values())

    def settle(self, found: Mapping[str, Notice]) -> None:
        """Take over what stands on the topic: the newest notice of each key."""
        now = self._now()
        for key, level in self._levels.items():
            if not level.settled and key in found:
                level.meet(found[key], self._clock())
            level.settled = True
        for key, subject in self._asks.items():
            was_open = key in found and found[key].is_open
            if not was_open or not self._add(level_over(subject, found[key], now)):
                self._set_over(key)
        self._asks.clear()
        self._looks = False
        for kind, holds in self._judges.items():
            for key, notice in found.items():
                if notice.data.notice == kind and notice.is_open and key not in self._levels and not holds(notice):
                    self._add(level_over(NoticeSubject(kind, notice.source, notice.data.item or ""), notice, now))

    @property
    def has_due(self) -> bool:
        """Whether there is something to write now."""
        now = self._clock()
        return any(level.is_due(now, self._hold) for level in self._levels.values())

    def due(self) -> list[Notice]:
        """Return what is to be written now; its keys are handed back to `written` or `failed`."""
        now = self._clock()
        found = [level for level in self._levels.values() if level.is_due(now, self._hold)]
        for level in found:
            level.waits, level.stands, level.written = False, level.is_open, now
        return [notice_of(level, now) for level in found]

    def written(self, keys: Iterable[str]) -> None:
        """Note what is durable; what is over, and was not noted again meanwhile, is forgotten."""
        for key in keys:
            self.wrote += 1
            level = self._levels.get(key)
            if level is not None and not level.is_open and not level.waits:
                self._drop(key)
                self._set_over(key, level.written)

    def failed(self, keys: Iterable[str]) -> None:
        """Take back what could not be written."""
        for level in filter(None, map(self._levels.get, keys)):
            level.waits, level.stands, level.written = True, False, 0.0

    def open_kinds(self) -> dict[NoticeKind, int]:
        """Return how many notices of each kind this process holds open."""
        found = dict.fromkeys(NoticeKind, 0)
        for level in self._levels.values():
            found[level.subject.kind] += level.is_open
        return found

    def _note_over(self, key: str, level: NoticeLevel | None, subject: NoticeSubject) -> None:
        self._refused.pop(key, None)
        if level is not None and level.is_open:
            level.is_open, level.changed = False, self._now()
            self._wait(level)
        elif level is None and key not in self._over and key not in self._asks:
            self._asks[key] = subject
            _bound(self._asks)
            self.news.set()

    def _note_open(self, key: str, subject: NoticeSubject, summary: str, mapping: str) -> None:
        level = NoticeLevel(subject, summary, self._now(), self._now(), mapping=mapping)
        # of a code the topic knows since when, though it be over
        level.settled = not level.is_code and key in self._over
        level.written = self._over.get(key, 0.0)
        if self._add(level):
            for known in (self._over, self._asks):
                known.pop(key, None)
            self._wait(level)

    def _wait(self, level: NoticeLevel) -> None:
        level.waits = True
        self.news.set()

    def _add(self, level: NoticeLevel) -> bool:
        """Take a new level; return False where there is no room: what is held already stays."""
        key = str(level.subject)
        if not self._has_room(level):
            self.dropped += key not in self._refused
            self._refused[key] = None
            _bound(self._refused)
            return False
        self._refused.pop(key, None)
        self._levels[key] = level
        self._weight += level.weight
        return True

    def _has_room(self, level: NoticeLevel) -> bool:
        most, now = MOST // 2 if level.is_code else MOST, self._clock()
        if len(self._levels) >= most and now >= self._tidied + notice_level.HOLD_SECONDS:
            self._tidied = now
            for key in [key for key, one in self._levels.items() if one.has_lapsed(now)]:
                self._drop(key)
        return len(self._levels) < most and self._weight + level.weight <= MOST_BYTES

    def _drop(self, key: str) -> None:
        level = self._levels.pop(key, None)
        if level is not None:
            self._weight -= level.weight

    def _set_over(self, key: str, written: float = 0.0) -> None:
        self._over[key] = written
        _bound(self._over)

    @property
    def _hold(self) -> float:
        return 0.0 if self.ends else notice_level.HOLD_SECONDS

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _bound(known: OrderedDict[str, Any]) -> None:
    while len(known) > MOST_SETTLED:
        known.popitem(last=False)
