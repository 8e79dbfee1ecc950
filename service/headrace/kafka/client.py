"""What every Kafka client of Headrace shares: its options, its deadlines, and how it is started and stopped.

aiokafka 0.14 is leant on beyond its documentation. Wherever a call is not simply passed on, the reason is a behaviour
of that version that was provoked or read in its source.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from headrace.config import KafkaSettings
from headrace.kafka.call import ABORT_DEADLINE, call
from headrace.kafka.client_credentials import context_of, password_of
from headrace.kafka.client_refusals import note_refusals, refusal, why
from headrace.kafka.client_tokens import tokens_of
from headrace.kafka.closed_connection import heed_closed_connections
from headrace.kafka.outcomes import look_at_outcomes

__all__ = [
    "ABORT_DEADLINE",
    "CALL_DEADLINE",
    "STOP_DEADLINE",
    "KafkaError",
    "client_options",
    "cut_off",
    "end_waits",
    "fail_unsent",
    "is_definite",
    "refusal",
    "start_client",
    "stops_in_time",
    "why",
]

METADATA_AGE_MS: Final = 10_000
"""How old what a client believes about leaders may get; its default is five minutes."""
CALL_DEADLINE: Final = 15.0
"""Seconds that a call to Kafka may take."""
STOP_DEADLINE: Final = 3.0
"""Seconds that a client may take to stop by itself."""

_log = structlog.get_logger()

heed_closed_connections()
note_refusals()
look_at_outcomes()


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the options that every client takes. Raises `KafkaError` where a file of certificates cannot be used."""
    tokens = tokens_of(kafka)
    return {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": kafka.security_protocol,
        "ssl_context": context_of(kafka),
        "sasl_mechanism": "OAUTHBEARER" if tokens else kafka.sasl_mechanism or "PLAIN",
        "sasl_plain_username": kafka.sasl_username,
        "sasl_plain_password": password_of(kafka),
        "sasl_oauth_token_provider": tokens,
        "metadata_max_age_ms": METADATA_AGE_MS,
        "request_timeout_ms": 10_000,
        "retry_backoff_ms": 50,
    }


def is_definite(error: BaseException) -> bool:
    """Return whether Kafka refused the records as they are.

    Only sizes are definite: what else Kafka refuses (rights, storage, a code that the client does not know) says
    nothing about the records and may be temporary: the records are retried.
    """
    return isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError)


async def start_client(start: Awaitable[None], stop: Callable[[], Awaitable[None]], deadline: float) -> None:
    """Start a client within `deadline` seconds; one that does not start in time, or is cancelled, is stopped.

    Cancelled while it asks its first broker, the client would leave that connection open: it gets a moment to go on.
    """
    starting = asyncio.ensure_future(start)
    try:
        async with asyncio.timeout(deadline):
            await asyncio.shield(starting)
    except BaseException:
        starting.add_done_callback(lambda done: done.cancelled() or done.exception())  # raised to the caller already
        await asyncio.wait([starting], timeout=ABORT_DEADLINE)
        starting.cancel()
        await asyncio.wait([starting], timeout=ABORT_DEADLINE)
        await stop()
        raise


async def stops_in_time(closing: Awaitable[None], deadline: float) -> bool:
    """Wait for an end, cancel it after `deadline` seconds, and return whether it came by itself."""
    task = asyncio.ensure_future(closing)
    done, _ = await asyncio.wait([task], timeout=deadline)
    if not done:
        task.cancel()
        await asyncio.wait([task], timeout=ABORT_DEADLINE)
    if task.done() and not task.cancelled() and (error := task.exception()):
        _log.info("stopped_with_error", error=type(error).__name__)
    return bool(done) and not task.cancelled()


def fail_unsent(producer: AIOKafkaProducer, reason: str) -> None:
    """Fail everything that a producer has not had an answer to; whoever waits for it gets a connection error."""
    accumulator = producer._message_accumulator  # noqa: SLF001  (nothing public ends a wait for an answer)
    accumulator.reenqueue = lambda _: None  # a request that fails now would queue its batch again, to be sent later
    accumulator.fail_all(KafkaConnectionError(reason))


def end_waits(producer: AIOKafkaProducer) -> None:
    """Wake whoever waits for metadata of a client that is closed: nothing else ever would."""
    waiting = producer.client._md_update_fut  # noqa: SLF001  (nothing public ends the wait)
    if waiting is not None and not waiting.done():
        waiting.set_result(False)


async def cut_off(producer: AIOKafkaProducer) -> bool:
    """End a producer whose stop hangs (while the broker is away), so that it cannot deliver late.

    Return whether it has ended for certain.
    """
    closed = False
    sender = producer._sender.sender_task  # noqa: SLF001  (nothing public ends the sender)
    for _ in range(2):  # the first cancel makes it await its requests, the second ends those too
        if sender is not None and not sender.done():
            sender.cancel()
            await asyncio.wait([sender], timeout=ABORT_DEADLINE)
    with contextlib.suppress(KafkaError, TimeoutError):
        await call(producer.client.close(), ABORT_DEADLINE)
        closed = True
    return closed and (sender is None or sender.done())
