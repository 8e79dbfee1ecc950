"""The lines of tables and keys in a TOML file: `tomllib` returns values without lines, people need `file:line`."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

KeyPath = tuple[str | int, ...]
"""The keys that lead to a value, with an index behind each array of tables."""

_PART: Final = r"""(?:[\w-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_PATH: Final = rf"(?P<path>{_PART}(?:\s*\.\s*{_PART})*)"
_HEADER: Final = re.compile(rf"\s*(?P<open>\[\[?)\s*{_PATH}\s*\]\]?\s*(?:#[^\n]*)?$")
_KEY: Final = re.compile(rf"\s*{_PATH}\s*=")
_TOKEN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' + r"'" * 3 + r".*?'{3,5}|" + rf"{_PART}|#[^\n]*|[\[{{]|[\]}}]|\n|.", re.DOTALL
)
_DEEPEST: Final = 64
_MOST_DIGITS: Final = 1000
_AT_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)$")


class FileFault(Struct, frozen=True, order=True):
    """One thing that is wrong in a file, and what to do about it; `line` is 0 where there is none (or no file)."""

    file: str
    line: int
    where: str
    reason: str

    def __str__(self) -> str:
        """Return `file:line: where: reason`, without the parts that are empty."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.where}: {self.reason}" if self.where else f"{place}: {self.reason}"


class FileFaults(Exception):  # noqa: N818  (a list of faults, each a sentence)
    """Everything that is wrong in one or more files, so that all of it can be fixed at once."""

    def __init__(self, faults: list[FileFault]) -> None:
        super().__init__("\n".join(map(str, sorted(faults))))
        self.faults = sorted(faults)


def syntax_fault(file: str, text: str, error: Exception) -> FileFault:
    """Return why a text is no TOML, at its line: `tomllib` writes it into its message, or that the text ends there."""
    found = _AT_LINE.search(str(error))
    return FileFault(file, int(found[1]) if found else max(1, text.rstrip().count("\n") + 1), "", f"not TOML: {error}")


def parse(file: str, text: str) -> dict[str, Any]:
    """Return what a TOML text says. Raises `FileFaults` with the one reason why it cannot be read, at its line."""
    fault = _beyond_reading(file, text)
    if fault is not None:
        raise FileFaults([fault])
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileFaults([syntax_fault(file, text, error)]) from None


def _beyond_reading(file: str, text: str) -> FileFault | None:
    """Return the first value of which `tomllib` raises something else: nested too deep, or a number too long."""
    line, depth = 1, 0
    for token in _TOKEN.finditer(text):
        first = token[0][0]
        depth += (first in "[{") - (first in "]}")
        if depth > _DEEPEST:
            return FileFault(file, line, "", f"values are nested more than {_DEEPEST} deep")
        if len(token[0]) > _MOST_DIGITS and token[0].lstrip("-")[:1].isdigit():
            return FileFault(file, line, "", f"a number has more than {_MOST_DIGITS:,} digits")
        line += token[0].count("\n")
    return None


def locate(text: str) -> dict[KeyPath, int]:
    """Return the line of each table and key of a TOML text, counted from 1; `[[row]]` is `("row", 0)`, `("row", 1)`…

    Keys inside inline tables have no line of their own: `line_of` finds the nearest. What stands in strings and arrays
    is no key, over however many lines they go.
    """
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, statement in _statements(text):
        header = _HEADER.match(statement)
        if header:
            table = _resolve(_parts(header["path"]), counts, array=header["open"] == "[[")
            lines.setdefault(table, number)
            continue
        key = _KEY.match(statement)
        if key:
            lines.setdefault(table + _parts(key["path"]), number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each table header and each key with its whole value, and the line where it begins."""
    begin, number, ended, depth = 0, 1, 0, 0
    for token in _TOKEN.finditer(f"{text}\n"):
        first = token[0][0]
        depth += (first in "[{") - (first in "]}")
        ended += token[0].count("\n")
        if first == "\n" and depth <= 0:
            yield number, text[begin : token.start()]
            begin, number, depth = token.end(), ended + 1, 0


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int:
    """Return the line of a path, or of the first key in it, or of the nearest table around it, or else 1."""
    inside = [line for known, line in lines.items() if known[: len(path)] == path]
    if inside and path:
        return lines.get(path, min(inside))
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return 1


def _parts(path: str) -> KeyPath:
    """Return the parts of a dotted path, without their quotes and escapes."""
    parts: KeyPath = ()
    inner: Any = tomllib.loads(f"{path} = 0")
    while isinstance(inner, dict):
        ((part, inner),) = inner.items()
        parts += (part,)
    return parts


def _resolve(path: KeyPath, counts: dict[KeyPath, int], *, array: bool) -> KeyPath:
    """Return the path with the running index behind every part of a header that is an array of tables."""
    resolved: KeyPath = ()
    for depth, part in enumerate(path, 1):
        resolved += (part,)
        if array and depth == len(path):
            counts[resolved] = counts.get(resolved, -1) + 1
        if resolved in counts:
            resolved += (counts[resolved],)
    return resolved
