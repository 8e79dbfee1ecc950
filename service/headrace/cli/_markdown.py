"""Tables in Markdown (https://github.github.com/gfm/)."""

import re
from collections.abc import Collection, Sequence
from typing import Final

_MARKUP: Final = re.compile(r"[\\`*\[\]<>&|~]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.")
"""What means something within a line; a backslash before it takes that away."""
_NO_CODE: Final = re.compile(r"[\\`|<\r\n]")
"""What a code span of a table cannot hold as it is."""


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table of our own texts; the first column is code. No cell can end it, nor be HTML."""
    lines = [f"| `{_cell(row[0])}` | {' | '.join(map(_cell, row[1:]))} |".replace("<", "\\<") for row in rows]
    return _head(columns) + lines


def table_of_texts(columns: Sequence[str], rows: Sequence[Sequence[str]], code: Collection[str]) -> list[str]:
    """Return the lines of a table whose cells are anybody's: none of them is markup. Columns in `code` are code."""
    draw = [_code if column in code else _text for column in columns]
    cells = ([each(text) for each, text in zip(draw, row, strict=True)] for row in rows)
    return _head(columns) + [f"| {' | '.join(row)} |" for row in cells]


def _head(columns: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _text(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.splitlines()))


def _code(text: str) -> str:
    return _text(text) if not text or _NO_CODE.search(text) else f"`{text}`"
