"""State of a tenant's feeds, from what its poller has stored. Pure: the caller passes the time."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from headrace.cli._backfill_rows import SHOWN_MS, BackfillRow, backfill_row
from headrace.cli._hook_notes import hook_notes
from headrace.cli._staleness import max_staleness, sweeping_of
from headrace.config.tenants import Account
from headrace.core.timestamps import from_millis
from headrace.poller.budget import DAY_SECONDS
from headrace.poller.max_staleness import Per
from headrace.poller.platform_client import Unready, client_of
from headrace.poller.platform_facts import learned
from headrace.poller.state import TenantState
from headrace.records.cursors import FeedState
from headrace.records.facts import HOUR_MS
from headrace.records.ledger_hour import LedgerHour
from headrace.records.ordered import FeedOrders
from headrace.sdk.faults import Incomplete
from headrace.sdk.feed import Feed, Polled
from headrace.sdk.limits import CallLimits
from headrace.sdk.settings import PolledTenant

Word: TypeAlias = Literal["ok", "behind", "late", "unread", "partial", "failing", "parked", "paused"]
LATE_MS: Final = 120_000
"""A turn that is overdue for longer: probably no poller runs."""


LACKING_MS: Final = 86_400_000
"""For so long a row that lacks a part is shown: nothing will bring it by itself."""


WAITING_MS: Final = 900_000
"""What a webhook said is read, or published as it came, some minutes later."""


class FeedRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One feed of one tenant, as `--json` writes it; what is not known is left out.

    `unread` is what it cannot read with these settings, in a sentence.

    `staleness_seconds` is since when something may be unread: of a feed by lead, its longest unread lead. So many
    leads are `missing`, because their last turn failed, the first `missing_since` then; `never_read` were not read yet.
    All of them take `pass_seconds` at the tenant's budget, those that were never read `first_pass_seconds`. Where a
    round through all leads takes longer than its `max_staleness_seconds`, beside all else, it takes `sweep_seconds`,
    and so many calls a second, a day or a year `would_do`. So many
    rows came `lacking` a part or were left out, the last at `lacked_at`. `learned` is what was found out about the
    platform. So many webhooks are `nudges_waiting` for their rows for longer than they should. Where people wanted it
    read again from `rewound_to` on, so many leads (of other feeds: 1) are `not_rewound` yet. `webhooks` are sentences
    about those of the tenant that are not registered as they should be. So many of its leads are `held_back`: the
    platform does not know them, and they are too many at once to be dropped. So many records of the last day were
    `missed_by_discovery`: the sweep found them.
    """

    source: str
    feed: str
    state: Word
    every_seconds: int
    cursor: str | UnsetType = UNSET
    leads: int | UnsetType = UNSET
    never_read: int = 0
    nudges_waiting: int = 0
    missed_by_discovery: int = 0
    lacking: int = 0
    lacked_at: str | UnsetType = UNSET
    learned: dict[str, str] = {}
    missing: int = 0
    missing_since: str | UnsetType = UNSET
    pass_seconds: int | UnsetType = UNSET
    first_pass_seconds: int | UnsetType = UNSET
    max_staleness_seconds: int | UnsetType = UNSET
    sweep_seconds: int | UnsetType = UNSET
    would_do: dict[Per, float] = {}
    last_success: str | UnsetType = UNSET
    next_turn: str | UnsetType = UNSET
    staleness_seconds: int | UnsetType = UNSET
    turns: int = 0
    records: int = 0
    failures: int = 0
    code: str = ""
    sentence: str = ""
    unread: str = ""
    parked_since: str | UnsetType = UNSET
    rests_until: str | UnsetType = UNSET
    reason: str = ""
    calls_left: dict[str, int] = {}
    clock_skew_seconds: float = 0.0
    paused_since: str | UnsetType = UNSET
    rewound_to: str | UnsetType = UNSET
    not_rewound: int = 0
    backfills: list[BackfillRow] = []
    webhooks: tuple[str, ...] = ()
    held_back: int = 0


def feed_rows(account: Account, tenant: TenantState, now: int) -> Iterator[FeedRow]:
    """Yield a row for each feed that is switched on for a tenant; `now` is in milliseconds since the epoch."""
    if isinstance(account.provider, Polled):
        for feed in account.provider.feeds(account.settings):
            yield _row(account, feed, tenant, now)


def _row(account: Account, feed: Feed, tenant: TenantState, now: int) -> FeedRow:
    state, standing = tenant.feeds.get(feed.name, FeedState()), tenant.standing
    position = tenant.positions.get((feed.name, ""))
    watched = _watched(account, tenant) if feed.by_lead else {""}
    read = tenant.longest_unread(feed.name, watched)
    never = sum(1 for lead in watched if not tenant.read_at(feed.name, lead))
    waiting = [nudge.came for (of, _), nudge in tenant.nudges.items() if of == feed.name and not nudge.ended]
    ahead = int(standing.ahead * 1000)
    now += ahead  # the poller's time: all that it stored is in it
    limits = limits_of(account)
    orders = tenant.orders.get(feed.name, FeedOrders())
    paused = orders.paused or tenant.orders.get("", orders).paused
    not_rewound = _not_rewound(feed.name, orders, tenant)
    sweep = sweeping_of(account, tenant, limits, len(watched)) if feed.by_lead and limits else None
    return FeedRow(
        source=account.source,
        feed=feed.name,
        state=word_of(
            state,
            now,
            parked=bool(standing.parked),
            paused=paused > 0 or account.settings.paused,
            rewinding=not_rewound > 0,
            never_read=never,
            read=read,
            every=feed.every,
            waiting=min(waiting, default=now),
        ),
        every_seconds=feed.every,
        cursor=position.value.decode("utf-8", "replace") if position and position.value else UNSET,
        leads=len(watched) if feed.by_lead else UNSET,
        never_read=never if feed.by_lead else 0,
        nudges_waiting=sum(came < now - WAITING_MS for came in waiting),
        missed_by_discovery=missed_in_a_day(tenant.hours, now) if feed.by_lead else 0,
        lacking=state.lacking,
        lacked_at=_moment(state.lacked, ahead),
        learned={fact.name: fact.value for fact in learned(tenant.facts, now)},
        missing=state.missing,
        missing_since=_moment(state.since, ahead),
        pass_seconds=calls_take(len(watched), limits, standing.left) if feed.by_lead and limits else UNSET,
        first_pass_seconds=calls_take(never, limits, standing.left) if feed.by_lead and never and limits else UNSET,
        max_staleness_seconds=max_staleness(account) if feed.by_lead else UNSET,
        sweep_seconds=sweep.seconds if sweep and not sweep.holds else UNSET,
        would_do=sweep.would_do if sweep else {},
        last_success=_moment(state.succeeded, ahead),
        next_turn=_moment(state.next, ahead),
        staleness_seconds=max(0, now - read) // 1000 if read else UNSET,
        turns=state.turns,
        records=state.events,
        failures=state.failures,
        code=state.code,
        sentence=state.sentence,
        unread=state.unread,
        parked_since=_moment(standing.parked, ahead),
        rests_until=_moment(standing.again if standing.again > now else 0, ahead),
        reason=standing.sentence,
        calls_left=standing.left,
        clock_skew_seconds=standing.skew,
        paused_since=_moment(paused, ahead),
        rewound_to=_moment(orders.since if not_rewound else 0, 0),
        not_rewound=not_rewound,
        backfills=[
            backfill_row(name, found, now)
            for name, found in sorted(tenant.backfills.items(), key=lambda item: item[1].ordered)
            if found.feed == feed.name and (not found.ended or found.ended > now - SHOWN_MS)
        ],
        webhooks=tuple(hook_notes(tenant)),
        held_back=len(tenant.drops.held),
    )


def missed_in_a_day(hours: Mapping[int, LedgerHour], now: int) -> int:
    """Return how many records of the last day the sweep found, and discovery did not; `now` is in ms."""
    return sum(hour.missed for number, hour in hours.items() if number * HOUR_MS >= now - DAY_SECONDS * 1000)


def word_of(
    state: FeedState,
    now: int,
    *,
    parked: bool,
    paused: bool = False,
    rewinding: bool = False,
    never_read: int,
    read: int,
    every: int,
    waiting: int,
) -> Word:
    """Return the state of a feed: `ok` only where everything that it should have read was read.

    `read` (ms) is since when something may be unread, 0 where nobody knows; `every` is in seconds; a webhook has been
    `waiting` for its row since then (ms).
    """
    waits = waiting < now - WAITING_MS
    found: tuple[tuple[Word, bool], ...] = (
        ("paused", paused),
        ("parked", parked),
        ("failing", state.failures > 0 and state.code != Incomplete.code),  # all but a part of it came
        (
            "partial",
            waits or state.missing > 0 or bool(state.unread) or (state.lacked > 0 and now < state.lacked + LACKING_MS),
        ),
        ("unread", not state.succeeded or never_read > 0),
        ("late", state.next > 0 and now > state.next + LATE_MS),
        ("behind", rewinding),
        ("behind", read > 0 and now > read + 2 * every * 1000 + LATE_MS),
    )
    return next((word for word, holds in found if holds), "ok")


def _not_rewound(feed: str, orders: FeedOrders, tenant: TenantState) -> int:
    """Count the positions of a feed that are to be read again from a time on, and were not read to their end since."""
    if not orders.rewound:
        return 0
    return sum(of == feed and position.at <= orders.rewound for (of, _), position in tenant.positions.items())


def calls_take(calls: int, limits: CallLimits, left: Mapping[str, int]) -> int:
    """Return how many seconds so many calls take at least, where nothing else makes any."""
    seconds = calls * limits.window / limits.per_window
    if limits.per_day:
        seconds = max(seconds, (calls - left.get("day", limits.per_day)) / limits.per_day * DAY_SECONDS)
    return round(seconds)


def limits_of(account: Account) -> CallLimits | None:
    """Return what a tenant may call, None where it cannot be polled."""
    try:
        return client_of(account).limits
    except Unready:
        return None


def _watched(account: Account, tenant: TenantState) -> set[str]:
    settings = account.settings
    named = map(settings.canonical_lead, settings.leads) if isinstance(settings, PolledTenant) else ()
    return {*tenant.leads, *filter(None, named)}


def _moment(millis: int, ahead: int) -> str | UnsetType:
    return from_millis(millis - ahead) if millis else UNSET
