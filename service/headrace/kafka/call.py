"""Wait for the client: under a deadline, and so that a cancellation always arrives.

`close()` of aiokafka's client and of its sender swallow CancelledError
(https://github.com/aio-libs/aiokafka/blob/v0.14.0/aiokafka/client.py, `close`): a task that was revoked there went on,
and fenced its own successor.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

import structlog
from aiokafka.errors import KafkaConnectionError

ABORT_DEADLINE: Final = 1.0
"""Seconds for each step of ending what did not end by itself."""

T = TypeVar("T")

_log = structlog.get_logger()
_left_behind: Final[set[asyncio.Future[Any]]] = set()


async def call(awaitable: Awaitable[T], deadline: float) -> T:
    """Return what an await on the client returns within `deadline` seconds.

    It runs in a task of its own: what swallows a cancellation in there swallows that task's, never ours. Raises what
    it raises, and `TimeoutError`. Too late, or cancelled, the task is ended, and logged where it does not end.
    """
    running = asyncio.ensure_future(awaitable)
    try:
        done, _ = await asyncio.wait([running], timeout=deadline)
    except asyncio.CancelledError:
        await _end(running)
        raise
    if not done:
        await _end(running)
        raise TimeoutError(f"not answered within {deadline:.0f} s")
    if running.cancelled():
        raise KafkaConnectionError("the client cancelled itself")  # its stop() may
    return running.result()


def revoked() -> bool:
    """Return whether our own task was cancelled, whatever became of the CancelledError."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _end(running: "asyncio.Future[Any]") -> None:
    running.cancel()
    running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody asks for it any more
    await asyncio.wait([running], timeout=ABORT_DEADLINE)
    if not running.done():
        _left_behind.add(running)
        running.add_done_callback(_left_behind.discard)
        _log.error("client_call_left_behind", call=str(running))
