"""Secrets change while the program runs, and nothing else does."""

import os
from pathlib import Path

import pytest
import structlog

from headrace.config import Config, load
from headrace.receiver.secret_reload import SecretReload

TENANT = """
[tenants.outreach.acme]
webhook_secrets_file = "secrets/acme"
[tenants.leadsquared.acme]
webhook_secrets = ["stays"]
"""


def secrets_of(config: Config) -> list[str]:
    """Return the secrets that deliveries are verified with."""
    account = config.tenants.get("outreach", "acme")
    assert account is not None
    return account.settings.webhook_secrets


def mounted(folder: Path, *secrets: str) -> None:
    """Mount a secret as Kubernetes does: a link to a link to a folder, swapped in one step."""
    version = folder / f"..{len(list(folder.iterdir()))}" if folder.exists() else folder / "..0"
    version.mkdir(parents=True)
    (version / "acme").write_text("\n".join(secrets))
    fresh = folder / "..new"
    fresh.symlink_to(version.name)
    fresh.rename(folder / "..data")
    if not (folder / "acme").exists():
        (folder / "acme").symlink_to("..data/acme")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Configure a tenant whose secret is mounted."""
    mounted(tmp_path / "secrets", "first")
    file = tmp_path / "headrace.toml"
    file.write_text(TENANT)
    return load(file, {})


def test_a_swapped_mount_is_taken_over(config: Config, tmp_path: Path) -> None:
    """Secrets behind a link that moved are taken over, several at once, and only once."""
    reload = SecretReload(config, {})
    assert not reload.look()
    mounted(tmp_path / "secrets", "second", "first")
    assert reload.look()
    assert secrets_of(config) == ["second", "first"]
    assert not reload.look()


def test_a_file_written_anew_is_taken_over(config: Config, tmp_path: Path) -> None:
    """Secrets in a file that was written in place are taken over."""
    reload = SecretReload(config, {})
    (tmp_path / "secrets" / "acme").write_text("another one")
    assert reload.look()
    assert secrets_of(config) == ["another one"]


@pytest.mark.parametrize("bad", ["", " \n", None])
def test_bad_files_change_nothing(bad: str | None, config: Config, tmp_path: Path) -> None:
    """A file that is empty or gone leaves the secrets as they were, until it is good again."""
    reload = SecretReload(config, {})
    file = tmp_path / "secrets" / "acme"
    target = file.resolve()
    if bad is None:
        target.unlink()
    else:
        target.write_text(bad)
    assert not reload.look()
    assert secrets_of(config) == ["first"]
    target.write_text("good again")
    assert reload.look()
    assert secrets_of(config) == ["good again"]


def test_what_stands_in_the_way_elsewhere_only_delays_them(config: Config, tmp_path: Path) -> None:
    """Secrets that changed while the configuration was broken are taken over once it is mended; it is logged once."""
    reload, file = SecretReload(config, {}), tmp_path / "headrace.toml"
    file.write_text("oops = = ")
    (tmp_path / "secrets" / "acme").write_text("second")
    with structlog.testing.capture_logs() as logged:
        assert not reload.look()
        assert not reload.look()
    assert [line["event"] for line in logged] == ["secrets_kept"]
    file.write_text(TENANT)
    assert reload.look()
    assert secrets_of(config) == ["second"]
    assert not reload.look()


def test_nothing_but_secrets_is_taken_over(config: Config, tmp_path: Path) -> None:
    """What else changed in the configuration waits for the next start."""
    reload = SecretReload(config, {})
    changed = TENANT.replace("stays", "changed too") + '[tenants.outreach.more]\nwebhook_secrets = ["x"]\n'
    (tmp_path / "headrace.toml").write_text(
        changed.replace("[tenants.outreach.acme]", '[tenants.outreach.acme]\nmapping = "acme.toml"')
    )
    (tmp_path / "acme.toml").write_text("")
    (tmp_path / "secrets" / "acme").write_text("second")
    assert reload.look()
    assert secrets_of(config) == ["second"]
    account = config.tenants.get("outreach", "acme")
    assert account is not None
    assert account.settings.mapping is None
    assert config.tenants.get("outreach", "more") is None


async def test_nobody_watches_where_there_are_no_files(tmp_path: Path) -> None:
    """Without files of secrets the reload ends at once."""
    file = tmp_path / "headrace.toml"
    file.write_text('[tenants.outreach.acme]\nwebhook_secrets = ["x"]\n')
    await SecretReload(load(file, dict(os.environ)), {}).run()
