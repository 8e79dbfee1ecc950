"""Finish what must not be cut off in the middle, though we are cancelled: for a while, and never for ever."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def finished(work: Coroutine[Any, Any, T], grace: float) -> T:
    """Return what `work` returns. Cancelled, it may go on for `grace` seconds; the cancellation takes effect then."""
    running = asyncio.create_task(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        try:
            await asyncio.wait([running], timeout=grace)
        finally:
            running.cancel()
            running.add_done_callback(_ask)
        await asyncio.wait([running], timeout=grace)
        raise


def _ask(ended: "asyncio.Task[Any]") -> None:
    """Look at an outcome that nobody waits for any more."""
    if not ended.cancelled():
        ended.exception()
