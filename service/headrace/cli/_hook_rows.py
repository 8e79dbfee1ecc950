"""Webhooks as `headrace hooks` shows them: nothing of a URL that may be a secret is printed."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from headrace.cli._formatting import cut, once_on_a_terminal, short, table
from headrace.cli._output import echo, echo_json, styled
from headrace.config.tenants import Account
from headrace.observe.redact import scrub
from headrace.poller.hook_list import receiver_url
from headrace.poller.hook_states import TROUBLE, HookRow, printable
from headrace.records.hooks import HookState

_TITLES: Final = ("tenant", "webhook", "state", "points to", "id")
_COLORS: Final[dict[HookState, str]] = {"ok": "green", "foreign": "green", **dict.fromkeys(TROUBLE, "red")}
_REASON_LENGTH: Final = 120
_HERE: Final = "here"
_OURS: Final[tuple[HookState, ...]] = ("ok", "foreign", "missing", "gone", "disabled")
"""States in which the URL is the one that is needed."""
_NOTES: Final[dict[HookState, str]] = {
    "elsewhere": "somebody let it point elsewhere: delete it, then headrace hooks apply",
    "unneeded": "we made it, and the configuration does not need it: headrace hooks delete",
}


class Looked(Struct, frozen=True):
    """What was found for one tenant: its webhooks, or what a person does there, or why nothing is known."""

    account: Account
    rows: Sequence[HookRow] = ()
    by_hand: Sequence[str] = ()
    fault: str = ""


class _Shown(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One webhook, as `--json` writes it."""

    source: str
    state: HookState
    webhook: str
    url: str
    id: str | UnsetType = UNSET
    ours: bool = msgspec.field(default_factory=bool)
    needed: bool = msgspec.field(default_factory=bool)
    ordered: str = ""
    reason: str = ""


def write_json(found: Sequence[Looked], public_url: str) -> None:
    """Print one object a webhook; of a tenant whose platform has no calls for them, what is to be done."""
    for each in found:
        if each.by_hand:
            echo_json(msgspec.json.encode({"source": each.account.source, "by_hand": each.by_hand}))
        known = _known(each, public_url)
        for row in each.rows:
            echo_json(msgspec.json.encode(_shown(each.account, row, known)))


def write_table(found: Sequence[Looked], public_url: str) -> None:
    """Print webhooks as a table, and below it what there is to say of some of them."""
    cells = [line for each in found for line in _lines(each, public_url)]
    if cells:
        names = once_on_a_terminal([tenant for tenant, *_ in cells])
        cells = [(name, *others) for name, (_, *others) in zip(names, cells, strict=True)]
        table(_TITLES, cells, free=("points to", "webhook"))
        echo()
        echo(f"  {_HERE} is {public_url.rstrip('/')}/webhooks/PROVIDER/TENANT")
    for each in found:
        for note in _notes(each):
            echo(note)


def _known(each: Looked, public_url: str) -> list[str]:
    """Return the URLs of ours: there is no secret in them."""
    return [
        receiver_url(each.account, public_url),
        *(row.url for row in each.rows if row.needed and row.state in _OURS),
    ]


def _lines(each: Looked, public_url: str) -> Iterator[Sequence[str]]:
    known = _known(each, public_url)
    for row in each.rows:
        yield (
            each.account.source[1:],
            row.tells,
            styled(row.state, fg=_COLORS.get(row.state)),
            _place(printable(row.url, known), receiver_url(each.account, public_url)),
            short(row.id) if row.id else "-",
        )


def _place(url: str, receiver: str) -> str:
    """Return where a webhook points to: the tenant's own receiver is called by a short word."""
    rest = url.removeprefix(receiver)
    return _HERE + rest if rest != url and rest[:1] in ("", "?") else url


def _notes(each: Looked) -> Iterator[str]:
    source = each.account.source
    for row in each.rows:
        note = _note(row)
        if note:
            yield styled(f"  {source} {row.ordered or row.tells}: {note}", fg="yellow")
    if each.by_hand:
        yield f"  {source}: its platform has no calls for webhooks. By hand:"
        yield from (f"    {number}. {step}" for number, step in enumerate(each.by_hand, 1))


def _note(row: HookRow) -> str:
    if row.state == "disabled":
        whose = "" if row.ours else ", and it is not ours: its maker can enable it"
        return f"{_reason(row)}{whose or '; enable it there, once deliveries get through'}"
    if row.state == "differs":
        return f"the platform made {cut(row.tells, _REASON_LENGTH)} of it: delete it, and register it there by hand"
    return _NOTES.get(row.state, "")


def _reason(row: HookRow) -> str:
    return cut(scrub(row.reason), _REASON_LENGTH) or "it is switched off"


def _shown(account: Account, row: HookRow, known: Sequence[str]) -> _Shown:
    return _Shown(
        source=account.source,
        state=row.state,
        webhook=row.tells,
        url=printable(row.url, known),
        id=row.id or UNSET,
        ours=row.ours,
        needed=row.needed,
        ordered=row.ordered if row.ordered != row.tells else "",
        reason=_reason(row) if row.reason and (row.ours or row.needed) else "",
    )
