"""A whole service at work: three simulated platforms that are polled and deliver webhooks, scraped by Prometheus."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from headrace_demo import senders
from headrace_demo.senders import Sending
from headrace_demo.simulators import leadsquared, outreach
from tests.acceptance.polled_accounts import PolledAccounts
from tests.dashboards.prometheus import Prometheus
from tests.integration.child_process import ALL, Program, configuration
from tests.integration.pipeline import make_pipeline

EVENTS: Final = 400
SEED: Final = 11
LETTERS: Final = 25
"""Broken deliveries: more than the 20 from which on they are an alarm."""
TOKEN_KEY: Final = "a key that seals tokens of nobody"  # noqa: S105  (made up)


OVERLAY: Final = """\
[[row]]
code = "203"
type = "custom.logged"
"""
"""The one code of the simulated account for which the built-in table has no row of its own."""


class WatchedAccounts(PolledAccounts):
    """Polled accounts of which one has an app whose tokens rotate, and one an overlay, which stands in `home`."""

    def __init__(self, home: Path) -> None:
        super().__init__(SEED, EVENTS)
        home.mkdir(parents=True, exist_ok=True)
        self._overlay: Final = home / "acme.toml"
        self._overlay.write_text(OVERLAY)

    def keys_of(self, platform: Any) -> dict[str, object]:
        """See PolledAccounts."""
        keys = super().keys_of(platform)
        if isinstance(platform, outreach.Simulator):
            del keys["access_token"]
            keys |= platform.tokens.settings() | {"token_key": TOKEN_KEY}
        if isinstance(platform, leadsquared.Simulator):
            keys["mapping"] = str(self._overlay)
        return keys


class BusyService:
    """A service in one process, and the Prometheus that scrapes it."""

    def __init__(self, program: Program, prometheus: Prometheus, accounts: WatchedAccounts) -> None:
        self.program: Final = program
        self.prometheus: Final = prometheus
        self._accounts: Final = accounts

    async def work(self, share: float, seconds: float) -> None:
        """Let a share of what is left happen on the platforms, which poll and webhooks tell."""
        url = await self.program.webhooks()
        await self._accounts.go_on(share, seconds, lambda: [url])

    async def suffer(self) -> None:
        """Let everything happen that a panel shows and no healthy service has, but for what takes hours."""
        sender = self._accounts.sender("leadsquared")
        stranger = senders.make("leadsquared", sender.tenant, secret="of somebody else")  # noqa: S106  (of nobody)
        await self._post(_activity(sender, "350"), {200, 202})
        await self._post(_activity(sender, "211"), {200, 202})
        await self._post(_activity(stranger, "22"), {401, 403})
        for number in range(LETTERS):
            await self._post(sender.sending_of(b'{"broken": %d, "text": "\xff' % number), {200, 202})
        self._accounts.platform("outreach").faults.next(2, "400")

    async def _post(self, sending: Sending, wanted: set[int]) -> None:
        url = await self.program.webhooks() + sending.path
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as client,
            client.post(url, data=sending.body, headers=sending.headers()) as answer,
        ):
            assert answer.status in wanted, await answer.text()


@asynccontextmanager
async def busy_service(servers: str, prefix: str, home: Path) -> AsyncIterator[BusyService]:
    """Start all of it; end it in order."""
    await make_pipeline(servers, prefix, partitions=2)
    accounts = WatchedAccounts(home)
    async with accounts.open():
        program = Program(
            configuration(servers, prefix, accounts.tenants, session_timeout="6s"), home, "all", roles=ALL
        )
        await program.ready()
        prometheus = Prometheus(home / "prometheus", await program.admin())
        try:
            await prometheus.ready()
            yield BusyService(program, prometheus, accounts)
            assert await asyncio.to_thread(program.stop) == 0, program.tail()
        finally:
            prometheus.close()
            program.child.kill()


def _activity(sender: senders.Sender, code: str) -> Sending:
    """Return a delivery of one activity with this code."""
    item = {
        "ProspectActivityId": str(uuid.uuid4()),
        "RelatedProspectId": str(uuid.uuid4()),
        "ActivityEvent": code,
        "CreatedOn": "2026-11-20 12:00:00",
    }
    return sender.sending_of(json.dumps([item]).encode())
