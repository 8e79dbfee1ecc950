"""A replay waits for its mapping, and not for ever: on a clock of the test's own."""

import pytest
from msgspec.structs import replace

from headrace.core.record import ProducerRecord
from headrace.normalizer.decide import decide
from headrace.normalizer.mapping_waits import FORGOTTEN_AFTER, MOST_SECONDS, MOST_WANTED, MappingWaits, WaitsForMapping
from headrace.records.raw import digest, headers_of, to_raw_record
from tests.fake_provider import FAKE, NEW, OLD, OTHER_TABLE, tenants, thing
from tests.unit.partition import Partition, partition

START = 1_000.0


def replay(name: str = "a", version: int = 1) -> ProducerRecord:
    """Return a record that is replayed under the new mapping."""
    raw = thing(name, version, "x")
    named = replace(raw, resource="thing", id=name, version=version, replay=NEW)
    return ProducerRecord(digest("/things/acme", "thing", name), raw.value, headers_of(named))


def outcome(here: Partition, waits: MappingWaits, now: float, *others: int) -> list[str]:
    """Decide on replays as a task does at a time (seconds); return the fates, none where it waits."""
    batch = here.records([replay(), *(replay("b", n) for n in others), to_raw_record(FAKE, thing("c"))])
    try:
        commit = decide(batch, here.seen, here.tenants, here.limits, here.now, given_up=waits.given_up(now))
    except WaitsForMapping as found:
        waits.wait(found.wanted, now)
        return []
    here.letters = []
    return [decision.fate for decision in commit.decisions]


def test_a_replay_waits_for_minutes_and_is_then_a_dead_letter() -> None:
    """All that stands behind it goes on then, and no other record waits for that mapping again."""
    here, waits = partition(), MappingWaits()
    here.hear(FAKE, thing(v=1, text="x"))
    for seconds in (0.0, 3.0, MOST_SECONDS - 1):
        assert outcome(here, waits, START + seconds) == []
    assert outcome(here, waits, START + MOST_SECONDS, 1, 2) == ["dead", "dead", "dead", "published"]


def test_the_letter_says_what_to_do() -> None:
    """Which mapping there is, which was wanted, and how long it was waited for."""
    here, waits = partition(), MappingWaits()
    waits.wait(("/things/acme", NEW), START)
    given_up = waits.given_up(START + MOST_SECONDS)
    commit = decide(here.records([replay()]), here.seen, here.tenants, here.limits, here.now, given_up=given_up)
    assert commit.decisions[0].note.endswith(
        f"/things/acme has mapping {OLD}, and {NEW} did not come within 5 minutes: "
        "replay again once every normalizer has it"
    )


def test_a_mapping_that_comes_in_time_is_used() -> None:
    """A roll-out that takes a minute costs that minute: the replay is looked at, and was made for another state."""
    here, waits = partition(), MappingWaits()
    here.hear(FAKE, thing(v=1, text="x"))
    assert outcome(here, waits, START) == []
    here.tenants = tenants(OTHER_TABLE)
    assert outcome(here, waits, START + 60) == ["stale", "published"]


def test_another_mapping_is_waited_for_on_its_own() -> None:
    """So is the same one a day later: it may have come meanwhile."""
    waits = MappingWaits()
    waits.wait(("/things/acme", "m1"), START)
    waits.wait(("/things/acme", "m2"), START + 200)
    assert waits.given_up(START + MOST_SECONDS) == [("/things/acme", "m1")]
    assert waits.given_up(START + FORGOTTEN_AFTER + 1) == [("/things/acme", "m2")]


def test_mappings_that_were_waited_for_are_bounded() -> None:
    """Whoever writes replays may name any mapping."""
    waits = MappingWaits()
    for number in range(2 * MOST_WANTED):
        waits.wait(("/things/acme", f"m{number}"), START)
    assert len(waits.given_up(START + MOST_SECONDS)) == MOST_WANTED


@pytest.mark.parametrize("names", [(), ("other",)])
def test_a_replay_of_a_held_tenant_is_held(names: tuple[str, ...]) -> None:
    """It waits for its tenant, and for its mapping after that."""
    here = partition(*names)
    here.tenants = tenants(OTHER_TABLE, "other")
    here.take(replay())
    assert here.fates == ["held"]
