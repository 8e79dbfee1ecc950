"""Tenants that start and stop while the configuration changes: what needs no broker."""

import asyncio

import pytest

from headrace.poller.tenant_tasks import _either


@pytest.mark.parametrize("ticks", range(8))
async def test_a_cancellation_arrives_whenever_it_comes(ticks: int) -> None:
    """In the moment in which the poller ends by itself as well: else it would go on where its partition was revoked."""
    over, changed = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(over.wait())
    waiting = asyncio.create_task(_either(running, changed))  # type: ignore[arg-type]  # what it returns is not looked at
    for _ in range(3):
        await asyncio.sleep(0)
    over.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    ended = not waiting.cancel()
    await asyncio.wait([waiting], timeout=30)
    assert waiting.done()
    assert waiting.cancelled() != ended
