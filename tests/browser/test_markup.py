"""What platforms send is text on every page, whatever is in it: nothing of it runs, loads or looks like the page."""

from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.chromium import visiting
from tests.browser.service_at_work import ServiceAtWork, at_work
from tests.kafka.broker import Broker

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

IMAGE: Final = "<img src=//elsewhere.invalid/x onerror=alert(1)>"
SCRIPT: Final = "</script><script>alert(2)</script>"
STYLE: Final = "<style>body{display:none}</style>"
QUOTE: Final = "\"'><svg onload=alert(3)>"
MARKUP: Final = (IMAGE, SCRIPT, STYLE, QUOTE)
MADE_OF_IT: Final = "main img, main script, main style, [onerror], [onload]"


def activity(guid: str, lead: str, **more: Any) -> dict[str, Any]:
    """Return an activity whose name and texts are markup."""
    return {
        "Id": guid, "EventCode": 351, "EventName": SCRIPT, "CreatedOn": "2026-11-20 10:20:00", "Type": STYLE,
        "ModifiedOn": "2026-11-20 10:20:00", "SessionId": QUOTE, "RelatedProspectId": lead, "ActivityType": 2,
        "Data": [{"Key": "CreatedByName", "Value": IMAGE}], "ActivityFields": {"Status": IMAGE, QUOTE: SCRIPT}, **more,
    }  # fmt: skip


async def send_markup(service: ServiceAtWork) -> None:
    """Let markup come in all places: lead, id, name, code, pointer, and bytes that cannot be read."""
    rows = [activity(IMAGE, QUOTE), activity("b" + QUOTE, SCRIPT, CreatedOn=IMAGE)]
    await service.ingest("leadsquared", "activity", {"RecordCount": 2, "ProspectActivities": rows})
    related = {"prospect": {"data": {"type": "prospect", "id": 5}}}
    attributes = {"name": IMAGE + QUOTE, "eventAt": "2026-11-20T11:02:03.000Z", "createdAt": "2026-11-20T11:02:04.000Z"}
    event = {"type": "event", "id": 1, "attributes": attributes, "relationships": related}
    await service.ingest("outreach", "event", {"data": [event]})
    await service.ingest("leadping", "activity", b'{"items": [' + "".join(MARKUP).encode())


async def is_text(page: Page, *texts: str) -> None:
    """Assert that these stand on the page as text, and that no element came of them."""
    for text in texts:
        await expect(page.locator("main")).to_contain_text(text)
    await expect(page.locator(MADE_OF_IT)).to_have_count(0)
    await expect(page.locator("main")).to_be_visible()


async def test_markup_is_shown_as_text(browser: Browser, kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """In lists that the script puts in place, on the page of an event, of a dead letter, of codes, in a filter."""
    async with at_work(kafka.bootstrap_servers, prefix, tmp_path) as service, visiting(browser, service.url) as visit:
        page = visit.page
        await expect(page.locator("#events")).to_contain_text("No event yet")
        await send_markup(service)
        await expect(page.locator("#events tbody tr")).to_have_count(2)
        await is_text(page, IMAGE, SCRIPT, QUOTE)
        for number in range(2):
            await page.goto("/events")
            await page.locator("#events td a").nth(number).click()
            await expect(page.get_by_role("table", name="Versions in events")).to_be_visible()
            await is_text(page, IMAGE)
        for number in range(2):
            await page.goto("/letters")
            await is_text(page)
            await page.locator("td a").nth(number).click()
            await expect(page.locator("pre.bytes")).to_be_visible()
            await is_text(page, "<script>alert(2)</script>")
        await page.goto("/codes")
        await expect(page.locator("section.code")).to_have_count(2)
        await is_text(page, SCRIPT, IMAGE + QUOTE)
        await page.goto("/events")
        await page.get_by_label("Lead").fill(QUOTE)
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_label("Lead")).to_have_value(QUOTE)
        await is_text(page)
