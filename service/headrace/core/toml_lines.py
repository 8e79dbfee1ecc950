"""The lines of tables and keys in a TOML file: `tomllib` returns values without lines, people need `file:line`."""

import re
from typing import Final

from msgspec import Struct

KeyPath = tuple[str | int, ...]
"""The keys that lead to a value, with an index behind each array of tables."""

_HEADER: Final = re.compile(r"^\s*(?P<open>\[\[?)\s*(?P<path>[^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(r"""^\s*(?P<path>(?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART: Final = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


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


def locate(text: str) -> dict[KeyPath, int]:
    """Return the line of each table and key of a TOML text, counted from 1; `[[row]]` is `("row", 0)`, `("row", 1)`…

    Keys inside inline tables and multi-line strings have no line of their own: `line_of` finds the nearest.
    """
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            table = _resolve(_parts(header["path"]), counts, array=header["open"] == "[[")
            lines.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key:
            lines.setdefault(table + _parts(key["path"]), number)
    return lines


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
    return tuple(part.strip("\"'") for part in _PART.findall(path))


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
