"""State of a tenant's feeds, from what its poller has stored. Pure: the caller passes the time."""

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
LATE_MS: Final = 120_000
"""A turn that is overdue for longer: probably no poller runs."""


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


def feed_rows(account: Account, tenant: TenantState, now: int) -> Iterator[FeedRow]:
    """Yield a row for each feed that is switched on for a tenant; `now` is in milliseconds since the epoch."""
    if isinstance(account.provider, Polled):
        for feed in account.provider.feeds(account.settings):
            yield _row(account, feed, tenant, now)


def _row(account: Account, feed: Feed, tenant: TenantState, now: int) -> FeedRow:
    state, standing = tenant.feeds.get(feed.name, FeedState()), tenant.standing
    position = tenant.positions.get((feed.name, ""))
    read = tenant.longest_unread(feed.name, _watched(account, tenant) if feed.by_lead else ("",))
    ahead = int(standing.ahead * 1000)
    now += ahead  # the poller's time: all that it stored is in it
    return FeedRow(
        source=account.source,
        feed=feed.name,
        state=_word(state, now, parked=bool(standing.parked)),
        every_seconds=feed.every,
        cursor=position.value.decode("utf-8", "replace") if position and position.value else UNSET,
        leads=len(_watched(account, tenant)) if feed.by_lead else UNSET,
        last_success=_moment(state.succeeded, ahead),
        next_turn=_moment(state.next, ahead),
        staleness_seconds=max(0, now - read) // 1000 if read else UNSET,
        turns=state.turns,
        records=state.events,
        failures=state.failures,
        code=state.code,
        sentence=state.sentence,
        parked_since=_moment(standing.parked, ahead),
        rests_until=_moment(standing.again if standing.again > now else 0, ahead),
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
    return "late" if state.next and now > state.next + LATE_MS else "ok"


def _watched(account: Account, tenant: TenantState) -> set[str]:
    settings = account.settings
    named = map(settings.canonical_lead, settings.leads) if isinstance(settings, PolledTenant) else ()
    return {*tenant.leads, *filter(None, named)}


def _moment(millis: int, ahead: int) -> str | UnsetType:
    return from_millis(millis - ahead) if millis else UNSET
