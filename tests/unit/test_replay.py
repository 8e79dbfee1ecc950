from typing import Any

import pytest
from msgspec.structs import replace

from headrace.core.record import ProducerRecord
from headrace.normalizer.decode import decode, translate
from headrace.normalizer.mapping_waits import WaitsForMapping
from headrace.normalizer.replay_change import EventChange, change_of, paths
from headrace.records.event import encode_event
from headrace.records.raw import digest, to_raw_record
from headrace.sdk.provider import Draft, RawEvent
from headrace_events import Event
from tests.fake_provider import FAKE, NEW, OTHER_TABLE, TABLE, tenants, thing
from tests.unit.partition import Partition, Raw, partition

LIFTED = TABLE.replace('type = "call.completed"', 'type = "call.completed"\nprovisional = true')
OTHER_ROW = TABLE.replace('type = "call.completed"', 'type = "call.completed"\nchannel = "voice"')


def change(here: Partition, raw: RawEvent, event: Event) -> EventChange | None:
    """Compare a published event with what its raw record becomes under the partition's tables of now."""
    out = to_raw_record(FAKE, raw)
    decoded = decode(Raw(0, here.now, out.key, out.value, out.headers), here.tenants)
    draft = translate(decoded)
    assert isinstance(draft, Draft)
    return change_of(encode_event(event).value, decoded, draft, here.seen.marks.find([decoded.key]).get(decoded.key))


def replay(here: Partition, raw: RawEvent, event: Event | None = None) -> ProducerRecord:
    """Return the record that a replay appends for what was published last."""
    found = change(here, raw, event or here.events[-1])
    assert found is not None
    assert found.record is not None
    return found.record


def test_a_replay_waits_for_its_mapping() -> None:
    """A task without the wanted mapping decides nothing; what stands before the record that waits is committed."""
    here = partition()
    here.hear(FAKE, thing(v=1, text="x"))
    here.tenants = tenants(OTHER_TABLE)
    waiting = replay(here, thing(v=1, text="x"))
    here.tenants = tenants()
    with pytest.raises(WaitsForMapping, match=f"waits for {NEW}"):
        here.take(waiting)
    commit = here.take(
        *(to_raw_record(FAKE, thing("b", n)) for n in (1, 2)), waiting, to_raw_record(FAKE, thing("c", 1))
    )
    assert (commit.next_offset, len(commit.decisions)) == (3, 2)


@pytest.mark.parametrize("shape", ["row", "fact", "hook"])
def test_a_replay_is_published_once(shape: str) -> None:
    """What would be another event is published under an id that says why; its second record is a duplicate."""
    here, raw = partition(), thing("a", 2, "x", shape=shape)
    here.hear(FAKE, raw)
    here.tenants = tenants(OTHER_TABLE)
    again = replay(here, raw)
    here.take(again, again)
    here.take(again)
    assert here.fates == ["published", "published", "duplicate", "duplicate"]
    old, new = here.events
    assert new.word == "call.logged"
    assert new.id.endswith(f"~{NEW}")
    assert new.id.startswith("thing/a" if shape == "hook" else f"{old.id}~")
    assert new.data.native == old.data.native


def test_a_replay_counts_the_whole_event() -> None:
    """A channel is no part of the meaning: it is published all the same, once, and a copy that is polled is none."""
    here, raw = partition(), thing("a", 2, "x")
    here.hear(FAKE, raw)
    here.tenants = tenants(OTHER_ROW)
    again = replay(here, raw)
    here.take(again, again, to_raw_record(FAKE, raw))
    assert here.fates == ["published", "published", "duplicate", "duplicate"]
    assert here.events[1].data.channel == "voice"
    assert change(here, raw, here.events[1]) is None


def test_what_says_the_same_is_no_change() -> None:
    """Only provenance tells of a row that is provisional: neither that nor another table makes another event."""
    here, raw = partition(), thing("a", 2, "x")
    here.hear(FAKE, raw)
    assert change(here, raw, here.events[0]) is None
    here.tenants = tenants(LIFTED)
    assert change(here, raw, here.events[0]) is None


def test_what_is_published_anew_before_its_replay_is_left_alone() -> None:
    """A newer version, or another replay, leaves the older one stale."""
    here = partition()
    here.hear(FAKE, thing("a", 2, "x"), thing("b", 1, "x"))
    here.tenants = tenants(OTHER_TABLE)
    first = replay(here, thing("a", 2, "x"), here.events[0])
    other = replay(here, thing("b", 1, "x"))
    here.hear(FAKE, thing("a", 3, "y"))
    here.take(first)
    here.tenants = tenants(OTHER_ROW)
    here.take(replay(here, thing("b", 1, "x"), here.events[1]))
    here.tenants = tenants(OTHER_TABLE)
    here.take(other)
    assert here.fates == ["published"] * 3 + ["stale", "published", "stale"]


def test_the_version_that_was_published_is_replayed_where_a_newer_one_said_the_same() -> None:
    """A newer version that changed nothing was not published: the event that consumers have is made again."""
    here, raw = partition(), thing("a", 2, "x")
    here.hear(FAKE, raw, thing("a", 3, "x"))
    here.tenants = tenants(OTHER_TABLE)
    here.take(replay(here, raw))
    here.hear(FAKE, thing("a", 3, "x"))
    assert here.fates == ["published", "unchanged", "published", "duplicate"] or here.fates[3] == "published"
    assert here.events[1].id == f"thing/a/2~{NEW}"


def test_there_and_back_again_gives_each_event_an_id_of_its_own() -> None:
    """Tables may go back to what they were: no id is used twice."""
    here, raw = partition(), thing("a", 2, "x")
    here.hear(FAKE, raw)
    for table in (OTHER_TABLE, TABLE, OTHER_TABLE, TABLE):
        here.tenants = tenants(table)
        here.take(replay(here, raw))
    ids = [event.id for event in here.events]
    assert len(set(ids)) == 5
    assert ids[1] == f"thing/a/2~{NEW}"


def test_what_is_not_remembered_is_not_published() -> None:
    """Its difference is shown, but there is no record to append; one that comes all the same is stale."""
    here, there, raw = partition(), partition(), thing("a", 2, "x")
    for one in (here, there):
        one.hear(FAKE, raw)
        one.tenants = tenants(OTHER_TABLE)
    out = replay(here, raw)
    there.seen.forget()
    found = change(there, raw, there.events[-1])
    assert found is not None
    assert found.record is None
    there.take(out)
    assert there.fates[-1] == "stale"


def test_another_event_than_was_shown_is_a_dead_letter() -> None:
    """Where two programs read the same bytes differently, what nobody saw is not published."""
    here, raw = partition(), thing("a", 2, "x")
    here.hear(FAKE, raw)
    here.tenants = tenants(OTHER_TABLE)
    out = replay(here, raw)
    other = to_raw_record(FAKE, thing("a", 2, "y"))
    here.take(ProducerRecord(out.key, other.value, out.headers))
    assert (here.fates[-1], here.letters[0].problem.code) == ("dead", "other_event")


def test_marks_come_back_from_the_log_as_they_were() -> None:
    """What was replayed is remembered over a restart: a second record is a duplicate still."""
    here, raw = partition(), thing("a", 2, "x")
    here.hear(FAKE, raw)
    here.tenants = tenants(OTHER_ROW)
    out = replay(here, raw)
    here.take(out)
    key = digest("/things/acme", "thing", "a")
    assert here.seen.marks.find([key])[key].replayed
    here.hear(FAKE, thing("a", 3, "x"))
    assert here.seen.marks.find([key])[key].replayed
    assert here.fates == ["published", "published", "unchanged"]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"id": "a", "data": {"refs": {"lead": "1"}, "text": "x"}},
            {"id": "a", "data.refs.lead": "1", "data.text": "x"},
        ),
        ({"data": {"fields": {"a": [{"b": 1}]}}}, {"data.fields.a": [{"b": 1}]}),
    ],
)
def test_paths(event: dict[str, Any], expected: dict[str, Any]) -> None:
    """A path names each value of an event."""
    assert paths(event) == expected


def test_a_redriven_replay_goes_through_as_live() -> None:
    """What became a dead letter of a replay goes back without anything that was said of the replay."""
    raw = replace(thing(), replay=NEW, replaces="x", becomes="y", later=True)
    named = to_raw_record(FAKE, raw, redriven=True)
    assert b"becomes" not in named.headers[0][1]
    assert b"replay" not in named.headers[0][1]
