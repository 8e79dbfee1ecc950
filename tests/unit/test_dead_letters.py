import msgspec
import pytest

from headrace.core.record import ProducerRecord
from headrace.normalizer.commit import CommitLimits
from headrace.normalizer.decide import refuse
from headrace.records.newer_format import NewerFormat
from headrace.records.raw import HEADER, headers_of, to_raw_record
from headrace.sdk.provider import RawEvent
from headrace_events import Via, decode_dead_letter
from tests.fake_provider import FAKE, NEW, OLD, OTHER_TABLE, tenants, thing
from tests.unit.partition import LIMITS, NOW, Raw, partition


def test_promise_4_what_cannot_be_decoded_becomes_a_letter_with_its_bytes_and_a_pointer() -> None:
    """The raw record's key, bytes and header are kept as they were, and a problem stands beside them."""
    here = partition()
    record = here.records([to_raw_record(FAKE, thing(v=1, text="?", do="bad"))])[0]
    commit = here.decide([record])
    letter = commit.letters[0]
    dead = decode_dead_letter(letter.headers)
    assert (letter.key, letter.value, letter.headers[0], letter.partition) == (
        record.key, record.value, record.headers[0], 3,
    )  # fmt: skip
    assert (dead.problem.code, dead.problem.source and dead.problem.source.pointer) == ("bad_value", "$.text")
    assert (dead.source, dead.resource, dead.id, dead.via) == ("/things/acme", "thing", "a", "poll")
    assert (dead.raw.offset, dead.mapping, dead.recordedtime) == (0, OLD, "2027-01-15T08:00:00Z")


def test_a_letter_is_not_remembered_as_seen() -> None:
    """What could not be read is published when the same version can be read."""
    here = partition()
    here.hear(FAKE, thing(v=1, text="x", do="bad"))
    here.hear(FAKE, thing(v=1, text="x"))
    assert here.fates == ["dead", "published"]


def test_promise_6_any_exception_of_one_record_stays_one() -> None:
    """A mistake of ours on one record costs that record, and its text, which may quote the payload, is not shown."""
    here = partition()
    here.hear(FAKE, thing("a", 1), thing("b", 1, "confidential", do="break"), thing("c", 1))
    assert here.fates == ["published", "dead", "published"]
    assert here.letters[0].problem.code == "internal"
    assert "RuntimeError" in here.letters[0].problem.detail
    assert "confidential" not in str(here.letters[0].problem)


def test_promise_6_a_record_without_a_name_becomes_a_letter() -> None:
    """Bytes that carry no name are placed by themselves and reported with the place where reading ended."""
    here = partition()
    commit = here.hear(FAKE, msgspec.structs.replace(thing(), value=b'{"id": "a"'), thing("b", 1))
    assert here.fates == ["dead", "published"]
    source = here.letters[0].problem.source
    assert (here.letters[0].id, source and source.offset) == (None, 10)
    assert len(commit.letters[0].key) == 16


def test_a_mistake_in_naming_is_reported_too() -> None:
    """Even where our own code fails to name a record, its bytes are kept."""
    here = partition()
    here.hear(FAKE, thing(do="nameless"))
    assert (here.fates, here.letters[0].problem.code) == (["dead"], "internal")


def test_a_version_that_no_mark_can_keep_becomes_a_letter() -> None:
    """A number beyond 63 bits neither stops the batch nor is cut."""
    here = partition()
    here.hear(FAKE, thing(v=2**63), thing("b", -1), thing("c", 2**63 - 1))
    assert here.fates == ["dead", "dead", "published"]
    assert "out of range" in here.letters[0].problem.detail


def test_what_could_not_be_named_and_now_can_is_to_be_redriven() -> None:
    """A record whose name a newer program would find says so."""
    here = partition()
    out = to_raw_record(FAKE, thing(v=1))
    raw = RawEvent(provider="things", tenant="acme", shape="row", via=Via.POLL, received=1)
    here.take(ProducerRecord(out.key, out.value, headers_of(raw)))
    assert (here.fates, here.letters[0].problem.code) == (["dead"], "unnamed")


def test_the_same_bad_bytes_make_one_letter() -> None:
    """A bad row in a look-back makes one letter, not one a minute; other bytes make another."""
    here = partition()
    here.hear(FAKE, thing(v=1, do="bad"), thing(v=1, do="bad"))
    here.hear(FAKE, thing(v=1, do="bad"), thing(v=2, do="bad"))
    assert here.fates == ["dead", "duplicate", "duplicate", "dead"]
    assert len(here.letters) == 2


def test_the_same_bad_bytes_of_two_tenants_make_two_letters() -> None:
    """A tenant's letter is not hidden behind another tenant's."""
    here = partition("acme", "birch")
    here.hear(FAKE, thing(v=1, do="bad"), thing(v=1, do="bad", tenant="birch"))
    assert [letter.source for letter in here.letters] == [
        "/things/acme",
        "/things/birch",
    ]


def alike(**beside: str) -> ProducerRecord:
    """Return a bad record whose bytes are always the same, and which has a name where `id` gives it one."""
    raw = RawEvent(provider=FAKE.name, tenant="acme", shape="row", value=b"{}", via=Via.WEBHOOK, received=1)
    raw = msgspec.structs.replace(raw, resource="thing" if "id" in beside else "", **beside)
    return ProducerRecord(b"k" * 16, raw.value, headers_of(raw))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"id": "run-1"}, {"id": "run-2"}),
        ({"id": "a", "hint": "stage_changed"}, {"id": "a", "hint": "owner_changed"}),
        ({"hint": "stage_changed"}, {"hint": "owner_changed"}),
        ({"delivery": "run-1"}, {"delivery": "run-2"}),
        ({"id": "a", "shape": "row"}, {"id": "a", "shape": "hook"}),
        ({"id": "a b", "hint": "c"}, {"id": "a", "hint": "b c"}),
    ],
)
def test_two_facts_with_equal_bytes_make_two_letters(one: dict[str, str], other: dict[str, str]) -> None:
    """What is read beside the bytes tells two facts apart, and each of them is one letter however often it comes."""
    here = partition()
    here.take(alike(**one), alike(**other), alike(**one))
    here.take(alike(**other))
    assert here.fates == ["dead", "dead", "duplicate", "duplicate"]


def test_one_named_fact_makes_one_letter_whatever_delivers_it() -> None:
    """A platform that tries again may give each attempt an id of its own."""
    here = partition()
    here.take(alike(id="a", delivery="first"), alike(id="a", delivery="again"))
    assert here.fates == ["dead", "duplicate"]


def test_another_mapping_is_another_chance_for_bad_bytes() -> None:
    """After a change of the table the same bytes make a letter again, that names the new mapping."""
    here = partition()
    here.hear(FAKE, thing(v=1, do="bad"))
    here.tenants = tenants(OTHER_TABLE)
    here.hear(FAKE, thing(v=1, do="bad"))
    assert [letter.mapping for letter in here.letters] == [OLD, NEW]


def test_a_redriven_record_ignores_the_mark_of_its_letter() -> None:
    """What is still bad after a redrive is a letter again, not silently a duplicate."""
    here = partition()
    here.hear(FAKE, thing(v=1, do="bad"))
    here.take(to_raw_record(FAKE, thing(v=1, do="bad"), redriven=True))
    assert here.fates == ["dead", "dead"]


def test_promise_6_an_unknown_tenant_costs_nobody_else() -> None:
    """A record of a name that no tenant can have is kept for a redrive; others wait for theirs (test_held.py)."""
    here = partition()
    here.hear(FAKE, thing(v=1, tenant="No Tenant"), thing(v=1))
    assert here.fates == ["dead", "published"]
    problem = here.letters[0].problem
    assert (problem.code, problem.detail) == ("unknown_tenant", "configure /things/No Tenant, then redrive")


GOOD = to_raw_record(FAKE, thing(v=1))


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
    here.hear(FAKE, thing("z", 1))
    mine = here.records([to_raw_record(FAKE, thing("b", 1))] * 3)
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
    here = partition(limits=CommitLimits("headrace.raw", 3, event_bytes=5_000))
    here.hear(FAKE, thing(v=1, size=10_000), thing("b", 1, size=100))
    assert here.fates == ["dead", "published"]
    assert here.letters[0].problem.code == "too_large"
    assert "takes 5000" in here.letters[0].problem.detail
    here.limits = LIMITS
    here.take(to_raw_record(FAKE, thing(v=1, size=10_000), redriven=True))
    assert here.fates[-1] == "published"


@pytest.mark.parametrize("headers", [GOOD.headers, []])
def test_what_kafka_refuses_twice_becomes_a_letter(headers: list[tuple[str, bytes]]) -> None:
    """The one record of a bisected batch is put aside, and the partition goes on."""
    here = partition()
    commit = refuse(Raw(0, NOW, GOOD.key, GOOD.value, headers), here.seen, here.tenants, LIMITS, NOW)
    assert (commit.fates, commit.next_offset) == ({"dead": 1}, 1)
    assert decode_dead_letter(commit.letters[0].headers).problem.code == "unwritable"
