"""Bodies are cut by their structure: valid ones as a decoder cuts them, and of damaged ones all that is good."""

import asyncio
import json
import time
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from headrace.sdk.array_items import array_items
from headrace.sdk.faults import Unavailable
from headrace.sdk.http_status import is_object
from headrace.sdk.json_structure import UnsoundError, is_sound, members, parts, without_bom
from headrace.sdk.pages import Page, open_page

BROKEN: dict[str, bytes] = {
    "half a surrogate pair": rb'{"a":"cut \ud83d"}',
    "the other half": rb'{"a":"\ude00 cut"}',
    "two first halves": rb'{"a":"\ud83d\ud83d\\"}',
    "a control character": b'{"a":"x\x01y"}',
    "a raw line end": b'{"a":"x\ny"}',
    "a bad escape": rb'{"a":"\x41 \"]"}',
    "a short escape": rb'{"a":"\u12"}',
    "NaN": b'{"a":NaN}',
    "Infinity": b"[-Infinity]",
    "too deep": b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "invalid UTF-8": b'{"a":"\xff\xed\xa0\x80", "b":NaN}',
    "no value": b'{"a":}',
    "no quotes": b"{a:1}",
    "brackets of two kinds": b'{"a":[1}}',
    "a template": b'{"a":{{id}} }',
    "a bare word": b"undefined",
    "two values": b'{"a":1} {"b":2}',
}
"""What no decoder takes, and what still has an end."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SPACE = st.text(" \t\r\n", max_size=2).map(str.encode)
LAYOUT = st.sampled_from([(", ", ": "), (",", ":"), (" ,\n", "\t: ")])


def written(value: Any, layout: tuple[str, str], *, ascii_only: bool) -> bytes:
    """Return JSON in one of the forms that it may have."""
    return json.dumps(value, separators=layout, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


class _Page(Page):
    next: str | None = None


PAGE = msgspec.json.Decoder(_Page)


@given(st.lists(JSON, max_size=6), SPACE, LAYOUT, st.booleans())
def test_a_valid_array_is_cut_as_a_decoder_cuts_it(
    values: list[Any],
    space: bytes,
    layout: tuple[str, str],
    ascii_only: bool,  # noqa: FBT001  (drawn)
) -> None:
    """The same items, byte for byte, whichever way they went."""
    array = space + written(values, layout, ascii_only=ascii_only) + space
    found = list(parts(array, b"["))
    assert list(map(json.loads, found)) == json.loads(array)
    assert found == [bytes(raw) for raw in msgspec.json.decode(array, type=list[msgspec.Raw])]


@given(st.dictionaries(st.text(), JSON, max_size=6), SPACE, LAYOUT, st.booleans())
def test_a_valid_object_is_cut_as_a_decoder_cuts_it(
    values: dict[str, Any],
    space: bytes,
    layout: tuple[str, str],
    ascii_only: bool,  # noqa: FBT001  (drawn)
) -> None:
    """The same names and values."""
    found = members(space + written(values, layout, ascii_only=ascii_only) + space)
    assert {name: json.loads(value) for name, value in found.items()} == values


@given(st.lists(JSON.map(json.dumps).map(str.encode) | st.sampled_from(list(BROKEN.values())), min_size=1))
def test_the_good_items_always_come_out(items: list[bytes]) -> None:
    """Whatever is broken in some, all items come, in their order, with the bytes that they had."""
    array = b"[" + b" ,\n".join(items) + b"]"
    assert list(array_items(array)) == items
    assert members(b'{"a":1,"rows":' + array + b"}")["rows"] == array


@given(st.lists(JSON.map(json.dumps).map(str.encode), min_size=1), st.data())
def test_what_was_cut_off_is_no_array(items: list[bytes], data: st.DataObject) -> None:
    """Nothing is cut of an array without its end: nobody can say what else it had."""
    array = b"[" + b",".join(items) + b"]"
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        array_items(array[: data.draw(st.integers(0, len(array) - 1))])


@given(st.binary(max_size=60) | st.text(r'[]{}",:\ a1', max_size=60).map(str.encode))
def test_anything_else_is_cut_or_refused(text: bytes) -> None:
    """Random text has parts that stand in it one behind the other, or no structure; nothing else is raised."""
    for opening in (b"[", b"{"):
        at = 0
        try:
            for part in parts(text, opening):
                assert part
                at = text.index(part, at) + len(part)
        except UnsoundError:
            assert not is_sound(text, opening)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_item_is_one_of_many(broken: bytes) -> None:
    """In short arrays and in long ones, which are cut otherwise."""
    for good in (1, 3_000):
        items = [b'{"id":1}'] * good + [broken] + [b'{"id":2}'] * good
        assert list(array_items(b"[" + b",".join(items) + b"]")) == items


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_page_with_a_broken_row_is_a_page(broken: bytes) -> None:
    """All rows come, and what stands beside them; what is broken beside them and not needed does no harm."""
    rows = [b'{"id":1}', broken, b"null", b'{"id":2}']
    body = b'{"next":"t","other":' + broken + b',"rows":[' + b",".join(rows) + b"]}"
    page, found = await open_page(PAGE, body)
    assert is_object(body)
    assert (page.next, found) == ("t", rows)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"rows":[{"a":"b"},{"c":',
        b'{"rows":[{"a":"b"},{"c":"\\ud83d"}',
        b'{"rows":[{"a":NaN}]',
        b'{"rows":[1}}',
        b'{"rows":{"a":NaN}}',
        b'{"data":[NaN]}',
        b'{"rows":[NaN],"next":"\\ud83d"}',
        b'{"rows":[NaN]}]',
        b"[NaN]",
        b"[" * 100_000,
        b"",
    ],
)
async def test_what_is_no_page_is_asked_for_again(body: bytes) -> None:
    """HTML, what was cut off, and pages whose next page cannot be told, are faults."""
    with pytest.raises(Unavailable, match="has no list rows"):
        await open_page(PAGE, body)


async def test_the_loop_goes_on_while_a_damaged_page_is_cut() -> None:
    """Others run between the slices."""
    body = b'{"rows":[' + b",".join([b'{"a":[NaN,"\\""]}'] * 9_000) + b"]}"
    opened = asyncio.create_task(open_page(PAGE, body))
    turns = 0
    while not opened.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(opened.result()[1]) == 9_000
    assert turns > 9_000 * 6 // 5_000


@pytest.mark.parametrize(
    "unit", [b"[", b"[],", b'"",', b'"\\",', b"\\", b'\\"', b"{", b'{"', b'["\\\\",'], ids=lambda unit: unit.decode()
)
def test_no_text_takes_more_than_its_length(unit: bytes) -> None:
    """Four times as much takes four times as long, not sixteen times, and no memory beside the parts."""

    def seconds(size: int) -> float:
        text = b"[" + b'"' * (unit[0] == ord("\\")) + unit * (size // len(unit))
        begun = time.process_time()
        is_sound(text, b"[")
        return time.process_time() - begun

    short = min(seconds(50_000) for _ in range(3))
    assert min(seconds(200_000) for _ in range(3)) < 9 * short + 0.01
    tracemalloc.start()
    seconds(200_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 700_000


def test_a_byte_order_mark_is_no_part_of_a_body() -> None:
    """One at the beginning; anywhere else it is a character."""
    assert without_bom(b"\xef\xbb\xbf{}") == without_bom(b"{}") == b"{}"
    assert without_bom(b'"\xef\xbb\xbf"') == b'"\xef\xbb\xbf"'
