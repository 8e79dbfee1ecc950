"""`headrace init`: begin a configuration."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from headrace.cli import _arguments as arguments
from headrace.cli._output import echo
from headrace.cli._starter_file import starter
from headrace.config.load import FILE, TENANT_NAME
from headrace.providers.discover import discover
from headrace.sdk.provider import Provider

_STDOUT: Final = Path("-")
_OWNER_ONLY: Final = 0o600
"""Secrets will be written into it."""


@click.command("init")
@click.argument("path", metavar="[PATH]", default=FILE, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "-p",
    "--provider",
    "providers",
    type=arguments.PROVIDER,
    multiple=True,
    help="Begin a tenant of this provider; may be repeated.",
)
@click.option("-t", "--tenant", metavar="NAME", default="main", show_default=True, help="The name of the tenants.")
def command(path: Path, providers: Sequence[Provider], tenant: str) -> None:
    """Write a headrace.toml to begin with: all keys, with what they are for and their defaults.

    Each provider that is named gets a tenant, with the secrets and credentials that have to be filled in. PATH is
    headrace.toml where it is left out, and - for standard output. What is there already is never overwritten.

    \b
      headrace init -p PROVIDER
      headrace init -p PROVIDER -t acme -
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    if not providers:
        known = discover()
        words = " ".join(f"-p {name}" for name in ([str(path)] if str(path) in known else known))
        raise click.UsageError(f"name the providers, each behind a -p: headrace init {words}")
    if not TENANT_NAME.fullmatch(tenant):
        raise click.UsageError("a tenant's name is made of a to z, 0 to 9 and -, at most 40 of them")
    by_name = {provider.name: provider for provider in providers}
    text = starter(list(by_name.values()), tenant)
    if path == _STDOUT:
        for line in text.splitlines():
            echo(line)
        return
    _write(path, text)
    where = "" if path == Path(FILE) else f" {path}"
    echo(f"Wrote {path}, with a tenant of {', '.join(by_name)}. Fill in what is empty, then: headrace check{where}")


def _write(path: Path, text: str) -> None:
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        reason = "is there already, and stays as it is: name another path, or - for standard output"
        raise click.ClickException(f"{path} {reason}") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
