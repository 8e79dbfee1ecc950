"""How wide a text is on a terminal, and texts cut, filled and wrapped by that."""

import pytest

from headrace.core.text_width import cut_to, fill, text_width, wrap


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("lead", 4),
        ("é", 1),
        ("e\u0301", 1),
        ("合同", 4),
        ("ｱ", 1),
        ("\uff21", 2),
        ("한국", 4),
        ("\u1112\u1161\u11ab", 2),
        ("ก็", 1),
        ("🎉", 2),
        ("👍🏽", 2),
        ("👩\u200d👩\u200d👧", 2),
        ("❤", 1),
        ("❤\ufe0f", 2),
        ("🇨🇳", 2),
        ("a\u200bb", 2),
        ("co\u00adop", 5),
    ],
)
def test_columns_of_a_text(text: str, columns: int) -> None:
    """Letters of East Asia and emoji take two, what joins another letter none."""
    assert text_width(text) == columns
    assert text_width(fill(text, 9)) == 9
    assert fill(text, 9, right=True).endswith(text)
    assert fill(text, 0) == text


@pytest.mark.parametrize(
    ("text", "room", "cut"),
    [
        ("lead", 4, "lead"),
        ("leads", 4, "lea…"),
        ("合同已签署", 10, "合同已签署"),
        ("合同已签署", 9, "合同已签…"),
        ("合同已签署", 8, "合同已…"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
        ("👍🏽👍🏽", 3, "👍🏽…"),
        ("合同", 1, "…"),
        ("合同", 0, "…"),
    ],
)
def test_a_text_is_cut_between_letters(text: str, room: int, cut: str) -> None:
    """What belongs to a letter stays with it, and half a letter is none."""
    assert cut_to(text, room) == cut


def test_lines_end_between_words() -> None:
    """Or within one that takes more than a line; all but the first are indented."""
    text = "the platform  answered\n合同已签署合同已签署 and 🎉"
    lines = wrap(text, 14, "  ")
    assert lines == ["the platform", "  answered", "  合同已签署合", "  同已签署 and", "  🎉"]
    assert max(map(text_width, lines)) <= 14
    assert wrap("one two", 80) == ["one two"]
    assert wrap("", 80) == []
    assert wrap("合同", 1) == ["合", "同"], "never a line without a letter"


def test_a_first_line_may_begin_in_a_column() -> None:
    """What stands before it takes its room."""
    assert wrap("one two three", 9, "  ", 5) == ["one", "  two", "  three"]
