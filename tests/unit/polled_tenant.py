"""One tenant's calls to its simulated platform, with all that the poller puts between: budget, clock, tokens, retries.

What would be stored in `cursors` is remembered alone: how that is stored, the tests of `tests/integration` know.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from headrace.config.tenants import Account
from headrace.core.mapping import Mapping as Table
from headrace.observe.registry import Registry
from headrace.poller.answer_memory import AnswerMemory
from headrace.poller.budget import Budget
from headrace.poller.clock import Clock
from headrace.poller.http_client import open_session
from headrace.poller.metrics import PollerMetrics
from headrace.poller.oauth_tokens import OAuthTokens
from headrace.poller.platform_client import client_of
from headrace.poller.rate_limiter import limiter_of
from headrace.poller.retries import Retries
from headrace.poller.state import PartitionState
from headrace.poller.state_writer import StateWriter
from headrace.providers.discover import discover
from headrace.records.cursors import CursorEntry
from headrace.sdk.feed import Call
from headrace_demo.simulators.server import Simulator


class Memory(StateWriter):
    """Remembers at once what is to be stored."""

    def __init__(self) -> None:
        self.state: Final = PartitionState()

    async def store(self, entries: Sequence[CursorEntry]) -> None:
        """Remember."""
        self.state.apply(entries)


class CallingTenant:
    """A tenant that calls `platform`; `memory` outlives it."""

    def __init__(self, platform: Simulator, session: Any, memory: Memory, **settings: Any) -> None:
        provider = discover()[platform.provider]
        keys = {"polling": True, "base_url": platform.url} | platform.credentials() | settings
        account = Account(provider, "acme", msgspec.convert(keys, provider.Settings), Table([]))
        client = client_of(account)
        state, metrics, self.clock = memory.state.of(account.source), PollerMetrics(Registry("1"), [account]), Clock()
        self.state: Final = state
        self.metrics: Final = metrics
        self.api: Final = client.api
        self.budget: Final = Budget(client.limits)
        self.limiter: Final = limiter_of(
            account, client, session, budget=self.budget, clock=self.clock, writer=memory, metrics=metrics
        )
        self.tokens: Final = OAuthTokens(
            account, client, self.limiter, clock=self.clock, state=state, writer=memory, metrics=metrics
        )
        self.retries: Final = Retries(client.api, self.limiter, self.tokens)

    async def send(self, call: Call) -> bytes:
        """Make a call once."""
        return await self.limiter.send(self.api.sign(call, await self.tokens.current()))

    async def call(self, call: Call) -> bytes:
        """Make a call, and again where that may help."""
        return await self.retries.call(call, AnswerMemory().hold())


@contextlib.asynccontextmanager
async def calling(platform: Simulator, memory: Memory | None = None, **settings: Any) -> AsyncIterator[CallingTenant]:
    """Open the connections of a tenant; `settings` are its keys beside those that let it in."""
    async with open_session() as session:
        yield CallingTenant(platform, session, memory or Memory(), **settings)
