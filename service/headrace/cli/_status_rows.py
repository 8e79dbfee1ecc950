"""How things stand with every way that tenants' records come in, and what is open: rows of `headrace status`. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from headrace.cli._feed_rows import FeedRow, Word, feed_rows
from headrace.cli._formatting import count
from headrace.cli._hook_notes import hook_notes
from headrace.config.tenants import Account, Tenants
from headrace.poller.state import PartitionState, TenantState
from headrace_events import Notice, NoticeKind, Via

WayState: TypeAlias = Literal[Word, "trouble", "unwatched"]
WORST_FIRST: Final[tuple[WayState, ...]] = (
    *("parked", "failing", "trouble", "late", "partial"),
    *("behind", "unread", "paused", "unwatched", "ok"),
)
DOUBTFUL_FOR: Final = timedelta(days=1)
"""For so long a notice is shown that nobody confirms any more: its process may be gone for good."""
_PROCESSES: Final = "/headrace/"
TROUBLE: Final = frozenset(WORST_FIRST[:5])
"""States that need somebody."""


class WayRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One way of one tenant: polling, or its webhooks. `why` is in sentences, `last_success` of its oldest feed."""

    source: str
    via: Via
    state: WayState
    why: tuple[str, ...] = ()
    last_success: str | UnsetType = UNSET
    feeds: int = 0


class NoticeRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A notice that is open. `confirmed`: it was written again in time, so that it still holds."""

    notice: str
    source: str
    item: str = ""
    since: str
    why: str
    confirmed: bool = True
    written: str


def way_rows(accounts: Iterable[Account], state: PartitionState, now: int) -> list[WayRow]:
    """Return the ways of these tenants, the worst first; `now` is in milliseconds since the epoch."""
    rows = [row for account in accounts for row in _ways(account, state.of(account.source), now)]
    return sorted(rows, key=lambda row: (WORST_FIRST.index(row.state), row.source, row.via))


def notice_rows(notices: Mapping[str, Notice], now: datetime) -> list[NoticeRow]:
    """Return what is open, the worst first; what nobody confirms any more comes last."""
    rows = [
        NoticeRow(
            notice=one.data.notice,
            source=one.source,
            item=one.data.item or "",
            since=one.data.since,
            why=one.data.summary,
            confirmed=one.holds(now),
            written=one.recordedtime,
        )
        for one in notices.values()
        if one.holds(now - DOUBTFUL_FOR)
    ]
    kinds: list[str] = list(NoticeKind)
    return sorted(
        rows,
        key=lambda row: (
            not row.confirmed,
            kinds.index(row.notice) if row.notice in kinds else len(kinds),
            row.since,
            row.source,
        ),
    )


def rows_of(rows: Iterable[NoticeRow], tenants: Tenants) -> list[NoticeRow]:
    """Return the rows of these tenants and of processes: what is of a tenant that is not configured needs nobody."""
    return [row for row in rows if row.source in tenants.by_source or row.source.startswith(_PROCESSES)]


def is_in_trouble(ways: Iterable[WayRow], notices: Iterable[NoticeRow]) -> bool:
    """Return whether anything needs somebody: the verdict of the exit code."""
    return any(row.state in TROUBLE for row in ways) or any(row.confirmed for row in notices)


def _ways(account: Account, tenant: TenantState, now: int) -> Iterator[WayRow]:
    if account.settings.polling:
        rows = list(feed_rows(account, tenant, now))
        if rows:
            yield _polled(account.source, rows)
    if account.settings.takes_webhooks:
        notes = tuple(hook_notes(tenant))
        watched: WayState = "ok" if tenant.hook_report else "unwatched"
        state: WayState = "paused" if account.settings.paused else "trouble" if notes else watched
        yield WayRow(source=account.source, via=Via.WEBHOOK, state=state, why=notes)


def _polled(source: str, rows: Sequence[FeedRow]) -> WayRow:
    """Sum up the feeds of a tenant: as bad as the worst, as old as the oldest."""
    state = min((row.state for row in rows), key=WORST_FIRST.index)
    read = [row.last_success for row in rows]
    oldest = UNSET if UNSET in read else min(moment for moment in read if isinstance(moment, str))
    feeds: dict[str, list[str]] = {}
    for row in rows:
        if row.state == state and (why := _why(row)):
            feeds.setdefault(why, []).append(row.feed)
    return WayRow(
        source=source,
        via=Via.POLL,
        state=state,
        why=tuple(why if state == "parked" else f"{why} ({', '.join(names)})" for why, names in feeds.items()),
        last_success=oldest,
        feeds=len(rows),
    )


def _why(row: FeedRow) -> str:
    """Return why a feed is in its state, "" where that says it all."""
    match row.state:
        case "parked":
            return row.reason
        case "late":
            return "no poller took its turn"
        case "unread" if row.never_read:
            return f"{count(row.never_read, 'lead')} never read"
        case "failing" | "partial":
            return row.sentence or row.unread or "see headrace feeds"
        case _:
            return ""
