"""`headrace ledger`: what webhooks lost, and what polling did, hour by hour."""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import click
import msgspec

from headrace.cli import _arguments as arguments
from headrace.cli._formatting import count, footnote, sentence, table_as_it_fits
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.cli._ledger_rows import HourRow, cells, hour_rows
from headrace.cli._letter_filter import moment
from headrace.cli._output import echo, echo_json, styled
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.poller.state import TenantState, read_all
from headrace.sdk.provider import Provider

_TITLES: Final = ("hour (UTC)", "both", "webhook", "poll", "lost", "poll later", "webhook later", "missed", "uncounted")
_DAY_SECONDS: Final = 86_400.0


@click.command("ledger")
@click.option("-p", "--provider", type=arguments.PROVIDER, required=True, help="The platform.")
@click.option("-t", "--tenant", type=arguments.TENANT, required=True, metavar="NAME", help="The tenant's name.")
@click.option("--since", type=moment, metavar="TIME", help="From then on: 2026-08-08T09:00Z, or 6h; else a day.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object an hour.")
@click.pass_context
def command(ctx: click.Context, provider: Provider, tenant: str, since: datetime | None, as_json: bool) -> None:  # noqa: FBT001  (click passes flags so)
    """Show what one of the two ways told, webhooks and polling, and the other one did not.

    \b
    Of the facts that belong to an hour
      both       were told by both ways
      webhook    only by a webhook: polling did not bring them
      poll       only by polling, though webhooks tell such facts: a webhook was
                 lost
      lost       the share of all facts that webhooks lost
      later      how many seconds or minutes one way was later than the other:
                 half of the facts at most, 95 % at most
      missed     were found by the sweep alone: discovery did not name their lead
      uncounted  found no room in memory, and are in no other column

    An hour is open, and marked with *, until it is over for the time of [ledger] settle (2 h) in all partitions of raw.
    What comes later does not count as told. Test traffic, and what only webhooks can tell, is left out.

    \b
      headrace ledger -p PROVIDER -t acme --since 6h
      headrace ledger -p PROVIDER -t acme --json | jq 'select(.webhooks_lost > 0.01)'
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config = arguments.configuration(ctx)
    account = arguments.account(config, provider, tenant)
    state = run_with_kafka(config, _read(config, account))
    begin = since.timestamp() if since else time.time() - _DAY_SECONDS
    found = list(hour_rows(account.source, state.hours, begin))
    if as_json:
        for row in found:
            echo_json(msgspec.json.encode(row))
    elif found:
        _write(found)
    else:
        sentence(_nothing(config, account))


async def _read(config: Config, account: Account) -> TenantState:
    await existing_topics(config, "cursors")
    return (await read_all(config)).of(account.source)


def _write(found: Sequence[HourRow]) -> None:
    shown = [cells(row) for row in found]
    table_as_it_fits(_TITLES, shown, right=_TITLES[1:])
    echo()
    for note in _notes(found):
        footnote(note)


def _notes(found: Sequence[HourRow]) -> Iterator[str]:
    """Yield what does not fit into a cell."""
    closed = [row for row in found if row.state == "closed"]
    facts = sum(row.both + row.webhook + row.poll for row in closed)
    if facts:
        lost, unread = sum(row.poll for row in closed), sum(row.webhook for row in closed)
        yield f"{count(facts, 'fact')} of closed hours: webhooks lost {lost / facts:.2%}, polling {unread / facts:.2%}"
    if any(row.poll_later or row.webhook_later for row in found):
        yield "later: of the facts that both told, half within the first time, 95 % within the second"
    if len(closed) < len(found):
        yield "* not all partitions of raw have reported it yet"
    if missed := sum(row.missed_by_discovery for row in found):
        yield styled(f"{count(missed, 'record')} of the sweep should have been named by discovery", fg="yellow")
    if uncounted := sum(row.uncounted for row in found):
        yield styled(f"{count(uncounted, 'fact')} found no room in memory: they are in no other number", fg="yellow")
    for row in found:
        if row.hole is not msgspec.UNSET:
            then = f"back-fill {row.backfill} was started for it" if row.backfill else "nothing was started for it"
            shares = f"webhooks lost {row.webhooks_lost:.1%}, polling {row.polling_lost:.1%}"
            yield styled(f"{row.hour[5:16].replace('T', ' ')}: {shares}; {then}", fg="red")


def _nothing(config: Config, account: Account) -> str:
    """Return why there is no hour to show."""
    if account.source not in config.tenants.both_ways:
        return (
            f"{account.source} has no loss ledger: it needs polling = true and webhooks, to hold one against the other."
        )
    return "No hour of that time is reported yet: the first one is when it is over for the time of [ledger] settle."
