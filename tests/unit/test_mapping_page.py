"""MAPPING.md and `headrace taxonomy targets`: what a mapping can say, in one place, as the code has it."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli import _mapping_page as made, main
from headrace.core.lift import TARGETS
from headrace.core.mapping_file import read
from headrace.core.mapping_keys import ROW_KEYS, WORDS
from headrace.core.toml_lines import FileFaults
from headrace.providers.discover import discover

ROOT = Path(__file__).parents[2]
EXAMPLES = {"code": '"1"', "status": '{ A = "call.failed" }', "words": '"shared"', "provisional": "true"}
PAIRS = {"fields": '{ a = "b" }', "lift": '{ a = "text" }'}


def test_the_page_is_made_from_the_code() -> None:
    """MAPPING.md is not edited by hand: `python -m headrace.cli._mapping_page` writes it."""
    assert made.PAGE.read_text("utf-8") == made.page()


def test_the_page_walks_from_a_code_to_its_event() -> None:
    """Its steps are what the commands print: a code of its own, a slip, and the event that the row makes."""
    page = made.page()
    assert "row      100-299 (provisional) → custom.logged" in page
    assert 'cannot lift mx_Custom_1 to "txet": did you mean text? for a field of your own write fields.txet' in page
    assert "row      212/Visited → meeting.held" in page
    assert "mx_Custom_3 stays in fields: value.amount takes a decimal number" in page


def test_every_word_stands_on_the_page_and_in_the_command() -> None:
    """No list is found only in an error message."""
    done = CliRunner().invoke(main, ["taxonomy", "targets"])
    assert done.exit_code == 0
    tables = [table for provider in discover().values() for table in provider.tables]
    words = [*ROW_KEYS, *tables, *(target.name for target in TARGETS), *(word for key in WORDS for word in WORDS[key])]
    page = made.page()
    for word in words:
        assert f"\n| `{word}` | " in page
        assert re.search(rf"^  {re.escape(word)} +\S", done.output, re.MULTILINE)


def test_the_page_is_linked() -> None:
    """README and the README of every provider lead to it, and what it links to is there."""
    pages = [ROOT / "README.md", *(ROOT / f"service/headrace/providers/{name}/README.md" for name in discover())]
    for linking in pages:
        found = re.search(r"\]\(([^)]*MAPPING\.md)\)", linking.read_text("utf-8"))
        assert found is not None
        assert (linking.parent / found[1]).resolve() == made.PAGE
    for link in re.findall(r"\]\(([^)#]+)\)", made.page()):
        assert (made.PAGE.parent / link).exists(), link


@pytest.mark.parametrize("key", ROW_KEYS)
def test_every_key_of_the_list_may_be_written(key: str) -> None:
    """The list of keys is what the reader takes."""
    first = f'"{next(iter(WORDS.get(key, ["things"])))}"'
    value = {**EXAMPLES, **PAIRS}.get(key, first)
    rest = {"code": '"1"', "type": '"call.failed"', "table": '"things"'} | {key: value}
    row = "\n".join(f"{name} = {text}" for name, text in rest.items())
    (entry,) = read(f'[words.shared]\nA = "call.failed"\n[[row]]\n{row}\n', "acme.toml", ("things", "others"))
    assert entry.codes == ("1",)


def test_what_is_not_on_the_list_is_refused() -> None:
    """A key that is none is refused with all that are."""
    with pytest.raises(FileFaults, match=", ".join(ROW_KEYS)):
        read('[[row]]\ncode = "1"\ntype = "call.failed"\ncolour = "red"\n', "acme.toml", ("things",))
