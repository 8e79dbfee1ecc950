"""`headrace taxonomy show` and `docs`: which row applies, by what the mapping itself finds."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings, strategies as st

from headrace.cli import main
from headrace.cli._table_rows import BUILT_IN, table_rows
from headrace.config.tenants import Account
from headrace.core.mapping_file import build, read
from headrace.providers.discover import builtin, discover
from headrace.sdk.provider import Tenant

PROVIDER = discover()["leadsquared"]
OVERLAY = """
[[row]]
code = ["1", "205"]
type = "email.opened"
[row.status]
"No show" = "meeting.canceled"
[[row]]
code = "22"
name = "Robo Call"
type = "call.failed"
lift = { mx_Custom_1 = "text" }
[[row]]
code = "12500-12600"
type = "opportunity.created"
[[row]]
code = "3001"
type = "lead.updated"
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the program where a tenant has rows of its own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("HEADRACE_")]:
        monkeypatch.delenv(name)
    (tmp_path / "acme.toml").write_text(OVERLAY)
    (tmp_path / "headrace.toml").write_text('[tenants.leadsquared.acme]\nmapping = "acme.toml"\n')

    def runner(*words: str) -> Result:
        return CliRunner().invoke(main, ["taxonomy", *words])

    return runner


def account(overlay: str) -> Account:
    mapping = build(builtin("leadsquared"), read(overlay, "acme.toml", PROVIDER.tables))
    return Account(PROVIDER, "acme", Tenant(mapping="acme.toml"), mapping)


def test_show_says_which_row_applies(run: Any) -> None:
    """An earlier row takes all of a code, some of a row's codes, one name, or a part of a range."""
    by_code = {
        (row["code"], row["owner"], row["name"]): row["applies"]
        for row in map(json.loads, run("show", "-p", "leadsquared", "-t", "acme", "--json").output.splitlines())
    }
    assert by_code["1, 205", "acme.toml", None] == "yes"
    assert by_code["1, 6, 8, 11", BUILT_IN, None] == "yes, but not for 1"
    assert by_code["22", BUILT_IN, None] == 'yes, but not for 22 named "Robo Call"'
    assert by_code["12000-12999", BUILT_IN, None] == "yes, but not for 12500-12600"
    assert by_code["3001", BUILT_IN, None] == "no, an earlier row does"
    assert by_code["100-299", BUILT_IN, None] == "yes, but not for 151, 152, 205"


def test_show_of_one_code(run: Any) -> None:
    """Only rows that list the code are shown, whether they apply to it, and what they lift; else it is unmapped."""
    lines = run("show", "-p", "leadsquared", "-t", "acme", "205").output.splitlines()
    assert [line.split()[0] for line in lines] == ["code", "1,", "No", "100-299"]
    assert lines[-1].endswith("no, an earlier row does")
    assert run("show", "-p", "leadsquared", "-t", "acme", "207").output.rstrip().endswith(" built in  yes")
    assert "\n  22: mx_Custom_1 → text\n" in run("show", "-p", "leadsquared", "-t", "acme", "22").output
    assert run("show", "-p", "leadsquared", "-t", "acme", "999").output == (
        'No row of leadsquared/acme lists "999": it is unmapped.\n'
    )
    assert "call.logged outbound voice" in run("show", "-p", "leadsquared", "22").output
    assert "is not configured" in run("show", "-p", "leadsquared", "-t", "nobody").output


@given(
    st.lists(
        st.tuples(
            st.sampled_from(['"5"', '["5", "6"]', '"1-9"', '"4-7"', '"100-299"', '"205"', '["205", "22"]']),
            st.sampled_from([None, "A", "B"]),
        ),
        max_size=4,
        unique=True,
    )
)
@settings(max_examples=100, deadline=None)
def test_the_first_row_that_applies_is_the_one_that_is_found(rows: list[tuple[str, str | None]]) -> None:
    """What `applies` says agrees with the mapping, for codes without a name."""
    text = ""
    for number, (code, name) in enumerate(rows):
        text += f'[[row]]\ncode = {code}\ntype = "custom.logged"\nfields = {{ row = "{number}" }}\n'
        text += f'name = "{name}"\n' if name else ""
    try:
        of = account(text)
    except Exception:  # noqa: BLE001  (two rows of one code: the reader refuses them)
        return
    for code in ("5", "6", "3", "205", "22", "150"):
        found = [row for row in table_rows(PROVIDER, of, code) if row.word is None and row.name is None]
        applies = [row for row in found if row.applies == "yes" or not _excepts(row.applies, code)]
        right = of.mapping.find("event", code)
        assert (
            (applies[0].type, applies[0].fields) == (right.type, right.fields) if applies else right.type == "unmapped"
        )


def _excepts(applies: str, code: str) -> bool:
    if not applies.startswith("yes"):
        return True
    for place in applies.removeprefix("yes, but not for ").split(", "):
        low, _, high = place.partition("-")
        if place == code or (high and int(low) <= int(code) <= int(high)):
            return True
    return False


def test_docs_are_a_page_with_the_overlays_rows(run: Any) -> None:
    """Tables with the tenant's rows before them, then all that a row may say; no cell breaks its table."""
    page = run("docs", "-t", "acme").output
    assert "## leadsquared, with the mapping of acme" in page
    assert "| `22` | Robo Call | call.failed | mx_Custom_1 → text | acme.toml | yes |" in page
    assert "| `call.completed` | two parties were connected and the call ended |" in page
    for provider in discover():
        assert f"\n## {provider}" in page
    assert "with the mapping" not in run("docs", "-p", "outreach").output


def test_docs_show_a_tenants_words_and_do_not_obey_them(run: Any, tmp_path: Path) -> None:
    """Codes, names and constants are anybody's: as Markdown they are text, whatever they look like."""
    nasty = 'code = "a`b <script> | x"\nname = "![x](http://e/p.png) [c](javascript:f) *b* `c _d_ mx_Custom_1"\n'
    (tmp_path / "acme.toml").write_text(f'[[row]]\n{nasty}type = "call.logged"\nfields = {{ place = "a | <b>" }}\n')
    page = run("docs", "-t", "acme").output
    (line,) = [line for line in page.splitlines() if "script" in line]
    assert line == (
        r"| a\`b \<script\> \| x | !\[x\](http\://e/p.png) \[c\](javascript:f) \*b\* \`c \_d\_ mx_Custom_1 "
        r'| call.logged | place = "a \| \<b\>" | acme.toml | yes |'
    )


def test_codes_are_code_where_a_provider_has_several_tables(run: Any, tmp_path: Path) -> None:
    """As the name of the table is."""
    (tmp_path / "headrace.toml").write_text('[tenants.outreach.acme]\nmapping = "acme.toml"\n')
    (tmp_path / "acme.toml").write_text('[[row]]\ntable = "event"\ncode = "sun_landed"\ntype = "call.logged"\n')
    assert "| `event` | `sun_landed` |  | call.logged |  | acme.toml | yes |" in run("docs", "-t", "acme").output
