r"""Markdown as the repository's web view reads it, written as Python-Markdown reads it the same way.

GitHub's Markdown (https://github.github.com/gfm/) lets a list follow a paragraph without a blank line, and indents what
belongs to an item by the width of its marker. Python-Markdown wants the blank line, and four columns a level. In tables
GitHub's takes `\|` within code for `|`, where Python-Markdown needs no backslash.
"""

import re
from collections.abc import Iterator
from typing import Final

_LEVEL: Final = 4
_MARKER: Final = re.compile(r"(?P<indent> *)(?P<sign>[-*+]|\d{1,9}[.)]) +(?=\S)")
_FENCE: Final = re.compile(r" *(`{3,}|~{3,})")
_CODE: Final = re.compile(r"`[^`]+`")


def for_python_markdown(text: str) -> str:
    """Return a page with the same blocks in the other dialect."""
    return "\n".join(_lines(text)) + "\n"


def _lines(text: str) -> Iterator[str]:
    """Yield the lines anew. `levels` holds the columns at which the content of each open item begins."""
    levels: list[int] = []
    fence, above, loose = "", "", False
    for line in text.splitlines():
        if fence:
            yield _moved(line, levels)
            fence = "" if line.strip() == fence else fence
        elif not line.strip():
            loose = bool(levels)
            yield ""
        else:
            indent = len(line) - len(line.lstrip())
            marker = _MARKER.match(line)
            if not above or marker or indent or _FENCE.match(line):
                while levels and indent < levels[-1]:
                    levels.pop()
            begins = not levels and not _MARKER.match(above) and not above.startswith(" ")
            if marker and above and (begins or loose):
                yield ""
            yield from _with_marker(line, marker, levels) if marker else [_moved(line, levels)]
            fence = found[1] if (found := _FENCE.match(line)) else ""
        above = line if line.strip() else ""


def _with_marker(line: str, marker: re.Match[str], levels: list[int]) -> Iterator[str]:
    """Yield the first line of an item, which opens a level."""
    depth = len(levels) * _LEVEL
    levels.append(marker.end())
    yield " " * depth + marker["sign"].ljust(_LEVEL) + line[marker.end() :]


def _moved(line: str, levels: list[int]) -> str:
    """Return a line as far from where its item begins now as before; code in a table without backslashes."""
    if line.lstrip().startswith("|"):
        line = _CODE.sub(lambda code: code[0].replace("\\|", "|"), line)
    column = levels[-1] if levels else 0
    rest = line.lstrip() if line[:column].strip() else line[column:]
    return (" " * (len(levels) * _LEVEL) + rest).rstrip()
