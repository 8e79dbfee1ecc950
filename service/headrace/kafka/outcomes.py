"""What a producer of the client leaves lying is looked at: asyncio would log each failure that nobody asked for.

aiokafka 0.14.0 makes a future for each transaction, batch and request, and goes on to another one where that failed
(`fatal_error` of its transaction manager) or nobody waits any more (`asyncio.shield` after a time-out). Whatever
Headrace needs to know, it awaits; the others may fail at any time until the client is gone.
"""

import asyncio
from typing import Any

from aiokafka.producer import message_accumulator, sender, transaction_manager


class SeenFuture(asyncio.Future[Any]):
    """A future whose failure counts as looked at. A callback for that would be called for each batch."""

    def set_exception(self, exception: type | BaseException, /) -> None:
        """Set the failure, and look at it."""
        super().set_exception(exception)
        self.exception()


def look_at_outcomes() -> None:
    """Look at each outcome of all producers of this process, whoever else does. Called once."""
    for module in (transaction_manager, message_accumulator):
        module.create_future = _new_future
    sender.create_task = _looking(sender.create_task)


def _new_future() -> SeenFuture:
    return SeenFuture(loop=asyncio.get_running_loop())


def _looking(make: Any) -> Any:
    def looking(*what: Any) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = make(*what)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    return looking
