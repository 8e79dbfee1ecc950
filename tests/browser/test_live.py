"""What changes on an open page, without anybody loading it again."""

import random
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from headrace_demo.scenario import scripted
from tests.browser.chromium import visiting
from tests.browser.service_at_work import at_work
from tests.kafka.broker import Broker

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def test_an_empty_cluster_fills_and_a_fault_comes_and_goes(
    browser: Browser, kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    """First nothing, then events as they come; a platform that does not answer shows, and shows no more."""
    async with at_work(kafka.bootstrap_servers, prefix, tmp_path) as service, visiting(browser, service.url) as visit:
        page = visit.page
        await expect(page.locator("#events")).to_contain_text("No event yet")
        await expect(page.locator("#notices")).to_contain_text("No notice is open")
        await service.play(*scripted(random.Random(7)))
        await expect(page.locator("#events")).to_contain_text("call.completed")
        await expect(page.locator("#flow .lane.on")).not_to_have_count(0)
        await expect(page.locator("#equation")).to_contain_text(re.compile(r"[1-9]\d* records came"))
        faults = service.polled.by_name["leadsquared"].faults
        faults.always("unavailable")
        state = page.locator("#ways tr", has_text="leadsquared/polled").locator(".state")
        await expect(state.and_(page.locator(".failing"))).to_be_visible()
        await expect(page.locator("#ways")).to_contain_text("1 of 9 ways is in trouble.")
        faults.clear()
        await expect(state.and_(page.locator(".ok"))).to_be_visible()
        await expect(page.locator("#ways")).to_contain_text("None of 9 ways is in trouble.")
