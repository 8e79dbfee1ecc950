"""The tables by which records in files are read: secrets may be missing, as where an overlay is tested."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from headrace.cli._replay_reading import ReplayFilter
from headrace.config.load import Loaded, load_what_is_sound
from headrace.config.tenants import Account
from headrace.core.toml_lines import FileFault, FileFaults


class FileTables:
    """The tenants of one configuration whose tables are whole. One whose table is not ends the command."""

    def __init__(self, loaded: Loaded) -> None:
        tenants = loaded.config.tenants
        self._accounts: Final = {**tenants.by_source, **{each.source: each for each in loaded.lacks_secrets}}
        self._broken: Final = {source: of for source, of in tenants.left_out.items() if source not in self._accounts}
        left_out = {fault for of in tenants.left_out.values() for fault in of}
        elsewhere = left_out.union(loaded.service_faults)
        self._unnamed: Final = [fault for fault in loaded.faults if fault not in elsewhere]
        """What is wrong below [tenants] that no tenant is known by: a file, a provider."""

    def check(self, wanted: ReplayFilter) -> None:
        """End the command where a tenant that it names cannot be used."""
        for source in self._broken if wanted.tenant is not None else ():
            if wanted.wants_source(source):
                self.of(source)

    def of(self, source: str) -> Account | None:
        """Return a tenant, None where it is not configured; end the command where it is broken, or not known."""
        account = self._accounts.get(source)
        faults = self._broken.get(source, self._unnamed)
        if account is None and faults:
            raise click.ClickException(f"{source[1:]} cannot be compared:\n{_lines(faults)}")
        return account


def tables_of(file: Path) -> FileTables:
    """Return the tables of another configuration."""
    try:
        return FileTables(load_what_is_sound(file, os.environ))
    except FileFaults as faults:
        raise click.ClickException(f"{file} cannot be used:\n{_lines(faults.faults)}") from None


def _lines(faults: Iterable[FileFault]) -> str:
    return "\n".join(f"  {fault}" for fault in sorted(faults))
