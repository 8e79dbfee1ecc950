"""How many columns of a terminal a text takes, and texts cut, filled and wrapped by columns. Pure.

A letter of East Asia and an emoji take two columns, what joins the letter before it none. Emoji that are joined to one
are counted as the one that newer terminals draw.
"""

import unicodedata
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

_JOINER: Final = "\u200d"
_AS_EMOJI: Final = "\ufe0f"
"""Behind a sign that is text by itself: it is drawn as an emoji, and wide."""
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_HANGUL_TAILS: Final = range(0x1160, 0x1200)
"""Vowels and finals: with the consonant before them they are one letter."""
_NOT_DRAWN: Final = ("Mn", "Me", "Cf")
_SOFT_HYPHEN: Final = "\u00ad"
"""Format for Unicode, a hyphen for terminals."""


def text_width(text: str) -> int:
    """Return the columns that a text without control characters takes."""
    return len(text) if text.isascii() else sum(_widths(text))


def cut_to(text: str, room: int) -> str:
    """Return a text that takes at most `room` columns, and one at least: what is cut off ends in an ellipsis."""
    return text if text_width(text) <= room else text[: _fitting(text, max(0, room - 1))] + "…"


def fill(text: str, width: int, *, right: bool = False) -> str:
    """Return a text with spaces behind it, or before it where it ends at the right edge, up to so many columns."""
    spaces = " " * (width - text_width(text))
    return spaces + text if right else text + spaces


def wrap(text: str, room: int, indent: str = "", begins: int = 0) -> list[str]:
    """Return a text as lines of at most `room` columns, all but the first indented; that one `begins` in a column.

    Lines end between words, within one only where it takes more than a line.
    """
    lines, line, left = list[str](), "", room - begins
    for word in text.split():
        if line.strip() and text_width(line) + 1 + text_width(word) > left:
            lines.append(line)
            line, left = indent, room
        line += f" {word}" if line.strip() else word
        while text_width(line) > left:
            at = max(_fitting(line, left), len(indent if lines else "") + 1)
            lines.append(line[:at])
            line, left = indent + line[at:], room
    return [*lines, line] if line.strip() else lines


def _fitting(text: str, room: int) -> int:
    """Return how many characters from the first on fit into so many columns, with all that belongs to the last."""
    return sum(total <= room for total in accumulate(_widths(text)))


def _widths(text: str) -> Iterator[int]:
    """Yield the columns that each character adds."""
    before, base = "", 0
    for letter in text:
        added = _added(letter, before, base)
        base, before = added or base, letter
        yield added


def _added(letter: str, before: str, base: int) -> int:
    """Return the columns that a character adds behind `before`; the last that is drawn takes `base`."""
    if letter.isascii():
        return 1
    if letter == _AS_EMOJI:
        return int(base == 1)
    if before == _JOINER and base > 1:
        return 0
    code = ord(letter)
    if code in _HANGUL_TAILS or (code in _SKIN_TONES and base > 1):
        return 0
    if unicodedata.category(letter) in _NOT_DRAWN and letter != _SOFT_HYPHEN:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
