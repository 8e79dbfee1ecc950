"""`headrace status`: how things stand with every tenant, and what needs somebody, on one screen."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import click
import msgspec

from headrace.cli import _arguments as arguments
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.cli._output import echo, echo_json, is_read, while_read
from headrace.cli._status_page import write_page
from headrace.cli._status_rows import NoticeRow, WayRow, is_in_trouble, notice_rows, rows_of, way_rows
from headrace.cli._status_topics import StatusTopics
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Consumer
from headrace.sdk.provider import Provider

REDRAW_SECONDS: Final = 2.0


class StatusFilter(msgspec.Struct, frozen=True):
    """Whose ways and notices are wanted; None means all."""

    provider: Provider | None
    tenant: str | None

    def wants(self, source: str) -> bool:
        """Return whether a source is wanted; a process belongs to no tenant, and is left out where one is named."""
        provider, _, tenant = source[1:].partition("/")
        return (self.provider is None or self.provider.name == provider) and self.tenant in (None, tenant)


@click.command("status")
@click.option("-p", "--provider", type=arguments.PROVIDER, help="Only tenants of this provider.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="Only the tenant of this name.")
@click.option("-w", "--watch", is_flag=True, help="Draw it anew every 2 seconds, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a way and a notice.")
@click.pass_context
def command(ctx: click.Context, provider: Provider | None, tenant: str | None, watch: bool, as_json: bool) -> None:  # noqa: FBT001  (click passes flags so)
    """Show how each tenant is polled and how its webhooks stand, and what is open, the worst first.

    The exit code is 1 where a notice is open, or a way is in trouble: parked, failing, late or partial (headrace feeds
    says more), or with webhooks that are not as they should be (trouble). Without --watch, that is.

    \b
    Of webhooks it says
      ok         the poller's last look found all that is needed
      trouble    one is missing, disabled, or points elsewhere: headrace hooks show
      unwatched  nobody looks: the tenant is not polled, or public_url is not set

    A notice is open until it is over. One that its process has not written again for three hours counts no more; it is
    shown for another day, as not confirmed. Notices of tenants that are not configured are left out.

    \b
      headrace status
      headrace status --watch
      headrace status --json | jq 'select(.notice)'
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    if watch and as_json:
        raise click.UsageError("--watch draws a screen: leave out --json, or run it again and again")
    config, wanted = arguments.configuration(ctx), StatusFilter(provider, tenant)
    arguments.check_configured(config, provider, tenant)
    if watch:
        with contextlib.suppress(KeyboardInterrupt):
            run_with_kafka(config, while_read(_watch(config, wanted)))
    elif run_with_kafka(config, _show(config, wanted, as_json=as_json)):
        ctx.exit(1)


async def _show(config: Config, wanted: StatusFilter, *, as_json: bool) -> bool:
    """Write it once; return whether anything needs somebody."""
    await existing_topics(config, "cursors")
    async with Consumer(config.kafka) as log:
        topics = StatusTopics(config, log)
        await topics.look()
    return _write(config, wanted, topics, as_json=as_json)


async def _watch(config: Config, wanted: StatusFilter) -> None:
    """Draw it again and again; while Kafka is away, say so and try again."""
    await existing_topics(config, "cursors")
    while is_read():
        try:
            async with Consumer(config.kafka) as log:
                topics = StatusTopics(config, log)
                while is_read():
                    await topics.look()
                    _clear()
                    _write(config, wanted, topics, as_json=False)
                    await asyncio.sleep(REDRAW_SECONDS)
        except (KafkaError, TimeoutError, OSError) as error:
            echo(f"Kafka does not answer ({type(error).__name__}): it is tried again", err=True)
            await asyncio.sleep(REDRAW_SECONDS)


def _write(config: Config, wanted: StatusFilter, topics: StatusTopics, *, as_json: bool) -> bool:
    now = datetime.now(UTC)
    accounts = [account for account in config.tenants if wanted.wants(account.source)]
    ways = way_rows(accounts, topics.state, int(time.time() * 1000))
    known = rows_of(notice_rows(topics.notices, now), config.tenants)
    notices = [row for row in known if wanted.wants(row.source)]
    if as_json:
        _write_json(ways, notices)
    else:
        write_page(ways, notices, topics.remark or _empty(accounts), now)
    return is_in_trouble(ways, notices)


def _write_json(ways: Sequence[WayRow], notices: Sequence[NoticeRow]) -> None:
    for row in (*ways, *notices):
        echo_json(msgspec.json.encode(row))


def _empty(accounts: Sequence[Account]) -> str:
    return "" if accounts else "No tenant is configured: add [tenants.PROVIDER.NAME] to headrace.toml."


def _clear() -> None:
    """Begin a screen anew; where there is none, what is drawn follows what was drawn before."""
    if sys.stdout.isatty():
        click.clear()
    else:
        echo()
