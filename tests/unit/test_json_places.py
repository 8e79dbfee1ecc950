"""Where a path leads in the bytes of a JSON text."""

import pytest

from headrace.core.json_places import find_place

TEXT = b'{"a": {"b": [1, {"c,]": "x\\"}"}, 3 ]}, "d\\u0065": null, "e": {}}\n'


@pytest.mark.parametrize(
    ("pointer", "found", "missing"),
    [
        ("$", TEXT.strip(), ""),
        ("$.a.b", b'[1, {"c,]": "x\\"}"}, 3 ]', ""),
        ("$.a.b[2]", b"3", ""),
        ("$.a.b[1].c,]", b'"x\\"}"', ""),
        ("$.a[...]", b'[1, {"c,]": "x\\"}"}, 3 ]', ""),
        ("$.de", b"null", ""),
        ("$.e.id", b"{}", "id"),
        ("$.a.b[7].x", b'[1, {"c,]": "x\\"}"}, 3 ]', "[7].x"),
        ("$.row.id", TEXT.strip(), "row.id"),
        ("$.de.x", b"null", "x"),
    ],
)
def test_a_path_leads_to_the_deepest_value_on_it(pointer: str, found: bytes, missing: str) -> None:
    """What is missing is named, and its place is what should hold it."""
    place = find_place(TEXT, pointer)
    assert (TEXT[place.begin : place.end], place.missing) == (found, missing)


@pytest.mark.parametrize("text", [b"", b"  ", b"{", b'{"a', b'{"a": [1', b"}{", b'"a"', b"\xff\xfe", b"[" * 5000])
def test_what_is_broken_leads_somewhere(text: bytes) -> None:
    """No text is too broken to be shown."""
    place = find_place(text, "$.a.b[0].c")
    assert 0 <= place.begin <= place.end <= len(text)


def test_a_value_behind_broken_ones_is_found() -> None:
    """Half a surrogate pair and NaN do not hide what stands behind them."""
    text = b'{"a": "\\ud800", "n": NaN, "b": 12}'
    place = find_place(text, "$.b")
    assert text[place.begin : place.end] == b"12"
