"""Looks at everything that a configuration needs and cannot show by itself: Kafka, platforms, webhooks, the receiver.

Nothing is changed: no token is minted, nothing is stored, and calls to platforms count in the tenants' budgets.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Final

import aiohttp
import click
from msgspec import Struct

from headrace.cli import _arguments as arguments
from headrace.cli._check_rows import CheckRow, write_json, write_table
from headrace.cli._feed_rows import feed_rows
from headrace.cli._kafka_checks import PollerMemory, kafka_rows, read_memory
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._output import progress
from headrace.cli._platform_checks import broken, platform_rows, quota_row, slow, tokenless, untried
from headrace.cli._progress_bar import ProgressBar
from headrace.cli._tenant_checks import feeds_row, is_looked_at, leads_row, receiver_row, webhook_rows
from headrace.config import Config
from headrace.config.load import Loaded
from headrace.config.tenants import Account
from headrace.core.toml_lines import FileFault, FileFaults
from headrace.poller.http_client import open_session
from headrace.poller.platform_client import Unready, client_of
from headrace.poller.probe_calls import NotTried, Tried, left_of, try_platform
from headrace.poller.receiver_reach import reach
from headrace.poller.state import TenantState
from headrace.poller.tenant_orders import WHOLE
from headrace.providers.discover import builtin, discover
from headrace.records.hooks import HookReport
from headrace.sdk.faults import Denied, Fault
from headrace.sdk.provider import Provider

_AT_ONCE: Final = 8
"""Tenants that are looked at at a time."""
_TENANT_SECONDS: Final = 120.0
"""A tenant's calls are few, and wait for room in its budget."""


_CONFIGURATION: Final = "configuration"
_MEND: Final = "mend it there; headrace check shows all of that kind"


class _Look(Struct, frozen=True):
    """What came of a tenant's platform: rows, and the answers that they were made of, None where it was not called."""

    rows: Sequence[CheckRow]
    tried: Tried | None = None


def check_online(ctx: click.Context, of: Provider | None, tenant: str | None, *, as_json: bool) -> None:
    """Look, and print what was found; where there is a fault the command ends with 1."""
    loaded = arguments.loaded(ctx)
    config = loaded.config
    accounts = [each for each in config.tenants if of in (None, each.provider) and tenant in (None, each.name)]
    broken = list(_broken(loaded, of, tenant))
    if not accounts and not broken and (of or tenant):
        raise click.ClickException("no tenant that is asked for is configured: add [tenants.PROVIDER.NAME]")
    files = [CheckRow(_CONFIGURATION, "files", "ok", str(config.file or "there is none: defaults and the environment"))]
    rows = [*(broken or files), *run_with_kafka(config, online_rows(config, accounts))]
    (write_json if as_json else write_table)(rows)
    if any(row.state == "fault" for row in rows):
        ctx.exit(1)


def _broken(loaded: Loaded, of: Provider | None, tenant: str | None) -> Iterator[CheckRow]:
    """Yield what is wrong in files: with tenants that are asked for, and with what is no tenant's."""
    of_tenants: set[FileFault] = set()
    for source, faults in loaded.config.tenants.left_out.items():
        of_tenants |= set(faults)
        provider, _, name = source[1:].partition("/")
        if (of is None or of.name == provider) and tenant in (None, name):
            yield from (CheckRow(source[1:], "files", "fault", str(fault), _MEND) for fault in faults)
    for fault in {*loaded.faults, *_of_tables()} - of_tenants:
        yield CheckRow(_CONFIGURATION, "files", "fault", str(fault), _MEND)


def _of_tables() -> Iterator[FileFault]:
    for name in discover():
        try:
            builtin(name)
        except FileFaults as error:
            yield from error.faults


async def online_rows(config: Config, accounts: Sequence[Account]) -> list[CheckRow]:
    """Return what was found of Kafka, and of each of these tenants; what is wrong with one hides no other."""
    progress("  asking Kafka…")
    rows = await kafka_rows(config)
    progress("  reading what pollers remember…")
    memory = await read_memory(config)
    some = asyncio.Semaphore(_AT_ONCE)
    async with open_session() as session:
        with ProgressBar("tenants looked at", len(accounts)) as bar:

            async def look_at(account: Account) -> list[CheckRow]:
                async with some:
                    found = await _tenant_rows(config, account, memory, session)
                bar.to(bar.done + 1)
                return found

            of_tenants = await asyncio.gather(*map(look_at, accounts))
    return [*rows, *memory.rows, *(row for found in of_tenants for row in found)]


async def _tenant_rows(
    config: Config, account: Account, memory: PollerMemory, session: aiohttp.ClientSession
) -> list[CheckRow]:
    state, url = memory.of(account.source), config.public_url
    takes = url if account.settings.takes_webhooks else None
    looking, reaching = (
        _look(config, account, state, session, counted=memory.budgets and account.settings.polling),
        reach(account, takes, session) if takes else _nowhere(),
    )
    look, reached = await asyncio.gather(looking, reaching)
    return [*look.rows, *_remembered(config, account, state, look.tried), receiver_row(account, url, reached)]


async def _nowhere() -> None:
    """Return that there is no receiver to reach."""


async def _look(
    config: Config, account: Account, state: TenantState | None, session: aiohttp.ClientSession, *, counted: bool
) -> _Look:
    """Call a tenant's platform, where it has one that may be called now."""
    where = account.source[1:]
    if (reason := _rests(account, state)) is not None:
        return _Look([CheckRow(where, "platform", "off", reason)])
    if state is None and account.settings.polling:
        return _Look(list(untried(where, "it was not called: what its poller has spent could not be read")))
    return await _called(config, account, state or TenantState(), session, counted=counted)


async def _called(
    config: Config, account: Account, known: TenantState, session: aiohttp.ClientSession, *, counted: bool
) -> _Look:
    """Call a tenant's platform; return what that shows, whatever becomes of it."""
    where = account.source[1:]
    hooks = is_looked_at(account, config.public_url, known, int(time.time() * 1000))
    try:
        async with asyncio.timeout(_TENANT_SECONDS):
            tried = await try_platform(config, account, known, session, counted=counted, hooks=hooks)
    except Denied as denied:
        return _Look(list(tokenless(where, known.token, denied, time.time())))
    except NotTried as not_called:
        return _Look(list(untried(where, str(not_called))))
    except TimeoutError:
        return _Look(list(slow(where, _TENANT_SECONDS)))
    except Exception as error:  # noqa: BLE001  (what breaks on one platform's answer hides no other tenant)
        return _Look(list(broken(where, error)))
    return _Look(list(platform_rows(where, client_of(account).api.base_url, tried)), tried)


def _rests(account: Account, state: TenantState | None) -> str | None:
    """Return why a tenant's platform is not to be called, None where it may be."""
    try:
        client_of(account)
    except Unready:
        return "it has no credentials to call its platform with"
    if account.settings.paused:
        return "its settings pause it"
    orders = state.orders.get(WHOLE) if state else None
    return "people paused it: headrace feeds resume lets it go on" if orders and orders.paused else None


def _remembered(config: Config, account: Account, state: TenantState | None, tried: Tried | None) -> Iterator[CheckRow]:
    """Yield what its poller has stored of a tenant, and what was found of its webhooks now."""
    where, now = account.source[1:], int(time.time() * 1000)
    polled = account.settings.polling
    if state is not None:
        yield from _of_poller(account, state, tried, now)
    elif polled:
        yield from (
            CheckRow(where, check, "unknown", "what its poller remembers could not be read")
            for check in ("quota", "leads", "feeds")
        )
    failed: Fault | None = None
    if tried is not None and isinstance(tried.hooks, HookReport) and state is not None:
        state.hook_report = tried.hooks
    elif tried is not None and isinstance(tried.hooks, Fault):
        failed = tried.hooks
    yield from webhook_rows(account, config.public_url, state, failed, now)


def _of_poller(account: Account, state: TenantState, tried: Tried | None, now: int) -> Iterator[CheckRow]:
    where = account.source[1:]
    with contextlib.suppress(Unready):
        yield quota_row(where, left_of(account, state, now / 1000 + state.standing.ahead), tried)
    if not account.settings.polling:
        yield CheckRow(where, "feeds", "off", "it is not polled")
        return
    feeds = list(feed_rows(account, state, now))
    yield leads_row(where, feeds)
    yield feeds_row(where, feeds)
