"""The page of a service whose story was played: each of its pages in a real browser."""

import random
import re

import pytest
from playwright.async_api import Browser, expect

from headrace_demo.scenario import crowd
from tests.browser.chromium import NARROW, visiting
from tests.browser.service_at_work import ServiceAtWork

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SEVERAL = re.compile(r"[1-9]\d* records came, each has one fate")


async def test_the_overview_shows_flow_ways_events_and_the_equation(browser: Browser, played: ServiceAtWork) -> None:
    """Three platforms and one stream; all tenants by way; the newest events; every record has one fate."""
    async with visiting(browser, played.url) as visit:
        page = visit.page
        await expect(page.locator("#pulse")).to_have_text("live")
        for platform in ("leadping", "leadsquared", "outreach"):
            await expect(page.locator("#flow").get_by_text(platform, exact=True)).to_be_visible()
        await expect(page.locator("#equation")).to_contain_text(SEVERAL)
        await expect(page.locator("#ways tbody tr")).to_have_count(9)
        await expect(page.locator("#events tbody tr").first).to_be_visible()
        await expect(page.locator("#trouble")).to_be_empty()


async def test_one_event_stands_beside_its_raw_bytes(browser: Browser, played: ServiceAtWork) -> None:
    """From the list to one event: what the platform told, what was published, which row made it, copies, versions."""
    async with visiting(browser, played.url) as visit:
        page = visit.page
        await page.goto("/events?type=opportunity.updated")
        await page.get_by_role("link", name="opportunity.updated").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("opportunity.updated")
        raw = page.get_by_role("region", name="As the platform told it")
        await expect(raw).to_contain_text('"EventCode": 12000')
        published = page.get_by_role("region", name="As Headrace published it")
        await expect(published).to_contain_text('"type": "headrace.opportunity.updated.v1"')
        copies = page.get_by_role("table", name="Copies in raw")
        await expect(copies.get_by_role("row")).to_have_count(4)
        await expect(copies).to_contain_text("stale")
        versions = page.get_by_role("table", name="Versions in events")
        await expect(versions.get_by_role("row")).to_have_count(3)
        await expect(versions).to_contain_text("data.native.status: Active → Won")


async def test_the_pointer_of_a_dead_letter_is_marked(browser: Browser, played: ServiceAtWork) -> None:
    """From the list to one letter: the bytes, with the value that the pointer names marked, and what to do."""
    async with visiting(browser, played.url) as visit:
        page = visit.page
        await page.get_by_role("link", name="Dead letters", exact=True).click()
        await expect(page.locator("tbody tr")).to_have_count(2)
        await page.locator("tr", has_text="$.CreatedOn").get_by_role("link").click()
        await expect(page.locator("mark")).to_have_text('"yesterday"')


async def test_codes_are_counted_and_a_row_is_proposed(browser: Browser, played: ServiceAtWork) -> None:
    """A code without a row stands there with how often it came, and the row to finish."""
    async with visiting(browser, played.url) as visit:
        page = visit.page
        await page.get_by_role("link", name="Codes").click()
        found = page.locator("section.code", has_text="Contract Countersigned")
        await expect(found).to_contain_text("1 event")
        await expect(found.locator("pre")).to_contain_text('code = "350"')


async def test_each_partition_has_its_equation(browser: Browser, played: ServiceAtWork) -> None:
    """The position of each partition is the sum of the fates, and nothing waits."""
    async with visiting(browser, played.url) as visit:
        page = visit.page
        await page.get_by_role("link", name="Partitions").click()
        await expect(page.locator("tbody tr")).to_have_count(3)
        await expect(page.locator("tbody .good")).to_have_count(3)


async def test_events_are_filtered(browser: Browser, played: ServiceAtWork) -> None:
    """By type or category, tenant and lead; the address names the filter, so that it can be sent to somebody."""
    async with visiting(browser, played.url) as visit:
        page = visit.page
        await page.goto("/events")
        await page.get_by_label("Type").select_option("email")
        await page.get_by_label("Lead").fill("5")
        await page.get_by_role("button", name="Show").click()
        await expect(page).to_have_url(re.compile(r"type=email&source=&lead=5"))
        words = await page.locator("#events td .type").all_inner_texts()
        assert {word.partition(".")[0] for word in words} == {"email"}
        await page.get_by_label("Tenant").fill("leadping")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator("#events")).to_contain_text("None of the newest")
        await page.get_by_role("link", name="all", exact=True).click()
        await expect(page.locator("#events")).to_contain_text("leadping/acme")


async def test_it_is_used_by_keyboard_alone(browser: Browser, played: ServiceAtWork) -> None:
    """The first key leads past the navigation, Tab to an event, which keeps the focus when others come; Enter opens."""
    async with visiting(browser, played.url) as visit:
        page = visit.page
        await page.goto("/events?source=outreach")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="To the content")).to_be_focused()
        await page.keyboard.press("Enter")
        href = await page.locator("#events td a").first.get_attribute("href")
        link = page.locator(f"a[href='{href}']")
        for _ in range(12):
            await page.keyboard.press("Tab")
            if await link.evaluate("(link) => link === document.activeElement"):
                break
        await played.play(crowd(random.Random(7), 0))
        await expect(page.locator("#events tr.new")).not_to_have_count(0)
        await expect(link).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile(f"{href}$"))


@pytest.mark.parametrize("path", ["/", "/events", "/letters", "/codes", "/partitions"])
async def test_it_fits_a_narrow_screen_in_the_dark(browser: Browser, played: ServiceAtWork, path: str) -> None:
    """Nothing but a table in its own frame is wider than a phone, and the paper is dark where that is wished for."""
    async with visiting(browser, played.url, viewport=NARROW, color_scheme="dark") as visit:
        page = visit.page
        await page.goto(path)
        await expect(page.get_by_role("navigation")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 22, 28)"
