"""What follows one partition goes on whatever a broker or its own client does."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from headrace.config import KafkaSettings
from headrace.core.record import ProducerRecord
from headrace.kafka import live_reader
from headrace.kafka.appender import Appender
from headrace.kafka.live_reader import LiveReader
from tests.integration.pipeline import DEADLINE
from tests.kafka.broker import Broker
from tests.kafka.client import create_topic


async def read(reader: LiveReader) -> list[bytes | None]:
    while True:
        if records := await reader.next(10, 0.1):
            return [record.value for record in records]


async def test_a_broker_that_does_not_say_who_leads_holds_up_no_record(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, settings = f"{prefix}log", KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    await create_topic(kafka.bootstrap_servers, topic)
    reader, looks = LiveReader(settings, topic, 0), asyncio.Event()
    monkeypatch.setattr(live_reader, "LOOK_EVERY", 0.0)

    async def without_answer() -> None:
        looks.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(DEADLINE), Appender(settings) as appender:
        try:
            await reader.open()
            reader.seek(0)
            monkeypatch.setattr(reader, "look_around", without_answer)
            while not looks.is_set():
                assert await reader.next(10, 0.1) == []
            await appender.append(topic, 0, ProducerRecord(b"", b"came meanwhile", []))
            assert await read(reader) == [b"came meanwhile"]
        finally:
            await reader.close()


async def test_a_client_that_has_stopped_to_fetch_is_an_error_and_is_opened_anew(kafka: Broker, prefix: str) -> None:
    topic, settings = f"{prefix}log", KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    await create_topic(kafka.bootstrap_servers, topic)
    reader = LiveReader(settings, topic, 0)
    async with asyncio.timeout(DEADLINE), Appender(settings) as appender:
        try:
            await reader.open()
            reader.seek(0)
            fetching = reader._consumer._fetcher._fetch_task  # what dies in the client leaves nothing else behind
            fetching.cancel()
            await asyncio.wait([fetching])
            with pytest.raises(KafkaConnectionError, match="stopped to fetch"):
                await reader.next(10, 0.1)
            await reader.open()
            reader.seek(0)
            await appender.append(topic, 0, ProducerRecord(b"", b"read on", []))
            assert await read(reader) == [b"read on"]
        finally:
            await reader.close()
