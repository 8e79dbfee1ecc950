import re

import msgspec
import pytest
from hypothesis import given, strategies as st

from headrace.core.problems import Undecodable
from headrace.records.newer_format import NewerFormat
from headrace.records.raw import (
    HEADER,
    digest,
    digest_of_bytes,
    from_raw_record,
    headers_of,
    identify,
    letter_digest,
    place,
    printable,
    shape_digest,
    to_raw_record,
)
from headrace.sdk.provider import Identity, RawEvent
from headrace_events import Via
from tests.fake_provider import FAKE, thing
from tests.raw_records import through_raw

CONTEXT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
WORDS = st.text(max_size=20)
RAW_EVENTS = st.builds(
    RawEvent,
    provider=WORDS,
    tenant=WORDS,
    resource=WORDS,
    id=WORDS,
    version=st.none() | st.just("unknown") | st.integers(1, 2**63 - 1),
    shape=WORDS,
    via=st.sampled_from(Via),
    received=st.integers(0, 253_402_300_799_999),
    hint=WORDS,
    delivery=WORDS,
    replay=WORDS,
    replaces=WORDS,
    becomes=WORDS,
    later=st.booleans(),
    redriven=st.booleans(),
    letter=WORDS,
    as_told=st.booleans(),
    twin=st.booleans(),
    swept=st.booleans(),
    held=st.text(max_size=5),
    expired=st.booleans(),
    traceparent=WORDS,
    value=st.binary(max_size=20),
)


@given(RAW_EVENTS)
def test_a_raw_event_comes_back_as_it_was(raw: RawEvent) -> None:
    """Whatever the words in it are, the header carries all of them, and the value the bytes."""
    assert from_raw_record(headers_of(raw), raw.value) == raw


def test_a_record_keeps_every_field_but_those_of_copies() -> None:
    """What is set on its way into raw is named here; a field that is added later is kept, or stands in this list."""
    raw = msgspec.structs.replace(
        thing("a", 3, via=Via.WEBHOOK), resource="r", id="i", version=7, hint="h", delivery="d", replay="m",
        replaces="s", becomes="e", later=True, redriven=True, letter="0@1", as_told=True, twin=True, swept=True,
        held="0@2", expired=True, traceparent="t",
    )  # fmt: skip
    bare = RawEvent(provider="", tenant="", shape="", via=Via.POLL, received=0)
    names = RawEvent.__struct_fields__
    assert [name for name in names if getattr(raw, name) == getattr(bare, name)] == []
    out = to_raw_record(FAKE, raw)
    back = from_raw_record(out.headers, out.value)
    of_copies = {"replay", "replaces", "becomes", "later", "redriven", "letter", "held", "expired"}
    assert {name for name in names if getattr(back, name) != getattr(raw, name)} == of_copies | {
        "resource",
        "id",
        "version",
    }


def test_promise_7_nothing_but_the_fields_of_a_raw_event_travel() -> None:
    """Raw's headers are one, and it holds the fields of a raw event alone: no header of a request gets in."""
    allowed = {
        "provider", "tenant", "resource", "id", "version", "shape", "via", "received", "hint", "delivery", "replay",
        "replaces", "becomes", "later", "redriven", "letter", "as_told", "twin", "swept", "held", "expired",
        "traceparent",
    }  # fmt: skip
    out = to_raw_record(FAKE, thing("a", 3, "x", via=Via.WEBHOOK))
    ((header, value),) = out.headers
    assert (header, value[:1]) == (HEADER, b"\x01")
    written = msgspec.json.decode(value[1:])
    assert written.keys() <= allowed
    assert written == {
        "provider": "things",
        "tenant": "acme",
        "resource": "thing",
        "id": "a",
        "version": 3,
        "shape": "row",
        "via": "webhook",
        "received": 1_000_000,
    }
    assert {field.name for field in msgspec.structs.fields(RawEvent)} == allowed | {"value"}


def test_the_bytes_are_untouched() -> None:
    """What the provider sent is the value, whatever stands in it."""
    raw = thing("a", 3, "  ünïcode  ", odd=[1.50, None])
    assert to_raw_record(FAKE, raw).value == raw.value


def test_what_comes_in_is_what_comes_out() -> None:
    """The raw event and its identity are the same behind raw as before it."""
    raw = msgspec.structs.replace(thing("a", 3, "x"), hint="created", delivery="d-1")
    named = through_raw(FAKE, raw)
    assert named == msgspec.structs.replace(raw, resource="thing", id="a", version=3)
    assert named.identity == Identity("thing", "a", 3)


PLACES = {
    ("/toy/acme", "thing", "a"): ("2c79b57a7bdbfbf4f86e6c11b31251e3", 0, 30),
    ("/toy/acme", "thing", "186229"): ("906fa8db8e7ad4452591f87a593317d5", 5, 47),
    ("/toy/acme-eu", "activity", "5c92870f-a337-458f-8be1-0e2458513051"): ("ca180f135542511b220c122b11096b61", 3, 29),
    ("/toy/acme", "thing", "ünïcode"): ("6ea563ea03282819f4f5bbb59da417a6", 5, 41),
}
"""Source, resource and id to digest, and to the partition of 12 and of 50."""


@pytest.mark.parametrize(("named", "expected"), PLACES.items())
def test_an_id_is_placed_where_it_always_was(named: tuple[str, str, str], expected: tuple[str, int, int]) -> None:
    """Placement is part of the data: another digest would tear ids from their marks."""
    key = digest(*named)
    assert (key.hex(), place(key, 12), place(key, 50)) == expected


def test_bytes_without_a_name_are_placed_by_themselves() -> None:
    """The same bytes have the same place, and a mark of their own for each code version and mapping."""
    assert digest_of_bytes(b"{").hex() == "4f05905cfd77208c72fbc6df2687f095"
    assert digest_of_bytes(b"{", "0.1.0 9f2c41d0").hex() == "1162cf6bb4e691a62ab5f25f206bef75"
    assert digest_of_bytes(b"{", "0.1.0 " + "9" * 60 + "a") != digest_of_bytes(b"{", "0.1.0 " + "9" * 60 + "b")


def test_parts_of_a_name_do_not_run_together() -> None:
    """Resource and id are distinguished even where their letters are the same."""
    assert digest("/things/acme", "ab", "c") != digest("/things/acme", "a", "bc")


@given(st.binary(min_size=16, max_size=16), st.integers(1, 1000))
def test_a_place_exists(key: bytes, partitions: int) -> None:
    """Every key has a partition."""
    assert 0 <= place(key, partitions) < partitions


def test_places_are_even() -> None:
    """A thousand ids leave no partition of twelve far from the middle."""
    places = [place(digest("/things/acme", "thing", str(n)), 12) for n in range(1_200)]
    assert all(60 < places.count(partition) < 140 for partition in range(12))


@pytest.mark.parametrize("shape", ["row", "hook", "fact"])
def test_all_shapes_of_a_thing_have_one_key(shape: str) -> None:
    """Webhook and poll meet in one partition, under one mark."""
    assert to_raw_record(FAKE, thing("a", 3, shape=shape)).key == digest("/things/acme", "thing", "a")


@pytest.mark.parametrize(
    "value", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"id": "a", "v": 99999999999999999999}', b"null"]
)
def test_promise_6_what_has_no_name_comes_in_all_the_same(value: bytes) -> None:
    """Bytes that nobody can read are kept, placed by their digest, and their header carries no name."""
    out = to_raw_record(FAKE, msgspec.structs.replace(thing(), value=value))
    assert (out.key, out.value) == (digest_of_bytes(value), value)
    assert from_raw_record(out.headers, out.value).identity is None


def test_promise_6_a_mistake_of_ours_keeps_the_bytes() -> None:
    """Whatever goes wrong while a record is named, it is appended."""
    assert through_raw(FAKE, thing(do="nameless")).identity is None


@pytest.mark.parametrize("version", [0, -1, 2**63, 2**70])
def test_a_version_that_no_mark_can_keep_is_refused(version: int) -> None:
    """A provider's number must be sortable in 63 bits, or the record has no name."""
    with pytest.raises(Undecodable, match="out of range"):
        identify(FAKE, thing(v=version))


def test_a_redriven_record_says_so() -> None:
    """A dead letter that was sent back is distinguished from what comes in live."""
    assert through_raw(FAKE, thing(), redriven=True).redriven


@pytest.mark.parametrize("headers", [[], [("other", b"\x01{}")], [(HEADER, b"")]])
def test_a_record_without_our_header(headers: list[tuple[str, bytes]]) -> None:
    """A record that we did not append is distinguished from ours."""
    with pytest.raises(LookupError, match="nothing but Headrace may write to raw"):
        from_raw_record(headers, b"")


def test_a_raw_record_of_a_newer_program() -> None:
    """A format that is not known yet is refused with a sentence on what to do."""
    with pytest.raises(NewerFormat, match=re.escape("format 02, this program reads 1: upgrade it")):
        from_raw_record([(HEADER, b"\x02{}")], b"")


def test_a_raw_record_with_a_field_of_tomorrow() -> None:
    """A field that is added later does not stop an older program."""
    value = to_raw_record(FAKE, thing()).headers[0][1].replace(b'{"provider"', b'{"novel":[1],"provider"')
    assert from_raw_record([(HEADER, value)], b"").provider == "things"


def test_shapes_fit_a_mark() -> None:
    """A shape's name becomes 16 bits that never change."""
    assert [shape_digest(shape) for shape in ("row", "detail", "hook")] == [63195, 32659, 17237]


@pytest.mark.parametrize("odd", ["\udcff", "job-\udc80\udcff", "x\ud800", "é\udce9", "x" * 5_000, "\udcff" * 500])
def test_promise_6_whatever_a_header_held_comes_in(odd: str) -> None:
    """A hint or delivery that cannot be encoded, or is long, is kept as a text that fits the header."""
    raw = msgspec.structs.replace(thing("a", 3, "x"), hint=odd, delivery=odd)
    named = through_raw(FAKE, raw)
    assert named.hint == named.delivery == printable(odd)
    assert 0 < len(named.hint) <= 256
    assert named.identity == Identity("thing", "a", 3)


@given(st.text(st.characters(exclude_categories=()), max_size=600))
def test_what_is_printable_stays_as_it_is(odd: str) -> None:
    """A record that is redriven keeps the words that it was admitted with."""
    once = printable(odd)
    assert printable(once) == once
    assert once.encode().decode() == once


def test_words_that_differ_stay_different() -> None:
    """Neither the cut nor the replacement makes one delivery of two."""
    odd = ["\udcff", "\udcfe", "?", "x" * 300 + "a", "x" * 300 + "b", "x" * 256, "é"]
    assert len({printable(word) for word in odd}) == len(odd)
    assert printable("é" * 256) == "é" * 256


def test_what_an_older_program_wrote_is_read_and_it_reads_what_we_write() -> None:
    """A record without a trace is as it always was, byte for byte; with one, the header has one key more."""
    raw = thing("a", 3, via=Via.WEBHOOK)
    ((_, plain),) = to_raw_record(FAKE, raw).headers
    ((_, traced),) = to_raw_record(FAKE, msgspec.structs.replace(raw, traceparent=CONTEXT)).headers
    assert plain == (
        b'\x01{"provider":"things","tenant":"acme","resource":"thing","id":"a","version":3,"shape":"row",'
        b'"via":"webhook","received":1000000}'
    )
    assert traced == plain[:-1] + b',"traceparent":"%b"}' % CONTEXT.encode()
    assert from_raw_record([(HEADER, plain)], b"").traceparent == ""
    older = msgspec.defstruct("Older", [(name, object) for name in ("provider", "resource", "received")])
    read = msgspec.to_builtins(msgspec.json.decode(traced[1:], type=older))
    assert read == {"provider": "things", "resource": "thing", "received": 1_000_000}


def test_a_trace_moves_no_record() -> None:
    """The place of a record is that of its id, or of its bytes where it has none, whatever trace it is part of."""
    for raw in (thing("a", 3), thing("b", do="nameless")):
        traced = msgspec.structs.replace(raw, traceparent=CONTEXT)
        assert to_raw_record(FAKE, traced).key == to_raw_record(FAKE, raw).key
        assert letter_digest(traced) == letter_digest(raw)
