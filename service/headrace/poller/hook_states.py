"""What is registered at a platform beside what a configuration needs and what we made. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from headrace.poller.state import TenantState
from headrace.records.cursors import CursorEntry, entry, removed
from headrace.records.hooks import HookOrder, HookState, OwnHook
from headrace.sdk.hooks import RegisteredHook, WantedHook

TROUBLE: Final[tuple[HookState, ...]] = ("missing", "gone", "disabled", "elsewhere", "differs")
"""States in which what a configuration needs does not come, or may not."""
ORDERED_MS: Final = 86_400_000
"""After so long an order has made nothing."""
STATES: Final[tuple[HookState, ...]] = ("ok", "foreign", *TROUBLE, "unneeded")
"""All states of what is ours or needed."""


class HookRow(Struct, frozen=True, kw_only=True):
    """One webhook: `url` and `tells` as they are at the platform, or as they are needed where it is not there.

    `ordered` is what one of ours was to be about. `id` is empty where it is not there.
    """

    state: HookState
    tells: str
    url: str
    id: str = ""
    ours: bool = False
    needed: bool = False
    ordered: str = ""
    reason: str = ""

    @property
    def to_create(self) -> bool:
        """Whether it is needed and nothing stands in its place."""
        return self.needed and self.state in ("missing", "gone")


def hook_rows(
    wanted: Sequence[WantedHook], found: Sequence[RegisteredHook], own: Mapping[str, OwnHook]
) -> list[HookRow]:
    """Return all webhooks that are needed, ours or there: first what is needed, in its order."""
    there = {hook.id: hook for hook in found}
    left = {ident: hook for ident, hook in there.items() if ident not in own}
    rows: list[HookRow] = []
    for each in wanted:
        row = _in_place(each, there, own) or _foreign(each, left) or _not_in_place(each, there, own)
        rows.append(row or HookRow(state="missing", tells=each.tells, url=each.url, needed=True))
    shown = {row.id for row in rows}
    rows += [_unneeded(ident, mine, there.get(ident)) for ident, mine in own.items() if ident not in shown]
    return rows + [
        HookRow(state="other", tells=hook.tells, url=hook.url, id=hook.id, reason=hook.reason)
        for hook in left.values()
        if hook.id not in shown
    ]


def adopted(source: str, state: TenantState, found: Sequence[RegisteredHook], now: int) -> Iterator[CursorEntry]:
    """Yield what is to be stored of webhooks that we ordered without ever reading what became of it (`now` in ms).

    The one that is there as it was ordered, and was not before, is taken for ours. Of two nobody knows which it is; and
    what comes after a day is not what was ordered.
    """
    for tells, order in list(state.hook_orders.items()):
        new = [
            hook
            for hook in found
            if hook.tells == tells and same_url(hook.url, order.url) and hook.id not in {*order.before, *state.hooks}
        ]
        fresh = now - order.at < ORDERED_MS
        if len(new) == 1 and fresh:
            yield entry(source, OwnHook(tells, order.url, order.at), new[0].id)
        if (len(new) == 1) or not fresh:
            yield removed(source, HookOrder, tells)


def same_url(one: str, other: str) -> bool:
    """Return whether two URLs lead to the same place: the case of a host and a last slash mean nothing."""
    return one == other or _parts(one) == _parts(other)


def printable(url: str, known: Iterable[str]) -> str:
    """Return a URL without what may be a secret in it: whole where it is `known` as ours.

    Elsewhere a secret may stand in the path, as with chats' webhooks; at our own address only in the query.
    """
    if url in known:
        return url
    try:
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        return "…"
    ours = any(urlsplit(each).netloc == parts.netloc for each in known)
    path = parts.path if ours else "/…" if parts.path.strip("/") else ""
    return place + path + ("?…" if parts.query else "")


def _in_place(each: WantedHook, there: Mapping[str, RegisteredHook], own: Mapping[str, OwnHook]) -> HookRow | None:
    """Return the row of one of ours that is as it should be, or is but switched off."""
    fit = [hook for ident, hook in there.items() if ident in own and _fits(hook, each)]
    hook = next((hook for hook in fit if hook.enabled), fit[0] if fit else None)
    if hook is None:
        return None
    state: HookState = "ok" if hook.enabled else "disabled"
    return _row(state, hook, ours=True, needed=True, ordered=each.tells)


def _foreign(each: WantedHook, left: Mapping[str, RegisteredHook]) -> HookRow | None:
    """Return the row of what somebody else made that is as it should be: it is not doubled."""
    fit = [hook for hook in left.values() if _fits(hook, each)]
    hook = next((hook for hook in fit if hook.enabled), fit[0] if fit else None)
    if hook is None:
        return None
    return _row("foreign" if hook.enabled else "disabled", hook, needed=True, ordered=each.tells)


def _not_in_place(each: WantedHook, there: Mapping[str, RegisteredHook], own: Mapping[str, OwnHook]) -> HookRow | None:
    """Return the row of one of ours that was to do it and does not.

    One that points elsewhere since the configuration changed stands in nobody's place.
    """
    for ident, mine in own.items():
        if mine.tells != each.tells or not same_url(mine.url, each.url):
            continue
        hook = there.get(ident)
        if hook is None:
            return HookRow(state="gone", tells=each.tells, url=each.url, id=ident, ours=True, needed=True)
        state: HookState = "differs" if hook.tells != each.tells else "elsewhere"
        return _row(state, hook, ours=True, needed=True, ordered=each.tells)
    return None


def _unneeded(id: str, mine: OwnHook, hook: RegisteredHook | None) -> HookRow:  # noqa: A002  (the design's word)
    if hook is None:
        return HookRow(state="unneeded", tells=mine.tells, url=mine.url, id=id, ours=True, reason="it is gone")
    return _row("unneeded", hook, ours=True, ordered=mine.tells)


def _row(
    state: HookState, hook: RegisteredHook, *, ours: bool = False, needed: bool = False, ordered: str = ""
) -> HookRow:
    return HookRow(
        state=state,
        tells=hook.tells,
        url=hook.url,
        id=hook.id,
        ours=ours,
        needed=needed,
        ordered=ordered,
        reason=hook.reason,
    )


def _fits(hook: RegisteredHook, each: WantedHook) -> bool:
    return hook.tells == each.tells and same_url(hook.url, each.url)


def _parts(url: str) -> tuple[str, str, str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), parts.query
