"""Runs the tenants of one partition of `cursors` as the configuration in force has them.

A tenant that is added is polled; one that is removed or paused ends in order: its turns end, and what is to be
remembered is stored. One whose settings or table changed ends so, and begins again from what is stored. None of this
touches the others.
"""

import asyncio
from collections.abc import Callable, Container
from typing import Final

import structlog
from msgspec.structs import replace

from headrace.config.live import LiveConfig, same_account
from headrace.config.tenants import Account
from headrace.observe.notices import Notices
from headrace.poller.nudge_inbox import unstored
from headrace.poller.platform_client import Unready
from headrace.poller.state_writer import StateWriter
from headrace.poller.tenant import TenantPoller
from headrace.poller.unpolled_nudges import UnpolledNudges
from headrace_events import NoticeKind

STOP_SECONDS: Final = 20.0
"""What turns in progress get to end; then they are cut off, and read again what they had appended."""

OF_POLLING: Final = frozenset(
    {NoticeKind.TENANT_PARKED, NoticeKind.FEED_STALE, NoticeKind.MASS_DROP, NoticeKind.BUDGET_TOO_SMALL}
    | {NoticeKind.HOOK_IN_TROUBLE}
)
"""What is the case of a tenant only while it is polled."""

_log = structlog.get_logger()


class TenantTasks:
    """Keeps `tenants`, the running ones by source, those of `live` that are `at_home` here and polled.

    `make` returns the poller of an account, or raises `Unready`; `began` is called with each that starts.
    """

    def __init__(
        self,
        live: LiveConfig,
        tenants: dict[str, TenantPoller],
        unpolled: UnpolledNudges,
        writer: StateWriter,
        *,
        at_home: Callable[[str], bool],
        make: Callable[[Account], TenantPoller],
        began: Callable[[TenantPoller], None],
        notices: Notices,
    ) -> None:
        self._live: Final = live
        self._tenants: Final = tenants
        self._unpolled: Final = unpolled
        self._writer: Final = writer
        self._at_home: Final = at_home
        self._make: Final = make
        self._began: Final = began
        self._notices: Final = notices
        self._wanted: dict[str, Account] = {}
        self._running: Final[dict[str, Account]] = {}
        """The accounts that the pollers were made of; those of others are not polled."""
        self._changes: Final[dict[str, asyncio.Event]] = {}

    def begin(self) -> None:
        """Make the pollers of all that are wanted now, so that whoever runs beside them meets them."""
        self._wanted = self._polled()
        for account in self._wanted.values():
            self._start(account)

    async def run(self) -> None:
        """Run them, and follow the configuration, until cancelled. An error of one ends all."""
        changed = asyncio.Event()

        def follow(_: object) -> None:
            changed.set()

        self._live.follow(follow)
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    changed.clear()
                    self._wanted = self._polled()
                    for source in {*self._wanted, *self._changes}:
                        self._tell(group, source)
                    await changed.wait()
        finally:
            self._live.unfollow(follow)

    def _polled(self) -> dict[str, Account]:
        tenants = self._live.config.tenants
        return {one.source: one for one in tenants if one.settings.is_polled and self._at_home(one.source)}

    def _tell(self, group: asyncio.TaskGroup, source: str) -> None:
        """Let the keeper of a tenant look at its settings again, and begin one where there is none."""
        if source in self._changes:
            self._changes[source].set()
        else:
            self._changes[source] = asyncio.Event()
            group.create_task(self._keep(source, self._changes[source]))

    async def _keep(self, source: str, changed: asyncio.Event) -> None:
        """Poll a tenant as it is wanted, for as long as this partition is owned."""
        while True:
            changed.clear()
            account = self._wanted.get(source)
            if account is not None and source not in self._tenants and self._running.get(source) is not account:
                await self._hand_over(source)
                account = self._wanted.get(source)
                if account is not None:
                    self._start(account)
            tenant = self._tenants.get(source)
            if tenant is None:
                await changed.wait()
            else:
                await self._poll(source, tenant, changed)
                await self._end(source, tenant)

    def _start(self, account: Account) -> None:
        """Make the poller of an account, from what is stored."""
        self._running[account.source] = account
        try:
            tenant = self._make(account)
        except Unready as error:
            _log.error("tenant_not_polled", source=account.source, reason=str(error))
            self._unpolled.adopt(account.source)
            return
        self._tenants[account.source] = tenant
        self._began(tenant)

    async def _poll(self, source: str, tenant: TenantPoller, changed: asyncio.Event) -> None:
        """Poll until other settings are wanted, and the turns in progress have ended."""
        running = asyncio.create_task(tenant.run())
        try:
            while self._is_as_wanted(source):
                changed.clear()
                await _either(running, changed)
            tenant.stop()
            await asyncio.wait([running], timeout=STOP_SECONDS)
        finally:
            running.cancel()
            await asyncio.wait([running])
        if not running.cancelled():
            running.result()

    def _is_as_wanted(self, source: str) -> bool:
        wanted = self._wanted.get(source)
        return wanted is not None and polled_alike(self._running[source], wanted)

    async def _end(self, source: str, tenant: TenantPoller) -> None:
        """Store what is to be remembered of a tenant whose turns have ended, and forget its poller."""
        await self._writer.store([tenant.final_spending()])
        while entries := unstored(tenant):
            await self._writer.store(entries)
        del self._tenants[source]  # nothing was awaited since all was stored
        self._running.pop(source)
        wanted = self._wanted.get(source)
        if wanted is not None:
            self._start(wanted)
        else:
            self._unpolled.adopt(source)
            self._notices.end(source, OF_POLLING)
        _log.info("tenant_stopped", source=source, again=wanted is not None)

    async def _hand_over(self, source: str) -> None:
        """Store what is open of a tenant that was not polled: its poller begins with it."""
        while entries := self._unpolled.take_unstored_of(source):
            await self._writer.store(entries)
        self._unpolled.release(source)


def polled_alike(one: Account, other: Account) -> bool:
    """Return whether two accounts are polled alike: the secrets of webhooks matter to the receiver alone."""
    if one is other:
        return True
    bare = [
        replace(each, settings=replace(each.settings, webhook_secrets=[], webhook_secrets_file=None))
        for each in (one, other)
    ]
    return same_account(*bare)


async def _either(running: asyncio.Task[None], changed: asyncio.Event) -> None:
    """Wait for a change, or the end of what runs, which is an error. Raises that."""
    waiting = asyncio.create_task(changed.wait())
    try:
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        await asyncio.wait([waiting])  # unlike awaiting it, that tells its cancellation from ours
    if running.done():
        running.result()


class Paused(Container[str]):
    """The sources of paused tenants, as the configuration in force has them."""

    def __init__(self, live: LiveConfig) -> None:
        self._live: Final = live

    def __contains__(self, source: object) -> bool:
        """Return whether a tenant is paused."""
        account = self._live.config.tenants.by_source.get(str(source))
        return account is not None and account.settings.paused
