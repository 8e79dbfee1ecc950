"""Long work on the event loop, in slices: nothing else waits for more than one of them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

SLICE: Final = 1_000
"""Records or leads that are worked on without letting others run: some milliseconds."""

T = TypeVar("T")


async def in_slices(items: Sequence[T], size: int = SLICE) -> AsyncIterator[Sequence[T]]:
    """Yield a sequence slice by slice; others run behind each."""
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
        await asyncio.sleep(0)
