import random

import msgspec
import pytest
from hypothesis import given, strategies as st

from headrace.decide import Commit, Limits, WaitsForMapping, decide, refuse, rewrite, skip
from headrace.door import HEADER, Envelope, admit, digest, headers_of
from headrace.marks import IMMUTABLE, UNKNOWN
from headrace.providers.base import RawEvent
from headrace.publish import Out
from headrace.seen import TOTALS, NewerFormat, decode_record
from headrace_events import Via, decode, decode_dead_letter
from tests.unit.partition import LIMITS, NOW, Partition, Raw
from tests.unit.toy import OTHER_TABLE, TABLE, mapping_of, tenants, thing, toy

DAY = 86_400
NEW, OLD = mapping_of(OTHER_TABLE).id, mapping_of(TABLE).id


def partition(*names: str, polling: bool = False, limits: Limits = LIMITS, now: int = NOW) -> Partition:
    return Partition(tenants(TABLE, *names, polling=polling), limits, now)


def replay(raw_id: str = "a", v: int = 1, m: str = "x", mapping: str = NEW, shape: str = "row") -> Out:
    """Make the record that a replay appends."""
    raw = thing(raw_id, v, m, shape=shape)
    version = {"hook": "unknown", "fact": None}.get(shape, v)
    envelope = Envelope(
        provider="toy",
        tenant="acme",
        resource="thing",
        id=raw_id,
        version=version,  # type: ignore[arg-type]  # words
        shape=shape,
        via=Via.POLL,
        received=raw.received,
        replay=mapping,
    )
    return Out(digest("/toy/acme", "thing", raw_id), raw.value, headers_of(envelope))


def ids(commit: Commit) -> list[str]:
    return [decode(out.value).id for out in commit.events]


def test_promise_2_a_new_thing_is_published_with_its_envelope_and_provenance() -> None:
    """An event says who it is about, which raw record made it and which row of which mapping."""
    here = partition()
    commit = here.hear(toy, thing("b", 7, "x"), thing("a", 3, "hello", via=Via.WEBHOOK))
    event = decode(commit.events[1].value)
    assert (event.id, event.source, event.word, event.subject) == ("thing/a/3", "/toy/acme", "call.completed", "lead/a")
    assert event.partitionkey == "/toy/acme/lead/a" == commit.events[1].key.decode()
    assert event.recordedtime == "2027-01-15T08:00:00Z"
    told = event.data.provenance
    assert (told.via, told.received, told.mapping, told.row) == ("webhook", "1970-01-01T00:16:40Z", OLD, "call")
    assert (told.raw.topic, told.raw.partition, told.raw.offset) == ("headrace.raw", 3, 1)


@pytest.mark.parametrize(
    ("before", "now", "fate"),
    [
        ([], thing(v=1), "published"),
        ([thing(v=1)], thing(v=1), "duplicate"),
        ([thing(v=1, m="x")], thing(v=2, m="y"), "published"),
        ([thing(v=1, m="x")], thing(v=2, m="x"), "unchanged"),
        ([thing(v=2)], thing(v=1), "stale"),
        ([thing(v=1, m="x")], thing(v=1, m="y", shape="detail"), "conflict"),
        ([thing(v=1, m="x")], thing(v=1, m="y"), "published"),
        ([thing(shape="fact", m="x")], thing(shape="fact", m="y"), "duplicate"),
        ([thing(shape="hook", m="x")], thing(v=4, m="x"), "unchanged"),
        ([], thing(do="mirror"), "mirror"),
        ([], thing(do="noop"), "noop"),
        ([], thing(do="bad"), "dead"),
        ([thing(do="bad")], thing(do="bad"), "duplicate"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_every_fate(before: list[RawEvent], now: RawEvent, fate: str, *, together: bool) -> None:
    """A record gets its fate, whether what came before it is in the same batch or was committed long ago."""
    here = partition()
    batches = [[*before, now]] if together else [[raw] for raw in (*before, now)]
    for batch in batches:
        here.hear(toy, *batch)
    assert here.fates[-1] == fate
    assert here.seen.totals[TOTALS.index(fate)] >= 1


RECORDS = st.builds(
    thing,
    st.sampled_from("abc"),
    st.integers(1, 3),
    st.sampled_from("xyz"),
    shape=st.sampled_from(["row", "detail", "hook"]),
    do=st.sampled_from(["", "", "", "mirror", "noop", "bad", "break", "nameless"]),
    code=st.sampled_from(["call", "waker", "150", "nobody knows"]),
    tenant=st.sampled_from(["acme", "acme", "stranger"]),
)


@given(st.lists(st.lists(RECORDS, max_size=6), max_size=6), st.booleans())
def test_position_is_the_sum_of_the_totals(batches: list[list[RawEvent]], polling: bool) -> None:  # noqa: FBT001  (given)
    """Each record has exactly one fate, and the commit says where raw goes on."""
    here, count = partition(polling=polling), 0
    for batch in batches:
        commit = here.hear(toy, *batch)
        count += len(batch)
        assert commit.next_offset == sum(commit.totals) == count == here.seen.next_offset
        assert len(commit.decisions) == len(batch)
        assert commit.fates["published"] == len(commit.events)
        assert commit.fates["dead"] == len(commit.letters)
        assert commit.fates["nudged"] == len(commit.nudges)
        assert decode_record(commit.seen_value).totals == commit.totals
    assert len({event.id for event in here.events}) == len(here.events)


@given(st.lists(RECORDS, max_size=12), st.integers(0, 2**32))
def test_batches_change_nothing(raws: list[RawEvent], seed: int) -> None:
    """The same records give the same events, letters and fates, however they are cut into batches."""
    whole, cut, rng = partition(), partition(), random.Random(seed)
    whole.hear(toy, *raws)
    left = list(raws)
    while left:
        size = rng.randint(1, len(left))
        cut.hear(toy, *left[:size])
        left = left[size:]
    assert cut.fates == whole.fates
    assert cut.events == whole.events
    assert cut.letters == whole.letters


def test_duplicates_inside_one_batch() -> None:
    """Copies that arrive together are one event."""
    commit = partition().hear(toy, *[thing(v=1, m="x")] * 5)
    assert commit.fates == {"published": 1, "duplicate": 4}


def test_an_edit_within_one_tick_of_the_clock_gets_an_id_of_its_own() -> None:
    """Two meanings under one version are two events with two ids."""
    commit = partition().hear(toy, thing(v=1, m="x"), thing(v=1, m="y"), thing(v=1, m="x"), thing(v=1, m="y"))
    first, second = ids(commit)
    assert first == "thing/a/1"
    assert second.startswith("thing/a/1-")
    assert len(second) == len("thing/a/1-12345678")


def test_promise_4_a_code_without_a_row_is_published_as_unmapped() -> None:
    """Nothing is guessed: the event carries the native code, the decision tells it to the metrics."""
    commit = partition().hear(toy, thing(v=1, code="nobody knows"), thing("b", 1, code="150"))
    event = decode(commit.events[0].value)
    assert (event.type, event.data.native.code) == ("headrace.unmapped.v1", "nobody knows")
    assert event.data.action is None
    assert [(d.type, d.code, d.provisional) for d in commit.decisions] == [
        ("unmapped", "nobody knows", False),
        ("custom.logged", "150", True),
    ]


def test_promise_4_what_cannot_be_decoded_becomes_a_letter_with_its_bytes_and_a_pointer() -> None:
    """The raw record's key, bytes and envelope are kept as they were, and a problem stands beside them."""
    here = partition()
    record = here.records([admit(toy, thing(v=1, m="?", do="bad"))])[0]
    commit = here.decide([record])
    letter = commit.letters[0]
    told = decode_dead_letter(letter.headers)
    assert (letter.key, letter.value, letter.headers[0], letter.partition) == (
        record.key, record.value, record.headers[0], 3,
    )  # fmt: skip
    assert (told.problem.code, told.problem.source and told.problem.source.pointer) == ("bad_value", "$.m")
    assert (told.source, told.resource, told.id, told.via) == ("/toy/acme", "thing", "a", "poll")
    assert (told.raw.offset, told.mapping, told.recordedtime) == (0, OLD, "2027-01-15T08:00:00Z")


def test_a_letter_is_not_remembered_as_seen() -> None:
    """What could not be read is published when the same version can be read."""
    here = partition()
    here.hear(toy, thing(v=1, m="x", do="bad"))
    here.hear(toy, thing(v=1, m="x"))
    assert here.fates == ["dead", "published"]


def test_promise_6_any_exception_of_one_record_stays_one() -> None:
    """A mistake of ours on one record costs that record, and its text, which may quote the payload, is not told."""
    here = partition()
    here.hear(toy, thing("a", 1), thing("b", 1, "confidential", do="break"), thing("c", 1))
    assert here.fates == ["published", "dead", "published"]
    assert here.letters[0].problem.code == "internal"
    assert "RuntimeError" in here.letters[0].problem.detail
    assert "confidential" not in str(here.letters[0].problem)


def test_promise_6_a_record_without_a_name_becomes_a_letter() -> None:
    """Bytes that carry no name are placed by themselves and told with the place where reading ended."""
    here = partition()
    commit = here.hear(toy, msgspec.structs.replace(thing(), value=b'{"id": "a"'), thing("b", 1))
    assert here.fates == ["dead", "published"]
    source = here.letters[0].problem.source
    assert (here.letters[0].id, source and source.offset) == (None, 10)
    assert len(commit.letters[0].key) == 16


def test_a_mistake_in_naming_is_told_too() -> None:
    """Even an error of ours at the door keeps the bytes."""
    here = partition()
    here.hear(toy, thing(do="nameless"))
    assert (here.fates, here.letters[0].problem.code) == (["dead"], "internal")


def test_a_version_that_no_mark_can_keep_becomes_a_letter() -> None:
    """A number beyond 63 bits neither stops the batch nor is cut."""
    here = partition()
    here.hear(toy, thing(v=2**63), thing("b", -1), thing("c", 2**63 - 1))
    assert here.fates == ["dead", "dead", "published"]
    assert "out of range" in here.letters[0].problem.detail


def test_what_could_not_be_named_and_now_can_is_to_be_redriven() -> None:
    """A record whose name a newer program would find says so."""
    here = partition()
    out = admit(toy, thing(v=1))
    envelope = Envelope(provider="toy", tenant="acme", shape="row", via=Via.POLL, received=1)
    here.take(Out(out.key, out.value, headers_of(envelope)))
    assert (here.fates, here.letters[0].problem.code) == (["dead"], "unnamed")


def test_the_same_bad_bytes_make_one_letter() -> None:
    """A bad row in a look-back makes one letter, not one a minute; other bytes make another."""
    here = partition()
    here.hear(toy, thing(v=1, do="bad"), thing(v=1, do="bad"))
    here.hear(toy, thing(v=1, do="bad"), thing(v=2, do="bad"))
    assert here.fates == ["dead", "duplicate", "duplicate", "dead"]
    assert len(here.letters) == 2


def test_the_same_bad_bytes_of_two_tenants_make_two_letters() -> None:
    """A tenant's letter is not hidden behind another tenant's."""
    here = partition("acme", "birch")
    here.hear(toy, thing(v=1, do="bad"), thing(v=1, do="bad", tenant="birch"))
    here.hear(toy, thing(v=1, tenant="stranger"), thing(v=1, tenant="nobody"))
    assert [letter.source for letter in here.letters] == ["/toy/acme", "/toy/birch", "/toy/stranger", "/toy/nobody"]


def test_another_mapping_is_another_chance_for_bad_bytes() -> None:
    """After a change of the table the same bytes make a letter again, that names the new mapping."""
    here = partition()
    here.hear(toy, thing(v=1, do="bad"))
    here.tenants = tenants(OTHER_TABLE)
    here.hear(toy, thing(v=1, do="bad"))
    assert [letter.mapping for letter in here.letters] == [OLD, NEW]


def test_a_redriven_record_ignores_the_mark_of_its_letter() -> None:
    """What is still bad after a redrive is a letter again, not silently a duplicate."""
    here = partition()
    here.hear(toy, thing(v=1, do="bad"))
    here.take(admit(toy, thing(v=1, do="bad"), redriven=True))
    assert here.fates == ["dead", "dead"]


def test_promise_6_an_unknown_tenant_costs_nobody_else() -> None:
    """A record of a tenant that is not configured is kept for a redrive."""
    here = partition()
    here.hear(toy, thing(v=1, tenant="stranger"), thing(v=1))
    assert here.fates == ["dead", "published"]
    problem = here.letters[0].problem
    assert (problem.code, problem.detail) == ("unknown_tenant", "configure /toy/stranger, then redrive")


GOOD = admit(toy, thing(v=1))


@pytest.mark.parametrize(
    ("key", "headers"),
    [
        (GOOD.key, []),
        (GOOD.key, [("other", b"x")]),
        (GOOD.key, [(HEADER, b"")]),
        (GOOD.key, [(HEADER, None)]),
        (GOOD.key, [(HEADER, b"\x01{}")]),
        (GOOD.key, [(HEADER, b"\x01{")]),
        (GOOD.key, [(HEADER, b'\x01{"provider":"\xff"}')]),
        (GOOD.key, [(HEADER, b'\x01{"odd":' + b"[" * 100_000)]),
        (GOOD.key, [(HEADER, GOOD.headers[0][1].replace(b'"version":1', b'"version":-5'))]),
        (GOOD.key, [(HEADER, GOOD.headers[0][1].replace(b"1000000", b"1" * 30))]),
        (b"short", GOOD.headers),
        (b"x" * 24, GOOD.headers),
        (None, GOOD.headers),
        (b"", GOOD.headers),
    ],
)
def test_promise_6_a_record_that_is_none_of_ours_becomes_a_letter(
    key: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    """Whatever somebody else writes into raw, its neighbours are decided on as always."""
    here = partition()
    here.hear(toy, thing("z", 1))
    mine = here.records([admit(toy, thing("b", 1))] * 3)
    here.decide([mine[0], Raw(2, NOW, key, b"whatever", headers), mine[2]])
    assert here.fates == ["published", "published", "dead", "duplicate"]
    assert here.letters[0].problem.code == "foreign"


def test_a_record_without_a_value_is_kept_as_empty() -> None:
    """A tombstone in raw is no reason to stop."""
    here = partition()
    here.decide([Raw(0, NOW, GOOD.key, None, GOOD.headers)])
    assert here.fates == ["dead"]


def test_a_newer_format_stops_the_task() -> None:
    """What a newer program wrote is refused with a sentence, never skipped."""
    newer = [(HEADER, b"\x02" + GOOD.headers[0][1][1:])]
    with pytest.raises(NewerFormat, match="upgrade"):
        partition().decide([Raw(0, NOW, GOOD.key, GOOD.value, newer)])


def test_an_event_that_is_too_large_becomes_a_letter() -> None:
    """What the topic would refuse never reaches the transaction, and it is not remembered as published."""
    here = partition(limits=Limits("headrace.raw", 3, event_bytes=5_000))
    here.hear(toy, thing(v=1, size=10_000), thing("b", 1, size=100))
    assert here.fates == ["dead", "published"]
    assert here.letters[0].problem.code == "too_large"
    assert "takes 5000" in here.letters[0].problem.detail
    here.limits = LIMITS
    here.take(admit(toy, thing(v=1, size=10_000), redriven=True))
    assert here.fates[-1] == "published"


def test_a_replay_waits_for_its_mapping() -> None:
    """A task without the wanted mapping decides nothing."""
    here = partition()
    here.hear(toy, thing(v=1, m="x"))
    with pytest.raises(WaitsForMapping, match=f"waits for {NEW}"):
        here.take(replay())
    assert here.fates == ["published"]


def test_a_later_replay_ends_the_commit_before_it() -> None:
    """What stands before the record that has to wait is committed."""
    here = partition()
    commit = here.take(*(admit(toy, thing("b", n)) for n in (1, 2)), replay(), admit(toy, thing("c", 1)))
    assert (commit.next_offset, len(commit.decisions)) == (2, 2)


def test_a_replay_publishes_what_now_means_something_else() -> None:
    """Under the new mapping an equal version with another meaning comes out again, under an id that says why."""
    here = partition()
    here.hear(toy, thing("a", 2, "x"), thing("b", 1, "x", code="waker"))
    here.tenants = tenants(OTHER_TABLE)
    here.take(replay("a", 2), replay("a", 2), replay("a", 1), replay("unheard"), replay("b", 1, "x"))
    assert here.fates[2:] == ["published", "duplicate", "stale", "stale", "published"]
    assert [event.id for event in here.events[2:]] == [f"thing/a/2~{NEW}", f"thing/b/1~{NEW}"]
    assert here.events[2].word == "call.logged"


def test_a_replay_of_what_never_changes() -> None:
    """An immutable event is read again under a new mapping, which its mark alone would forbid."""
    here = partition()
    here.hear(toy, thing(shape="fact", m="x"))
    here.tenants = tenants(OTHER_TABLE)
    here.take(replay(shape="fact"), replay(shape="fact"))
    assert here.fates == ["published", "published", "duplicate"]
    assert here.events[1].id == f"thing/a~{NEW}"


def test_a_nudge_goes_to_the_feed_that_will_bring_the_event() -> None:
    """Where a tenant is polled, a row that only wakes a feed is not published."""
    here = partition(polling=True)
    commit = here.hear(toy, thing("n", 1, code="waker"))
    assert here.fates == ["nudged"]
    assert commit.nudges[0].key == b"/toy/acme"
    assert commit.nudges[0].value == b'\x01{"feed":"things","event":"n"}'
    assert here.seen.marks.find([digest("/toy/acme", "thing", "n")]) == {}


def test_a_nudge_row_of_a_tenant_that_is_not_polled_is_published() -> None:
    """Nobody else would bring it."""
    here = partition()
    here.hear(toy, thing("n", 1, code="waker"))
    assert here.fates == ["published"]


def test_a_copy_without_a_version_wakes_the_feed_that_knows() -> None:
    """Where a tenant is polled, an unnumbered copy that says something new is not trusted to be the newest."""
    here = partition(polling=True)
    here.hear(toy, thing(v=1, m="x"), thing(m="y", shape="hook"), thing(m="x", shape="hook"))
    assert here.fates == ["published", "nudged", "duplicate"]


def test_a_copy_that_no_feed_can_explain_is_published() -> None:
    """A polled tenant's record of which no feed knows the version is news like any other."""
    here = partition(polling=True)
    here.hear(toy, thing(v=1, m="x"), thing(m="y", shape="hook", do="no feed"))
    assert here.fates == ["published", "published"]


def test_a_copy_without_a_version_does_not_change_the_shape_of_a_mark() -> None:
    """After an unnumbered copy, an edit within one tick of the clock is still told from another shape's conflict."""
    here = partition()
    here.hear(toy, thing(v=1, m="x"), thing(m="y", shape="hook"), thing(v=1, m="z"))
    assert here.fates == ["published"] * 3
    here.hear(toy, thing(v=1, m="w", shape="detail"))
    assert here.fates[-1] == "conflict"


def seconds_old(age: int, now: int = NOW) -> int:
    return now - age * 1000


def test_a_duplicate_whose_mark_would_expire_before_its_raw_record_is_marked_again() -> None:
    """A copy that arrives late keeps the memory of its id alive as long as the copy itself lives."""
    here = partition(now=seconds_old(20 * DAY))
    here.hear(toy, thing(v=1), thing("b", 1, do="bad"))
    here.now = NOW
    commit = here.hear(toy, thing(v=1), thing("b", 1, do="bad"))
    assert here.fates[2:] == ["duplicate", "duplicate"]
    assert [mark.at for mark in commit.marks.values()] == [NOW // 1000] * 2
    assert [mark.version for mark in commit.marks.values()] == [1, IMMUTABLE]
    assert here.hear(toy, thing(v=1), thing("b", 1, do="bad")).marks == {}


def test_an_old_raw_record_needs_no_new_mark() -> None:
    """A copy that leaves raw before its mark expires adds nothing to the log of marks."""
    here = partition(now=seconds_old(20 * DAY))
    here.hear(toy, thing(v=1))
    here.now = NOW
    out = admit(toy, thing(v=1))
    commit = here.decide([Raw(1, seconds_old(19 * DAY), out.key, out.value, out.headers)])
    assert (here.fates[-1], commit.marks) == ("duplicate", {})


def test_a_mark_that_is_older_than_the_log_keeps_is_no_mark() -> None:
    """Memory and log forget at the same time, so that a restart changes nothing."""
    here = partition(now=seconds_old(36 * DAY))
    here.hear(toy, thing(v=1), thing("b", 1, do="bad"))
    here.now = NOW
    here.hear(toy, thing(v=1), thing("b", 1, do="bad"))
    assert here.fates == ["published", "dead"] * 2


def test_an_unknown_version_is_named_by_its_meaning() -> None:
    """The id of an unnumbered event is the same in a second cluster and after all memory is lost."""
    first, second = partition(), partition()
    for here in (first, second):
        here.hear(toy, thing(m="x", shape="hook"))
    assert first.events[0].id == second.events[0].id
    assert len(first.events[0].id) == len("thing/a/12345678")
    mark = first.seen.marks.find([digest("/toy/acme", "thing", "a")])
    assert [kept.version for kept in mark.values()] == [UNKNOWN]


def test_lost_records_are_counted() -> None:
    """What retention took unread is counted as lost, and the position goes on behind it."""
    here = partition()
    here.hear(toy, thing(v=1))
    commit = skip(here.seen, 11)
    assert (commit.next_offset, sum(commit.totals), commit.totals[TOTALS.index("lost")]) == (11, 11, 10)
    assert decode_record(commit.seen_value).next_offset == 11


def test_a_quiet_partition_writes_its_position_again() -> None:
    """A rewritten position says what the last commit said."""
    here = partition()
    here.hear(toy, thing(v=1))
    record = decode_record(rewrite(here.seen).seen_value)
    assert (record.next_offset, record.totals) == (1, here.seen.totals)


@pytest.mark.parametrize("headers", [GOOD.headers, []])
def test_what_kafka_refuses_twice_becomes_a_letter(headers: list[tuple[str, bytes]]) -> None:
    """The one record of a bisected batch is put aside, and the partition goes on."""
    here = partition()
    commit = refuse(Raw(0, NOW, GOOD.key, GOOD.value, headers), here.seen, LIMITS, NOW)
    assert (commit.fates, commit.next_offset) == ({"dead": 1}, 1)
    assert decode_dead_letter(commit.letters[0].headers).problem.code == "unwritable"


def test_an_empty_batch_is_a_commit_of_nothing() -> None:
    """No record, no fate, the position as it was."""
    here = partition()
    commit = decide([], here.seen, here.tenants, LIMITS, NOW)
    assert (commit.next_offset, commit.decisions, commit.events) == (0, [], [])
