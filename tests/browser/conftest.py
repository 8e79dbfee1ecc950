"""What the tests of the page share: a browser, and a service at work whose story was played."""

import random
import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from headrace_demo.scenario import scripted
from tests.browser.chromium import chromium, skip_without
from tests.browser.service_at_work import ServiceAtWork, at_work
from tests.kafka.broker import Broker


@pytest.fixture(scope="session", autouse=True)
def _needs_a_browser() -> None:
    skip_without()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Run a browser for the tests of one module."""
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServiceAtWork]:
    """Start a service whose scripted story was played."""
    home, prefix = tmp_path_factory.mktemp("played"), f"t{secrets.token_hex(4)}."
    async with at_work(kafka.bootstrap_servers, prefix, home) as service:
        await service.play(*scripted(random.Random(7)))
        yield service
