"""How a tenant's feeds are, from what its poller remembers. Pure: the clock is handed in."""

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from headrace.config.tenants import Account
from headrace.core.timestamps import from_millis
from headrace.poller.state import TenantState
from headrace.records.cursors import FeedState
from headrace.sdk.feed import Feed, Polled
from headrace.sdk.settings import PolledTenant

Word: TypeAlias = Literal["ok", "unread", "late", "failing", "parked"]
LATE: Final = 120_000
"""Milliseconds that a turn may be overdue before nobody seems to take it."""


class FeedRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One feed of one tenant, as `--json` writes it; what is not known is left out.

    `staleness_seconds` is since when something may be unread: of a feed by lead, its longest unread lead.
    """

    source: str
    feed: str
    state: Word
    every_seconds: int
    cursor: str | UnsetType = UNSET
    leads: int | UnsetType = UNSET
    last_success: str | UnsetType = UNSET
    next_turn: str | UnsetType = UNSET
    staleness_seconds: int | UnsetType = UNSET
    turns: int = 0
    records: int = 0
    failures: int = 0
    code: str = ""
    sentence: str = ""
    parked_since: str | UnsetType = UNSET
    rests_until: str | UnsetType = UNSET
    reason: str = ""
    calls_left: dict[str, int] = {}
    clock_skew_seconds: float = 0.0


def feed_rows(account: Account, kept: TenantState, now: int) -> Iterator[FeedRow]:
    """Give a row for each feed that is switched on for a tenant; `now` is in milliseconds since the epoch."""
    if isinstance(account.provider, Polled):
        for feed in account.provider.feeds(account.settings):
            yield _row(account, feed, kept, now)


def _row(account: Account, feed: Feed, kept: TenantState, now: int) -> FeedRow:
    state, standing = kept.states.get(feed.name, FeedState()), kept.standing
    position = kept.positions.get((feed.name, ""))
    read = kept.longest_unread(feed.name, _watched(account, kept) if feed.by_lead else ("",))
    return FeedRow(
        source=account.source,
        feed=feed.name,
        state=_word(state, now, parked=bool(standing.parked)),
        every_seconds=feed.every,
        cursor=position.value.decode("utf-8", "replace") if position and position.value else UNSET,
        leads=len(_watched(account, kept)) if feed.by_lead else UNSET,
        last_success=_moment(state.succeeded),
        next_turn=_moment(state.next),
        staleness_seconds=max(0, now - read) // 1000 if read else UNSET,
        turns=state.turns,
        records=state.events,
        failures=state.failures,
        code=state.code,
        sentence=state.sentence,
        parked_since=_moment(standing.parked),
        rests_until=_moment(standing.again if standing.again > now else 0),
        reason=standing.sentence,
        calls_left=standing.left,
        clock_skew_seconds=standing.skew,
    )


def _word(state: FeedState, now: int, *, parked: bool) -> Word:
    if parked:
        return "parked"
    if state.failures:
        return "failing"
    if not state.succeeded:
        return "unread"
    return "late" if state.next and now > state.next + LATE else "ok"


def _watched(account: Account, kept: TenantState) -> set[str]:
    settings = account.settings
    named = map(settings.canonical_lead, settings.leads) if isinstance(settings, PolledTenant) else ()
    return {*kept.leads, *filter(None, named)}


def _moment(millis: int) -> str | UnsetType:
    return from_millis(millis) if millis else UNSET
