"""Tenants in files of their own: `tenants.d/*.toml` beside `headrace.toml`."""

from pathlib import Path

import pytest

from headrace.config import load
from headrace.config.load import load_what_is_sound
from tests.unit.configs import faults, tenant, write

ACME = '[tenants.outreach.acme]\nwebhook_secrets = ["x"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make the folder."""
    (tmp_path / "tenants.d").mkdir()
    return tmp_path / "tenants.d"


def test_its_tenants_join_those_of_the_main_file(folder: Path) -> None:
    """Every file adds its tenants, whatever their provider; other names, and those with a dot in front, are none."""
    path = write(folder.parent, ACME)
    write(folder, "[tenants.outreach.beta]\n[tenants.leadping.acme]\n", "b.toml")
    write(folder, "[tenants.outreach.alpha]\n", "a.toml")
    write(folder, "= no TOML", ".hidden.toml")
    write(folder, "= no TOML", "a.toml~")
    found = load(path, {}).tenants.by_source
    assert list(found) == ["/outreach/acme", "/outreach/alpha", "/outreach/beta", "/leadping/acme"]


def test_it_is_read_without_a_main_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment says the rest, the folder in the working directory is enough."""
    monkeypatch.chdir(folder.parent)
    write(folder, ACME, "acme.toml")
    assert list(load(None, {}).tenants.by_source) == ["/outreach/acme"]


def test_its_paths_begin_where_it_lies(folder: Path) -> None:
    """A file that a tenant names lies beside the file that names it; variables lie over it as ever."""
    path = write(folder.parent, "")
    write(folder, '[tenants.outreach.acme]\nwebhook_secrets_file = "acme.key"\n', "acme.toml")
    write(folder, "one\ntwo\n", "acme.key")
    config = load(path, {"HEADRACE_TENANTS__OUTREACH__ACME__PAUSED": "true"})
    assert tenant(config).settings.webhook_secrets == ["one", "two"]
    assert tenant(config).settings.paused


def test_a_mounted_folder_is_read(folder: Path) -> None:
    """Kubernetes mounts links to links into a folder beside them: each tenant counts once."""
    version = folder / "..2026"
    version.mkdir()
    write(version, ACME, "acme.toml")
    (folder / "..data").symlink_to(version.name)
    (folder / "acme.toml").symlink_to("..data/acme.toml")
    assert list(load(write(folder.parent, ""), {}).tenants.by_source) == ["/outreach/acme"]


def test_a_tenant_in_two_files_is_named_with_both(folder: Path) -> None:
    """Nobody could know which of the two holds: the fault stands at the second, and names the first."""
    path = write(folder.parent, "[kafka]\n" + ACME)
    write(folder, "[tenants.outreach.beta]\n" + ACME, "a.toml")
    write(folder, "[tenants.outreach.beta]\n", "b.toml")
    assert faults(path) == [
        "tenants.d/a.toml:2: tenants.outreach.acme: stands in headrace.toml:2, too: keep one of them",
        "tenants.d/b.toml:1: tenants.outreach.beta: stands in tenants.d/a.toml:1, too: keep one of them",
    ]


def test_all_that_is_wrong_in_it_is_found_at_its_line(folder: Path) -> None:
    """A file that is none hides nothing of the others; only tenants stand there, and each fault has file and line."""
    path = write(folder.parent, '[tenants]\noutreach = {"good" = {}}\n')
    write(folder, "tenants = 3\n", "a.toml")
    write(folder, "x = = 1\n", "b.toml")
    write(folder, "[kafka]\n[tenants]\noutreach = 1\n", "c.toml")
    write(folder, "\n[tenants.outreach.beta]\npoling = true\n[tenants.outreech.x]\n", "d.toml")
    (folder / "e.toml").symlink_to("nowhere")
    found = faults(path)
    assert [fault.split(": ")[:2] for fault in found] == [
        ["tenants.d/a.toml:1", "tenants"],
        ["tenants.d/b.toml:1", "not TOML"],
        ["tenants.d/c.toml:1", "kafka"],
        ["tenants.d/c.toml:3", "tenants.outreach"],
        ["tenants.d/d.toml:3", "tenants.outreach.beta.poling"],
        ["tenants.d/d.toml:4", "tenants.outreech"],
        ["tenants.d/e.toml", "cannot be read"],
    ]
    sound = load_what_is_sound(path, {})
    assert list(sound.config.tenants.by_source) == ["/outreach/good"]
    assert not sound.service_faults


def test_a_folder_that_is_none_is_a_fault(tmp_path: Path) -> None:
    """What stands in its place, and cannot be listed, is said."""
    write(tmp_path, "", "tenants.d")
    assert faults(write(tmp_path, "")) == ["tenants.d: cannot be read: Not a directory"]
