"""Draft an overlay: what the tenant has, then a row for each code that is open."""

import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct

from headrace.cli._codes_today import OPEN
from headrace.cli._event_lines import PROVISIONAL
from headrace.cli._formatting import count
from headrace.cli._open_codes import OpenCode, OpenCodes
from headrace.config.tenants import Account
from headrace.core.mapping import fold
from headrace.core.overlay_draft import DraftRow, quoted, rows
from headrace.providers.discover import builtin

_HEAD: Final = """\
# Drafted by `headrace taxonomy draft` on {day}: {codes} of {tenant}
# in {events}, the most frequent first.
#
"""
_STEPS: Final = """\
# 1. Decide each row. A guess is only a guess: where it is right, take the "# " before it away, and those before its
#    direction, channel or outcome; else write another type. A code that you leave open: delete its row. It stays as it
#    is now, and `headrace taxonomy unmapped` lists it still.
# 2. Where fields or status words matter, take the "# " before their lines away, too (with the line in brackets above
#    them), and write where they go. `headrace taxonomy targets` lists all that a row may say.
# 3. Name this file in headrace.toml, below [tenants.{section}]: mapping = {file}
# 4. `headrace check` names every row that is not decided yet. Once it finds nothing more, Headrace takes the file over.
"""
_STEPS_AGAIN: Final = """\
# Take the "# " away where a guess is right, write another type, or delete the row. Then `headrace check`.
"""


class OverlayDraft(Struct, frozen=True):
    """The text of a drafted overlay, with how many codes it has rows for, and how many of these have a guess.

    `alone` says that what the tenant has is not in it: no row can stand below those.
    """

    text: str
    codes: int
    guesses: int
    alone: bool = False


def drafted(account: Account, overlay: str, found: OpenCodes, file: str) -> OverlayDraft:
    """Return a tenant's overlay as it is, and below it a row for each open code of `found`; `file` is its name.

    Where no row can stand below the overlay (its rows are an array in one value), the rows are alone.
    """
    drafts = draft_rows(account, (one for one in found.codes if one.today == OPEN))
    head = _HEAD.format(
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        codes=count(len(drafts), "code"),
        tenant=account.source[1:],
        events=count(sum(draft.events for draft in drafts), "event"),
    )
    if overlay.strip():
        before, steps = f"{overlay.rstrip()}\n\n", _STEPS_AGAIN
    else:
        before = ""
        steps = _STEPS.format(file=quoted(file), section=account.source[1:].replace("/", "."))
    new = f"{head}{steps}\n{rows(drafts)}"
    alone = not _is_toml(before + new)
    text = new if alone else before + new
    return OverlayDraft(text, len(drafts), sum(draft.proposal is not None for draft in drafts), alone)


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def draft_rows(account: Account, codes: Iterable[OpenCode]) -> list[DraftRow]:
    """Return each code once, whatever it was published as."""
    found: dict[tuple[str | None, str], DraftRow] = {}
    tables = tuple(account.provider.tables)
    standing = _standing(account)
    for one in codes:
        code = one.code if one.looked_up is None else one.looked_up
        table = one.table if len(tables) > 1 else None
        provisional = one.published_as.removesuffix(PROVISIONAL) if one.published_as.endswith(PROVISIONAL) else None
        draft = DraftRow(
            code=code,
            name=one.name,
            events=one.events,
            table=table,
            tables=tables,
            provisional_as=provisional,
            proposal=one.proposal,
            stands=_STANDS if (one.table, fold(code)) in standing else None,
            statuses=one.statuses,
            fields=dict(sorted(one.fields.items(), key=lambda pair: (len(pair[0]), pair[0]))),
        )
        before = found.get((table, fold(code)))
        found[table, fold(code)] = draft if before is None else _added(before, draft)
    return list(found.values())


def _added(one: DraftRow, other: DraftRow) -> DraftRow:
    """Return a code with what else was found of it."""
    statuses = {
        word: one.statuses.get(word, 0) + other.statuses.get(word, 0) for word in {**one.statuses, **other.statuses}
    }
    return msgspec.structs.replace(
        one,
        name=one.name or other.name,
        events=one.events + other.events,
        provisional_as=one.provisional_as or other.provisional_as,
        proposal=one.proposal or other.proposal,
        statuses=statuses,
        fields={**other.fields, **one.fields},
    )


_STANDS: Final = "your mapping has one already, above: it is provisional"


def _standing(account: Account) -> set[tuple[str, str]]:
    """Return the codes that have a row in the overlay, whatever their name."""
    entries = account.mapping.entries
    own = entries[: len(entries) - len(builtin(account.provider.name))]  # an overlay's come first
    return {(entry.table, fold(code)) for entry in own if entry.name is None for code in entry.codes}
