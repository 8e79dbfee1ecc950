"""`headrace replay --from --against`, as in the CI of an overlay: exit 0 says that something was compared."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.cli import main

TENANT = '[tenants.outreach.acme]\nmapping = "acme.toml"\n'
ROW = '[[row]]\ntable = "event"\ncode = "sun_landed"\ntype = "{}"\n'
ACME = ("-p", "outreach", "-t", "acme")
_AT = "2026-08-08T09:00:00.000Z"
PROSPECT = {"prospect": {"data": {"type": "prospect", "id": 81}}}
EVENT = {
    "type": "event",
    "id": 1,
    "attributes": {"name": "sun_landed", "eventAt": _AT},
    "relationships": PROSPECT,
}
_BESIDE = {"provider": "outreach", "tenant": "acme", "resource": "event", "id": "1", "shape": "event", "via": "poll"}
KCAT = json.dumps(
    {
        "topic": "raw",
        "partition": 0,
        "offset": 1,
        "headers": ["headrace", "\u0001" + json.dumps(_BESIDE | {"received": 1})],
        "payload": json.dumps(EVENT),
    }
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder with two configurations, `new` and `main`, that read one code differently, and a page with it."""
    for name, word in (("new", "task.logged"), ("main", "call.logged")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "headrace.toml").write_text(TENANT)
        (tmp_path / name / "acme.toml").write_text(ROW.format(word))
    (tmp_path / "page.json").write_text(json.dumps({"data": [EVENT]}))
    (tmp_path / "raw.ndjson").write_text(f"{KCAT}\n")
    return tmp_path


def compared(home: Path, *words: str, file: str = "page.json") -> Result:
    """Compare a file as the new configuration and the one of main read it."""
    options = ("--from", str(home / file), "--against", str(home / "main" / "headrace.toml"))
    return CliRunner().invoke(main, ["-c", str(home / "new" / "headrace.toml"), "replay", *words, *options])


@pytest.mark.parametrize("words", [("page.json", *ACME), ("raw.ndjson",)])
def test_no_secrets_are_needed(home: Path, words: tuple[str, ...]) -> None:
    """The file of secrets is not where a CI runs: the tables are compared all the same."""
    file, *named = words
    for name in ("new", "main"):
        (home / name / "headrace.toml").write_text(TENANT + 'webhook_secrets_file = "/run/none/acme"\n')
    done = compared(home, *named, file=file)
    assert (done.exit_code, "call.logged → task.logged" in done.output) == (3, True)


@pytest.mark.parametrize(
    "words", [("page.json", *ACME), ("page.json", "-t", "acme", "-p", "outreach"), ("raw.ndjson",)]
)
@pytest.mark.parametrize("broken", ["new", "main"])
def test_a_table_that_cannot_be_read_ends_it(home: Path, broken: str, words: tuple[str, ...]) -> None:
    """With its faults, whichever of the two it is: nothing was compared."""
    (home / broken / "acme.toml").write_text(ROW.format("taks.logged"))
    file, *named = words
    done = compared(home, *named, file=file)
    assert done.exit_code == 1
    assert "outreach/acme cannot be compared" in done.output
    assert 'did you mean "task.logged"' in done.output


def test_another_fault_of_a_tenant_is_not_taken_for_a_missing_secret(home: Path) -> None:
    """A key that is misspelt may be the one of its table."""
    (home / "new" / "headrace.toml").write_text(TENANT.replace("mapping", "maping"))
    done = compared(home, *ACME)
    assert (done.exit_code, 'did you mean "mapping"' in done.output) == (1, True)


def test_a_tenant_in_a_file_that_is_no_toml_ends_it(home: Path) -> None:
    """It is not known by its name: what is wrong is said, not that it is not configured."""
    (home / "new" / "headrace.toml").write_text("")
    (home / "new" / "tenants.d").mkdir()
    (home / "new" / "tenants.d" / "acme.toml").write_text("[outreach.acme\n")
    done = compared(home, *ACME)
    assert (done.exit_code, "acme.toml:1" in done.output) == (1, True)


@pytest.mark.parametrize("words", [("-p", "outreach", "-t", "north"), (*ACME, "--code", "moon_landed")])
def test_nothing_compared_is_no_success(home: Path, words: tuple[str, ...]) -> None:
    """A tenant that is not configured, or a code that no record has."""
    done = compared(home, *words)
    assert (done.exit_code, "Nothing was compared" in done.output) == (1, True)


def test_a_tenant_that_is_new_makes_other_events(home: Path) -> None:
    """The other configuration does not know it yet: all of it differs."""
    (home / "main" / "headrace.toml").write_text("")
    assert compared(home, *ACME).exit_code == 3


@pytest.mark.parametrize("named", [(), ACME])
def test_a_line_that_is_cut_off_is_named(home: Path, named: tuple[str, ...]) -> None:
    """A dump that was stopped: neither a body nor a dead letter of the table."""
    (home / "raw.ndjson").write_text(f"{KCAT}\n\n{KCAT[:80]}")
    done = compared(home, *named, file="raw.ndjson")
    assert (done.exit_code, "raw.ndjson:3 is no whole line" in done.output) == (1, True)
