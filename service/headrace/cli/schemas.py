"""`headrace schemas`: register the schemas of the topics at a schema registry."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec
from yarl import URL

from headrace.cli._arguments import configuration
from headrace.cli._formatting import table
from headrace.cli._output import echo, echo_json
from headrace.cli._registry_subjects import SubjectState, register as register_subject, subjects
from headrace.cli._schema_registry import NOBODY, Credentials, base_url, basic, bearer, open_registry

_FILE: Final = click.Path(path_type=Path)
_MOST_BYTES: Final = 64 * 1024
_TITLES: Final = ("subject", "version", "compatibility", "")


@click.group("schemas")
def command() -> None:
    """Register the schemas of the topics at a schema registry, for consumers that look there.

    Headrace itself needs none: values are plain JSON, without the five bytes that a registry's own serializers write
    before them. The files are in schemas/json of the repository.
    """


@command.command("register", short_help="register the schemas, each once")
@click.option("--url", required=True, metavar="URL", help="Where the registry has its Confluent API.")
@click.option("--basic-file", type=_FILE, metavar="FILE", help="A file that holds name:password.")
@click.option("--bearer-file", type=_FILE, metavar="FILE", help="A file that holds a token.")
@click.option("--ca-file", type=_FILE, metavar="FILE", help="Certificates to trust instead of the system's.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a subject.")
@click.pass_context
def register(  # noqa: PLR0917  (click calls it by name)
    ctx: click.Context,
    url: str,
    basic_file: Path | None,
    bearer_file: Path | None,
    ca_file: Path | None,
    dry_run: bool,  # noqa: FBT001  (click passes flags so)
    as_json: bool,  # noqa: FBT001  (as above)
) -> None:
    """Register the schema of each topic whose values are JSON, with compatibility FORWARD.

    The subject is the topic's name and -value. What is registered already stays as it is: it can be run again at any
    time. Exit code 1 where the registry refuses a schema, or does not answer.

    \b
      headrace schemas register --url https://registry.example.com --dry-run
      headrace schemas register --url http://localhost:8080/apis/ccompat/v7
      headrace schemas register --url https://sr.example.com --basic-file FILE
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    address = _address(url)
    credentials = _credentials(basic_file, bearer_file)
    prefix = configuration(ctx).topic_prefix
    found = asyncio.run(_register(address, credentials, ca_file, prefix, dry_run=dry_run))
    (_write_json if as_json else _write_table)(found)
    if not all(each.well for each in found):
        ctx.exit(1)


async def _register(
    url: URL, credentials: Credentials, ca_file: Path | None, prefix: str, *, dry_run: bool
) -> list[SubjectState]:
    try:
        async with open_registry(url, credentials, ca_file) as registry:
            return [await register_subject(registry, subject, dry_run=dry_run) for subject in subjects(prefix)]
    except OSError as error:
        raise click.ClickException(f"{ca_file} cannot be used: {error.strerror or type(error).__name__}") from None


def _address(text: str) -> URL:
    try:
        return base_url(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None


def _credentials(basic_file: Path | None, bearer_file: Path | None) -> Credentials:
    if basic_file is not None and bearer_file is not None:
        raise click.UsageError("--basic-file and --bearer-file are two ways in: name one")
    if basic_file is not None:
        return _from_file(basic_file, basic)
    return NOBODY if bearer_file is None else _from_file(bearer_file, bearer)


def _from_file(file: Path, take: Callable[[str], Credentials]) -> Credentials:
    """Return the credentials of a file; what is wrong is said without a byte of it."""
    try:
        with file.open(encoding="utf-8") as opened:
            return take(opened.read(_MOST_BYTES))
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{file} is no text in UTF-8") from None
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from None


def _write_table(found: Sequence[SubjectState]) -> None:
    table(
        _TITLES,
        [(each.subject, each.version or "-", each.compatibility or "-", each.state) for each in found],
        right=("version",),
    )
    for each in found:
        if each.detail:
            echo(f"  {each.subject}: {each.detail}", err=not each.well)


def _write_json(found: Sequence[SubjectState]) -> None:
    for each in found:
        echo_json(msgspec.json.encode(each))
