"""The page beside a pipeline: what it reads off the topics, and when."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import ClientSession, web
from msgspec.structs import replace

from headrace.cli import _overlay_file
from headrace.config import ConsoleSettings
from headrace.config.live import LiveConfig
from headrace.config.tenants import Tenants
from headrace.console import watch as watching
from headrace.console.server import PageServer
from headrace.console.watch import Watch
from headrace.core.record import ProducerRecord
from headrace.core.redaction import Redaction
from headrace.kafka.appender import Appender
from tests.fake_provider import Row, account
from tests.integration.pipeline import Pipeline, make_pipeline, until
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

MARKUP = "<img src=x onerror=alert(1)>"


class Looker:
    """Somebody who looks at the page of a pipeline."""

    def __init__(self, url: str, session: ClientSession, live: LiveConfig, watch: Watch) -> None:
        self.url, self.session, self.live, self.watch = url, session, live, watch

    async def get(self, path: str, status: int = 200) -> str:
        async with self.session.get(self.url + path) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return text

    async def shows(self, path: str, what: Callable[[str], bool], why: str) -> str:
        """Load a page until it shows something."""
        text = ""

        async def shown() -> bool:
            nonlocal text
            text = await self.get(path)
            return what(text)

        await until(shown, why, every=0.2)
        return text


@contextlib.asynccontextmanager
async def looked_at(pipeline: Pipeline, **console: Any) -> AsyncIterator[Looker]:
    """Serve the page of a pipeline."""
    live = LiveConfig(replace(pipeline.config, console=ConsoleSettings(**console)))
    watch = Watch(live)
    runner = web.AppRunner(PageServer(live, watch).app)
    await runner.setup()
    reading = asyncio.create_task(watch.run())
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession() as session:
            yield Looker(f"http://127.0.0.1:{runner.addresses[0][1]}", session, live, watch)
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        await runner.cleanup()


async def test_what_flows_is_shown(kafka: Broker, prefix: str) -> None:
    """Events as they come, of the tenants that are there, and partitions that add up."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    async with looked_at(pipeline) as looker, pipeline.running() as running:
        await looker.shows("/events", lambda text: "No event yet" in text, "the empty stream was read")
        await pipeline.append(Row(number, v=1, text="hello") for number in range(20))
        await pipeline.settled(running)
        text = await looker.shows("/events", lambda text: text.count("thing/") >= 20, "all events are shown")
        assert "call.completed" in text
        text = await looker.shows("/events?lead=17", lambda text: "lead/17" in text, "one lead's are shown")
        assert "lead/18" not in text
        assert "None of the newest 20 events" in await looker.get("/events?type=note")
        text = await looker.shows("/partitions", lambda text: text.count("✓") == 2 and "published" in text, "sums")
        assert "they do not add up" not in text
        text = await looker.shows("/", lambda text: "20 records came" in text, "the equation is shown")
        assert "No notice is open" in text


async def test_one_event_is_shown_with_what_made_it(kafka: Broker, prefix: str) -> None:
    """Its raw bytes, its copies with their fates, and what each version changed; all of it as text alone."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    async with looked_at(pipeline) as looker, pipeline.running() as running:
        first, second = Row("a", v=1, text=MARKUP), Row("a", v=2, text="second")
        await pipeline.append([first, first])
        await pipeline.append([second])
        await pipeline.settled(running)
        records = await pipeline.records("events")
        place = f"/events/{records[0].partition}/{records[0].offset}"
        text = await looker.get(place)
        assert "As the platform told it" in text
        assert text.count("&lt;img src=x onerror=alert(1)&gt;") == 2, "in the raw bytes, and in the event"
        assert MARKUP not in text
        trail = await looker.get(f"{place}/trail")
        assert trail.count("published") >= 2
        assert "duplicate" in trail
        assert "data.text" in trail
        assert MARKUP not in trail
        assert "no event at this place" in await looker.get("/events/0/99999999", 404)
        assert "no event at this place" in await looker.get("/events/99/0", 404)


async def test_a_dead_letter_is_shown_with_its_place_marked(kafka: Broker, prefix: str) -> None:
    """In the list with what to do, and alone with its bytes."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    async with looked_at(pipeline) as looker, pipeline.running() as running:
        assert "There is none." in await looker.get("/letters")
        await pipeline.append([Row(1, v=1, text=MARKUP, do="bad")])
        await pipeline.settled(running)
        (record,) = await pipeline.records("dead-letters")
        text = await looker.get("/letters")
        assert f'href="/letters/{record.partition}/{record.offset}"' in text
        text = await looker.get(f"/letters/{record.partition}/{record.offset}")
        assert "<mark>&#34;&lt;img src=x onerror=alert(1)&gt;&#34;</mark>" in text
        assert "<code>$.text</code>" in text
        assert MARKUP not in text
        assert "no dead letter at this place" in await looker.get("/letters/0/99999999", 404)


async def test_codes_without_a_row_are_counted(kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the row that would have to be finished."""
    monkeypatch.setattr(_overlay_file, "builtin", lambda _: account().mapping.entries)  # the fake one has no file
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    async with looked_at(pipeline) as looker, pipeline.running() as running:
        await pipeline.append([Row(number, v=1, code="brochure") for number in range(3)])
        await pipeline.settled(running)
        text = await looker.get("/codes/found")
        assert "<code>brochure</code>" in text
        assert "3 events, the last" in text
        assert "3 events of the last 24h were looked at" in text


async def test_redacted_bytes_are_shown_by_setting_alone(kafka: Broker, prefix: str) -> None:
    """Neither those of a tenant whose events are redacted, nor those of one that nobody knows any more."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    async with pipeline.running() as running:
        await pipeline.append([Row(1, v=1, text="secret words")])
        await pipeline.append([Row(1, v=2, text="other secret words")])
        await pipeline.settled(running)
    _, record = await pipeline.records("events")
    place = f"/events/{record.partition}/{record.offset}"
    redacted, other = account(redact=Redaction(drop=["text"])), account("other")
    for tenant, why, shown in ((redacted, "are redacted", 0), (other, "is not configured", 1)):
        pipeline.config = replace(pipeline.config, tenants=Tenants([tenant]))
        async with looked_at(pipeline) as looker:
            text = await looker.get(place)
            assert why in text
            assert text.count("secret words") == shown, "that of the event, as it was published"
            trail = await looker.get(f"{place}/trail")
            assert ("secret words" in trail) is bool(shown)
        async with looked_at(pipeline, redacted_bytes=True) as looker:
            assert "secret words" in await looker.get(place)


async def test_it_reads_only_while_somebody_looks(kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the last page is closed it rests, and begins anew with the next."""
    monkeypatch.setattr(watching, "LINGERS_SECONDS", 0.5)
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    async with looked_at(pipeline) as looker, pipeline.running() as running:
        assert looker.watch.version == 0
        await looker.shows("/events", lambda text: "No event yet" in text, "it was read")
        await until(lambda: not looker.watch.is_reading, "it rests")
        version = looker.watch.version
        await pipeline.append([Row(1, v=1)])
        await pipeline.settled(running)
        assert looker.watch.version == version, "nobody looked"
        await looker.shows("/events", lambda text: "thing/1" in text, "it is read again")
        await until(lambda: not looker.watch.is_reading, "it rests again")
        assert "The stream is being read" in await looker.get("/events"), "what was read then is not what is so now"
        text = await looker.shows("/events", lambda text: "thing/1" in text, "it is read once more")
        assert text.count('<tr id="e') == 1


async def test_a_foreign_record_ends_nothing(kafka: Broker, prefix: str) -> None:
    """It is said that a part cannot be read; the others are."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    async with Appender(pipeline.config.kafka) as appender:
        await appender.append(pipeline.topic("cursors"), 0, ProducerRecord(b"x", b"\x00", []))
    async with looked_at(pipeline) as looker:
        text = await looker.shows("/", lambda text: "cannot be read" in text, "that it cannot be read is shown")
        assert "Tenants and notices" in text
        await looker.shows("/partitions", lambda text: text.count("✓") == 2, "the partitions are read")


async def test_that_kafka_is_away_is_shown_and_passes(kafka: Broker, prefix: str) -> None:
    """With why, and since when; what was read before stays."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    away = pipeline.through("127.0.0.1:9")
    async with looked_at(away) as looker:
        text = await looker.shows("/", lambda text: "are not read" in text, "that it is away is shown")
        assert "Kafka does not answer" in text
        looker.live.config = replace(looker.live.config, kafka=pipeline.config.kafka)
        await looker.shows("/", lambda text: "are not read" not in text and "No notice is open" in text, "it passes")
