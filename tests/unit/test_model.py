"""Promises 2 and 3, searched for exceptions: what two processes may do to one partition, in any order."""

import os
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings, strategies as st
from hypothesis.errors import NoSuchExample

from headrace.records.raw import to_raw_record
from headrace.records.seen import decode_record, is_barrier
from headrace.sdk.provider import RawEvent
from headrace_events import Event, decode
from tests.fake_provider import FAKE, decode_row, tenants, thing
from tests.unit.model import Bug, Log, Process
from tests.unit.partition import Partition

MORE = os.environ.get("HEADRACE_MODEL_SCHEDULES")
"""How many other schedules to try, drawn anew in each run; a failing one is printed."""
EXAMPLES = int(MORE or 2_500)
BOUNDED = 1_000
TENANTS = {polling: tenants(polling=polling) for polling in (False, True)}
ENOUGH_STEPS = 2_000
AFTERWARDS = 40

MEANINGS = {1: "x", 2: "y", 3: "y", 4: "x"}
"""What each version of a thing says: the third says nothing new, the fourth what the first said."""

RAW_EVENTS: list[RawEvent] = [
    *(thing("numbered", v, m) for v, m in MEANINGS.items()),
    *(thing("mixed", v, m) for v, m in MEANINGS.items()),
    *(thing("mixed", text=m, shape="hook") for m in "xy"),
    *(thing("unnumbered", text=m, shape="hook") for m in "xyz"),
    *(thing("edited", 1, m) for m in "xyz"),
    thing("edited", 1, "w", shape="detail"),
    thing("fact", text="x", shape="fact"),
    thing("unreadable", 1, do="bad"),
    thing("broken", 1, do="break"),
    thing("mirror", 1, do="mirror"),
    thing("waker", 1, code="waker"),
    thing("strange", 1, tenant="stranger"),
]


class Action:
    """One thing that happens; its text is what a failing schedule is printed as."""

    def __init__(self, text: str, do: Callable[["World"], None]) -> None:
        self.text = text
        self.do = do

    def __repr__(self) -> str:
        return self.text


class World:
    """The log and two processes that each believe now and then that the partition is theirs."""

    def __init__(self, *, polling: bool, bug: Bug | None) -> None:
        self.tenants = TENANTS[polling]
        self.polling = polling
        self.log = Log()
        self.processes = [Process(self.log, self.tenants, size, bug) for size in (2, 5)]

    def drain(self) -> None:
        """Let one process work until raw is through, then let the other one wake up."""
        first, second = self.processes
        self.log.heal()
        self.log.time_out()  # nobody waits for longer than that behind the transaction of a process that is gone
        for _ in range(ENOUGH_STEPS):
            first.step()
            if first.seen.next_offset >= len(self.log.raw):
                break
        for _ in range(AFTERWARDS):
            first.step()
        for _ in range(AFTERWARDS):
            second.step()


def _say(raw: RawEvent, world: World) -> None:
    world.log.say(to_raw_record(FAKE, raw))


def _step(number: int, times: int, world: World) -> None:
    for _ in range(times):
        world.processes[number].step()


def _on(number: int, what: Callable[[Process], None], world: World) -> None:
    what(world.processes[number])


def _ask_isolated(process: Process) -> None:
    process.asks_isolated = not process.asks_isolated


def _lose_answer(process: Process) -> None:
    process.answer = "lost"


def _lose_request(process: Process) -> None:
    process.answer = "never asked"


TROUBLE: dict[str, Callable[[Process], None]] = {
    "crashes": Process.crash,
    "is revoked": Process.revoke,
    "ticks": Process.tick,
    "turns to the other leader": _ask_isolated,
    "will lose the answer": _lose_answer,
    "will lose the request": _lose_request,
}
ACTIONS = [
    Action("nothing", lambda _: None),  # what a failing schedule is shrunk to
    *(Action(f"say {raw.shape} {raw.value.decode()}", partial(_say, raw)) for raw in RAW_EVENTS),
    *(Action(f"{n} steps {times} times", partial(_step, n, times)) for n in (0, 1) for times in (1, 2, 3, 5, 8, 13)),
    *(Action(f"{n} {name}", partial(_on, n, what)) for n in (0, 1) for name, what in TROUBLE.items()),
    Action("a transaction times out", lambda world: world.log.time_out()),
    Action("a leader is cut off", lambda world: world.log.isolate()),
    Action("the network heals", lambda world: world.log.heal()),
]
SCHEDULES = st.lists(st.sampled_from(ACTIONS), min_size=20, max_size=80)


def violations(schedule: list[Action], *, polling: bool, bug: Bug | None = None) -> list[str]:
    """Play a schedule, then let everything come to rest; say which promises were broken on the way."""
    world = World(polling=polling, bug=bug)
    for action in schedule:
        action.do(world)
    expected = reference(world)
    half_way = broken(world, expected, at_rest=False)
    world.drain()
    return half_way + broken(world, expected, at_rest=True)


def broken(world: World, expected: list[bytes], *, at_rest: bool) -> list[str]:
    """Return which promises what is committed breaks; `expected` is what nothing but raw decides."""
    values = world.log.committed(world.log.events)
    events = list(map(decode, values))
    commits = [value for value in world.log.committed(world.log.seen) if not is_barrier(value)]
    records = list(map(decode_record, commits))
    position = records[-1].next_offset if records else 0
    tests = {
        "an event is there twice": len({event.id for event in events}) == len(events),
        "an event comes from nowhere": all(from_raw(event, world.log) for event in events),
        "the position is not the sum of the totals": all(r.next_offset == sum(r.totals) for r in records),
        "the position went back": [r.next_offset for r in records] == sorted(r.next_offset for r in records),
        "it is not what one undisturbed process publishes": values == expected[: len(values)],
    }
    if at_rest:
        tests |= {
            "an event is missing": len(values) == len(expected),
            "a record has no fate": position == len(world.log.raw),
            "the last version is not the last": last_is_last(events, world),
        }
    return [name for name, holds in tests.items() if not holds]


def reference(world: World) -> list[bytes]:
    """Return what comes of raw where nothing ever happens, decided on record by record."""
    quiet = Partition(world.tenants)
    return [out.value for record in world.log.raw for out in quiet.decide([record]).events]


def from_raw(event: Event, log: Log) -> bool:
    """Return whether the raw record that an event names says what the event says."""
    row = decode_row(log.raw[event.data.provenance.raw.offset].value or b"")
    return (event.data.native.id, event.data.text or "") == (row.id, row.text)


def last_is_last(events: list[Event], world: World) -> bool:
    """Return whether the last event of a thing says what its highest version says.

    Where nobody polls, a copy without a version is published if it says something new: it may be an old one, and only
    then an older state stands last.
    """
    rows = [decode_row(raw.value or b"") for raw in world.log.raw]
    for name in ("numbered", "mixed"):
        mine = [(row.v or 0, raw) for row, raw in zip(rows, world.log.raw, strict=True) if row.id == name]
        numbers = [version for version, raw in mine if b'"hook"' not in shape(raw)]
        published = [event for event in events if event.data.native.id == name]
        if numbers and not published:
            return False
        if not numbers or (not world.polling and not published[-1].id.rpartition("/")[2].isdigit()):
            continue
        if published[-1].data.text != MEANINGS[max(numbers)]:
            return False
    return True


def shape(raw: object) -> bytes:
    return raw.headers[0][1]  # type: ignore[attr-defined, no-any-return]  # a raw record


@pytest.mark.slow
@settings(max_examples=EXAMPLES, derandomize=not MORE, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEDULES, st.booleans())
def test_promises_2_and_3_hold_in_every_schedule(schedule: list[Action], polling: bool) -> None:  # noqa: FBT001  (given)
    """Crashes, zombies, lost answers and copies of every kind: each version once, the last one last, nothing lost."""
    assert violations(schedule, polling=polling) == []


@pytest.mark.parametrize(
    ("bug", "harm"),
    [
        (Bug.MEMORY_BEFORE_COMMIT, "the last version is not the last"),
        (Bug.RESTORE_BEFORE_FENCE, "an event is there twice"),
        (Bug.END_FROM_A_BROKER, "an event is there twice"),
        (Bug.POSITION_FROM_GROUP, "an event is missing"),
    ],
)
def test_the_model_notices(bug: Bug, harm: str) -> None:
    """A task that takes its steps in a wrong order is caught by the same search."""
    few = settings(max_examples=BOUNDED, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
    try:
        find(SCHEDULES, lambda schedule: harm in violations(schedule, polling=False, bug=bug), settings=few)
    except NoSuchExample:
        pytest.fail(f"{BOUNDED} schedules went well although {bug.value}")
