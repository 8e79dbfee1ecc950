"""Records of tenants that are paused or not known: held, returned, and not for longer than raw keeps them."""

from hypothesis import given, strategies as st
from msgspec.structs import replace

from headrace.config.tenants import Tenants
from headrace.normalizer import held
from headrace.normalizer.commit import note_held, rewrite
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.held import Returned
from headrace.normalizer.held_metrics import HeldMetrics
from headrace.observe.registry import Registry
from headrace.records.held import HeldRange
from headrace.records.raw import from_raw_record, headers_of, to_raw_record
from headrace.records.seen import TOTALS, decode_record
from headrace.sdk.provider import RawEvent
from headrace_events import Via
from tests.fake_provider import FAKE, NEW, TABLE, account, tenants, thing
from tests.unit.partition import LIMITS, NOW, Partition, Raw, partition

DAY = 86_400
STRANGER = "/things/stranger"


def paused(*names: str) -> Tenants:
    """Return the tenant acme, and those that are paused."""
    return Tenants([account("acme"), *(account(name, paused=True) for name in names)])


def range_of(here: Partition) -> tuple[int, int, int]:
    """Return first, last and count of what is held of the stranger."""
    found = here.seen.held[STRANGER]
    return found.first, found.last, found.count


class Raws:
    """A partition with all that stands on raw, as a task and what returns held records see it."""

    def __init__(self, *names: str) -> None:
        self.here = partition(*names)
        self.log: list[Raw] = []

    def hear(self, *raws: RawEvent) -> None:
        """Append raw events and decide on them."""
        self.decide(self.here.records(to_raw_record(FAKE, raw) for raw in raws))

    def decide(self, records: list[Raw]) -> None:
        """Decide on records that follow."""
        self.log += records
        self.here.decide(records)

    def give_back(self, most: int = 1_000, now: int = NOW, limit: int = LIMITS.raw_bytes) -> int:
        """Return one stretch of what is due, and decide on it; count the copies."""
        seen = self.here.seen
        due = held.due(seen.held.values(), self.here.tenants, now, LIMITS.held_for)
        if not due:
            return 0
        at = held.first_of(seen.held, due)
        stretch = self.log[at : at + most]
        back = held.give_back(seen.held, due, stretch, at + len(stretch), partition=3, limit=limit)
        seen.apply([decode_record(note_held(seen, back.ranges).seen_value)], seen.read_to + 1)
        self.decide(self.here.records(back.copies))
        return len(back.copies)


def test_an_unknown_tenant_is_held_and_stops_nobody() -> None:
    """Its records get a fate, no mark and no letter, and the seen record says where they lie."""
    here = partition()
    commit = here.hear(FAKE, thing("b"), thing(tenant="stranger"), thing("c"), thing(tenant="stranger", do="bad"))
    assert here.fates == ["published", "held", "published", "held"]
    assert (commit.letters, here.letters, len(here.seen.marks)) == ([], [], 2)
    assert here.seen.held == {STRANGER: HeldRange(STRANGER, 1, 3, 2, NOW)}
    assert here.seen.totals[TOTALS.index("held")] == 2
    here.hear(FAKE, thing("d"))
    assert decode_record(here.hear(FAKE, thing("e")).seen_value).held == ()


def test_a_paused_tenant_is_held_whatever_it_brings() -> None:
    """Named or not, bad, redriven or replayed: it waits; a copy of what was published before does, too."""
    here = partition("stranger")
    here.hear(FAKE, thing(tenant="stranger"))
    here.tenants = paused("stranger")
    raws = [thing(tenant="stranger", do=do) for do in ("", "bad", "nameless", "mirror")]
    here.take(
        *(to_raw_record(FAKE, raw) for raw in raws),
        to_raw_record(FAKE, raws[1], redriven=True, letter="0@1"),
        replace(to_raw_record(FAKE, raws[0]), headers=headers_of(replace(raws[0], id="a", replay=NEW))),
    )
    assert here.fates == ["published", *["held"] * 6]
    assert range_of(here) == (1, 6, 6)


def test_what_is_held_is_published_when_its_tenant_appears() -> None:
    """The copies have the envelope of what they are copies of, and say where that lies."""
    raws = Raws()
    raws.hear(thing(tenant="stranger", via=Via.WEBHOOK), thing("x"), thing("b", 4, tenant="stranger", do="bad"))
    assert raws.give_back() == 0
    raws.here.tenants = tenants(TABLE, "acme", "stranger")
    assert raws.give_back() == 2
    assert raws.here.fates == ["held", "published", "held", "published", "dead"]
    event, copy = raws.here.events[-1], from_raw_record(raws.log[3].headers, raws.log[3].value)
    assert (event.source, event.data.provenance.via, event.data.provenance.received) == (
        STRANGER,
        "webhook",
        "1970-01-01T00:16:40Z",
    )
    assert (event.data.provenance.raw.offset, copy.held, copy.expired) == (3, "3@0", False)
    assert (raws.here.seen.held, raws.here.seen.next_offset) == ({}, sum(raws.here.seen.totals))
    assert raws.give_back() == 0


def test_copies_that_are_appended_twice_fall_to_their_marks() -> None:
    """A crash between the append and its commit: the stretch is appended again."""
    raws = Raws()
    raws.hear(thing("a", tenant="stranger"), thing("b", tenant="stranger", do="bad"))
    raws.here.tenants = tenants(TABLE, "acme", "stranger")
    before = raws.here.seen.held.copy()
    raws.give_back()
    raws.here.seen.held = before
    raws.give_back()
    assert raws.here.fates == ["held", "held", "published", "dead", "duplicate", "duplicate"]


def test_what_is_held_goes_back_in_stretches_beside_others() -> None:
    """Each stretch shortens the range; live records go on in between, and another tenant's range stays."""
    raws = Raws()
    raws.hear(*(thing(str(n), tenant=("stranger", "other")[n % 2]) for n in range(10)))
    raws.here.tenants = tenants(TABLE, "acme", "stranger")
    assert [raws.give_back(3) for _ in range(3)] == [2, 1, 2]
    assert STRANGER not in raws.here.seen.held
    raws.hear(thing("live", tenant="stranger"))
    assert raws.give_back(3) == 0
    assert raws.here.seen.held == {"/things/other": HeldRange("/things/other", 1, 9, 5, NOW)}
    assert [event.data.native.id for event in raws.here.events] == ["0", "2", "4", "6", "8", "live"]


def test_a_copy_may_be_held_again() -> None:
    """Its tenant is paused while it is on its way: it waits again, and still names the first record."""
    raws = Raws()
    raws.hear(thing(tenant="stranger"))
    raws.here.tenants = tenants(TABLE, "stranger")
    due = {STRANGER: held.NEVER}
    back = held.give_back(raws.here.seen.held, due, raws.log, 1, partition=3, limit=LIMITS.raw_bytes)
    raws.here.tenants = paused("stranger")
    raws.here.seen.held = {}
    raws.decide(raws.here.records(back.copies))
    assert range_of(raws.here) == (1, 1, 1)
    raws.here.tenants = tenants(TABLE, "stranger")
    raws.give_back()
    assert from_raw_record(raws.log[2].headers, b"").held == "3@0"
    assert raws.here.fates == ["held", "held", "published"]


def test_a_held_copy_of_what_was_published_keeps_its_mark_alive() -> None:
    """Held for weeks, it must not come back as news because the mark has expired meanwhile."""
    raws = Raws("acme", "stranger")
    raws.hear(thing(tenant="stranger", text="x"))
    raws.here.tenants = paused("stranger")
    raws.here.now = NOW + 20 * DAY * 1000
    raws.hear(thing(tenant="stranger", text="x"))
    raws.here.tenants, raws.here.now = tenants(TABLE, "acme", "stranger"), NOW + 45 * DAY * 1000
    raws.give_back()
    assert raws.here.fates == ["published", "held", "duplicate"]


def test_a_redriven_record_that_is_held_is_still_redriven_when_it_returns() -> None:
    """If it is still bad it becomes a letter again, not silently a duplicate of its first one."""
    raws = Raws("stranger")
    bad = thing(tenant="stranger", do="bad")
    raws.hear(bad)
    raws.here.tenants = paused("stranger")
    raws.decide(raws.here.records([to_raw_record(FAKE, bad, redriven=True, letter="3@0")]))
    raws.here.tenants = tenants(TABLE, "stranger")
    raws.give_back()
    assert raws.here.fates == ["dead", "held", "dead"]
    assert from_raw_record(raws.log[2].headers, b"").letter == "3@0"


def test_sources_beyond_the_cap_are_dead_letters() -> None:
    """Memory is bounded: what finds no room is kept for a redrive, and sources that are held stay so."""
    here = partition()
    here.hear(FAKE, *(thing(tenant=f"t{n}") for n in range(held.MOST_SOURCES)))
    here.hear(FAKE, thing("b", tenant="t7"), thing(tenant="one-more"), thing("c", tenant="t8"), thing("ok"))
    assert here.fates[-4:] == ["held", "dead", "held", "published"]
    assert len(here.seen.held) == held.MOST_SOURCES
    (letter,) = here.letters
    assert letter.problem.code == "too_many_held"
    assert letter.problem.detail == (
        "records of 1,000 other tenants wait in this partition: configure /things/one-more, then redrive"
    )


def test_a_name_that_no_tenant_can_have_is_not_held() -> None:
    """It would fill memory with what never comes."""
    here = partition()
    here.hear(FAKE, thing(tenant="No Tenant"), thing(tenant="x" * 41))
    assert here.fates == ["dead", "dead"]
    assert {letter.problem.code for letter in here.letters} == {"unknown_tenant"}


def test_what_is_held_too_long_becomes_dead_letters() -> None:
    """Well before raw would lose them; what is younger goes on waiting, and a redrive sends them back."""
    raws = Raws()
    for day, name in ((0, "a"), (0, "b"), (3, "c")):
        raws.here.now = NOW + day * DAY * 1000
        raws.hear(thing(name, tenant="stranger"))
    later = NOW + LIMITS.held_for * 1000
    assert raws.give_back(now=later) == 0
    raws.here.now = later + 1000
    assert raws.give_back(now=later + 1000) == 2
    assert raws.here.fates == [*["held"] * 3, "dead", "dead"]
    problem = raws.here.letters[0].problem
    assert (problem.code, problem.detail) == (
        "held_too_long",
        f"raw would have lost it: configure {STRANGER}, then redrive",
    )
    assert raws.here.seen.held == {STRANGER: HeldRange(STRANGER, 2, 2, 1, NOW + 3 * DAY * 1000)}
    assert raws.give_back(now=later + 1000) == 0
    redriven = to_raw_record(FAKE, from_raw_record(raws.log[3].headers, raws.log[3].value), redriven=True)
    raws.decide(raws.here.records([redriven]))
    assert (raws.here.fates[-1], range_of(raws.here)) == ("held", (2, 5, 2))


def test_a_range_that_begins_later_than_it_says_is_not_due_for_ever() -> None:
    """Where retention took its first records, or a read ended before the first that is young: one turn mends it."""
    raws = Raws()
    for day, name in ((0, "a"), (5, "b"), (6, "c")):
        raws.here.now = NOW + day * DAY * 1000
        raws.hear(thing(name, tenant="stranger"))
    raws.here.now = NOW + (LIMITS.held_for + DAY) * 1000
    young = HeldRange(STRANGER, 1, 2, 2, NOW + 5 * DAY * 1000)
    assert raws.give_back(most=1, now=raws.here.now) == 1
    assert raws.here.seen.held == {STRANGER: replace(young, since=NOW)}
    assert raws.give_back(now=raws.here.now) == 0
    assert raws.here.seen.held == {STRANGER: young}
    assert held.due([young], raws.here.tenants, raws.here.now, LIMITS.held_for) == {}


def test_an_expired_record_whose_tenant_has_come_is_published() -> None:
    """It was marked a moment too early."""
    raws = Raws()
    raws.hear(thing(tenant="stranger"))
    due = {STRANGER: NOW + 1}
    back = held.give_back(raws.here.seen.held, due, raws.log, 1, partition=3, limit=LIMITS.raw_bytes)
    raws.here.tenants = tenants(TABLE, "stranger")
    raws.decide(raws.here.records(back.copies))
    assert raws.here.fates == ["held", "published"]


def test_a_record_that_has_no_room_for_the_mark_goes_back_as_it_was() -> None:
    """The largest record that raw takes is no larger than the first time."""
    raws = Raws()
    raws.hear(thing(tenant="stranger", text="x" * 500))
    size = to_raw_record(FAKE, thing(tenant="stranger", text="x" * 500)).size
    raws.here.tenants = tenants(TABLE, "stranger")
    raws.give_back(limit=size)
    assert raws.here.fates == ["held", "published"]
    assert raws.log[1].headers == raws.log[0].headers


def test_a_quiet_partition_carries_on_what_it_holds() -> None:
    """Where only the newest record of seen is left, it still says what waits."""
    here = partition()
    here.hear(FAKE, thing(tenant="stranger"), thing(tenant="other"))
    seen = Seen()
    seen.apply([decode_record(rewrite(here.seen).seen_value)], 1)
    assert seen.held == here.seen.held
    assert len(seen.held) == 2


def test_what_retention_took_is_no_longer_held() -> None:
    """Ranges begin where raw does; one that lies before that is over."""
    ranges = [HeldRange(source, first, last, 4, NOW) for source, first, last in (("a", 2, 9), ("b", 2, 4), ("c", 7, 8))]
    assert held.cut_off(ranges, 5) == [HeldRange("a", 5, 9, 4, NOW), HeldRange("b", 5, 4, 0, NOW)]


def test_what_retention_took_is_counted_at_most() -> None:
    """Where a range lay in part before the beginning, as many as have room there; of one that is over, all."""
    ranges = [HeldRange(source, first, last, 4, NOW) for source, first, last in (("a", 2, 9), ("b", 1, 4), ("c", 7, 8))]
    lost = held.lost_of([*ranges, HeldRange("d", 1, 4, 0, NOW)], 5)
    assert lost == {"a": 3, "b": 4}
    metrics = HeldMetrics(registry := Registry("1"), lambda source: ("fake", source), lambda: 0.0)
    metrics.count(Returned([], held.cut_off(ranges, 5), [], lost))
    assert [registry.series("headrace_held_lost_total").values["fake", name] for name in "ab"] == [3, 4]


def test_records_are_held_until_a_day_before_raw_loses_them() -> None:
    """Of a retention too short for that, for half of it."""
    assert [held.held_for(days * DAY) // 3600 for days in (30, 7, 2, 1)] == [29 * 24, 6 * 24, 24, 12]


@given(
    st.lists(st.tuples(st.sampled_from(["acme", "b", "c"]), st.sampled_from("xyz"), st.integers(1, 3)), max_size=40),
    st.lists(st.tuples(st.integers(0, 40), st.sets(st.sampled_from("bc"))), max_size=6),
    st.integers(1, 7),
)
def test_pauses_lose_and_double_nothing(
    rows: list[tuple[str, str, int]], pauses: list[tuple[int, set[str]]], most: int
) -> None:
    """Whoever is paused when, and however the stretches are cut: at the end each thing has its last version, once."""
    raws = Raws("acme", "b", "c")
    changes = dict(pauses)
    for number, (tenant, name, version) in enumerate(rows):
        if number in changes:
            raws.here.tenants = Tenants([account(one, paused=one in changes[number]) for one in ("acme", "b", "c")])
        raws.hear(thing(name, version, f"{version}", tenant=tenant))
        raws.give_back(most)
    raws.here.tenants = tenants(TABLE, "acme", "b", "c")
    for _ in range(1_000):
        if not raws.here.seen.held:
            break
        raws.give_back(most)
    assert raws.here.seen.held == {}
    assert raws.here.seen.next_offset == sum(raws.here.seen.totals) == len(raws.log)
    published = [(event.source, event.id) for event in raws.here.events]
    assert len(set(published)) == len(published)
    newest: dict[tuple[str, str], int] = {}
    for tenant, name, version in rows:
        key = f"/things/{tenant}", name
        newest[key] = max(newest.get(key, 0), version)
    last = {(event.source, event.data.native.id): int(event.data.text or 0) for event in raws.here.events}
    assert last == newest
