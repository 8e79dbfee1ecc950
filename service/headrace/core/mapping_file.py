"""Read `mapping.toml` and tenants' overlays: every row is checked, all faults are raised at once, with their lines.

```toml
[[row]]
table = "activity"            # may be left out where the provider has one table
code = "22"                   # or ["1", "6"], or a range "100-299"
name = "Call Conversation"    # overlays: match this native name too
type = "call.logged"
direction = "outbound"
words = "message"             # a shared set of status words, [words.message]
[row.status.Answered]         # or words of this row's own; they inherit every key that they leave out but the outcome
type = "call.completed"
outcome = "connected"
```
"""

import re
from collections.abc import Collection, Iterable
from typing import Any, Final

from headrace.core.lift import refusal
from headrace.core.mapping import Entry, Mapping, Row, fold
from headrace.core.mapping_hints import code_of, open_type, section_left_out
from headrace.core.mapping_keys import INHERITED, ROW_KEYS, STATUS_KEYS, WORDS
from headrace.core.suggestions import did_you_mean, unknown
from headrace.core.toml_lines import FileFault, FileFaults, KeyPath, line_of, locate, parse

_PAIRS: Final = {"fields": '{ campaign = "spring" }', "lift": '{ mx_Custom_1 = "text" }'}
_NO_CODE: Final = ("?",)
"""What stands for the code of a row that has none, or a wrong one."""
_RANGE: Final = re.compile(r"(\d+)-(\d+)")


def read(text: str, file: str, tables: Iterable[str]) -> list[Entry]:
    """Return the entries of one file whose rows may name `tables`. Raises `FileFaults` with everything wrong in it."""
    return _Reader(text, file, tuple(tables)).entries()


def build(builtin: Iterable[Entry], overlay: Iterable[Entry] = ()) -> Mapping:
    """Return a tenant's overlay in front of the provider's own rows; within one file, rows with a name come first."""
    return Mapping([entry for part in (overlay, builtin) for entry in sorted(part, key=lambda e: e.name is None)])


_Words = dict[str, tuple[str, dict[str, Any]]]
"""Status words, folded, each as it was written and with its canonical words."""


class _Reader:
    """One pass over one file that collects entries and faults."""

    def __init__(self, text: str, file: str, tables: tuple[str, ...]) -> None:
        self.file = file
        self.tables = tables
        self.faults: list[FileFault] = []
        self.taken: dict[tuple[str, str, str], int] = {}
        self.shared: dict[str, _Words] = {}
        self.text = text
        self.raw = parse(file, text)
        self.lines = locate(text)

    def entries(self) -> list[Entry]:
        """Return the entries. Raises `FileFaults`."""
        for key in self.raw.keys() - {"row", "words"}:
            self.fault(
                (key,),
                f'unknown table "{key}"{did_you_mean(key, ("row", "words"))}; known are [[row]] and [words.NAME]',
            )
        rows = self.raw.get("row", [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.fault(("row",), "rows are written as [[row]]")
            rows = []
        shared = self.table_of(("words",), self.raw.get("words", {}))
        self.shared = {name: self.word_set(("words", name), words) for name, words in shared.items()}
        entries = [self.entry(("row", i), row) for i, row in enumerate(rows)]
        if self.faults:
            raise FileFaults(self.faults)
        return [entry for entry in entries if entry is not None]

    def fault(self, path: KeyPath, reason: str) -> None:
        where = ".".join(f"[{part}]" if isinstance(part, int) else part for part in path).replace(".[", "[")
        if path[0] == "row" and path[-1] != "code":
            where += code_of(self.raw["row"], path)
        self.faults.append(FileFault(self.file, line_of(self.lines, path), where, reason))

    def entry(self, path: KeyPath, raw: dict[str, Any]) -> Entry | None:
        before = len(self.faults)
        self.unknown_keys(path, raw, ROW_KEYS)
        table = self.table(path, raw)
        codes, low, high = self.codes(path, raw)
        base = self.words_of(path, raw)
        name = self.string(path, raw, "name")
        label = str(raw["code"]) if low is not None else codes[0] if len(codes) == 1 else "|".join(codes)
        words = self.refined(path, raw)
        if codes != _NO_CODE:
            self.claim(path, table, codes or (label,), name or "")
        if len(self.faults) > before:
            return None
        suffix = " (provisional)" if base.get("provisional") else ""
        return Entry(
            table=table,
            codes=codes,
            row=Row(label=label + suffix, **base),
            words=_rows(label, base, words),
            name=name,
            low=low,
            high=high,
        )

    def table(self, path: KeyPath, raw: dict[str, Any]) -> str:
        table = raw.get("table", self.tables[0] if len(self.tables) == 1 else None)
        if table is None:
            self.fault(path, f'a row needs a "table", one of {", ".join(self.tables)}')
        elif table not in self.tables:
            self.fault((*path, "table"), unknown("table", str(table), self.tables))
        return str(table)

    def codes(self, path: KeyPath, raw: dict[str, Any]) -> tuple[tuple[str, ...], int | None, int | None]:
        code = raw.get("code")
        listed = [code] if isinstance(code, str) else code
        if not isinstance(listed, list) or not listed or not all(isinstance(c, str) and c for c in listed):
            self.fault(
                (*path, "code") if "code" in raw else path,
                'a row needs a "code": a string, a list of strings or a range "100-299"',
            )
            return _NO_CODE, None, None
        bounds = _RANGE.fullmatch(listed[0]) if len(listed) == 1 else None
        if not bounds:
            for code_range in filter(_RANGE.fullmatch, listed):
                self.fault((*path, "code"), f'a range stands alone: give "{code_range}" a row of its own')
            return tuple(listed), None, None
        low, high = int(bounds[1]), int(bounds[2])
        if low > high:
            self.fault((*path, "code"), f"the range {listed[0]} is empty: write the lower code first")
        return (), low, high

    def words_of(self, path: KeyPath, raw: dict[str, Any]) -> dict[str, Any]:
        """Check the canonical words of a row or status word; return those that are set."""
        found: dict[str, Any] = {}
        if "type" not in raw:
            hint = open_type(self.text, line_of(self.lines, path)) or ', such as "call.completed"'
            self.fault(path, f'a row needs a "type"{hint}')
        for key, words in WORDS.items():
            value = self.string(path, raw, key)
            if value is None:
                continue
            known = [str(word) for word in words]
            if value not in known:
                self.fault((*path, key), unknown(key, value, known))
            found[key] = value
        if isinstance(raw.get("provisional", False), bool):
            found |= {"provisional": True} if raw.get("provisional") else {}
        else:
            self.fault((*path, "provisional"), "provisional is true or false")
        for key in ("fields", "lift"):
            found |= self.pairs(path, raw, key)
        self.one_each((*path, "lift"), found.get("lift", {}), found.get("fields", {}))
        return found

    def one_each(self, path: KeyPath, moves: dict[str, str], constants: Collection[str]) -> None:
        """Check that no two fields are lifted to one place, and none to the name of a constant."""
        taken = {f"fields.{name}": "a constant stands" for name in constants}
        for name, target in moves.items():
            place = str(target)  # `pairs` tells what is no text
            if place in taken:
                reason = f'cannot lift {name} to "{place}": {taken[place]} there, and a place holds one value'
                self.fault((*path, name), reason)
            taken[place] = f"{name} is lifted"

    def pairs(self, path: KeyPath, raw: dict[str, Any], key: str) -> dict[str, dict[str, str]]:
        pairs = raw.get(key, {})
        if not isinstance(pairs, dict):
            self.fault((*path, key), f"{key} holds pairs of strings, such as {_PAIRS[key]}")
            return {}
        for name, target in pairs.items():
            if not isinstance(target, str):
                self.fault((*path, key, name), f"{key} holds pairs of strings, such as {_PAIRS[key]}")
                continue
            refused = refusal(target) if key == "lift" else None
            if refused is not None:
                self.fault((*path, key, name), f'cannot lift {name} to "{target}": {refused}')
        texts = {name: target for name, target in pairs.items() if isinstance(target, str)}
        return {key: texts} if texts else {}

    def refined(self, path: KeyPath, raw: dict[str, Any]) -> _Words:
        """Return the status words of a row: the shared set, then the row's own, which win."""
        name = self.string(path, raw, "words")
        if name is not None and name not in self.shared:
            self.fault((*path, "words"), unknown("set of words", name, self.shared))
        return self.shared.get(name or "", {}) | self.word_set((*path, "status"), raw.get("status", {}))

    def word_set(self, path: KeyPath, raw: Any) -> _Words:
        """Check a set of status words."""
        found: _Words = {}
        for word, value in self.table_of(path, raw).items():
            keys = {"type": value} if isinstance(value, str) else self.table_of((*path, word), value)
            self.unknown_keys((*path, word), keys, STATUS_KEYS)
            if fold(word) in found:
                self.fault(
                    (*path, word), f'"{word}" is "{found[fold(word)][0]}" again: case and separators do not count'
                )
            found[fold(word)] = (word, self.words_of((*path, word), keys))
        return found

    def table_of(self, path: KeyPath, raw: Any) -> dict[str, Any]:
        if isinstance(raw, dict):
            return raw
        self.fault(path, f"{path[-1]} is a table, or a type in quotes for one status word")
        return {}

    def claim(self, path: KeyPath, table: str, codes: Iterable[str], name: str) -> None:
        for code in codes:
            key = (table, fold(code), fold(name))
            if key in self.taken:
                self.fault(
                    (*path, "code"), f'code "{code}" of table {table} has a row already, in line {self.taken[key]}'
                )
            self.taken[key] = line_of(self.lines, path)

    def string(self, path: KeyPath, raw: dict[str, Any], key: str) -> str | None:
        value = raw.get(key)
        if value is not None and not isinstance(value, str):
            self.fault((*path, key), f"{key} is a string in quotes")
            return None
        return value

    def unknown_keys(self, path: KeyPath, raw: dict[str, Any], known: Collection[str]) -> None:
        for key, value in raw.items():
            if key not in known:
                section = section_left_out(key, value) if known is ROW_KEYS else ""
                self.fault((*path, key), f'unknown key "{key}"{section}' if section else unknown("key", key, known))


def _rows(label: str, base: dict[str, Any], words: _Words) -> dict[str, Row]:
    """Return the rows of the status words: they inherit every key that they leave out, but the outcome."""
    inherited = {key: base[key] for key in INHERITED if key in base}
    return {
        folded: Row(label=f"{label} + {word}" if word.startswith("times.") else f"{label}/{word}", **(inherited | own))
        for folded, (word, own) in words.items()
    }
