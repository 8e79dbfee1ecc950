"""What webhooks told is published once, whatever the order of rows, reads, returns and crashes.

A poller without Kafka and platform: what it appends is a list, what it stores is remembered at once, and a crash loses
all else. The rules of the normalizer are those of one id. A fact may be listed long before its webhook is decided, or
long after it happened: its feed does not look back so far.
"""

import random
from collections import Counter

import pytest
from msgspec import Struct

from headrace.poller.open_nudges import OpenNudges
from headrace.poller.scheduler import Work
from headrace.poller.state import TenantState
from headrace.records.nudge import AddressedNudge
from headrace.records.raw import to_raw_record
from tests.fake_provider import FAKE, thing
from tests.unit.test_open_nudges import SOURCE, WINDOW, watch_of

FACTS = 12
STEPS = 400
HOURS = 3_600.0
LOOK_BACK = 2 * HOURS


class Appended(Struct, frozen=True):
    """A record of raw: the fact that it tells, by which id, and whether it is a twin."""

    fact: int
    id: str
    twin: bool = False


class CrashingPoller:
    """One tenant with a feed of one list, of which the rows of the look-back are read again, known or not."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.now = 1_000.0
        self.raw: list[Appended] = []
        self.listed: list[int] = []
        self.happened: dict[int, float] = {}
        self.known: set[int] = set()
        self.head = self.now
        """When the last whole reading began."""
        self.log = TenantState()
        self.nudged: set[int] = set()
        self.restart()

    def restart(self) -> None:
        """Begin with what is stored."""
        self.nudges = OpenNudges(SOURCE, self.log.nudges, [], window=WINDOW, raw_lifetime=WINDOW)

    def nudge(self, fact: int) -> None:
        """Take the nudge of a fact: those of even numbers share their id with their row."""
        shares = fact % 2 == 0
        nudge = AddressedNudge(
            feed="rows",
            partition=0,
            offset=fact,
            record=_key(fact) if shares else f"hook {fact}",
            time=int(self.happened.setdefault(fact, self.now) * 1000),
            types=() if shares else ("call.completed",),
            traits={} if shares else {"pad": "x" * (fact + 1)},
            span=None if shares else 10**9,
        )
        self.nudged.add(fact)
        assert self.nudges.open(nudge, self.now)
        self.store()

    def store(self) -> None:
        """Store what has changed."""
        for entry in self.nudges.take_unstored():
            self.log.apply(entry)

    def list(self, fact: int) -> None:
        """Let the platform list a fact that happens now, or happened before."""
        self.happened.setdefault(fact, self.now)
        self.listed.append(fact)

    def look_around(self) -> None:
        """Take the turns around facts that are due."""
        for around in {self.nudges.around(nudge) for nudge in self.nudges.due(self.now)} - {None}:
            self.read(around)

    def read(self, around: int | None = None) -> None:
        """Read the list: rows are appended, then covered; in between anything may end it."""
        began = self.now
        since = 0.0 if around is not None else self.head - LOOK_BACK
        work = Work("rows", around=around)
        watch = watch_of(self.nudges, work)
        self.now += 1
        fresh = []
        for fact in [fact for fact in self.listed if self.happened[fact] >= since]:
            row = thing(str(fact), size=fact + 1)
            key = to_raw_record(FAKE, row).key
            twin = watch.saw(row, key)
            if not watch.wants(key) or (around is None and fact in self.known):
                continue
            if self.dice.random() < 0.05:
                watch.release()
                return
            fresh.append(fact)
            self.raw.append(Appended(fact, f"row {fact}", twin))
            if self.dice.random() < 0.05:
                self.restart()
                if self.dice.random() < 0.5:
                    self.send_back()
                return
            if self.dice.random() < 0.1:
                self.send_back()
        entries = watch.settle()
        watch.release()
        if around is None:
            self.known.update(fresh)
            self.head = began
        for entry in entries:
            self.log.apply(entry)
        self.nudges.read(work, began, began, int(since * 1000))
        if self.dice.random() < 0.9:
            self.store()

    def send_back(self) -> None:
        """Let records go back to raw, with a crash or a failure in between now and then."""
        waiting = self.nudges.in_vain(self.now)
        if waiting:
            self.store()
        for nudge in waiting:
            chance = self.dice.random()
            if chance < 0.1:
                return
            shares = nudge.span is None
            self.raw.append(Appended(nudge.offset, f"row {nudge.offset}" if shares else f"hook {nudge.offset}"))
            self.nudges.returned(nudge, self.now)

    def published(self) -> Counter[int]:
        """Count how often each fact is published."""
        marks: set[str] = set()
        found: Counter[int] = Counter()
        for record in self.raw:
            if record.id not in marks and not record.twin:
                found[record.fact] += 1
            marks.add(record.id)
        return found


def _key(fact: int) -> str:
    return to_raw_record(FAKE, thing(str(fact), size=fact + 1)).key.hex()


@pytest.mark.parametrize("seed", range(60))
def test_promise_2_each_fact_is_published_once(seed: int) -> None:
    """Listed before, while or after its record goes back, or never; its webhook may be decided long after that."""
    dice = random.Random(seed)
    poller = CrashingPoller(dice)
    for _ in range(STEPS):
        poller.now += dice.choice((1.0, 60.0, 300.0))
        match dice.randrange(8):
            case 0:
                poller.nudge(dice.randrange(FACTS))
            case 1:
                fact = dice.randrange(FACTS - 2)
                if fact not in poller.listed:
                    poller.list(fact)
            case 2:
                poller.send_back()
                if dice.random() < 0.3:
                    poller.restart()
            case 3:
                poller.restart()
            case 4:
                poller.look_around()
            case _:
                poller.read()
    dice.random = lambda: 0.5  # type: ignore[method-assign]  # nothing goes wrong any more
    for _ in range(5):
        poller.now += HOURS
        poller.read()
        poller.look_around()
        poller.send_back()
        poller.store()
    assert len(poller.nudges) == 0
    assert poller.published() == Counter(dict.fromkeys(poller.nudged | {record.fact for record in poller.raw}, 1))
