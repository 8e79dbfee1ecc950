"""Held records, searched for exceptions: tenants come, go and pause while two processes take the partition in turns."""

import os
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings, strategies as st
from hypothesis.errors import NoSuchExample

from headrace.config.tenants import Tenants
from headrace.records.raw import to_raw_record
from headrace.records.seen import decode_record, is_barrier
from headrace_events import Event, decode
from tests.fake_provider import FAKE, account, decode_row, thing
from tests.unit.model import Bug, Log, Process

MORE = os.environ.get("HEADRACE_MODEL_SCHEDULES")
"""How many other schedules to try, drawn anew in each run; a failing one is printed."""
EXAMPLES = int(MORE or 700)
ENOUGH_STEPS = 6_000
AFTERWARDS = 80
NAMES = ("acme", "brio")
CONFIGURATIONS = {
    "all go on": Tenants([account(name) for name in NAMES]),
    "brio is paused": Tenants([account("acme"), account("brio", paused=True)]),
    "brio is unknown": Tenants([account("acme")]),
    "all are paused": Tenants([account(name, paused=True) for name in NAMES]),
}


class World:
    """One log and two processes; each reads its own configuration, which may be behind that of the other."""

    def __init__(self, bug: Bug | None) -> None:
        self.log = Log()
        self.processes = [Process(self.log, CONFIGURATIONS["brio is unknown"], size, bug) for size in (2, 5)]

    def drain(self) -> None:
        """Let all tenants go on, and one process work until nothing is left; then let the other one wake up."""
        self.log.time_out()
        for process in self.processes:
            process.tenants = CONFIGURATIONS["all go on"]
        first, second = self.processes
        for _ in range(ENOUGH_STEPS):
            first.step()
            if first.seen.next_offset >= len(self.log.raw) and not first.seen.held and self.log.open is None:
                break
        for _ in range(AFTERWARDS):
            second.step()
        for _ in range(ENOUGH_STEPS):
            first.step()
            if first.seen.next_offset >= len(self.log.raw) and not first.seen.held and self.log.open is None:
                break


class Happening:
    """One thing that happens; its text is what a failing schedule is printed as."""

    def __init__(self, text: str, do: Callable[[World], None]) -> None:
        self.text = text
        self.do = do

    def __repr__(self) -> str:
        return self.text


def _append(name: str, version: int, tenant: str, world: World) -> None:
    world.log.say(to_raw_record(FAKE, thing(name, version, f"{version}", tenant=tenant)))


def _step(number: int, times: int, world: World) -> None:
    for _ in range(times):
        world.processes[number].step()


def _configure(number: int, name: str, world: World) -> None:
    world.processes[number].tenants = CONFIGURATIONS[name]


def _on(number: int, what: Callable[[Process], None], world: World) -> None:
    what(world.processes[number])


def _lose_answer(process: Process) -> None:
    process.answer = "lost"


TROUBLE: dict[str, Callable[[Process], None]] = {
    "crashes": Process.crash,
    "is revoked": Process.revoke,
    "will lose the answer": _lose_answer,
}
HAPPENINGS = [
    *(
        Happening(f"{tenant} {name} {version}", partial(_append, name, version, tenant))
        for tenant in NAMES
        for name, version in (("x", 1), ("x", 2), ("y", 1))
    ),
    *(Happening(f"{n} steps {times} times", partial(_step, n, times)) for n in (0, 1) for times in (1, 2, 3, 5, 8)),
    *(Happening(f"for {n} {name}", partial(_configure, n, name)) for n in (0, 1) for name in CONFIGURATIONS),
    *(Happening(f"{n} {name}", partial(_on, n, what)) for n in (0, 1) for name, what in TROUBLE.items()),
    Happening("a transaction times out", lambda world: world.log.time_out()),
]


SCHEDULES = st.lists(st.sampled_from(HAPPENINGS), min_size=20, max_size=80)


def violations(schedule: list[Happening], bug: Bug | None = None) -> list[str]:
    """Play a schedule, then let everything come to rest; return which promises what is committed breaks."""
    world = World(bug)
    for happening in schedule:
        happening.do(world)
    world.drain()
    events = list(map(decode, world.log.committed(world.log.events)))
    records = [decode_record(value) for value in world.log.committed(world.log.seen) if not is_barrier(value)]
    names = [(event.source, event.id) for event in events]
    tests = {
        "an event is there twice": len(set(names)) == len(names),
        "the position is not the sum of the totals": all(r.next_offset == sum(r.totals) for r in records),
        "a record has no fate": (records[-1].next_offset if records else 0) == len(world.log.raw),
        "something is still held": not world.processes[0].seen.held,
        "the last version is missing, or not the last": last(events) == newest(world.log),
    }
    return [name for name, holds in tests.items() if not holds]


def last(events: list[Event]) -> dict[tuple[str, str], int]:
    """Return the version that was published last, by source and id."""
    return {(event.source, event.data.native.id): int(event.data.text or 0) for event in events}


def newest(log: Log) -> dict[tuple[str, str], int]:
    """Return the newest version that is on raw, by source and id."""
    found: dict[tuple[str, str], int] = {}
    for record in log.raw:
        row, tenant = decode_row(record.value or b""), b"brio" if b'"brio"' in record.headers[0][1] else b"acme"
        key = f"/things/{tenant.decode()}", str(row.id)
        found[key] = max(found.get(key, 0), row.v or 0)
    return found


@settings(max_examples=EXAMPLES, derandomize=not MORE, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEDULES)
def test_no_interleaving_of_hold_return_and_crash_loses_or_doubles(schedule: list[Happening]) -> None:
    """Pauses, crashes, zombies and lost answers: each version once, the last one last, nothing lost."""
    assert violations(schedule) == []


def test_the_search_notices_what_is_noted_too_early() -> None:
    """A task that commits that held records are back before it appends them loses some in a crash."""
    few = settings(max_examples=2_000, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
    try:
        find(SCHEDULES, lambda schedule: bool(violations(schedule, Bug.NOTED_BEFORE_RETURNED)), settings=few)
    except NoSuchExample:
        pytest.fail("nothing was lost")
