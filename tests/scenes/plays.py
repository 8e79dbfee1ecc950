"""How the scenes are played."""

import asyncio
import itertools
import random
import secrets
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

import aiohttp

from headrace_demo.senders import Sending
from headrace_demo.simulators.webhooks import sendings
from tests.scenes.account import Account
from tests.scenes.scene import KILLS, TROUBLES, WRONG_URLS
from tests.scenes.stage import Stage

KILL_SECONDS: Final = 30.0
_NAMED: Final = 5
"""Leads in one command."""
_PATIENCE: Final = aiohttp.ClientTimeout(total=15)


class Plays:
    """The scenes, with one Kafka and the service of one environment; all that is left to chance is left to `seed`.

    `names` are those of the troubles that are played.
    """

    def __init__(self, servers: str, home: Path, python: str, seed: int, names: Collection[str]) -> None:
        self._servers: Final = servers
        self._home: Final = home
        self._python: Final = python
        self._seed: Final = seed
        self._names: Final = names

    async def troubles(self) -> list[Account]:
        """Play what platforms do, all at the same time."""
        stage = self._stage([Account(scene, self._seed) for scene in TROUBLES if scene.name in self._names])
        async with stage.open():
            for account in stage.accounts:
                if account.scene.from_start:
                    account.begin()
            await stage.warm()
            for account in stage.accounts:
                if not account.scene.from_start:
                    account.begin()
            await stage.recovered()
        return list(stage.accounts)

    async def wrong_urls(self) -> list[Account]:
        """Start with a wrong base_url; start the poller again with the right one after a minute."""
        stage = self._stage([Account(scene, self._seed) for scene in WRONG_URLS])
        async with stage.open(wrong=True):
            for account in stage.accounts:
                account.begin()
            await asyncio.sleep(WRONG_URLS[0].lasts)
            await stage.stop_poller()
            stage.start_poller()
            for account in stage.accounts:
                account.ends = time.time()
            await stage.recovered()
        return list(stage.accounts)

    async def kills(self) -> list[Account]:
        """Kill the poller again and again, while webhooks name leads."""
        account = Account(KILLS, self._seed)
        stage = self._stage([account])
        async with stage.open():
            telling = asyncio.create_task(self._tell(account, await stage.normalizer.webhooks()))
            await stage.warm()
            account.begin()
            naming = asyncio.create_task(_name_leads(stage, account))
            for number in range(1, 5):
                await asyncio.sleep(max(0.0, account.begins + number * KILL_SECONDS - time.time()))
                stage.poller.child.kill()
                stage.start_poller()
            account.ends = time.time()
            naming.cancel()
            await stage.recovered()
            telling.cancel()
        return [account]

    async def _tell(self, account: Account, url: str) -> None:
        """Deliver webhooks: half of what happens, and all of leads that are not listed, twice each."""
        dice, history = random.Random(self._seed), account.platform.history
        unlisted = set(history.leads[: account.scene.unlisted])
        since = history.begin
        async with aiohttp.ClientSession(timeout=_PATIENCE) as client:
            while True:
                until = account.platform.clock.now
                for sending in sendings(history, account.sender, since, until):
                    (fact,) = sending.facts
                    named = history.leads[history.by_id[fact.id].lead] in unlisted
                    for _ in range(2 if named else dice.randrange(2)):
                        await _deliver(client, url, sending)
                since = until
                await asyncio.sleep(0.5)

    def _stage(self, accounts: list[Account]) -> Stage:
        prefix = f"s{secrets.token_hex(4)}."
        home = self._home / prefix
        home.mkdir(parents=True)
        return Stage(accounts, self._servers, prefix, home, self._python)


async def _name_leads(stage: Stage, account: Account) -> None:
    """Name leads that nobody knew, and again while they are read for the first time; until cancelled."""
    add = ("leads", "add", "-p", account.scene.provider, "-t", account.scene.name)
    for first in itertools.count(account.scene.leads, _NAMED):
        leads = [account.platform.history.lead_id(number) for number in range(first, first + _NAMED)]
        await asyncio.gather(*(stage.command(*add, *leads) for _ in range(2)))
        await asyncio.sleep(2.0)  # the pace


async def _deliver(client: aiohttp.ClientSession, url: str, sending: Sending) -> None:
    """Deliver until it is taken, as the platform does."""
    while True:
        async with client.post(url + sending.path, data=sending.body, headers=sending.headers()) as answer:
            if answer.ok:
                return
        await asyncio.sleep(0.5)
