"""What the site is made of: pages from the code, Markdown in another dialect, links, the judge of what was built."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli import main
from headrace.normalizer.metrics import REASONS, REASONS_UNKNOWN
from headrace.receiver.metrics import REFUSALS, REFUSALS_UNKNOWN
from headrace_docs.assemble import TOP, BrokenLinkError, page_text
from headrace_docs.built_site import faults
from headrace_docs.command_pages import command_page
from headrace_docs.configuration_page import configuration_page
from headrace_docs.markdown_lists import for_python_markdown
from headrace_docs.pages import Page, every_page
from headrace_docs.problem_page import problem_page

POLICY = '<meta http-equiv="Content-Security-Policy" content="default-src \'self\'">'


def test_every_markdown_file_is_a_page() -> None:
    """What is written for people is on the site, each file once."""
    sources = [page.source for page in every_page() if isinstance(page.source, str)]
    assert len(sources) == len(set(sources))
    assert len({page.path for page in every_page()}) == len([*every_page()])
    folders = ("service", "schemas", "deploy", "tests")
    written = [*TOP.glob("*.md"), *(path for folder in folders for path in (TOP / folder).rglob("*.md"))]
    assert {str(path.relative_to(TOP)) for path in written if "node_modules" not in path.parts} == set(sources)


def test_every_command_is_described() -> None:
    """Each command has its heading, its usage and its options, those below others as well."""
    page = command_page()
    for name in ("run", "feeds pause", "topics acls", "dead-letters show", "taxonomy docs"):
        assert re.search(rf"^##+ headrace {name}$", page, re.MULTILINE)
        usage = CliRunner().invoke(main, [*name.split(), "--help"]).output.splitlines()[0]
        assert usage.split("[OPTIONS]")[0].replace("Usage: main", "Usage: headrace").strip() in page
    assert "| `--resting` | Show which leads rest" in page


def test_every_key_is_described() -> None:
    """Keys of the service, of a table in a table, and of a provider's tenants stand in the table of their section."""
    page = configuration_page()
    for section, key in (("[spool]", "max_age"), ("[tenants.leadsquared.NAME.lead_activities]", "look_back")):
        table = page.split(f" `{section}`\n")[1].split("\n#")[0]
        assert re.search(rf'^\| `{key}` \| a duration [^|]+ \| `"7d"` \|$', table, re.MULTILINE)


def test_every_problem_is_listed() -> None:
    """Whatever a metric counts as a reason is on the page of problems."""
    page = problem_page()
    counted = {*REFUSALS, *REFUSALS_UNKNOWN, *REASONS, *REASONS_UNKNOWN}
    assert not [code for code in counted if f"\n| `{code}` |" not in page]


@pytest.mark.parametrize(
    ("written", "for_python"),
    [
        ("Not promised:\n- order\n- time\n", "Not promised:\n\n-   order\n-   time\n"),
        ("- one\n  goes on\n  - two\n", "-   one\n    goes on\n    -   two\n"),
        (
            "1. one\n\n   ```\n   a\n     b\n   ```\n2. two\n",
            "1.  one\n\n    ```\n    a\n      b\n    ```\n\n2.  two\n",
        ),
        ("- a\n\n  | x |\n  |---|\n\n  more\n- b\n", "-   a\n\n    | x |\n    |---|\n\n    more\n\n-   b\n"),
        ("| `a\\|b` | c\\|d |\n", "| `a|b` | c\\|d |\n"),
        ("- one\n\nNo item.\n", "-   one\n\nNo item.\n"),
        ("```\n- no list\n```\n", "```\n- no list\n```\n"),
    ],
)
def test_lists_and_tables_are_written_for_the_generator(written: str, for_python: str) -> None:
    """A list behind a paragraph, nested blocks, and code in tables mean the same in both dialects."""
    assert for_python_markdown(written) == for_python


def test_links_lead_to_pages_files_or_nowhere(tmp_path: Path) -> None:
    """A page that is on the site is linked there, another file is copied, a folder is a name."""
    text = page_text(Page("Runbook", "operate/runbook.md", "deploy/README.md"), tmp_path)
    assert "[KUBERNETES.md](kubernetes.md)" in text
    assert "[metrics](../reference/metrics.md)" in text
    assert "[alert](../files/deploy/prometheus/alerts.yml)" in text
    assert (tmp_path / "files/deploy/prometheus/alerts.yml").read_bytes() == (
        TOP / "deploy/prometheus/alerts.yml"
    ).read_bytes()
    assert "| `base/`, `overlays/`, `components/` |" in text


def test_a_link_to_what_is_not_there_is_refused(tmp_path: Path) -> None:
    """It is an error before anything is built."""
    with pytest.raises(BrokenLinkError, match="nowhere"):
        page_text(Page("No", "no.md", lambda: "[a](nowhere.md)"), tmp_path)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="b/#here">', ""),
        ('<a href="https://example.com">', ""),
        ('<a href="b/#there">', "b/#there leads nowhere"),
        ('<a href="c/">', "c/ leads nowhere"),
        ('<script src="//cdn.example.com/a.js"></script>', "//cdn.example.com/a.js would be fetched from elsewhere"),
        ('<link rel="stylesheet" href="https://fonts.example.com">', "https://fonts.example.com would be fetched"),
        ('<img src="https://example.com/a.png">', "https://example.com/a.png would be fetched"),
    ],
)
def test_the_judge_sees_what_is_wrong(tmp_path: Path, body: str, fault: str) -> None:
    """Broken links and anchors, and whatever a browser would fetch from another host; links to click are fine."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b/index.html").write_text(f'{POLICY}<h1 id="here">')
    (tmp_path / "index.html").write_text(POLICY + body)
    found = [*faults(tmp_path)]
    assert len(found) == bool(fault)
    assert not fault or fault in found[0]


def test_styles_and_the_policy_are_judged(tmp_path: Path) -> None:
    """A font of another host is a fault, and so is a page without the policy."""
    (tmp_path / "a.css").write_text('@font-face { src: url("https://fonts.example.com/a.woff2") }')
    (tmp_path / "index.html").write_text("")
    assert [*faults(tmp_path)] == [
        "index.html: no policy forbids what other hosts would send",
        "a.css: https://fonts.example.com/a.woff2 would be fetched from elsewhere",
    ]
