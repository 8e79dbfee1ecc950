import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest
from aiokafka.structs import ConsumerRecord

from headrace.kafka.bounded_reader import MOST_WEIGHT
from headrace.normalizer.turns import FULL_AT_ONCE, SMALL_AT_ONCE, SMALL_RECORDS, Turns

ROUNDS = 5
"""Turns of the loop in which whoever has a turn goes on."""

Batch = Sequence[ConsumerRecord]


def _record(value: bytes) -> ConsumerRecord:
    return ConsumerRecord("raw", 0, 0, 0, 0, b"", value, None, 0, len(value), ())


SMALL: Batch = [_record(b"small")]
FULL: Batch = [_record(b"small")] * (SMALL_RECORDS + 1)
HEAVY: Batch = [_record(b"x" * 3 * MOST_WEIGHT)]


class _Holders:
    """Tasks that hold turns until they are cancelled."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.holding: list[str] = []

    async def hold(self, name: str, batch: Batch) -> None:
        async with self.turns.of(batch):
            self.holding.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                self.holding.remove(name)

    def start(self, name: str, batch: Batch) -> "asyncio.Task[None]":
        return asyncio.create_task(self.hold(name, batch), name=name)


async def _settle() -> None:
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


async def _end(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(("batch", "most"), [(SMALL, SMALL_AT_ONCE), (FULL, FULL_AT_ONCE), (HEAVY, 1)])
async def test_so_many_batches_have_a_turn_at_a_time(batch: Batch, most: int) -> None:
    """Small batches go beside each other, full ones by twos, and what weighs more than all the room alone."""
    holders = _Holders()
    tasks = [holders.start(str(number), batch) for number in range(most + 2)]
    await _settle()
    assert holders.holding == [str(number) for number in range(most)]
    await _end(tasks[0])
    await _settle()
    assert holders.holding == [str(number) for number in range(1, most + 1)]
    await _end(*tasks)


async def test_a_full_batch_is_not_passed_by_small_ones() -> None:
    """First come, first served: else a partition with much to do would wait while others have little."""
    holders = _Holders()
    first, second = holders.start("small", SMALL), holders.start("heavy", HEAVY)
    await _settle()
    third = holders.start("late", SMALL)
    await _settle()
    assert holders.holding == ["small"]
    await _end(first)
    await _settle()
    assert holders.holding == ["heavy"]
    await _end(second)
    await _settle()
    assert holders.holding == ["late"]
    await _end(third)


async def test_a_turn_that_was_waited_for_in_vain_goes_to_the_next() -> None:
    """A task is revoked while it waits, or just as its turn comes: nothing of the room is lost."""
    holders = _Holders()
    first, second, third = (holders.start(name, HEAVY) for name in ("first", "second", "third"))
    await _settle()
    await _end(second)
    first.cancel()
    await _settle()
    assert holders.holding == ["third"]
    fourth = holders.start("fourth", HEAVY)
    await _settle()
    third.cancel()
    await asyncio.sleep(0)  # the turn of the fourth comes, and it has not run yet
    await _end(fourth)
    async with AsyncExitStack() as stack:
        for _ in range(SMALL_AT_ONCE):
            await stack.enter_async_context(holders.turns.of(SMALL))
    await _end(first, third)
