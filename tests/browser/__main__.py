"""`python -m tests.browser [FOLDER]`: play the demo, and take the pictures of its page for the documentation."""

import argparse
import asyncio
import re
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image
from playwright.async_api import Browser, Page, expect

from headrace_demo.process import Child
from tests.browser.chromium import NARROW, chromium, missing, visiting
from tests.integration.pipeline import until

PICTURES: Final = Path("deploy/console/pictures")
PLAYS_WITHIN: Final = 300.0
_COLORS: Final = 256
"""So many colors are enough for a page, if the rare ones stay, and make a file of a third of the size."""
_ADDRESS: Final = re.compile(r"Watch what follows at (\S+)")
_FLOWS: Final = "Kafka comes back:"
_PLAYED: Final = "Ctrl-C ends the demo"
_SMALL: Final = {"width": 1180, "height": 900}
_WHOLE: Final = {"viewport": {"width": 1180, "height": 300}}
"""As high as the page is, and no higher."""

Act = Callable[[Page], Awaitable[None]]


class Picture(NamedTuple):
    """A page, what is done on it before it is taken, and how it is looked at."""

    name: str
    path: str
    act: Act
    how: dict[str, Any]


async def _as_it_is(page: Page) -> None:
    await expect(page.locator("#equation, #partitions")).to_contain_text(re.compile("hold|waiting"))


async def _first_event(page: Page) -> None:
    await page.locator("#events td a").last.click()
    await expect(page.get_by_role("table", name="Versions in events")).to_be_visible()


async def _marked_letter(page: Page) -> None:
    await page.locator("tr", has_text="$.").locator("a").first.click()
    await expect(page.locator("mark")).to_be_visible()


async def _codes(page: Page) -> None:
    await expect(page.locator("section.code").first).to_be_visible()


FLOWING: Final = (
    Picture("overview", "/", _as_it_is, {}),
    Picture("overview-dark", "/", _as_it_is, {"color_scheme": "dark"}),
    Picture("narrow", "/", _as_it_is, {"viewport": NARROW}),
)
"""Taken while events come."""
PLAYED: Final = (
    Picture("event", "/events?type=opportunity.updated", _first_event, _WHOLE),
    Picture("dead-letter", "/letters", _marked_letter, _WHOLE),
    Picture("codes", "/codes", _codes, _WHOLE),
    Picture("partitions", "/partitions", _as_it_is, _WHOLE),
)
"""Taken once the story is over."""


async def take(browser: Browser, url: str, picture: Picture, folder: Path) -> None:
    """Take one picture."""
    async with visiting(browser, url, **({"viewport": _SMALL} | picture.how)) as visit:
        await visit.page.goto(picture.path)
        await picture.act(visit.page)
        taken = await visit.page.screenshot(full_page=picture not in FLOWING, animations="disabled")
    file = folder / f"{picture.name}.png"
    Image.open(BytesIO(taken)).quantize(_COLORS, Image.Quantize.MAXCOVERAGE).save(file, optimize=True)
    sys.stdout.write(f"{file}\n")


async def take_all(demo: Child, printed: Callable[[], str], folder: Path) -> None:
    """Take each picture when its time has come; `printed` returns what the demo has printed."""

    async def prints(text: str) -> None:
        def has() -> bool:
            if not demo.runs:
                raise RuntimeError(f"the demo ended: {printed()[-800:]}")
            return text in printed()

        await until(has, f"the demo prints {text!r}", deadline=PLAYS_WITHIN)

    await prints("Watch what follows at")
    (url,) = _ADDRESS.findall(printed())
    async with chromium() as browser, visiting(browser, url):  # a page that is open from the beginning
        for text, pictures in ((_FLOWS, FLOWING), (_PLAYED, PLAYED)):
            await prints(text)
            for picture in pictures:
                await take(browser, url, picture, folder)


def main() -> None:
    """Run; exit with 1 where there is no browser."""
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=PICTURES)
    options = parser.parse_args()
    if reason := missing():
        parser.exit(1, f"{reason}\n")
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="headrace-pictures-") as home:
        log = Path(home) / "demo.log"
        demo = Child((sys.executable, "-m", "headrace", "demo"), log=log, cwd=Path(home))
        try:
            asyncio.run(take_all(demo, log.read_text, options.folder))
            demo.signal(signal.SIGINT)
            demo.wait(PLAYS_WITHIN)
        finally:
            demo.kill()


if __name__ == "__main__":
    main()
