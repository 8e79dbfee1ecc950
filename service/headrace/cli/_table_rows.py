"""The rows of a tenant's table in the order in which they are tried, each with what keeps it from its codes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from headrace.config.tenants import Account
from headrace.core.mapping import Entry, Row, fold
from headrace.providers.discover import builtin
from headrace.sdk.provider import Provider

BUILT_IN: Final = "built in"
_LISTED: Final = 12
_DIGITS: Final = 18
_WORDS: Final[dict[str, str | None]] = {
    **dict.fromkeys(("direction", "channel", "outcome", "actor", "traffic")),
    "reach": "same",
}
"""The words of a row beside its type, each with the one that is not worth showing."""


class TableRow(Struct, frozen=True, kw_only=True):
    """A row of a table, or of one of its status words (`word`).

    `owner` is `BUILT_IN` or the tenant's mapping. `applies` is `yes`, `no`, or `yes, but …`, with what comes before it.
    """

    table: str
    code: str
    word: str | None
    name: str | None
    type: str
    words: dict[str, str]
    provisional: bool
    lift: dict[str, str]
    fields: dict[str, str]
    owner: str
    applies: str


def own_entries(account: Account) -> Sequence[Entry]:
    """Return the entries of a tenant's overlay: they come first."""
    entries = account.mapping.entries
    return entries[: len(entries) - len(builtin(account.provider.name))]


def codes_of(entry: Entry) -> str:
    """Return the codes of an entry as text: those that it lists, or its range."""
    return ", ".join(entry.codes) if entry.low is None else f"{entry.low}-{entry.high}"


def table_rows(provider: Provider, account: Account | None = None, code: str | None = None) -> list[TableRow]:
    """Return the rows of a provider's table, with a tenant's overlay before them; with `code`, those that list it.

    `applies` is then of this code alone.
    """
    own = own_entries(account) if account else ()
    entries = account.mapping.entries if account else builtin(provider.name)
    file = (account.settings.mapping if account else None) or BUILT_IN
    found: list[TableRow] = []
    for number, entry in enumerate(entries):
        if code is None or _lists(entry, code):
            owner = file if number < len(own) else BUILT_IN
            found += _rows(entry, owner, _applies(_narrowed(entry, code), entries, number))
    return found


def _rows(entry: Entry, owner: str, applies: str) -> Iterator[TableRow]:
    for word, row in [(None, entry.row), *entry.words.items()]:
        yield TableRow(
            table=entry.table,
            code=codes_of(entry),
            word=None if word is None else _written(row, word),
            name=entry.name,
            type=row.type,
            words={key: getattr(row, key) for key, usual in _WORDS.items() if getattr(row, key) not in {None, usual}},
            provisional=row.provisional,
            lift=row.lift,
            fields=row.fields,
            owner=owner,
            applies=applies,
        )


def _written(row: Row, folded: str) -> str:
    """Return a status word as its file writes it, from the label of its row."""
    for mark in ("/", " + "):
        word = row.label.rpartition(mark)[2]
        if fold(word) == folded:
            return word
    return folded


def _lists(entry: Entry, code: str) -> bool:
    if entry.low is None or entry.high is None:
        return fold(code) in map(fold, entry.codes)
    number = int(code) if code.isascii() and code.isdigit() and len(code) <= _DIGITS else -1
    return str(number) == code and entry.low <= number <= entry.high


def _narrowed(entry: Entry, code: str | None) -> Entry:
    """Return an entry as it is for one of its codes alone."""
    if code is None:
        return entry
    if entry.low is None:
        return replace(entry, codes=tuple(each for each in entry.codes if fold(each) == fold(code)))
    return replace(entry, low=int(code), high=int(code))


def _applies(entry: Entry, entries: Sequence[Entry], number: int) -> str:
    """Return whether an entry is what its codes become, and what is tried before it."""
    before = [each for each in entries[:number] if each.table == entry.table]
    if entry.low is None:
        first = [each for each in before if each.low is None]
        places = [_earlier(first, code, entry.name) for code in entry.codes]
        if all(whole for _, whole in places):
            return _NEVER
        return _but(place for found, _ in places for place in found)
    within = [each for each in before if each.low is not None and _overlap(each, entry) and _covers(each, entry.name)]
    exact = [each for each in entries if each.table == entry.table and each.low is None]
    codes = dict.fromkeys(code for each in exact for code in each.codes if _lists(entry, code))
    places = [_earlier(exact, code, entry.name) for code in sorted(codes, key=int)]
    wholly = any(_low(each) <= _low(entry) and _high(entry) <= _high(each) for each in within)
    if wholly or (_low(entry) == _high(entry) and any(whole for _, whole in places)):
        return _NEVER
    return _but([*(place for found, _ in places for place in found), *(f"{each.low}-{each.high}" for each in within)])


_NEVER: Final = "no, an earlier row does"


def _earlier(tried: Sequence[Entry], code: str, name: str | None) -> tuple[list[str], bool]:
    """Return which of a code's events earlier rows take from a row for `name`, and whether that is all of them."""
    named: list[str] = []
    for each in tried:
        if _lists(each, code):
            if _covers(each, name):
                return [code], True
            if name is None:
                named.append(f'{code} named "{each.name}"')
    return named, False


def _covers(one: Entry, name: str | None) -> bool:
    """Return whether a row is tried for every native name that a row for `name` is for."""
    return one.name is None or (name is not None and fold(one.name) == fold(name))


def _overlap(one: Entry, other: Entry) -> bool:
    return _low(one) <= _high(other) and _low(other) <= _high(one)


def _low(entry: Entry) -> int:
    return entry.low or 0


def _high(entry: Entry) -> int:
    return entry.high or 0


def _but(places: Iterable[str]) -> str:
    listed = list(places)
    rest = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return f"yes, but not for {', '.join(listed[:_LISTED])}{rest}" if listed else "yes"
