"""Debian's Chromium, driven by Playwright: what a page shows, what it asks for, and what its own policy refused."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright, expect

REQUIRE: Final = "HEADRACE_REQUIRE_BROWSER"
WITHIN: Final = 60_000.0
"""Milliseconds within which everything here must have happened; a machine that is busy with other tests is slow."""
WIDE: Final = {"width": 1280, "height": 900}
NARROW: Final = {"width": 390, "height": 844}
_NOWHERE: Final = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
"""A name that is asked for is found nowhere: nothing can leave this machine by mistake."""
_REFUSALS: Final = "document.addEventListener('securitypolicyviolation', (event) => refused(event.violatedDirective))"


def missing() -> str | None:
    """Return why there is no browser, None where there is one."""
    return None if shutil.which("chromium") else "there is no browser: apt-get install chromium"


def skip_without() -> None:
    """Skip a test that needs a browser; fail it where HEADRACE_REQUIRE_BROWSER or CI demands that all tests run."""
    if (reason := missing()) is None:
        return
    if os.environ.get(REQUIRE) or os.environ.get("CI"):
        pytest.fail(f"{REQUIRE} is set, but {reason}", pytrace=False)
    pytest.skip(reason)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a browser without a window; root cannot have its sandbox."""
    expect.set_options(timeout=WITHIN)
    async with async_playwright() as playwright:
        program = shutil.which("chromium")
        browser = await playwright.chromium.launch(executable_path=program, args=[_NOWHERE], timeout=WITHIN)
        try:
            yield browser
        finally:
            await browser.close()


class Visit:
    """A tab, and what it did: `hosts` are those of its requests, `faults` what no page of ours may cause."""

    def __init__(self, page: Page) -> None:
        self.page: Final = page
        self.hosts: Final[set[str]] = set()
        self.faults: Final[list[str]] = []

    async def listen(self, context: BrowserContext) -> None:
        """Collect requests, refusals of the policy, errors of scripts, and dialogs."""
        context.on("request", self._note_request)
        context.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog: {dialog.message}"))
        await context.expose_function("refused", lambda directive: self.faults.append(f"refused: {directive}"))
        await context.add_init_script(_REFUSALS)

    def _note_request(self, request: Request) -> None:
        self.hosts.add(urlsplit(request.url).netloc)

    def _note_message(self, message: ConsoleMessage) -> None:
        # an answer such as 401 is noted as an error, too
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.faults.append(f"console: {message.text}")


@asynccontextmanager
async def visiting(browser: Browser, url: str, **how: Any) -> AsyncIterator[Visit]:
    """Open a tab of its own on a page; at the end nothing may have been asked of others, refused, or gone wrong.

    `how` are options of Playwright's contexts, such as `viewport` and `color_scheme`.
    """
    context = await browser.new_context(base_url=url, **({"viewport": WIDE} | how))
    context.set_default_timeout(WITHIN)
    try:
        visit = Visit(await context.new_page())
        await visit.listen(context)
        await visit.page.goto("/")
        yield visit
        assert visit.faults == []
        assert visit.hosts == {urlsplit(url).netloc}
    finally:
        await context.close()
