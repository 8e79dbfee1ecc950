"""What templates are filled with: text that is only text, whatever its size, depth or letters."""

import pytest

from headrace.cli._byte_rows import all_rows
from headrace.console.letter_page import cut_row
from headrace.console.rendering import ago, render, sentence, text_of

EVIL = '<script>alert("x")</script>'


def test_bytes_are_shown_as_text() -> None:
    """JSON is indented; what is none, or no text, is shown as it is."""
    assert str(text_of(b'{"a":[1]}')) == "{\n  &#34;a&#34;: [\n    1\n  ]\n}"
    assert "&lt;script&gt;" in text_of(EVIL.encode())
    assert str(text_of(b"\xff\x00")) == "\N{REPLACEMENT CHARACTER}\\u0000"


@pytest.mark.parametrize("depth", [41, 900, 100_000])
def test_what_is_nested_deep_is_not_indented(depth: int) -> None:
    """Each level costs every line: 200 kB could become a gigabyte."""
    value = b"[" * depth + b"]" * depth
    assert len(text_of(value)) == len(value)


def test_a_time_that_is_none_is_shown_as_it_is() -> None:
    """A record that somebody else wrote makes no page fail."""
    assert ago("yesterday") == "at yesterday"


def test_only_commands_are_marked_in_a_sentence() -> None:
    """Whatever stands between the marks."""
    assert str(sentence(f"run `headrace {EVIL}`")) == (
        "run <code>headrace &lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;</code>"
    )


def test_what_reorders_text_is_shown() -> None:
    """A right-to-left override in a title is an escape."""
    assert "\\u202e" in render("problem.html", logs_in=False, title="a\u202eb", sentence="")


def test_the_place_is_marked_by_its_letters() -> None:
    """Wide ones take two columns of a terminal, by which it is underlined there."""
    value = '{"\u540d\u524d":"\u3042","text":"BAD"}'
    at = len(value[: value.index('"BAD"')].encode())
    (row,) = all_rows(value.encode(), at, at + len('"BAD"'))
    assert cut_row(row.begin, row.text, row.underline)[2] == '"BAD"'
