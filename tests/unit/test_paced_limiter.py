"""The rate limiter as a back-fill sees it."""

import asyncio

from headrace.poller.answer_memory import AnswerSlot
from headrace.poller.clock import Clock
from headrace.poller.paced_limiter import PacedLimiter
from headrace.poller.token_bucket import TokenBucket
from headrace.sdk.feed import Call


class _Tenant:
    """Lets all calls through; `spare` is whether live feeds need none of what is left."""

    def __init__(self) -> None:
        self.spare = False
        self.sent = 0

    async def send(self, signed: Call, slot: AnswerSlot | None = None) -> bytes:  # noqa: ARG002  (see Limiter)
        self.sent += 1
        return b""

    def is_free(self) -> bool:
        return True

    def has_spare(self) -> bool:
        return self.spare


async def test_a_backfill_leaves_live_feeds_what_they_need() -> None:
    """Whatever its share: near the end of a day's budget it waits, until there is more."""
    tenant, changed = _Tenant(), asyncio.Event()
    paced = PacedLimiter(tenant, TokenBucket(1e6), Clock(), check=lambda: None, changed=changed)
    assert not paced.is_free()
    call = asyncio.create_task(paced.send(Call(path="/")))
    for _ in range(3):
        changed.set()
        await asyncio.sleep(0)
    assert (call.done(), tenant.sent, paced.calls) == (False, 0, 0)
    tenant.spare = True
    changed.set()
    await asyncio.wait_for(call, 30)
    assert (tenant.sent, paced.calls, paced.is_free()) == (1, 1, True)
