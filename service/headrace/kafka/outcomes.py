"""What a producer of the client leaves lying is looked at: asyncio would log each failure that nobody asked for.

aiokafka 0.14.0 makes a future for each transaction, batch and request, and goes on to another one where that failed
(`fatal_error` of its transaction manager) or nobody waits any more (`asyncio.shield` after a time-out). Whatever
Headrace needs to know, it awaits; the others may fail at any time until the client is gone.
"""

import asyncio
from types import ModuleType
from typing import Any, Final

from aiokafka.producer import message_accumulator, sender, transaction_manager

_MAKERS: Final[tuple[tuple[ModuleType, str], ...]] = (
    (transaction_manager, "create_future"),
    (message_accumulator, "create_future"),
    (sender, "create_task"),
)


def look_at_outcomes() -> None:
    """Look at each outcome of all producers of this process, whoever else does. Called once."""
    for module, name in _MAKERS:
        setattr(module, name, _looking(getattr(module, name)))


def _looking(make: Any) -> Any:
    def looking(*what: Any) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = make(*what)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    return looking
