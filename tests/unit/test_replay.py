import pytest
from msgspec.structs import replace

from headrace.core.record import ProducerRecord
from headrace.normalizer.decide import WaitsForMapping
from headrace.records.raw import digest, headers_of, to_raw_record
from tests.fake_provider import FAKE, NEW, OTHER_TABLE, tenants, thing
from tests.unit.partition import partition


def replay(raw_id: str = "a", v: int = 1, m: str = "x", mapping: str = NEW, shape: str = "row") -> ProducerRecord:
    """Make the record that a replay appends."""
    raw = thing(raw_id, v, m, shape=shape)
    version = {"hook": "unknown", "fact": None}.get(shape, v)
    named = replace(raw, resource="thing", id=raw_id, version=version, replay=mapping)
    return ProducerRecord(digest("/things/acme", "thing", raw_id), raw.value, headers_of(named))


def test_a_replay_waits_for_its_mapping() -> None:
    """A task without the wanted mapping decides nothing."""
    here = partition()
    here.hear(FAKE, thing(v=1, text="x"))
    with pytest.raises(WaitsForMapping, match=f"waits for {NEW}"):
        here.take(replay())
    assert here.fates == ["published"]


def test_a_later_replay_ends_the_commit_before_it() -> None:
    """What stands before the record that has to wait is committed."""
    here = partition()
    commit = here.take(
        *(to_raw_record(FAKE, thing("b", n)) for n in (1, 2)), replay(), to_raw_record(FAKE, thing("c", 1))
    )
    assert (commit.next_offset, len(commit.decisions)) == (2, 2)


def test_a_replay_publishes_what_now_means_something_else() -> None:
    """Under the new mapping an equal version with another meaning comes out again, under an id that says why."""
    here = partition()
    here.hear(FAKE, thing("a", 2, "x"), thing("b", 1, "x", code="waker"))
    here.tenants = tenants(OTHER_TABLE)
    here.take(replay("a", 2), replay("a", 2), replay("a", 1), replay("unheard"), replay("b", 1, "x"))
    assert here.fates[2:] == ["published", "duplicate", "stale", "stale", "published"]
    assert [event.id for event in here.events[2:]] == [f"thing/a/2~{NEW}", f"thing/b/1~{NEW}"]
    assert here.events[2].word == "call.logged"


def test_a_replay_of_what_never_changes() -> None:
    """An immutable event is read again under a new mapping, which its mark alone would forbid."""
    here = partition()
    here.hear(FAKE, thing(shape="fact", text="x"))
    here.tenants = tenants(OTHER_TABLE)
    here.take(replay(shape="fact"), replay(shape="fact"))
    assert here.fates == ["published", "published", "duplicate"]
    assert here.events[1].id == f"thing/a~{NEW}"
