"""Which leads rest, and why, from what the poller has stored: `headrace feeds --resting`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from headrace.cli._formatting import clock, count, footnote, table_as_it_fits
from headrace.cli._output import echo, styled
from headrace.config.tenants import Account
from headrace.core.timestamps import from_millis, parse
from headrace.poller.state import TenantState

_TITLES: Final = ("lead", "why", "until", "times", "since")
_OLD_SECONDS: Final = 120
"""The poller stores who rests every half minute: what is older is said to be old."""


class RestingRow(Struct, frozen=True, omit_defaults=True):
    """One lead that rests, as `--json` writes it; without `lead` it is a feed that is not read by lead.

    It failed so many `times` in a row. With `aside` it is read once its feed goes well again, which `until` does not
    know.
    """

    code: str
    times: int
    since: str
    lead: str | UnsetType = UNSET
    until: str | UnsetType = UNSET
    aside: bool = False
    sentence: str = ""


class RestingFeed(Struct, frozen=True, omit_defaults=True):
    """The leads of one feed that rest, as `--json` writes it: those that are listed, and how many `more`, as of `at`.

    No turn of the feed begins before `held_until`.
    """

    source: str
    feed: str
    at: str
    leads: tuple[RestingRow, ...]
    more: int = 0
    held_until: str | UnsetType = UNSET


def resting_feeds(account: Account, tenant: TenantState) -> Iterator[RestingFeed]:
    """Yield each feed of a tenant of which leads rest, or which rests itself."""
    ahead = int(tenant.standing.ahead * 1000)
    for feed, resting in sorted(tenant.resting.items()):
        leads = tuple(
            RestingRow(
                resting.reasons[each.reason][0],
                each.failures,
                from_millis(each.since - ahead),
                each.lead or UNSET,
                UNSET if each.aside else from_millis(each.until - ahead),
                each.aside,
                resting.reasons[each.reason][1],
            )
            for each in resting.leads
        )
        held = from_millis(resting.held - ahead) if resting.held else UNSET
        yield RestingFeed(account.source, feed, from_millis(resting.at - ahead), leads, resting.more, held)


def write(found: Sequence[RestingFeed], now: datetime) -> None:
    """Write a table for each feed, with the reasons below it."""
    if not found:
        echo("No lead rests.")
    for number, feed in enumerate(found):
        if number:
            echo()
        echo(_heading(feed, now))
        _write_table(feed, now)
        _write_reasons(feed)


def _heading(feed: RestingFeed, now: datetime) -> str:
    by_lead = feed.leads and feed.leads[0].lead is not UNSET
    what = f"{count(len(feed.leads) + feed.more, 'lead')} not read in time" if by_lead else "rests"
    held = "" if feed.held_until is UNSET else f"; no turn before {clock(feed.held_until, now).strip()}"
    old = (now - parse(feed.at)).total_seconds() > _OLD_SECONDS
    return styled(f"{feed.source} {feed.feed}: {what}{held}", bold=True) + (
        f" (as of {clock(feed.at, now).strip()})" if old else ""
    )


def _write_table(feed: RestingFeed, now: datetime) -> None:
    cells = [
        ("-" if row.lead is UNSET else row.lead, row.code, _until(row, now), f"{row.times}x", _clock(row.since, now))
        for row in feed.leads
    ]
    table_as_it_fits(_TITLES, cells, right=("until", "times", "since"))
    if feed.more:
        echo(f"  and {feed.more:,} more")


def _write_reasons(feed: RestingFeed) -> None:
    reasons = Counter((row.code, row.sentence) for row in feed.leads)
    for (code, sentence), times in reasons.most_common():
        footnote(f"{code}, {times:,} of these: {sentence}")


def _until(row: RestingRow, now: datetime) -> str:
    if row.until is UNSET:
        return "its feed"
    return "now" if parse(row.until) <= now.astimezone(UTC) else _clock(row.until, now)


def _clock(moment: str, now: datetime) -> str:
    return clock(moment, now).strip()
