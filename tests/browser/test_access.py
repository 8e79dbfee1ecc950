"""The page without a service: whom it lets in, and what it says where there is nothing to read yet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from playwright.async_api import Browser, expect

from headrace.config import Config, ConsoleSettings, KafkaSettings
from headrace.config.live import LiveConfig
from headrace.console.server import serving
from headrace.console.watch import Watch
from headrace.kafka import topics
from tests.browser.chromium import visiting
from tests.fake_provider import tenants
from tests.kafka.broker import Broker

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

TOKEN = "a token of which nobody knows anything"  # noqa: S105  (made up)


@asynccontextmanager
async def page_of(config: Config) -> AsyncIterator[str]:
    """Serve the page of a configuration, and read while somebody looks."""
    live = LiveConfig(config)
    watch = Watch(live)
    reading = asyncio.create_task(watch.run())
    try:
        async with serving(live, watch) as url:
            yield url
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


def configured(kafka: Broker, prefix: str, token: str | None = None) -> Config:
    """Return a configuration with a page at any port."""
    return Config(
        topic_prefix=prefix,
        kafka=KafkaSettings(bootstrap_servers=kafka.bootstrap_servers),
        console=ConsoleSettings(port=0, token=token),
        tenants=tenants(),
    )


async def test_a_token_logs_in(browser: Browser, kafka: Broker, prefix: str) -> None:
    """A wrong token gets a sentence; the right one a cookie that no script and no other site can use."""
    config = configured(kafka, prefix, token=TOKEN)
    async with page_of(config) as url, visiting(browser, url) as visit:
        page = visit.page
        await expect(page).to_have_title("Log in · Headrace")
        await expect(page.get_by_label("Token")).to_be_focused()
        await page.keyboard.type("guessed by somebody")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("That is not the token.")
        await page.get_by_label("Token").fill(TOKEN)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Tenants and their ways")).to_be_visible()
        (cookie,) = await page.context.cookies()
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        assert TOKEN not in cookie["value"]
        await expect(page.locator("#pulse")).to_have_text("live")
        await page.get_by_role("link", name="Log out").click()
        await expect(page).to_have_title("Log in · Headrace")
        await page.goto("/events")
        await expect(page).to_have_title("Log in · Headrace")


async def test_what_cannot_be_read_comes_and_goes(browser: Browser, kafka: Broker, prefix: str) -> None:
    """Without topics the page says which command makes them; once there are some, it shows them by itself."""
    config = configured(kafka, prefix)
    async with page_of(config) as url, visiting(browser, url) as visit:
        trouble = visit.page.locator("#trouble")
        await expect(trouble).to_contain_text("headrace topics apply creates it")
        await topics.apply(config, "dev", 2)
        await expect(trouble).to_be_empty()
        await expect(visit.page.locator("#events")).to_contain_text("No event yet")
