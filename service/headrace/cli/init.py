"""`headrace init`: begin a configuration."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from headrace.cli import _arguments as arguments
from headrace.cli._formatting import sentence
from headrace.cli._output import echo
from headrace.cli._starter_file import starter
from headrace.config.load import FILE, TENANT_NAME
from headrace.core.suggestions import did_you_mean
from headrace.providers.discover import discover
from headrace.sdk.provider import Provider

_STDOUT: Final = Path("-")
_OWNER_ONLY: Final = 0o600
"""Secrets will be written into it."""


@click.command("init")
@click.argument("words", metavar="[PATH]", nargs=-1, type=click.Path(allow_dash=True))
@click.option(
    "-p",
    "--provider",
    "providers",
    type=arguments.PROVIDER,
    multiple=True,
    help="Begin a tenant of this provider; may be repeated.",
)
@click.option("-t", "--tenant", metavar="NAME", default="main", show_default=True, help="The name of the tenants.")
def command(words: Sequence[str], providers: Sequence[Provider], tenant: str) -> None:
    """Write a headrace.toml to begin with: all keys, with what they are for and their defaults.

    Each provider that is named gets a tenant, with the secrets and credentials that have to be filled in. PATH is
    headrace.toml where it is left out, and - for standard output. What is there already is never overwritten.

    \b
      headrace init -p PROVIDER
      headrace init -p PROVIDER -t acme -
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    path = _path(words, [provider.name for provider in providers])
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
    sentence(f"Wrote {path}, with a tenant of {', '.join(by_name)}. Fill in what is empty, then: headrace check{where}")


def _path(words: Sequence[str], named: Sequence[str]) -> Path:
    """Return the file to write. Raises `UsageError` where no provider is named, or one without its option."""
    known = discover()
    bare = [word for word in words if word in known]
    if bare or not named:
        options = " ".join(f"-p {name}" for name in ([*named, *bare] or known))
        files = [word for word in words if word not in known]
        hint = "" if named or bare else "".join(did_you_mean(word, known) for word in files[:1])
        line = " ".join(["headrace init", options, *([] if hint else files)])
        raise click.UsageError(f"name the providers, each behind a -p: {line}{hint}")
    if len(words) > 1:
        raise click.UsageError(f"one PATH is written, and {len(words)} are named: {', '.join(words)}")
    return Path(*words or [FILE])


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
