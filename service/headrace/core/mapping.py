"""A provider's table: native code (and status word) to canonical words. Data, read once, refused whole.

A table is the provider's `mapping.toml` with a tenant's overlay in front of it. `Mapping.find` never guesses: a code
without a row becomes `unmapped`, a row for a range is marked provisional.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

UNMAPPED: Final = "unmapped"

_LETTER: Final = re.compile(r"[^\W\d_]")
_SEPARATOR: Final = re.compile(r"(?<!\d)[ _-]|[ _-](?!\d)")
_DIGITS: Final = 18  # of a code that may lie in a range; Python refuses to read numbers of thousands of digits
_LONGEST_WORD: Final = 64
"""Characters of the longest word that is cached: arbitrary values of payloads must not fill the memory."""


class Row(Struct, frozen=True, gc=False, omit_defaults=True):
    """One decision: the canonical words for one native code, or for one code and status word.

    `label` is what an event's provenance names. `fields` are constants for `data.fields`; `lift` names native fields
    that move to a canonical place (`mx_Custom_3 = "duration_seconds"`, `mx_Custom_2 = "fields.next_step"`). `reach`
    relates a webhook row to polling: the `same` record is polled, it is a `nudge` for the feed, or the `only` one.
    """

    label: str
    type: str
    direction: str | None = None
    channel: str | None = None
    outcome: str | None = None
    actor: str | None = None
    traffic: str | None = None
    reach: str = "same"
    provisional: bool = False
    fields: dict[str, str] = {}
    lift: dict[str, str] = {}

    @property
    def category(self) -> str:
        """The word before the dot; `unmapped` for a code without a row."""
        return self.type.partition(".")[0]

    @property
    def action(self) -> str | None:
        """The word behind the dot, None for `unmapped`."""
        return self.type.partition(".")[2] or None


class Entry(Struct, frozen=True):
    """All rows of one code: `row` for any status word, `words` for those that refine it, `name` a native name to match.

    `low` and `high` bound a range of integer codes, else they are None and `codes` lists the codes.
    """

    table: str
    codes: tuple[str, ...]
    row: Row
    words: dict[str, Row] = {}
    name: str | None = None
    low: int | None = None
    high: int | None = None

    def rows(self) -> Iterator[Row]:
        """Yield every row of the entry."""
        yield self.row
        yield from self.words.values()


def fold(word: str) -> str:
    """Return a word without case and separators: `InProgress`, `in_progress` and `In progress` are one word.

    What has no letter is a number, and stays as it is: -1 is not 1. So does a separator between digits.
    """
    return _fold(word) if len(word) <= _LONGEST_WORD else _fold.__wrapped__(word)


@lru_cache(maxsize=4096)
def _fold(word: str) -> str:
    return _SEPARATOR.sub("", word.casefold()) if _LETTER.search(word) else word.strip()


class Mapping:
    """One tenant's table; `id` is 8 hex digits over everything in it."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Take entries in order of precedence: the overlay's first."""
        self.entries: Final = tuple(entries)
        self.id: Final = hashlib.blake2b(msgspec.json.encode(self.entries, order="sorted"), digest_size=4).hexdigest()
        self._exact: Final[dict[tuple[str, str], list[Entry]]] = {}
        self._ranges: Final = [entry for entry in self.entries if entry.low is not None]
        for entry in self.entries:
            for code in entry.codes:
                self._exact.setdefault((entry.table, fold(code)), []).append(entry)
        self._cached: Final = lru_cache(maxsize=4096)(self._find)

    def find(self, table: str, code: str, word: str | None = None, name: str | None = None) -> Row:
        """Return the row of a code in a table, refined by a status word and, in overlays, the native name."""
        if len(code) + len(word or "") + len(name or "") > 3 * _LONGEST_WORD:
            return self._find(table, code, word, name)
        return self._cached(table, code, word, name)

    def _find(self, table: str, code: str, word: str | None, name: str | None) -> Row:
        entry = self._entry(table, code, name)
        if entry is None:
            return Row(label=UNMAPPED, type=UNMAPPED)
        if word is not None and entry.words:
            return entry.words.get(fold(word), entry.row)
        return entry.row

    def decides(self, code: str) -> bool:
        """Return whether some table has a row for a code that is no guess, whatever its status word and native name."""
        rows = (self.find(table, code) for table in {entry.table for entry in self.entries})
        return any(row.type != UNMAPPED and not row.provisional for row in rows)

    def rows(self) -> Iterator[Row]:
        """Yield every row of every entry."""
        for entry in self.entries:
            yield from entry.rows()

    def _entry(self, table: str, code: str, name: str | None) -> Entry | None:
        for entry in self._exact.get((table, fold(code)), ()):
            if _matches_name(entry, name):
                return entry
        if not self._ranges or len(code) > _DIGITS or not (code.isascii() and code.isdigit()) or code != str(int(code)):
            return None
        number = int(code)
        for entry in self._ranges:
            if entry.table == table and entry.low <= number <= entry.high and _matches_name(entry, name):  # type: ignore[operator]  # both bounds are set
                return entry
        return None


def _matches_name(entry: Entry, name: str | None) -> bool:
    """Return whether a row is for any native name, or for this one."""
    return entry.name is None or (name is not None and fold(entry.name) == fold(name))
