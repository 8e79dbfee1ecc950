"""Where things stand in a TOML file: `tomllib` reads values and forgets lines, people want `file:line`."""

import re
from typing import Final

from msgspec import Struct

Path = tuple[str | int, ...]

_HEADER: Final = re.compile(r"^\s*(?P<open>\[\[?)\s*(?P<path>[^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(r"""^\s*(?P<path>(?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART: Final = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


class FileFault(Struct, frozen=True, order=True):
    """One thing that is wrong in a file, with what to do about it; `line` 0 is no line of it (or no file at all)."""

    file: str
    line: int
    where: str
    reason: str

    def __str__(self) -> str:
        """Write `file:line: where: reason`, without what there is none of."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.where}: {self.reason}" if self.where else f"{place}: {self.reason}"


class FileFaults(Exception):  # noqa: N818  (a list of faults, each a sentence)
    """Everything that is wrong in one or more files, so that it can be mended at once."""

    def __init__(self, faults: list[FileFault]) -> None:
        super().__init__("\n".join(map(str, sorted(faults))))
        self.faults = sorted(faults)


def locate(text: str) -> dict[Path, int]:
    """Map each table and key of a TOML text to its line, counted from 1; `[[row]]` gives `("row", 0)`, `("row", 1)`…

    Keys inside inline tables and multi-line strings are not told apart: ask `line_of` for the nearest.
    """
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
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


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Give the line of a path, or of the first thing in it, or of the nearest table around it, or else 1."""
    inside = [line for known, line in lines.items() if known[: len(path)] == path]
    if inside and path:
        return lines.get(path, min(inside))
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return 1


def _parts(path: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(path))


def _resolve(path: Path, counts: dict[Path, int], *, array: bool) -> Path:
    """Insert the running index behind every part of a header that is an array of tables."""
    resolved: Path = ()
    for depth, part in enumerate(path, 1):
        resolved += (part,)
        if array and depth == len(path):
            counts[resolved] = counts.get(resolved, -1) + 1
        if resolved in counts:
            resolved += (counts[resolved],)
    return resolved
