"""`headrace taxonomy draft`: where it may write, and what it writes below rows of any form."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.cli import main
from headrace.cli._codes_today import OPEN
from headrace.cli._open_codes import OpenCode, OpenCodes
from headrace.cli._overlay_file import drafted
from headrace.config.tenants import Account
from headrace.core.mapping_file import build, read
from headrace.providers.discover import builtin, discover
from headrace.sdk.provider import Tenant

INLINE = 'row = [\n  { code = "203", type = "call.logged" },\n]\n'
TABLES = '[[row]]\ncode = "203"\ntype = "call.logged"\n'


def run(folder: Path, *words: str) -> Result:
    """Run the command with the configuration of a folder."""
    return CliRunner().invoke(main, ["-c", str(folder / "headrace.toml"), *words])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder with a tenant that has an overlay."""
    (tmp_path / "headrace.toml").write_text(
        '[tenants.outreach.acme]\nmapping = "acme.toml"\n[tenants.outreach.north]\n'
    )
    (tmp_path / "acme.toml").write_text('[[row]]\ntable = "event"\ncode = "sun_landed"\ntype = "task.logged"\n')
    return tmp_path


@pytest.mark.parametrize("words", [("taxonomy", "draft"), ("replay",), ("replay", "-p", "outreach")])
def test_a_tenant_that_is_left_out_is_not_said_to_be_unknown(home: Path, words: tuple[str, ...]) -> None:
    """What is wrong with it is said, and nothing is done without it."""
    (home / "acme.toml").write_text('[[row]]\ntable = "event"\ncode = "sun_landed"\n')
    done = run(home, *words, "-t", "acme")
    assert done.exit_code == 1
    assert 'tenant "acme" of outreach cannot be used' in done.output
    assert "acme.toml:1" in done.output


@pytest.mark.parametrize(("overlay", "alone"), [(INLINE, True), (TABLES, False), ("", False)])
def test_what_is_drafted_is_toml_below_rows_of_any_form(overlay: str, alone: bool) -> None:  # noqa: FBT001  (a parameter)
    """Rows in one value cannot go on below: then the new rows stand alone, and that is said."""
    one = OpenCode(
        source="/leadsquared/acme",
        resource="activity",
        code="204",
        name="",
        published_as="unmapped",
        today=OPEN,
        events=3,
        first="",
        last="",
        samples=[],
        statuses={},
        fields={},
    )
    provider = discover()["leadsquared"]
    own = read(overlay, "acme.toml", provider.tables)
    account = Account(provider, "acme", Tenant(), build(builtin(provider.name), own))
    result = drafted(account, overlay, OpenCodes([one], 3, 0), "acme.toml")
    assert result.alone is alone
    codes = [row["code"] for row in tomllib.loads(result.text)["row"]]
    assert codes == (["203", "204"] if overlay and not alone else ["204"])
    decided = result.text.replace('# type = "…"', 'type = "call.logged"')
    assert len(read(decided, "acme.toml", provider.tables)) == len(codes)
