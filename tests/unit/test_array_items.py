"""Arrays are cut into their items one after the other, byte for byte, and no further than somebody takes them."""

import random
import tracemalloc
from itertools import islice

import msgspec
import pytest

from headrace.providers.leadping import cut as leadping
from headrace.providers.leadsquared.cut import cut as leadsquared
from headrace.sdk.array_items import array_items
from headrace.sdk.faults import TooHeavy
from headrace.sdk.limits import MOST_RECORDS
from headrace.sdk.page_size import rows_of

MANY = 500_000
PIECES = (b"{}", b'{"a,b":[1,{"c":"]}"}]}', b"[[],{}]", b"-1.5e3", b"null", b'""', b'"\\""', b'"\\\\"', b'"\\\\\\",["')
CRUEL = (b"[1,2", b'["]', b'["\\"]', b"[1,2]]", b"[1,}", b"[1,{]", b"[1],2", b'{"a":[1,2]}', b"")


@pytest.mark.parametrize("seed", range(5))
def test_items_come_byte_for_byte(seed: int) -> None:
    """Whatever stands in strings and below, and whatever space lies between: the same as a decoder of the whole."""
    rng = random.Random(seed)
    space = (b"", b" ", b"\n\t", b"\r ")
    for count in (0, 1, 2, 3_000, 60_000):
        items = [rng.choice(PIECES) for _ in range(count)]
        gaps = (rng.choice(space) + item + rng.choice(space) for item in items)
        array = rng.choice(space) + b"[" + b",".join(gaps) + b"]" + rng.choice(space)
        assert list(array_items(array)) == items
        assert [bytes(raw) for raw in msgspec.json.decode(array, type=list[msgspec.Raw])] == items


@pytest.mark.parametrize("array", CRUEL)
@pytest.mark.parametrize("long", [False, True])
def test_what_is_no_array_is_refused_before_the_first_item(array: bytes, long: bool) -> None:  # noqa: FBT001  (a parameter)
    """However far behind the fault lies, nothing is cut of such a body."""
    with pytest.raises(msgspec.DecodeError):
        array_items(b"[" + b"1," * 60_000 + array[1:] if long else array)


@pytest.mark.parametrize("item", [b"{}", b"[]", b"1", b'""', b'{"id":"a"}'])
def test_no_more_is_built_than_is_taken(item: bytes) -> None:
    """Half a million items, of which ten thousand and one are taken, cost the array and those."""
    array = b"[" + b",".join([item] * MANY) + b"]"
    id_pointer = leadping.automation  # takes a record only with an id
    for attack in (
        lambda: list(islice(array_items(array), MOST_RECORDS + 1)),
        lambda: list(islice(leadsquared(array), MOST_RECORDS + 1)),
        lambda: list(islice(leadsquared(b'{"List":' + array + b"}"), MOST_RECORDS + 1)),
        lambda: list(islice(leadping.cut(array), MOST_RECORDS + 1)),
        lambda: id_pointer(b'{"event":' + array + b"}", "/event", MOST_RECORDS),
    ):
        tracemalloc.start()
        taken = len(attack())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert taken in (1, MOST_RECORDS + 1)  # 1: no record, so the automation's body as it is
        assert peak < 4 * len(array) + 500 * MOST_RECORDS


def test_a_page_has_so_many_rows_at_most() -> None:
    """A page of more is too heavy, whatever was asked for; one that has exactly so many is taken."""
    assert len(rows_of(b"[" + b",".join([b"1"] * MOST_RECORDS) + b"]")) == MOST_RECORDS
    with pytest.raises(TooHeavy):
        rows_of(b"[" + b",".join([b"1"] * (MOST_RECORDS + 1)) + b"]")
    assert rows_of(b"null") == rows_of(b"[]") == []
