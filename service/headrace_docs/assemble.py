"""Assemble the sources of the site in a folder: pages with their links, the files that they name, the configuration.

Links are written for the repository, where they lead to files. Here a link to a page leads to its place on the site,
and a link to another file to a copy of it. A folder has no place on the site: its name stays, without a link.
"""

import re
import shutil
from os.path import relpath
from pathlib import Path
from typing import Final

import headrace
from headrace_docs.markdown_lists import for_python_markdown
from headrace_docs.pages import CHAPTERS, Page, every_page

TOP: Final = Path(headrace.__file__).parents[2]
HOME: Final = TOP / "service/docs"
GENERATED: Final = "service/docs/generated.md"
"""Where the links of a page begin that is made from the code."""
FILES: Final = "files"

_LINK: Final = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)")
_FENCED: Final = re.compile(r"^ *(`{3,})[^\n]*\n.*?^ *\1 *$", re.MULTILINE | re.DOTALL)
_STYLE: Final = re.compile(r"\s*<style>.*?</style>", re.DOTALL)

_SITE: Final = {page.source: page.path for page in every_page() if isinstance(page.source, str)}


class BrokenLinkError(Exception):
    """A link of a page leads to nothing in the repository."""


def assemble(folder: Path) -> None:
    """Write all that the generator needs into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = folder / "pages"
    for page in every_page():
        target = pages / page.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page_text(page, pages), "utf-8")
    shutil.copy(HOME / "site.css", pages)
    shutil.copytree(HOME / "theme", folder / "theme")
    text = (HOME / "site.toml").read_text("utf-8")
    (folder / "zensical.toml").write_text(
        text.replace("[project]\n", f"[project]\nnav = {_navigation()}\n", 1), "utf-8"
    )


def _navigation() -> str:
    """Return the chapters as TOML."""
    chapters = (
        f'{{"{chapter}" = [{", ".join(f"""{{"{page.title}" = "{page.path}"}}""" for page in pages)}]}}'
        for chapter, pages in CHAPTERS.items()
    )
    return f"[{', '.join(chapters)}]"


def page_text(page: Page, pages: Path) -> str:
    """Return a page of the site, and copy the files that it names below `pages`. Raises `BrokenLinkError`."""
    if isinstance(page.source, str):
        source, text = page.source, (TOP / page.source).read_text("utf-8")
    else:
        source, text = GENERATED, page.source()

    def link(found: re.Match[str]) -> str:
        return _link(found, source, page, pages)

    parts, at = [], 0
    for fence in _FENCED.finditer(text):
        parts += [_LINK.sub(link, text[at : fence.start()]), fence[0]]
        at = fence.end()
    return for_python_markdown("".join([*parts, _LINK.sub(link, text[at:])]))


def _link(found: re.Match[str], source: str, page: Page, pages: Path) -> str:
    """Return a link as it stands on the site. Raises `BrokenLinkError`."""
    target, mark, anchor = found["target"].partition("#")
    text = _LINK.sub(lambda inner: _link(inner, source, page, pages), found["text"])
    if re.match(r"[a-z]+:", target) or not target:
        return f"{found['image']}[{text}]({found['target']})"
    path = Path(relpath((TOP / source).parent / target, TOP))
    if str(path / "README.md") in _SITE:
        path /= "README.md"
    if not (TOP / path).exists():
        raise BrokenLinkError(f"{source}: {found['target']}")
    if found["image"] and path.suffix == ".svg" and (TOP / path).parent == HOME:
        return _STYLE.sub("", (TOP / path).read_text("utf-8")).strip()
    if (TOP / path).is_dir():
        return text
    place = _SITE.get(str(path)) or _copied(path, pages)
    return f"{found['image']}[{text}]({relpath(place, Path(page.path).parent)}{mark}{anchor})"


def _copied(path: Path, pages: Path) -> str:
    """Copy a file that a page names, and return its place."""
    target = pages / FILES / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(TOP / path, target)
    return str(Path(FILES) / path)
