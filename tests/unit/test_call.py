"""Cancellation always arrives, whatever the client does with it."""

import asyncio
from contextlib import suppress

import pytest
from aiokafka.errors import KafkaConnectionError

from headrace.config import KafkaSettings
from headrace.core.record import ProducerRecord
from headrace.kafka import call as call_module
from headrace.kafka.barrier import Barrier
from headrace.kafka.call import call
from headrace.kafka.partition_owner import Pace, PartitionOwner
from headrace.kafka.producer import Transactions, WriteFailed
from headrace.observe.registry import Registry
from headrace.observe.tasks import TaskMetrics

pytestmark = pytest.mark.usefixtures("_brisk")


@pytest.fixture
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_module, "ABORT_DEADLINE", 0.05)


class Deaf:
    """A client whose close swallows a cancellation, as aiokafka's does, until it is told to end."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def close(self) -> None:
        self.begun.set()
        while not self.may_end.is_set():
            with suppress(asyncio.CancelledError):
                await self.may_end.wait()
        self.ended.set()


async def test_a_cancellation_arrives_though_the_client_swallows_it() -> None:
    """What goes on in the client is left behind, and it is logged; whoever waited for it is cancelled."""
    deaf = Deaf()
    waiting = asyncio.create_task(call(deaf.close(), 60))
    await deaf.begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(call_module._left_behind) == 1
    deaf.may_end.set()
    await deaf.ended.wait()
    await asyncio.sleep(0)
    assert not call_module._left_behind


async def test_a_deadline_holds_though_the_client_swallows_the_cancellation() -> None:
    """Nothing waits for longer than the deadline and the moment that the client gets to end."""
    deaf = Deaf()
    with pytest.raises(TimeoutError, match="not answered within"):
        await call(deaf.close(), 0.01)
    deaf.may_end.set()
    await deaf.ended.wait()


async def test_what_the_client_returns_and_raises_comes_through() -> None:
    """A result is a result, an error an error; where the client cancels itself, that is a broken connection."""

    async def answer() -> int:
        return 7

    async def fail() -> None:
        raise LookupError("as it is")

    async def cancel_itself() -> None:
        raise asyncio.CancelledError

    assert await call(answer(), 1) == 7
    with pytest.raises(LookupError, match="as it is"):
        await call(fail(), 1)
    with pytest.raises(KafkaConnectionError):
        await call(cancel_itself(), 1)


class Owner(PartitionOwner):
    """An owner whose take-over swallows the cancellation that it gets, and then fails as told."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__(
            KafkaSettings(),
            "owner",
            0,
            ["memory"],
            member=None,  # type: ignore[arg-type]  # nobody asks it
            metrics=TaskMetrics(Registry("1"), "test"),
            pace=Pace(heartbeat=0.0),
        )
        self.takeovers = 0
        self.begun = asyncio.Event()
        self._error = error

    async def own(self) -> None:
        self.takeovers += 1
        self.begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        if self._error is not None:
            raise self._error

    def barrier(self, token: bytes) -> ProducerRecord:
        return ProducerRecord(b"", token, [])

    async def restore(self, barrier: Barrier) -> None:
        raise NotImplementedError

    async def work(self, producer: Transactions) -> None:
        raise NotImplementedError

    def progress(self) -> object:
        return self.takeovers

    def written(self) -> object:
        return None

    def lag(self) -> int:
        return 0


@pytest.mark.parametrize("error", [None, TimeoutError(), WriteFailed(KafkaConnectionError())])
async def test_a_task_that_was_revoked_never_fences_again(error: Exception | None) -> None:
    """Whoever swallowed its cancellation, and whatever it failed with then: it ends, cancelled."""
    owner = Owner(error)
    running = asyncio.create_task(owner.run())
    await owner.begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 5)
    assert owner.takeovers == 1
    assert owner.state == "closed"
