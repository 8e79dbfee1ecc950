"""A replay waits for its mapping, and not for ever: on a clock of the test's own."""

import pytest
from msgspec.structs import replace

from headrace.core.record import ProducerRecord
from headrace.normalizer.mapping_waits import AHEAD_SECONDS, MOST_SECONDS, WaitsForMapping
from headrace.observe.health import DEFAULTS
from headrace.records.raw import digest, headers_of, to_raw_record
from tests.fake_provider import FAKE, NEW, OLD, OTHER_TABLE, tenants, thing
from tests.unit.partition import NOW, Partition, Raw, partition


def replay(name: str = "a", version: int = 1, *, under: str = NEW) -> ProducerRecord:
    """Return a record that is replayed under the new mapping, or another."""
    raw = thing(name, version, "x")
    named = replace(raw, resource="thing", id=name, version=version, replay=under)
    return ProducerRecord(digest("/things/acme", "thing", name), raw.value, headers_of(named))


def outcome(here: Partition, records: list[Raw], seconds: float) -> list[str]:
    """Decide on records so many seconds after `NOW`, with the memory of a task that was just restored."""
    here.now, here.fates = NOW + round(seconds * 1000), []
    try:
        here.decide(records)
    except WaitsForMapping:
        return []
    return here.fates


def test_a_replay_waits_for_a_minute_and_is_then_a_dead_letter() -> None:
    """All that stands behind it goes on then; it counts from the append, whoever waited meanwhile."""
    here = partition()
    records = here.records([replay(), replay("b", 1), replay("b", 2), to_raw_record(FAKE, thing("c"))])
    for seconds in (-AHEAD_SECONDS, 0.0, 3.0, MOST_SECONDS - 1):
        assert outcome(here, records, seconds) == []
    assert outcome(here, records, MOST_SECONDS) == ["dead", "dead", "dead", "published"]


def test_no_wait_looks_like_a_task_that_stands_still() -> None:
    """Else the probe would restart it before it gives up, and the next one would begin to wait anew."""
    assert DEFAULTS.standstill - 10 >= MOST_SECONDS + AHEAD_SECONDS


def test_a_record_of_a_clock_far_ahead_is_not_waited_for() -> None:
    """Nobody knows when it was appended."""
    here = partition()
    assert outcome(here, here.records([replay()]), -AHEAD_SECONDS - 1) == ["dead"]


def test_replays_under_several_mappings_wait_together() -> None:
    """Three that were appended at one time cost one wait."""
    here = partition()
    records = here.records([replay(name, under=f"m{name}") for name in "abc"])
    assert outcome(here, records, MOST_SECONDS) == ["dead"] * 3


def test_the_letter_says_what_to_do() -> None:
    """Which mapping there is, which was wanted, and how long it was waited for."""
    here = partition()
    outcome(here, here.records([replay()]), MOST_SECONDS)
    assert here.letters[0].problem.detail == (
        f"/things/acme has mapping {OLD}, and {NEW} did not come within 75 seconds: "
        "replay again once every normalizer has it"
    )


def test_a_mapping_that_comes_in_time_is_used_each_time() -> None:
    """A roll-out that takes a minute costs that minute, and a later replay under the same mapping waits as long."""
    here = partition()
    here.hear(FAKE, thing(v=1, text="x"))
    records = here.records([replay()])
    assert outcome(here, records, 0) == []
    here.tenants = tenants(OTHER_TABLE)
    assert outcome(here, records, 60) == ["stale"]
    here.tenants, here.now = tenants(), NOW + 3_600_000
    later = here.records([replay()])
    assert outcome(here, later, 3_601) == []


@pytest.mark.parametrize("names", [(), ("other",)])
def test_a_replay_of_a_held_tenant_is_held(names: tuple[str, ...]) -> None:
    """It waits for its tenant, and for its mapping after that."""
    here = partition(*names)
    here.tenants = tenants(OTHER_TABLE, "other")
    here.take(replay())
    assert here.fates == ["held"]
