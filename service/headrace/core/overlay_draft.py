"""Write the rows of an overlay for codes that nobody has decided yet, as TOML for people to finish. Pure.

A row has no `type` until somebody takes the `#` before it away: so `headrace check` names each that is left, and a
guess is never applied by itself.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from headrace.core import values
from headrace.core.mapping import fold
from headrace.core.proposals import Proposal
from headrace.observe.escapes import escaped

LONGEST_CODE: Final = 200
"""Characters of a code, name or status word that are looked at; a longer code gets no row."""
_RANGE: Final = re.compile(r"\d+-\d+")
_SHOWN: Final = 32
"""Characters of a value that are shown as an example."""
_LOOKED_AT: Final = 128
"""Characters of a value that are looked at: what is shown, and where an address in it would end."""
_PERSONAL: Final = (
    (re.compile(r"[^\s@]@[^\s@]"), "an e-mail address"),
    (re.compile(r"(?<!\d)\+?\d(?:[ ()./-]{0,2}\d){8,}(?!\d)"), "a long number"),
)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
_LINK: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_NUMBER: Final = re.compile(r"-?\d{1,8}(?:\.\d+)?")
_NONE: Final = "nothing known is similar enough; `headrace taxonomy words type` lists the types"


class DraftRow(Struct, frozen=True, kw_only=True):
    """A code to decide. `table` is None where the provider has one table, or where it is not known which.

    `stands` says where the overlay has a row of this code already. `statuses` and `fields` are how often each status
    word was seen, and an example of each field, as `example` writes it.
    """

    code: str
    events: int
    name: str = ""
    table: str | None = None
    tables: tuple[str, ...] = ()
    provisional_as: str | None = None
    proposal: Proposal | None = None
    stands: str | None = None
    statuses: Mapping[str, int] = {}
    fields: Mapping[str, str] = {}


def rows(drafts: Iterable[DraftRow]) -> str:
    """Return the rows as TOML, those with the most events first. A code that no row can name is a comment."""
    taken: set[tuple[str | None, str]] = set()
    parts: list[str] = []
    for draft in sorted(drafts, key=lambda each: -each.events):
        key = (draft.table, fold(draft.code))
        again = "it is the code above in other letters" if key in taken else None
        why_not = draft.stands or again or _unwritable(draft.code)
        taken.add(key)
        parts.append("\n".join(_comment(draft, why_not) if why_not else _row(draft)))
    return "\n\n".join(parts) + "\n" if parts else ""


def example(value: object) -> str:
    """Return what an example may show of a value: its beginning, or what it is where it could name a person."""
    text = str(value)[:_LOOKED_AT].strip()
    if _TIME.fullmatch(text):
        return text
    for pattern, instead in _PERSONAL:
        if pattern.search(text):
            return f"({instead})"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def quoted(text: str) -> str:
    """Return a text as a string of TOML: what does not print is escaped, a lone surrogate becomes U+FFFD."""
    return f'"{"".join(map(_escape, text))}"'


def _escape(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    number = ord(letter)
    if 0xD800 <= number < 0xE000:  # noqa: PLR2004  (the surrogates: TOML has no way to write one)
        number = 0xFFFD
    return f"\\u{number:04X}" if number <= 0xFFFF else f"\\U{number:08X}"  # noqa: PLR2004  (the last with four digits)


def _unwritable(code: str) -> str | None:
    if not code:
        return "it has no code that a row could name"
    if len(code) >= LONGEST_CODE:
        return f"it is longer than {LONGEST_CODE} characters, and stands here cut"
    return "a row would take this code for a range" if _RANGE.fullmatch(code) else None


def _row(draft: DraftRow) -> Iterator[str]:
    yield _heading(draft)
    yield "[[row]]"
    if draft.table is not None:
        yield f"table = {quoted(draft.table)}"
    elif len(draft.tables) > 1:
        yield f"# table = {quoted(draft.tables[0])}    # one of {', '.join(map(_plain, draft.tables))}"
    yield f"code = {quoted(draft.code)}"
    if draft.name:
        yield f"note = {quoted(draft.name)}"
    if draft.proposal is None:
        yield f'# type = "…"    # {_NONE}'
    else:
        keys = draft.proposal.words()
        yield f"# type = {quoted(keys.pop('type'))}    # a guess: {_plain(draft.proposal.why)}"
        yield from (f"# {key} = {quoted(word)}" for key, word in keys.items())
    yield from _lift(draft.fields)
    yield from _statuses(draft.statuses)


def _lift(fields: Mapping[str, str]) -> Iterator[str]:
    if fields:
        yield "# [row.lift]    # fields that were seen, each with an example"
        for name, value in fields.items():
            yield f"# {quoted(name)} = {quoted(_target(value))}    # {_plain(value)}"


def _target(value: str) -> str:
    if _TIME.fullmatch(value):
        return "times.…"
    if _LINK.match(value):
        return "urls.…"
    if values.currency(value):
        return "value.currency, text or fields.…"
    return f"{'value.amount, duration_seconds' if _NUMBER.fullmatch(value) else 'text'} or fields.…"


def _statuses(statuses: Mapping[str, int]) -> Iterator[str]:
    if statuses:
        yield "# [row.status]    # status words that were seen, and how often"
        for status, events in sorted(statuses.items(), key=lambda pair: -pair[1]):
            yield f'# {quoted(status)} = "…"    # {events:,}'


def _comment(draft: DraftRow, why: str) -> Iterator[str]:
    yield _heading(draft)
    yield f"# code {quoted(draft.code)}: no row is written, {_plain(why)}"


def _heading(draft: DraftRow) -> str:
    name = f", {quoted(draft.name)}" if draft.name else ""
    today = f", provisional: {_plain(draft.provisional_as)}" if draft.provisional_as else ""
    return f"# {draft.events:,} event{'' if draft.events == 1 else 's'}{name}{today}"


def _plain(text: str) -> str:
    """Return a text as it may stand in a comment: one line, nothing in it that TOML forbids there."""
    return escaped(text)
