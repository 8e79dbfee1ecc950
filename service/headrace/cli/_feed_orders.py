"""`headrace feeds pause|resume|wake|rewind`: orders to the poller of a tenant."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

import click
from msgspec import Struct

from headrace.cli import _arguments as arguments
from headrace.cli._formatting import sentence
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.cli._letter_filter import moment
from headrace.cli._output import echo
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
from headrace.core.timestamps import from_millis
from headrace.poller.order_writer import append_orders
from headrace.poller.state import TenantState, read_all
from headrace.records.order import Order, Pause, Resume, Rewind, Wake
from headrace.records.ordered import FeedOrders
from headrace.sdk.provider import Provider

WAIT_SECONDS: Final = 30.0
_CLOCKS_SECONDS: Final = 60.0

_waits: Final = click.option(
    "--wait", "waits", is_flag=True, help=f"Wait for {WAIT_SECONDS:.0f} s at most until a poller has done it."
)


class _Target(Struct, frozen=True):
    """What an order is for: a tenant, a feed of it or "" for all; and whether to wait until it is carried out."""

    config: Config
    source: str
    feed: str
    feeds: Collection[str]
    waits: bool

    @property
    def title(self) -> str:
        return f"{self.feed} of {self.source}" if self.feed else self.source

    @property
    def meant(self) -> Collection[str]:
        return [self.feed] if self.feed else self.feeds


@click.command("pause", short_help="let a feed, or all of a tenant, make no calls")
@of_a_feed
@_waits
@click.pass_context
def pause(ctx: click.Context, provider: Provider, tenant: str, feed: str | None, waits: bool) -> None:  # noqa: FBT001  (click passes flags so)
    """Let a feed make no calls until it is resumed; without --feed, all feeds of the tenant.

    A turn that runs ends before its next call. What webhooks tell waits until the feed goes on.

    \b
      headrace feeds pause -p PROVIDER -t acme --feed FEED
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    target = _target(ctx, provider, tenant, feed, waits=waits)
    if {"", target.feed} & _paused(target):
        echo(f"{target.title} is paused already.")
        return
    _give(target, Pause(target.feed), [target.feed], lambda found: found.paused > 0)


@click.command("resume", short_help="let what was paused go on where it was")
@of_a_feed
@_waits
@click.pass_context
def resume(ctx: click.Context, provider: Provider, tenant: str, feed: str | None, waits: bool) -> None:  # noqa: FBT001  (as above)
    """Let a feed that was paused go on where it was; without --feed, all feeds of the tenant.

    \b
      headrace feeds resume -p PROVIDER -t acme
    """  # noqa: D301  (as above)
    target = _target(ctx, provider, tenant, feed, waits=waits)
    paused = _paused(target)
    wanted = paused & {"", target.feed} if target.feed else paused
    if not wanted:
        echo(f"{target.title} is not paused.")
        return
    _give(target, Resume(target.feed), wanted, lambda found: not found.paused)


@click.command("wake", short_help="read at once what rests, or is not due yet")
@of_a_feed
@_waits
@click.pass_context
def wake(ctx: click.Context, provider: Provider, tenant: str, feed: str | None, waits: bool) -> None:  # noqa: FBT001  (as above)
    """Read a feed at once, though it rests after failures, is parked or not due; without --feed, all of the tenant.

    Where the platform said when to come back, that is kept to. Of a feed that is read lead by lead, those are read
    whose turn it is.

    \b
      headrace feeds wake -p PROVIDER -t acme
    """  # noqa: D301  (as above)
    target = _target(ctx, provider, tenant, feed, waits=waits)
    since = _now() - _CLOCKS_SECONDS * 1000
    _give(target, Wake(target.feed), target.meant, lambda found: found.woken >= since)


@click.command("rewind", short_help="read again from a time on")
@of_a_feed
@click.option(
    "--since",
    type=moment,
    metavar="TIME",
    required=True,
    help="Read again from then on: 2026-08-08T09:00Z, or 2h for two hours ago.",
)
@BEYOND_WINDOW
@_waits
@click.pass_context
def rewind(
    ctx: click.Context,
    /,
    *,
    provider: Provider,
    tenant: str,
    feed: str | None,
    since: datetime,
    beyond_window: bool,
    waits: bool,
) -> None:
    """Let a feed read again all that was created or changed since a time; without --feed, all feeds of the tenant.

    It begins at once; each lead is read again at its next turn, and no further back than the dedupe window is long
    then. What lies further behind is read as ever. What was published before is a duplicate. `headrace backfill` reads
    a bounded time again, beside the feed.

    \b
      headrace feeds rewind -p PROVIDER -t acme --feed FEED --since 6h
    """  # noqa: D301  (as above)
    target, begin = _target(ctx, provider, tenant, feed, waits=waits), int(since.timestamp() * 1000)
    if begin > _now():
        raise click.BadParameter("is in the future", param_hint="--since")
    check_window(target.config, begin, beyond_window=beyond_window)
    ordered = _now() - _CLOCKS_SECONDS * 1000
    _give(
        target,
        Rewind(begin, target.feed, beyond_window),
        target.meant,
        lambda found: found.since == begin and found.rewound >= ordered,
    )
    sentence(f"It is read again from {from_millis(begin)} on.")


def _target(ctx: click.Context, provider: Provider, tenant: str, feed: str | None, *, waits: bool) -> _Target:
    config = arguments.configuration(ctx)
    account = polled_account(config, provider, tenant)
    name = feed_of(account, feed).name if feed else ""
    return _Target(config, account.source, name, [one.name for one in feeds_of(account)], waits)


def _paused(target: _Target) -> set[str]:
    """Return what is paused of a tenant: names of feeds, "" for the tenant as a whole."""
    state = run_with_kafka(target.config, _read_state(target))
    return {name for name, orders in state.orders.items() if orders.paused}


async def _read_state(target: _Target) -> TenantState:
    await existing_topics(target.config, "cursors", "nudges")
    return (await read_all(target.config)).of(target.source)


def _give(target: _Target, order: Order, names: Collection[str], stands: Callable[[FeedOrders], bool]) -> None:
    """Write an order, say so, and wait where that is wanted until it `stands` in all records of these names."""
    word = order.__struct_config__.tag
    began = _now()
    run_with_kafka(target.config, _write(target, order))
    if not target.waits:
        sentence(f"Ordered: {word} {target.title}. A running poller does it within seconds; headrace feeds shows it.")
    elif run_with_kafka(target.config, _comes(target, set(names), stands, began)):
        echo(f"Done: {word} {target.title}.")
    else:
        raise click.ClickException(f"ordered, but no poller has done it for {WAIT_SECONDS:.0f} s. {WHERE_IT_IS}")


async def _write(target: _Target, order: Order) -> None:
    await existing_topics(target.config, "cursors", "nudges")
    await append_orders(target.config, target.source, [order])


async def _comes(target: _Target, names: set[str], stands: Callable[[FeedOrders], bool], since: int) -> bool:
    with contextlib.suppress(TimeoutError):
        async with (
            asyncio.timeout(WAIT_SECONDS),
            contextlib.aclosing(stored_entries(target.config, target.source, since)) as entries,
        ):
            async for one in entries:
                if isinstance(one.value, FeedOrders) and stands(one.value):
                    names.discard(one.names[0])
                if not names:
                    return True
    return False


def _now() -> int:
    return int(time.time() * 1000)
