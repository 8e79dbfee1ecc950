"""`headrace backfill`: read a bounded time of a feed once more, beside what is read anyway."""

import asyncio
import contextlib
import secrets
import shutil
import time
from datetime import datetime
from typing import Final

import click

from headrace.cli import _arguments as arguments
from headrace.cli._backfill_rows import backfill_row, portion, sentence_of
from headrace.cli._formatting import sentence
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.cli._letter_filter import moment
from headrace.cli._output import echo, progress
from headrace.cli._stored_entries import stored_entries
from headrace.cli._tenant_options import (
    BEYOND_WINDOW,
    WHERE_IT_IS,
    check_window,
    feed_of,
    feeds_of,
    of_a_feed,
    polled_account,
)
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.core.timestamps import from_millis
from headrace.poller.backfills import DEFAULT_SHARE, feed_to_read
from headrace.poller.order_writer import append_orders
from headrace.poller.state import TenantState, read_all
from headrace.records.order import CancelBackfill, Order, StartBackfill
from headrace.records.ordered import Backfill
from headrace.sdk.feed import Feed
from headrace.sdk.provider import Provider

_PATIENCE_SECONDS: Final = 20.0
_BAR: Final = 20


@click.command("backfill")
@of_a_feed
@click.option("--since", type=moment, metavar="TIME", help="Begin: 2026-08-08T09:00Z, or 2h for two hours ago.")
@click.option("--until", type=moment, metavar="TIME", help="End; by default now.")
@click.option(
    "--share",
    type=click.FloatRange(0.0, 1.0, min_open=True),
    default=DEFAULT_SHARE,
    show_default=True,
    help="Share of the tenant's calls that it may make.",
)
@BEYOND_WINDOW
@click.option("--no-wait", is_flag=True, help="Do not stay to show how far it is.")
@click.option("--cancel", metavar="ID", help="End the back-fill of this id; what it brought stays.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    provider: Provider,
    tenant: str,
    feed: str | None,
    since: datetime | None,
    until: datetime | None,
    share: float,
    beyond_window: bool,
    no_wait: bool,
    cancel: str | None,
) -> None:
    """Read what was created or changed between two times once more, while all feeds go on.

    The poller does it, at a share of the tenant's budget, and goes on with it after a restart; `headrace feeds` shows
    how far it is. What was published before is a duplicate; what grows older than the dedupe window before it is read
    is left out, and then it ends as partial. Without --feed, the feed of the whole tenant is read where there is one,
    else one that goes through all watched leads.

    \b
      headrace backfill -p PROVIDER -t acme --since 2d --until 1d
      headrace backfill -p PROVIDER -t acme --cancel ID
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config = arguments.configuration(ctx)
    account = polled_account(config, provider, tenant)
    if cancel is not None:
        _cancel(config, account, cancel)
        return
    begin, end = _bounds(config, since, until, beyond_window=beyond_window)
    name = secrets.token_hex(4)
    order = StartBackfill(name, _feed(account, feed).name, begin, end, share, beyond_window)
    run_with_kafka(config, _write(config, account.source, order))
    ordered = (
        f"Ordered: back-fill {name}, {order.feed} of {account.source}, {from_millis(begin)} to {from_millis(end)}."
    )
    if no_wait:
        echo(ordered)
        echo(_how_to_look(account, name))
        return
    try:
        echo(ordered)
        found = run_with_kafka(config, _follow(config, account.source, name, int(time.time() * 1000)))
    except KeyboardInterrupt:
        progress("")
        sentence(f"It goes on without you. {_how_to_look(account, name)}")
        return
    progress("")
    sentence(f"Back-fill {name}: {sentence_of(backfill_row(name, found, found.ended))}.")
    if found.outcome != "done":
        ctx.exit(1)


def _bounds(config: Config, since: datetime | None, until: datetime | None, *, beyond_window: bool) -> tuple[int, int]:
    """Return the first moment and the one behind the last, in ms since the epoch, or end the command."""
    now = int(time.time() * 1000)
    if since is None:
        raise click.UsageError("say from when on: --since TIME")
    begin, end = int(since.timestamp() * 1000), now if until is None else int(until.timestamp() * 1000)
    if end > now:
        raise click.BadParameter("is in the future: what comes, the feeds bring", param_hint="--until")
    if begin >= end:
        raise click.BadParameter("lies behind --until: there is nothing in between", param_hint="--since")
    check_window(config, begin, beyond_window=beyond_window)
    return begin, end


def _feed(account: Account, name: str | None) -> Feed:
    """Return the feed to read: the one that is named, else the first of the whole tenant that brings rows."""
    if name is not None:
        return feed_of(account, name)
    found = feed_to_read(feeds_of(account))
    if found is None:
        raise click.ClickException(f"{account.source} has no feed that brings rows")
    return found


def _how_to_look(account: Account, name: str) -> str:
    of = f"-p {account.provider.name} -t {account.name}"
    return f"How far it is: headrace feeds {of}. To end it: headrace backfill {of} --cancel {name}"


async def _write(config: Config, source: str, order: Order) -> None:
    await existing_topics(config, "cursors", "nudges")
    await append_orders(config, source, [order])


def _cancel(config: Config, account: Account, name: str) -> None:
    found = run_with_kafka(config, _read_state(config, account.source)).backfills
    if name in found and found[name].ended:
        sentence(f"Back-fill {name} has ended already: {found[name].outcome}.")
        return
    run_with_kafka(config, _write(config, account.source, CancelBackfill(name)))
    known = (
        ""
        if name in found
        else f" None of {account.source} has this id so far: if it was ordered just now, it ends at once."
    )
    sentence(f"Ordered: end back-fill {name}. A running poller does it within seconds; what it brought stays.{known}")


async def _read_state(config: Config, source: str) -> TenantState:
    await existing_topics(config, "cursors", "nudges")
    return (await read_all(config)).of(source)


async def _follow(config: Config, source: str, name: str, since: int) -> Backfill:
    """Show how far a back-fill is until it has ended, and return it then."""
    impatient = asyncio.create_task(_ask_for_a_poller())
    try:
        async with contextlib.aclosing(stored_entries(config, source, since)) as entries:
            async for one in entries:
                if isinstance(one.value, Backfill) and one.names == (name,):
                    impatient.cancel()
                    _show(name, one.value)
                    if one.value.ended:
                        return one.value
    finally:
        impatient.cancel()
    raise AssertionError("it is followed without end")


async def _ask_for_a_poller() -> None:
    await asyncio.sleep(_PATIENCE_SECONDS)
    sentence(f"No poller has taken it so far. {WHERE_IT_IS}", err=True)


def _show(name: str, found: Backfill) -> None:
    filled = round(portion(found) * _BAR)
    bar = "#" * filled + "." * (_BAR - filled)
    line = f"  [{bar}] {sentence_of(backfill_row(name, found, int(time.time() * 1000)))}"
    progress(line[: shutil.get_terminal_size().columns - 1])
