"""How commands are called: as a module, with the configuration behind the command, with completion by the shell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli import main

CONFIG = "[tenants.outreach.acme]\n[tenants.outreach.acme-eu]\npolling = 3\n[tenants.leadping.beta]\n"


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, entered, in an environment without settings of ours."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("HEADRACE_")]:
        monkeypatch.delenv(name)
    return tmp_path


def test_the_module_is_the_program(clean: Path) -> None:
    """`python -m headrace` is `headrace`, by that name."""
    done = subprocess.run(
        [sys.executable, "-m", "headrace", "check", "--help"], capture_output=True, text=True, cwd=clean, check=True
    )
    assert done.stdout.startswith("Usage: headrace check ")


@pytest.mark.parametrize(
    "words",
    [
        ("-c", "f.toml", "check"),
        ("check", "-c", "f.toml"),
        ("check", "--config", "f.toml"),
        ("check", "f.toml"),
        ("-c", "f.toml", "check", "f.toml"),
    ],
    ids=" ".join,
)
def test_the_configuration_stands_anywhere(clean: Path, words: tuple[str, ...]) -> None:
    """The file may be named before the command, behind it, and for `check` alone."""
    (clean / "headrace.toml").write_text("broken")
    (clean / "f.toml").write_text(CONFIG.replace("3", "false"))
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, done.output.partition("\n")[0]) == (0, "f.toml is good.")


@pytest.mark.parametrize(
    "words", [("run",), ("topics", "show"), ("tail",), ("explain", "-p", "outreach", "-t", "acme", "-")]
)
def test_every_command_takes_it(clean: Path, words: tuple[str, ...]) -> None:
    """-c behind a command, or behind the command of a group, names the file."""
    (clean / "f.toml").write_text("broken")
    done = CliRunner().invoke(main, [*words, "-c", "f.toml"], input="{}")
    assert (done.exit_code, "f.toml:1: not TOML" in done.stderr) == (1, True)


def test_two_configurations_are_refused(clean: Path) -> None:
    """Nobody has to know which one would win."""
    done = CliRunner().invoke(main, ["-c", str(clean / "a.toml"), "check", "b.toml"])
    assert done.exit_code == 2
    assert "b.toml: name one" in done.stderr


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("headrace explain -p ", ["leadping", "leadsquared", "outreach"]),
        ("headrace explain -p lea", ["leadping", "leadsquared"]),
        ("headrace tail -t ", ["acme", "acme-eu", "beta"]),
        ("headrace explain -p outreach -t ", ["acme", "acme-eu"]),
        ("headrace -c other.toml ingest -t ", ["gamma"]),
        ("headrace ingest -c other.toml -p outreach -t ", ["gamma"]),
        ("headrace ingest -c broken.toml -t ", []),
        ("headrace leads list -p leadping -t ", ["beta"]),
        ("headrace taxonomy t", ["targets"]),
    ],
)
def test_shells_complete_providers_and_tenants(clean: Path, line: str, completed: list[str]) -> None:
    """Completion knows the providers, and the tenants of the configuration, of the provider that is named."""
    (clean / "headrace.toml").write_text(CONFIG)
    (clean / "other.toml").write_text("[tenants.outreach.gamma]\n")
    (clean / "broken.toml").write_text("broken")
    environ = {"_HEADRACE_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    done = CliRunner(env=environ).invoke(main, prog_name="headrace")
    assert [answer.partition(",")[2] for answer in done.output.split()] == completed


@pytest.mark.parametrize("words", [("-c", "f", "-c", "g", "check"), ("check", "-c", "f", "-c", "g")], ids=" ".join)
def test_two_configurations_in_one_place(clean: Path, words: tuple[str, ...]) -> None:
    """Two files are refused where both stand before the command, or both behind it."""
    for name in ("f", "g"):
        (clean / name).write_text("")
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "two configuration files are named, f and g: name one" in done.output


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ((), "list"),
        (("-t", "acme"), "list"),
        (("-c", "f.toml"), "list"),
        (("--config=f.toml", "--json"), "list"),
        (("list", "--json"), "list"),
        (("show",), "show"),
        (("-c", "f.toml", "show"), "show"),
    ],
)
def test_dead_letters_are_listed_where_no_command_is_named(clean: Path, words: tuple[str, ...], command: str) -> None:
    """As it was before there were others, wherever the configuration is named."""
    (clean / "f.toml").write_text("broken")
    (clean / "headrace.toml").write_text("broken")
    done = CliRunner().invoke(main, ["dead-letters", *words, "-n", "0"])
    refused = "No such option" if command == "list" else "Invalid value for '-n'"
    assert f"Usage: main dead-letters {command}" in done.output
    assert refused in done.output
