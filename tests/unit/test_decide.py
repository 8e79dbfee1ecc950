import random

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from headrace.normalizer.commit import Commit, rewrite, skip
from headrace.normalizer.decide import decide
from headrace.records.mark import IMMUTABLE, UNKNOWN
from headrace.records.nudge import AddressedNudge, decode_nudge
from headrace.records.raw import digest, to_raw_record
from headrace.records.seen import TOTALS, decode_record
from headrace.sdk.provider import RawEvent
from headrace_events import Via, decode
from tests.fake_provider import FAKE, OLD, thing
from tests.unit.partition import LIMITS, NOW, Raw, partition

DAY = 86_400


def ids(commit: Commit) -> list[str]:
    return [decode(out.value).id for out in commit.events]


def test_promise_2_a_new_thing_is_published_with_its_envelope_and_provenance() -> None:
    """An event says who it is about, which raw record made it and which row of which mapping."""
    here = partition()
    commit = here.hear(FAKE, thing("b", 7, "x"), thing("a", 3, "hello", via=Via.WEBHOOK))
    event = decode(commit.events[1].value)
    assert (event.id, event.source, event.word, event.subject) == (
        "thing/a/3",
        "/things/acme",
        "call.completed",
        "lead/a",
    )
    assert event.partitionkey == "/things/acme/lead/a" == commit.events[1].key.decode()
    assert event.recordedtime == "2027-01-15T08:00:00Z"
    provenance = event.data.provenance
    assert (provenance.via, provenance.received, provenance.mapping, provenance.row) == (
        "webhook",
        "1970-01-01T00:16:40Z",
        OLD,
        "call",
    )
    assert (provenance.raw.topic, provenance.raw.partition, provenance.raw.offset) == ("headrace.raw", 3, 1)


@pytest.mark.parametrize(
    ("before", "now", "fate"),
    [
        ([], thing(v=1), "published"),
        ([thing(v=1)], thing(v=1), "duplicate"),
        ([thing(v=1, text="x")], thing(v=2, text="y"), "published"),
        ([thing(v=1, text="x")], thing(v=2, text="x"), "unchanged"),
        ([thing(v=2)], thing(v=1), "stale"),
        ([thing(v=1, text="x")], thing(v=1, text="y", shape="detail"), "conflict"),
        ([thing(v=1, text="x")], thing(v=1, text="y"), "published"),
        ([thing(shape="fact", text="x")], thing(shape="fact", text="y"), "duplicate"),
        ([thing(shape="hook", text="x")], thing(v=4, text="x"), "unchanged"),
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
        here.hear(FAKE, *batch)
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
    via=st.sampled_from([None, Via.WEBHOOK]),
)


@given(st.lists(st.lists(RECORDS, max_size=6), max_size=6), st.booleans())
def test_position_is_the_sum_of_the_totals(batches: list[list[RawEvent]], polling: bool) -> None:  # noqa: FBT001  (given)
    """Each record has exactly one fate, and the commit says where raw goes on."""
    here, count = partition(polling=polling), 0
    for batch in batches:
        commit = here.hear(FAKE, *batch)
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
    whole.hear(FAKE, *raws)
    left = list(raws)
    while left:
        size = rng.randint(1, len(left))
        cut.hear(FAKE, *left[:size])
        left = left[size:]
    assert cut.fates == whole.fates
    assert cut.events == whole.events
    assert cut.letters == whole.letters


def test_duplicates_inside_one_batch() -> None:
    """Copies that arrive together are one event."""
    commit = partition().hear(FAKE, *[thing(v=1, text="x")] * 5)
    assert commit.fates == {"published": 1, "duplicate": 4}


def test_an_edit_within_one_tick_of_the_clock_gets_an_id_of_its_own() -> None:
    """Two meanings under one version are two events with two ids."""
    commit = partition().hear(
        FAKE, thing(v=1, text="x"), thing(v=1, text="y"), thing(v=1, text="x"), thing(v=1, text="y")
    )
    first, second = ids(commit)
    assert first == "thing/a/1"
    assert second.startswith("thing/a/1-")
    assert len(second) == len("thing/a/1-12345678")


def test_promise_4_a_code_without_a_row_is_published_as_unmapped() -> None:
    """Nothing is guessed: the event carries the native code, the decision tells it to the metrics."""
    commit = partition().hear(FAKE, thing(v=1, code="nobody knows"), thing("b", 1, code="150"))
    event = decode(commit.events[0].value)
    assert (event.type, event.data.native.code) == ("headrace.unmapped.v1", "nobody knows")
    assert event.data.action is None
    assert [(d.type, d.code, d.provisional) for d in commit.decisions] == [
        ("unmapped", "nobody knows", False),
        ("custom.logged", "150", True),
    ]


def test_a_nudge_goes_to_the_feed_that_will_bring_the_event() -> None:
    """Where a tenant is polled, a row that only wakes a feed is not published."""
    here = partition(polling=True)
    here.hear(FAKE, thing("a", 1))
    commit = here.hear(FAKE, thing("n", 1, code="waker", via=Via.WEBHOOK))
    assert here.fates == ["published", "nudged"]
    assert commit.nudges[0].key == b"/things/acme"
    _, nudge = decode_nudge("nudges", commit.nudges[0].key, commit.nudges[0].value)
    record = to_raw_record(FAKE, thing("n")).key.hex()
    assert nudge == AddressedNudge(feed="rows", event="n", partition=3, offset=1, record=record, time=1_000_000)
    assert here.seen.marks.find([digest("/things/acme", "thing", "n")]) == {}


def test_a_nudge_row_of_a_tenant_that_is_not_polled_is_published() -> None:
    """Nobody else would bring it."""
    here = partition()
    here.hear(FAKE, thing("n", 1, code="waker", via=Via.WEBHOOK))
    assert here.fates == ["published"]


def test_what_a_feed_brings_is_published_whatever_its_row_says() -> None:
    """An overlay's `nudge` may stand at a code that is polled: the feed would be woken for it for ever."""
    here = partition(polling=True)
    here.hear(FAKE, thing("n", 1, code="waker", via=Via.POLL))
    assert here.fates == ["published"]


def test_what_no_feed_brought_is_published_as_told() -> None:
    """A record that comes back is judged as if the tenant were not polled, once."""
    here = partition(polling=True)
    back = replace(thing("n", 1, code="waker", via=Via.WEBHOOK), as_told=True)
    here.hear(FAKE, back, back)
    assert here.fates == ["published", "duplicate"]
    copy = replace(thing("n", text="y", shape="hook"), as_told=True)
    here.hear(FAKE, copy)
    assert here.fates[2:] == ["published"]


def test_a_row_whose_fact_was_published_as_told_is_a_duplicate_once() -> None:
    """It is remembered as if it had been published: what it says later is news again."""
    here = partition(polling=True)
    here.hear(FAKE, replace(thing("n", 1, "x"), twin=True))
    here.hear(FAKE, thing("n", 1, "x"), replace(thing("n", 2, "y"), twin=True), replace(thing("n", 2, "y"), twin=True))
    assert here.fates == ["duplicate", "duplicate", "published", "duplicate"]


def test_a_nudge_that_would_fill_the_memory_of_a_poller_is_none() -> None:
    """Pollers remember nudges: what has ids of kilobytes is published instead."""
    here = partition(polling=True)
    commit = here.hear(FAKE, thing("n" * 20_000, 1, code="waker", via=Via.WEBHOOK))
    assert (here.fates, commit.nudges) == (["published"], [])


def test_what_is_known_already_wakes_no_feed() -> None:
    """Where a feed has brought the version that a webhook tells, there is nothing to ask for."""
    here = partition(polling=True)
    here.hear(FAKE, thing("n", 1, "x", code="waker"), thing("n", 1, "x", code="waker", via=Via.WEBHOOK))
    assert here.fates == ["published", "duplicate"]


def test_a_nudge_that_a_provider_cannot_make_is_a_dead_letter() -> None:
    """Whatever breaks over one record stays with it."""
    here = partition(polling=True)
    here.hear(FAKE, thing("n", 1, code="waker", do="broken nudge", via=Via.WEBHOOK), thing("b", 1))
    assert here.fates == ["dead", "published"]


def test_a_copy_without_a_version_wakes_the_feed_that_knows() -> None:
    """Where a tenant is polled, an unnumbered copy that says something new is not trusted to be the newest."""
    here = partition(polling=True)
    here.hear(FAKE, thing(v=1, text="x"), thing(text="y", shape="hook"), thing(text="x", shape="hook"))
    assert here.fates == ["published", "nudged", "duplicate"]


def test_a_copy_that_no_feed_can_explain_is_published() -> None:
    """A polled tenant's record of which no feed knows the version is news like any other, and so is what is polled."""
    here = partition(polling=True)
    here.hear(FAKE, thing(v=1, text="x"), thing(text="y", shape="hook", do="no feed"))
    assert here.fates == ["published", "published"]
    here.hear(FAKE, thing(text="z", shape="hook", via=Via.POLL))
    assert here.fates[2:] == ["published"]


def test_a_copy_without_a_version_does_not_change_the_shape_of_a_mark() -> None:
    """After an unnumbered copy, an edit within one tick of the clock is no conflict, as another shape would be."""
    here = partition()
    here.hear(FAKE, thing(v=1, text="x"), thing(text="y", shape="hook"), thing(v=1, text="z"))
    assert here.fates == ["published"] * 3
    here.hear(FAKE, thing(v=1, text="w", shape="detail"))
    assert here.fates[-1] == "conflict"


def seconds_old(age: int, now: int = NOW) -> int:
    return now - age * 1000


def test_a_duplicate_whose_mark_would_expire_before_its_raw_record_is_marked_again() -> None:
    """A copy that arrives late keeps the memory of its id alive as long as the copy itself lives."""
    here = partition(now=seconds_old(20 * DAY))
    here.hear(FAKE, thing(v=1), thing("b", 1, do="bad"))
    here.now = NOW
    commit = here.hear(FAKE, thing(v=1), thing("b", 1, do="bad"))
    assert here.fates[2:] == ["duplicate", "duplicate"]
    assert [mark.at for mark in commit.marks.values()] == [NOW // 1000] * 2
    assert [mark.version for mark in commit.marks.values()] == [1, IMMUTABLE]
    assert here.hear(FAKE, thing(v=1), thing("b", 1, do="bad")).marks == {}


def test_an_old_raw_record_needs_no_new_mark() -> None:
    """A copy that leaves raw before its mark expires adds nothing to the log of marks."""
    here = partition(now=seconds_old(20 * DAY))
    here.hear(FAKE, thing(v=1))
    here.now = NOW
    out = to_raw_record(FAKE, thing(v=1))
    commit = here.decide([Raw(1, seconds_old(19 * DAY), out.key, out.value, out.headers)])
    assert (here.fates[-1], commit.marks) == ("duplicate", {})


def test_a_mark_that_is_older_than_the_log_keeps_is_no_mark() -> None:
    """Memory and log forget at the same time, so that a restart changes nothing."""
    here = partition(now=seconds_old(36 * DAY))
    here.hear(FAKE, thing(v=1), thing("b", 1, do="bad"))
    here.now = NOW
    here.hear(FAKE, thing(v=1), thing("b", 1, do="bad"))
    assert here.fates == ["published", "dead"] * 2


def test_an_unknown_version_is_named_by_its_meaning() -> None:
    """The id of an unnumbered event is the same in a second cluster and after all memory is lost."""
    first, second = partition(), partition()
    for here in (first, second):
        here.hear(FAKE, thing(text="x", shape="hook"))
    assert first.events[0].id == second.events[0].id
    assert len(first.events[0].id) == len("thing/a/12345678")
    mark = first.seen.marks.find([digest("/things/acme", "thing", "a")])
    assert [known.version for known in mark.values()] == [UNKNOWN]


def test_lost_records_are_counted() -> None:
    """What retention took unread is counted as lost, and the position goes on behind it."""
    here = partition()
    here.hear(FAKE, thing(v=1))
    commit = skip(here.seen, 11)
    assert (commit.next_offset, sum(commit.totals), commit.totals[TOTALS.index("lost")]) == (11, 11, 10)
    assert decode_record(commit.seen_value).next_offset == 11


def test_a_quiet_partition_writes_its_position_again() -> None:
    """A rewritten position says what the last commit said."""
    here = partition()
    here.hear(FAKE, thing(v=1))
    record = decode_record(rewrite(here.seen).seen_value)
    assert (record.next_offset, record.totals) == (1, here.seen.totals)


def test_an_empty_batch_is_a_commit_of_nothing() -> None:
    """No record, no fate, the position as it was."""
    here = partition()
    commit = decide([], here.seen, here.tenants, LIMITS, NOW)
    assert (commit.next_offset, commit.decisions, commit.events) == (0, [], [])
