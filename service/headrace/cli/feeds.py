"""`headrace feeds`: how far each platform is read, and what is wrong with it."""

import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Final

import click
import msgspec
from msgspec import UNSET, UnsetType

from headrace.cli import _arguments as arguments
from headrace.cli._backfill_rows import sentence_of
from headrace.cli._feed_orders import pause, resume, rewind, wake
from headrace.cli._feed_rows import FeedRow, Word, feed_rows
from headrace.cli._formatting import count, footnote, sentence, span, table, table_as_it_fits
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.cli._output import echo, echo_json, styled
from headrace.cli._resting import resting_feeds, write as write_resting
from headrace.cli._staleness import sentence as staleness_sentence
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.core.timestamps import from_millis, parse
from headrace.poller.state import PartitionState, read_all
from headrace.sdk.provider import Provider

_TITLES: Final = (
    *("tenant", "feed", "state", "staleness", "errors", "leads", "last success", "next turn"),
    *("records", "left today"),
)
"""What needs somebody comes first: a narrow terminal shows no more."""
_RIGHT: Final = ("staleness", "leads", "last success", "next turn", "records", "left today")
_COLORS: Final[dict[Word, str]] = {
    "ok": "green",
    "unread": "cyan",
    "behind": "yellow",
    "late": "yellow",
    "partial": "yellow",
    "failing": "red",
    "parked": "red",
    "paused": "magenta",
}
_SKEWED_SECONDS: Final = 5.0


@click.group("feeds", invoke_without_command=True)
@click.option("-p", "--provider", type=arguments.PROVIDER, help="Only tenants of this provider.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="Only the tenant of this name.")
@click.option("--resting", is_flag=True, help="Show which leads rest after failures, why and until when.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a feed.")
@click.pass_context
def command(ctx: click.Context, provider: Provider | None, tenant: str | None, resting: bool, as_json: bool) -> None:  # noqa: FBT001  (click passes flags so)
    """Show how far the platform of every polled tenant is read, and what is wrong with it.

    The commands below order what a poller is to do with the feeds of a tenant.

    \b
    A feed is
      ok         all was read that should have been, and is read again in time
      behind     a lead waits twice as long as it should: too many for the budget;
                 or it is being read again, because people said so
      late       overdue: is a poller running?
      unread     it, or a lead of it, was never read to its end
      partial    the last turn of some leads failed, a part of the feed did not come,
                 webhooks wait for their rows, or rows came without a part in the
                 last day: how many, since when and why is below the table; so is
                 what to set where these settings do not let it read everything
      failing    its last turn failed; the reason is below the table
      parked     the platform denies the tenant's credentials: correct them,
                 it goes on by itself
      paused     people said so: headrace feeds resume lets it go on, or its tenant's settings do

    Staleness is the time since the feed was read to its end; of a feed that is read lead by lead, since that lead was
    read that has waited longest. The poller stores this with each page and every half minute.

    \b
      headrace feeds
      headrace feeds -t acme --json | jq 'select(.state != "ok")'
      headrace feeds --resting
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    if ctx.invoked_subcommand is not None:
        return
    config = arguments.configuration(ctx)
    arguments.check_configured(config, provider, tenant)
    accounts = [
        account
        for account in config.tenants
        if account.settings.polling and provider in (None, account.provider) and tenant in (None, account.name)
    ]
    if not accounts:
        sentence("No tenant that is asked for is polled: set polling = true in [tenants.PROVIDER.NAME].", err=as_json)
        return
    state = run_with_kafka(config, _read_state(config))
    if resting:
        _show_resting(accounts, state, as_json=as_json)
        return
    found = list(_rows(accounts, state))
    if as_json:
        for row in found:
            echo_json(msgspec.json.encode(row))
    else:
        _write(found, time.time())
        _write_gaps(state, time.time() - config.dedupe.window)


for _order in (pause, resume, wake, rewind):
    command.add_command(_order)


async def _read_state(config: Config) -> PartitionState:
    await existing_topics(config, "cursors")
    return await read_all(config)


def _show_resting(accounts: Sequence[Account], state: PartitionState, *, as_json: bool) -> None:
    found = [feed for account in accounts for feed in resting_feeds(account, state.of(account.source))]
    if as_json:
        for feed in found:
            echo_json(msgspec.json.encode(feed))
        return
    for note in dict.fromkeys(note for row in _rows(accounts, state) for note in _standing_notes(row)):
        footnote(note)
    write_resting(found, datetime.now(UTC))


def _rows(accounts: Sequence[Account], state: PartitionState) -> Iterator[FeedRow]:
    now = int(time.time() * 1000)
    for account in accounts:
        yield from feed_rows(account, state.of(account.source), now)


def _write(found: Sequence[FeedRow], now: float) -> None:
    cells = [_cells(row, now) for row in found]
    if sys.stdout.isatty():
        table_as_it_fits(("tenant, feed", *_TITLES[2:]), list(_grouped(cells)), right=_RIGHT)
    else:
        table(_TITLES, cells, right=_RIGHT)
    notes = [note for row in found for note in _notes(row)]
    if notes:
        echo()
    for note in dict.fromkeys(notes):  # what concerns the tenant is written once, not for each of its feeds
        footnote(note)


def _grouped(cells: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
    """Yield the rows of a terminal: a tenant with what is left of its budget, and its feeds below it."""
    for tenant, feeds in groupby(cells, key=itemgetter(0)):
        rows = list(feeds)
        *_, left = rows[0]
        yield (styled(tenant, bold=True), *([""] * (len(_TITLES) - 3)), left)
        for _, feed, *others, _ in rows:
            yield (f"  {feed}", *others, "")


def _write_gaps(state: PartitionState, oldest: float) -> None:
    """Write what was gone of `nudges` since a time (s): what webhooks told may be missing."""
    for (partition, begin), gap in sorted(state.gaps.items(), key=lambda pair: pair[1].at):
        if gap.at / 1000 > oldest:
            upto = "the topic was made anew" if gap.end is None else f"up to {gap.end}"
            found = f"nudges of partition {partition} from offset {begin} on were gone before they were read ({upto})"
            hint = "what they told may be missing: headrace redrive --nudged --since TIME"
            footnote(styled(f"{_at(from_millis(gap.at))}: {found}; {hint}", fg="red"))


def _cells(row: FeedRow, now: float) -> Sequence[str]:
    left = row.calls_left.get("day")
    return (
        row.source[1:],
        row.feed,
        styled(row.state, fg=_COLORS[row.state]),
        "-" if row.staleness_seconds is UNSET else span(row.staleness_seconds, 1),
        f"{row.failures}x {row.code}" if row.failures else "-",
        "-" if row.leads is UNSET else f"{row.leads:,}",
        _ago(row.last_success, now),
        _ahead(row.next_turn, now),
        f"{row.records:,}",
        "-" if left is None else f"{left:,}",
    )


def _notes(row: FeedRow) -> Iterator[str]:
    """Yield what does not fit into a cell."""
    yield from _ordered(row)
    yield from _standing_notes(row)
    if row.held_back:
        yield from (styled(f"{row.source}: {note}", fg="red") for note in _held_back(row.held_back))
    if row.missing and row.leads is not UNSET:
        since = "" if row.missing_since is UNSET else f" since {_at(row.missing_since)}"
        found = f"{row.missing:,} of {count(row.leads, 'lead')} not read as it should be{since}"
        yield styled(f"{row.source} {row.feed}: {found}: {row.sentence}", fg="yellow")
    elif row.sentence and row.sentence != row.reason:
        yield f"{row.source} {row.feed}: {row.sentence}"
    if row.unread:
        yield styled(f"{row.source} {row.feed}: {row.unread}", fg="yellow")
    if row.nudges_waiting:
        found = f"{count(row.nudges_waiting, 'webhook')} waiting for longer than a quarter of an hour for what is read"
        yield styled(f"{row.source} {row.feed}: {found}; they are published as they came in the end", fg="yellow")
    if row.missed_by_discovery:
        found = f"{count(row.missed_by_discovery, 'record')} of the last day found by the sweep alone"
        yield styled(f"{row.source} {row.feed}: {found}: no feed had named their leads", fg="yellow")
    if row.lacked_at is not UNSET:
        found = f"{count(row.lacking, 'row')} came without a part or not at all, the last {_at(row.lacked_at)}"
        yield styled(f"{row.source} {row.feed}: {found}; the log names them: row_incomplete", fg="yellow")
    if row.learned:
        facts = ", ".join(f"{name}: {value}" for name, value in row.learned.items())
        yield f"{row.source}: learned of its platform: {facts}"
    yield from (styled(f"{row.source}: {note}", fg="yellow") for note in row.webhooks)
    yield from _estimates(row)
    if abs(row.clock_skew_seconds) >= _SKEWED_SECONDS:
        ahead = "ahead of" if row.clock_skew_seconds > 0 else "behind"
        yield f"{row.source}: the platform's clock is {span(round(abs(row.clock_skew_seconds)))} {ahead} ours"


def _ordered(row: FeedRow) -> Iterator[str]:
    """Yield what people ordered, and how far it is."""
    if row.paused_since is not UNSET:
        yield styled(f"{row.source} {row.feed}: paused since {_at(row.paused_since)}", fg="magenta")
    if row.rewound_to is not UNSET:
        left = f"; {count(row.not_rewound, 'lead')} to go" if row.leads is not UNSET else ""
        yield f"{row.source} {row.feed}: is read again from {_at(row.rewound_to)} on{left}"
    for one in row.backfills:
        span_ = f"{_at(one.since)} to {_at(one.until)}"
        yield f"{row.source} {row.feed}: back-fill {one.id} of {span_}: {sentence_of(one)}"


def _standing_notes(row: FeedRow) -> Iterator[str]:
    """Yield why no feed of a tenant is read."""
    again = "" if row.rests_until is UNSET else f", tried again at {_at(row.rests_until)}"
    if row.parked_since is not UNSET:
        yield styled(f"{row.source} is parked since {_at(row.parked_since)}{again}: {row.reason}", fg="red")
    elif again:
        yield styled(f"{row.source} is paused after failures{again}: {row.reason}", fg="yellow")


def _held_back(leads: int) -> Iterator[str]:
    yield f"its platform does not know {count(leads, 'lead')}, too many at once to be dropped: they stay watched"
    yield (
        "check its credentials and address; headrace leads list --dropped names the leads, "
        "headrace leads remove takes away what is gone indeed"
    )


def _estimates(row: FeedRow) -> Iterator[str]:
    """Yield how long what is not read yet takes, and a round through all leads where that is too long."""
    if row.never_read:
        took = "" if row.first_pass_seconds is UNSET else f"; they take {span(row.first_pass_seconds, 1)} or more"
        yield f"{row.source} {row.feed}: {count(row.never_read, 'lead')} never read{took} at this budget"
    elif row.state == "behind" and row.leads is not UNSET:
        took = "" if row.pass_seconds is UNSET else f", which takes {span(row.pass_seconds, 1)} or more at this budget"
        yield f"{row.source} {row.feed}: it is behind with its round through {count(row.leads, 'lead')}{took}"
    if row.sweep_seconds is not UNSET and row.max_staleness_seconds is not UNSET:
        found = staleness_sentence(row.sweep_seconds, row.would_do, row.max_staleness_seconds)
        yield styled(f"{row.source} {row.feed}: {found}", fg="yellow")


def _ago(moment: str | UnsetType, now: float) -> str:
    return "never" if moment is UNSET else f"{span(max(0, int(now - parse(moment).timestamp())), 1)} ago"


def _ahead(moment: str | UnsetType, now: float) -> str:
    if moment is UNSET:
        return "-"
    seconds = int(parse(moment).timestamp() - now)
    return f"in {span(seconds, 1)}" if seconds > 0 else "now"


def _at(moment: str) -> str:
    return parse(moment).astimezone(UTC).replace(microsecond=0).isoformat(" ")[: len("2026-08-08 09:00:00")] + " UTC"
