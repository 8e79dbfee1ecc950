"""Drafted overlays: TOML whatever the names are, refused until each row is decided, read once they are."""

import re
import tomllib

import pytest
from hypothesis import given, settings, strategies as st

from headrace.core.mapping import fold
from headrace.core.mapping_file import read
from headrace.core.overlay_draft import DraftRow, example, quoted, rows
from headrace.core.proposals import propose
from headrace.core.toml_lines import FileFaults

TABLES = ("event", "webhook")
NASTY = ('"', '"""', "'''", "\\", "a\nb", "\r", "\x00", "\x1b[2J", "\x7f", "\u2028", "表", "]]", "# x", " ", "")
WORDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from([*NASTY, "203", "5-9", "Site Visit", "site_visit", "Call Missed", "WhatsApp Sent"]),
)


@st.composite
def drafts(draw: st.DrawFn) -> DraftRow:
    """Draw a code with any names, words and values."""
    name = draw(WORDS)
    return DraftRow(
        code=draw(WORDS),
        name=name,
        events=draw(st.integers(1, 10**9)),
        table=draw(st.sampled_from(TABLES)),
        provisional_as=draw(st.none() | WORDS),
        proposal=propose(name),
        statuses=draw(st.dictionaries(WORDS, st.integers(1, 99), max_size=3)),
        fields={field: example(draw(WORDS)) for field in draw(st.lists(WORDS, max_size=3))},
    )


def accepted(text: str) -> str:
    """Return a draft as somebody leaves it who decides every row, and accepts each guess."""
    text = re.sub(r'^# type = "…".*$', 'type = "custom.logged"', text, flags=re.MULTILINE)
    return re.sub(r"^# (type|direction|channel|outcome) = ", r"\1 = ", text, flags=re.MULTILINE)


@given(st.lists(drafts(), max_size=6))
@settings(max_examples=300, deadline=None)
def test_any_names_make_an_overlay_that_loads_once_it_is_accepted(drafted: list[DraftRow]) -> None:
    """Quotes, newlines, control and wide characters, codes that are ranges or one code twice: what is decided loads."""
    text = rows(drafted)
    assert len(tomllib.loads(text).get("row", [])) == len(read(accepted(text), "acme.toml", TABLES))
    writable = {(draft.table, fold(draft.code)): draft.code for draft in drafted if draft.code and draft.code != "5-9"}
    assert {(entry.table, fold(entry.codes[0])) for entry in read(accepted(text), "acme.toml", TABLES)} <= set(writable)
    for draft in drafted:
        assert draft.name == "" or f"# {draft.events:,} event" in text


@given(WORDS)
def test_a_string_is_read_as_it_was(text: str) -> None:
    """What is written between quotes is the text itself; TOML has no lone surrogates."""
    assert tomllib.loads(f"x = {quoted(text)}") == {"x": text}
    assert tomllib.loads(f"x = {quoted(chr(0xD800))}") == {"x": "\ufffd"}


def test_a_draft_is_refused_until_each_row_is_decided() -> None:
    """A guess is never applied by itself: `check` names each row that is left."""
    visit = DraftRow(code="212", name="Site Visit", events=12, proposal=propose("Site Visit"))
    other = DraftRow(code="213", name="Negotiation", events=1200)
    text = rows([visit, other])
    assert text.index('"213"') < text.index('"212"')
    assert '# type = "meeting.held"    # a guess: "visit" in the name' in text
    with pytest.raises(FileFaults, match='a row needs a "type"') as refused:
        read(text, "acme.toml", ("activity",))
    assert len(refused.value.faults) == 2
    other_entry, visit_entry = read(accepted(text), "acme.toml", ("activity",))
    assert (visit_entry.row.type, other_entry.row.type) == ("meeting.held", "custom.logged")


def test_what_no_row_can_name_is_a_comment() -> None:
    """A code that would be read as a range, one that is empty, one in other letters, one that the overlay has."""
    drafted = [
        DraftRow(code="5-9", events=1),
        DraftRow(code="", events=1),
        DraftRow(code="Site Visit", events=2),
        DraftRow(code="site_visit", events=1),
        DraftRow(code="212", events=1, stands="line 4 of acme.toml has it, provisional"),
    ]
    text = rows(drafted)
    assert [row["code"] for row in tomllib.loads(text)["row"]] == ["Site Visit"]
    assert text.count("no row is written") == 4
    assert "line 4 of acme.toml has it, provisional" in text


def test_the_place_that_a_value_fits_is_proposed() -> None:
    """A time, a link, a number and a currency say where they go; what else there is may be text."""
    seen = {"a": "2026-05-11 10:30:00", "b": "https://x.example", "c": "40", "d": "INR", "e": "Asked"}
    lines = rows([DraftRow(code="212", events=1, fields=seen)]).splitlines()
    proposed = [re.search(r'= "(.*?)[ ,…]', line) for line in lines if line.startswith('# "')]
    assert [found and found[1] for found in proposed] == ["times.", "urls.", "value.amount", "value.currency", "text"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("uma@example.com", "(an e-mail address)"),
        ("call +91 98765-43210 back", "(a long number)"),
        ("2026-05-11 10:30:00", "2026-05-11 10:30:00"),
        ("about 12500", "about 12500"),
        ("x" * 40, "x" * 31 + "…"),
        (True, "True"),
        ("Ask uma@example", "(an e-mail address)"),
        ("v" * 10_000_000, "v" * 31 + "…"),
    ],
)
def test_an_example_is_cut_and_names_nobody(value: object, shown: str) -> None:
    """Addresses and long numbers are left out, texts end after a line's part."""
    assert example(value) == shown
