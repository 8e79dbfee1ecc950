"""What becomes of a producer's transaction when nobody waits for it any more."""

import asyncio
import gc

import pytest
from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.producer import sender

from headrace.config import KafkaSettings
from headrace.kafka.producer import Transactions


async def test_what_fails_while_a_producer_is_closed_is_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    """A transaction that the client ends as fenced, late, leaves no exception behind for asyncio to complain of."""
    transactions = Transactions(KafkaSettings(), "normalizer-0")
    manager = transactions._producer._txn_manager
    manager.set_pid_and_epoch(1, 0)
    manager.begin_transaction()
    manager.fatal_error(ProducerFenced())
    await transactions.close()
    del manager, transactions
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_what_fails_twice_or_after_all_is_closed_is_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    """The client replaces the future of a transaction that fails a second time, and goes on to fail after its end."""
    transactions = Transactions(KafkaSettings(), "normalizer-0")
    manager = transactions._producer._txn_manager
    manager.set_pid_and_epoch(1, 0)
    manager.begin_transaction()
    manager.error_transaction(KafkaError())
    manager.fatal_error(ProducerFenced())
    await transactions.close()
    manager.fatal_error(ProducerFenced())
    del manager, transactions
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_requests_that_fail_beside_another_are_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    """The client ends with the first of its tasks that fails, and leaves the others."""
    tasks = [sender.create_task(_fail()) for _ in range(2)]
    await asyncio.wait(tasks)
    del tasks
    gc.collect()
    assert "never retrieved" not in caplog.text


async def _fail() -> None:
    raise ProducerFenced


async def test_a_producer_without_a_transaction_is_cut_off() -> None:
    """Whoever was never able to begin one leaves nothing behind, and that is no error."""
    transactions = Transactions(KafkaSettings(), "normalizer-0")
    await transactions._cut_off()
    await transactions.close()


async def test_what_was_given_up_is_not_queued_again() -> None:
    """A request that fails after its batch was given up neither sends it later nor breaks the sender."""
    transactions = Transactions(KafkaSettings(), "normalizer-0")
    accumulator = transactions._producer._message_accumulator
    await transactions._cut_off()
    accumulator.reenqueue(object())
    assert not accumulator._batches
    await transactions.close()


async def test_whoever_waits_for_metadata_of_a_closed_producer_is_woken(caplog: pytest.LogCaptureFixture) -> None:
    """A request that asks who leads now, after its connection was lost, does not wait for ever."""
    transactions = Transactions(KafkaSettings(), "normalizer-0")
    client = transactions._producer.client
    client.force_metadata_update()
    waiting = asyncio.create_task(client._maybe_wait_metadata())
    await asyncio.sleep(0)
    await transactions.close()
    await asyncio.wait_for(waiting, 5)
    del client, transactions, waiting
    gc.collect()
    assert "destroyed but it is pending" not in caplog.text
