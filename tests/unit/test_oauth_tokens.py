"""Access tokens against refresh tokens of which each is good for one, from a simulated platform that counts them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from headrace.kafka.producer import WriteFailed
from headrace.poller import oauth_tokens
from headrace.poller.oauth_tokens import TokenSealer, TokenSecrets
from headrace.providers.outreach.client import OAuth
from headrace.records.cursors import CursorEntry, SealedTokens
from headrace.sdk.faults import Denied, Fault, Unavailable
from headrace.sdk.feed import Call
from headrace_demo.simulators import outreach
from headrace_demo.simulators.faults import Kind
from tests.unit.polled_tenant import CallingTenant, Memory, calling

HISTORY = outreach.History(1, 10)
EVENTS = Call(path="/api/v2/events", query=(("page[size]", "5"),))
KEY = "a key of at least thirty-two characters"
MINT = "/oauth/token"
DEADLINE = 30.0


@pytest.fixture
async def platform(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[outreach.Simulator]:
    monkeypatch.setattr(OAuth, "pause", 0.0)
    async with outreach.Simulator(HISTORY) as platform:
        platform.tokens.terms.mint_every = 0.0
        yield platform


@contextlib.asynccontextmanager
async def minting(platform: outreach.Simulator, memory: "Tokens") -> AsyncIterator[CallingTenant]:
    """Open a tenant that mints from the first refresh token on."""
    memory.first = memory.first or platform.tokens.refresh_token
    app = platform.tokens.settings() | {"refresh_token": memory.first}
    async with calling(platform, memory, access_token=None, token_key=KEY, **app) as tenant:
        yield tenant


class Tokens(Memory):
    """What is stored of the tokens of one tenant; `fails` is how many of the next stores of tokens do."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = 0
        self.first = ""

    async def store(self, entries: Sequence[CursorEntry]) -> None:
        """Store, or fail."""
        if self.fails and any(isinstance(one.value, SealedTokens) and _closed(one.value) for one in entries):
            self.fails -= 1
            raise WriteFailed(TimeoutError("too late"))
        await super().store(entries)

    @property
    def stored(self) -> SealedTokens:
        (tenant,) = self.state.tenants.values()
        assert tenant.token is not None
        return tenant.token

    @property
    def secrets(self) -> TokenSecrets:
        return TokenSealer(KEY).open(self.stored.sealed)


def _closed(tokens: SealedTokens) -> bool:
    return tokens.minted >= tokens.intent > 0


async def until_asked(platform: outreach.Simulator, count: int = 1) -> None:
    """Wait until so many mints have come in."""
    async with asyncio.timeout(DEADLINE):
        while sum(call.path == MINT for call in platform.calls) < count:  # noqa: ASYNC110  (it only counts)
            await asyncio.sleep(0.01)


async def test_a_mint_that_is_cancelled_is_stored_all_the_same(platform: outreach.Simulator) -> None:
    """The platform mints when nobody waits any more: its tokens are kept, and the call ends as it was told to."""
    memory = Tokens()
    platform.faults.next(1, "slow", path=MINT, seconds=0.3)
    async with minting(platform, memory) as tenant:
        call = asyncio.create_task(tenant.send(EVENTS))
        await until_asked(platform)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert memory.secrets.refresh == platform.tokens.refresh_token
        assert _closed(memory.stored)
    async with minting(platform, memory) as tenant:
        await tenant.send(EVENTS)
    assert (platform.tokens.minted, platform.tokens.reused) == (1, 0)


async def test_a_mint_that_takes_too_long_is_cancelled(
    platform: outreach.Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever hands over waits so long and no longer; that it was begun stays stored."""
    monkeypatch.setattr(oauth_tokens, "GRACE_SECONDS", 0.2)
    memory = Tokens()
    platform.faults.next(1, "slow", path=MINT, seconds=1e6)
    async with minting(platform, memory) as tenant:
        call = asyncio.create_task(tenant.send(EVENTS))
        await until_asked(platform)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(DEADLINE):
                await call
    assert memory.stored.intent > memory.stored.minted


async def test_minted_tokens_that_cursors_did_not_take_are_stored_later(platform: outreach.Simulator) -> None:
    """Kafka failed in the moment between: the next life of the poller in this process stores them, and mints none."""
    memory = Tokens()
    memory.fails = 1
    async with minting(platform, memory) as tenant:
        with pytest.raises(WriteFailed):
            await tenant.send(EVENTS)
    assert not _closed(memory.stored)
    async with minting(platform, memory) as tenant:
        await tenant.send(EVENTS)
    assert memory.secrets.refresh == platform.tokens.refresh_token
    assert (platform.tokens.minted, platform.tokens.reused) == (1, 0)


@pytest.mark.parametrize("kind", ["401", "404", "400", "json_404", "429", "html_502"])
async def test_no_old_token_is_tried_for_a_refusal(kind: Kind, platform: outreach.Simulator) -> None:
    """One bad answer to a mint, and its token is tried again: an old one would end the whole family."""
    platform.tokens.terms.reuse_revokes = True
    memory = Tokens()
    async with minting(platform, memory) as tenant:
        for _ in range(3):  # of several old tokens none is tried
            await tenant.send(EVENTS)
            platform.tokens.end_all()
            token = await tenant.tokens.current()
            platform.faults.next(1, kind, path=MINT, seconds=1, form="seconds")
            with contextlib.suppress(Fault):
                await tenant.tokens.renew(token)
            assert await tenant.tokens.renew(token)
            await tenant.send(EVENTS)
    assert platform.tokens.reused == 0


async def test_old_tokens_are_tried_where_an_answer_was_lost(platform: outreach.Simulator) -> None:
    """The one that was used first, then those before it, once each; and when all were refused, never again."""
    memory = Tokens()
    async with minting(platform, memory) as tenant:
        await tenant.send(EVENTS)
        first = await tenant.tokens.current()
        await tenant.tokens.renew(first)
        platform.faults.next(1, "lost", path=MINT)
        with pytest.raises(Unavailable):
            await tenant.tokens.renew(await tenant.tokens.current())
        assert memory.stored.intent > memory.stored.minted
        denied = await tenant.tokens.current()
        with pytest.raises(Denied, match="authorize anew"):
            await tenant.tokens.renew(denied)
        assert platform.tokens.reused == 3
        with pytest.raises(Denied, match="authorize anew"):
            await tenant.tokens.renew(denied)
        assert platform.tokens.reused == 4


async def test_a_lost_answer_costs_nothing_where_old_tokens_live_on(platform: outreach.Simulator) -> None:
    """Where a token dies only when its successor is used, the one that was used is good once more."""
    platform.tokens.terms.old = "dies_on_use"
    async with minting(platform, Tokens()) as tenant:
        platform.faults.next(1, "unanswered", path=MINT, seconds=0.1)
        with pytest.raises(Unavailable):
            await tenant.send(EVENTS)
        await tenant.send(EVENTS)
    assert (platform.tokens.minted, platform.tokens.reused) == (2, 0)
