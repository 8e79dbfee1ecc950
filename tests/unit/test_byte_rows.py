"""How bytes look on a terminal, with a place underlined."""

import pytest

from headrace.cli._byte_rows import all_rows, rows_around


def drawn(value: bytes, begin: int, end: int) -> list[str]:
    """Return the lines around a place, those that underline it among them."""
    return [line for row in rows_around(value, begin, end) for line in (row.text, row.underline) if line]


def test_a_value_is_underlined_among_its_lines() -> None:
    """Two lines of context stand before and behind it."""
    value = b'{\n  "a": 1,\n  "b": 2,\n  "when": "soon",\n  "c": 3,\n  "d": 4,\n  "e": 5\n}\n'
    begin = value.index(b'"soon"')
    assert drawn(value, begin, begin + 6) == [
        '  "a": 1,', '  "b": 2,', '  "when": "soon",', "          ^^^^^^", '  "c": 3,', '  "d": 4,',
    ]  # fmt: skip


def test_a_long_line_is_cut_behind_commas() -> None:
    """Rows fit a terminal of 80 columns, and say where they begin."""
    value = b"{" + b", ".join(b'"key%03d": %d' % (n, n) for n in range(300)) + b"}"
    begin = value.index(b'"key200": 200')
    rows = rows_around(value, begin, begin + 13)
    assert "".join(row.text for row in rows) in value.decode()
    assert all(len(row.text) <= 68 for row in rows)
    (marked,) = (row for row in rows if row.underline)
    assert value[marked.begin + marked.underline.index("^") :].startswith(b'"key200": 200')


@pytest.mark.parametrize(
    ("value", "place", "lines"),
    [
        (b'{"a": "\x1b[31m"}', (6, 13), ['{"a": "\\u001b[31m"}', "      ^^^^^^^^^^^^"]),
        ('{"ä": "日本", "b": 1}'.encode(), (22, 23), ['{"ä": "日本", "b": 1}', "                   ^"]),
        (b'{"a": "\xff"}', (7, 8), ['{"a": "\\xff"}', "       ^^^^"]),
        (b'{"a": 1', (7, 7), ['{"a": 1', "       ^"]),
        (b"", (0, 1), ["^"]),
    ],
)
def test_the_mark_stands_below_what_it_marks(value: bytes, place: tuple[int, int], lines: list[str]) -> None:
    """Escapes are wider than their byte, letters of East Asia take two columns, and an end has a column too."""
    assert drawn(value, *place) == lines


def test_what_is_no_text_is_shown_as_numbers() -> None:
    """A dump shows the bytes, and nothing that a terminal would obey."""
    lines = drawn(bytes(range(64)), 18, 20)
    assert lines[2] == "      ^^ ^^"
    assert lines[1].startswith("10 11 12 13 ")
    assert all(line.isprintable() and line.isascii() for line in lines)


def test_a_long_place_shows_its_beginning() -> None:
    """A place of a megabyte is no page of a megabyte, but all of it can be had."""
    value = b"[" + b"1," * 500_000 + b"1]"
    assert len(rows_around(value, 0, len(value))) == 5
    assert "".join(row.text for row in all_rows(value, 0, 1)) == value.decode()
