"""The site as it is built: nothing broken, nothing fetched from elsewhere, each page with the blocks it has here."""

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from headrace_docs.__main__ import build
from headrace_docs.assemble import TOP
from headrace_docs.pages import every_page

BLOCKS = ("h1", "h2", "h3", "h4", "ul", "ol", "li", "table", "tr", "pre")


class Article(HTMLParser):
    """How many blocks of each kind the article of a page has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.blocks: Counter[str] = Counter()
        self._is_open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  (its signature)
        """See HTMLParser."""
        self._is_open = self._is_open or tag == "article"
        if self._is_open and tag in BLOCKS:
            self.blocks[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        """See HTMLParser."""
        self._is_open = self._is_open and tag != "article"


def as_on_the_web(text: str) -> Counter[str]:
    """Return how many blocks GitHub's Markdown has in a text."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    kinds = ("pre" if token.type in ("fence", "code_block") else token.tag for token in tokens if token.nesting >= 0)
    return Counter(kind for kind in kinds if kind in BLOCKS)


@pytest.mark.slow
def test_the_site_is_whole(tmp_path: Path) -> None:
    """The generator warns of nothing, every link and anchor is there, and each page shows what the repository shows."""
    site = tmp_path / "site"
    assert build(tmp_path / "sources", site) == []
    for page in every_page():
        text = (TOP / page.source).read_text("utf-8") if isinstance(page.source, str) else page.source()
        path = site / page.path
        html = path.with_suffix(".html") if path.stem == "index" else path.with_suffix("") / "index.html"
        assert Article(html.read_text("utf-8")).blocks == as_on_the_web(text), page.path
