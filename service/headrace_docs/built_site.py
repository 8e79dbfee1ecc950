"""What is wrong with a built site: links that lead nowhere, and what would be fetched from another host.

The theme's scripts hold addresses of libraries that they would fetch for pages which need them (diagrams, galleries).
No page of ours does; and each has a policy by which the browser refuses it.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_LOADED: Final = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""Attributes that a browser fetches without being asked to."""
_NAMES: Final = ("canonical", "alternate", "next", "prev")
"""Kinds of `link` that name a page, and fetch none."""
_ANYWHERE: Final = Path("404.html")
"""It is served at any path, so its links begin at the root of a host."""
_IN_STYLES: Final = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)")


class SitePage(HTMLParser):
    """The anchors of a page, the links on it, what it loads, and whether a policy keeps it to its own host."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: Final[set[str]] = set()
        self.links: Final[list[str]] = []
        self.loaded: Final[list[str]] = []
        self.has_policy = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        found = {name: value for name, value in attrs if value is not None}
        self.anchors.update(found[name] for name in ("id", "name") if name in found)
        self.has_policy |= tag == "meta" and found.get("http-equiv") == "Content-Security-Policy"
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in _LOADED and _LOADED[tag] in found and found.get("rel") not in _NAMES:
            self.loaded.append(found[_LOADED[tag]])


def faults(site: Path) -> Iterator[str]:
    """Yield each fault of a site as a line: the file, and what is wrong."""
    pages = {path: SitePage(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site)
        if not page.has_policy:
            yield f"{name}: no policy forbids what other hosts would send"
        for link in page.links if name != _ANYWHERE else ():
            if not _leads_somewhere(path, link, pages):
                yield f"{name}: {link} leads nowhere"
        for address in page.loaded:
            if urlsplit(address).netloc:
                yield f"{name}: {address} would be fetched from elsewhere"
    for path in sorted(site.rglob("*.css")):
        for address in _IN_STYLES.findall(path.read_text("utf-8")):
            yield f"{path.relative_to(site)}: {address} would be fetched from elsewhere"


def _leads_somewhere(path: Path, link: str, pages: dict[Path, SitePage]) -> bool:
    """Return whether a link leads to another host, or to a file and an anchor that are there."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    target = target / "index.html" if target.is_dir() else target
    if target not in pages:
        return target.is_file()
    return not parts.fragment or unquote(parts.fragment) in pages[target].anchors
