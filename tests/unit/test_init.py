"""The configuration that `headrace init` writes: it is sound, but for the secrets that only its owner has."""

import os
import re
import tomllib
from collections.abc import Sequence
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from headrace.cli import main
from headrace.cli._starter_file import COLUMNS, starter
from headrace.config import load
from headrace.config.settings import ServiceSettings
from headrace.providers.discover import discover
from headrace.sdk.settings import PolledTenant
from headrace_demo import senders

NAMES = sorted(discover())
CHOICES = [each for count in (1, len(NAMES)) for each in combinations(NAMES, count)]
KEY = re.compile(r"^#? ?([a-z_.]+) = ", re.MULTILINE)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run headrace in an empty folder and a clean environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("HEADRACE_")]:
        monkeypatch.delenv(name)

    def call(*words: str) -> Result:
        return CliRunner().invoke(main, words)

    return call


def init(run: Any, providers: Sequence[str], *more: str) -> Result:
    done: Result = run("init", *chain.from_iterable(("--provider", name) for name in providers), *more)
    return done


def credentials(name: str) -> list[str]:
    settings = discover()[name].Settings
    assert issubclass(settings, PolledTenant)
    return list(settings.credentials[0])


@pytest.mark.parametrize("providers", CHOICES)
def test_check_misses_the_secrets_alone(run: Any, providers: Sequence[str]) -> None:
    """Each fault is one that says that a secret is empty; none is missing."""
    assert init(run, providers).exit_code == 0
    done = run("check")
    assert done.exit_code == 1
    *faults, _ = done.output.splitlines()
    found = {fault.split(": ", 1)[1] for fault in faults}
    assert found == {
        f"tenants.{name}.main.{key}: a secret is empty"
        for name in providers
        for key in ("webhook_secrets", *credentials(name))
    }


@pytest.mark.parametrize("providers", CHOICES)
def test_with_its_secrets_it_is_good(run: Any, providers: Sequence[str]) -> None:
    """Filled in, it is what the program would do without a line, but for the tenants, which are polled."""
    init(run, providers, "--tenant", "acme")
    file = Path("headrace.toml")
    assert file.stat().st_mode & 0o077 == 0
    text = file.read_text("utf-8")
    for name in providers:
        secret = senders.SENDERS[name].invent_secret("init")
        head, section = text.split(f"[tenants.{name}.acme]")
        text = f"{head}[tenants.{name}.acme]" + section.replace('[""]', f'["{secret}"]', 1)
    file.write_text(text.replace('= ""', '= "invented"'))
    done = run("check")
    assert done.exit_code == 0, done.output
    config = load(None, {})
    assert [(each.provider.name, each.name, each.settings.polling) for each in config.tenants] == [
        (name, "acme", True) for name in providers
    ]
    defaults = msgspec.structs.asdict(ServiceSettings())
    assert all(getattr(config, name) == default for name, default in defaults.items() if name != "spool")


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_in_it_once(name: str) -> None:
    """What a provider declares is shown, in force or as a comment; a file that holds a secret is told by the head."""
    section = starter([discover()[name]], "main").split(f"[tenants.{name}.main]")[1]
    keys = KEY.findall(section)
    assert len(keys) == len(set(keys))
    declared = {field.encode_name for field in msgspec.structs.fields(discover()[name].Settings)}
    assert {key.split(".")[0] for key in keys} == {key for key in declared if not key.endswith("_file")}


def test_lines_are_short_and_defaults_are_toml() -> None:
    """No line is longer than a hundred columns; what stands behind a key that has a default can be taken as it is."""
    text = starter(list(discover().values()), "main")
    assert max(map(len, text.splitlines())) <= COLUMNS
    shown = [line[2:] for line in text.splitlines() if re.match(r"# [a-z_.]+ = [^…\[]", line)]
    assert len(shown) > 40
    for line in shown:
        tomllib.loads(line)


def test_nothing_is_overwritten(run: Any) -> None:
    """What is there stays, which is said, and standard output is a way to see what would be written."""
    Path("headrace.toml").write_text("# mine\n")
    done = init(run, NAMES[:1])
    assert done.exit_code == 1
    assert "headrace.toml is there already, and stays as it is" in done.output
    assert Path("headrace.toml").read_text() == "# mine\n"
    assert init(run, NAMES[:1], "-").output == starter([discover()[NAMES[0]]], "main")
    assert "headrace check other.toml" in init(run, NAMES[:1], "other.toml").output


def test_it_names_what_it_needs(run: Any) -> None:
    """Without a provider, with one that has no option, or with a name that no tenant can have, nothing is written."""
    assert run("init").exit_code == 2
    assert f"headrace init -p {NAMES[0]}\n" in run("init", NAMES[0]).output
    for words in (NAMES[:2], ["-p", *NAMES[:2]]):
        assert f"headrace init -p {NAMES[0]} -p {NAMES[1]}\n" in run("init", *words).output
    assert f"-p {NAMES[0]} my.toml\n" in run("init", NAMES[0], "my.toml").output
    assert f'did you mean "{NAMES[0]}"?' in run("init", NAMES[0][:-1]).output
    assert "2 are named: a.toml, b.toml" in init(run, NAMES[:1], "a.toml", "b.toml").output
    done = init(run, NAMES[:1], "--tenant", "Acme Inc")
    assert done.exit_code == 2
    assert "a tenant's name is made of" in done.output
    assert not list(Path().iterdir())
