"""Configurations for tests: write one, load it, find what is wrong with it."""

from pathlib import Path

import pytest

from headrace.config import Config, load
from headrace.config.tenants import Account
from headrace.core.toml_lines import FileFaults


def write(folder: Path, text: str, name: str = "headrace.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def faults(path: Path | None, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(FileFaults) as raised:
        load(path, environ or {})
    return [str(fault).replace(f"{path.parent if path else ''}/", "") for fault in raised.value.faults]


def tenant(config: Config, name: str = "acme") -> Account:
    account = config.tenants.get("outreach", name)
    assert account is not None
    return account
