"""`headrace explain`: what would become of a file, record by record."""

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import click
import msgspec
from msgspec import Struct

from headrace.cli import _arguments as arguments
from headrace.cli._formatting import count
from headrace.cli._input_files import bodies, opened
from headrace.config.load import find
from headrace.core.mapping import UNMAPPED, Mapping
from headrace.core.mapping_file import build
from headrace.explain import Explanation, explain
from headrace.providers.discover import builtin
from headrace.sdk.provider import Identity, Provider

_NOBODY: Final = "example"
"""The tenant's name in explained events where none was asked for."""

_FATES: Final = {
    "published": ("published, unless it was seen before", "green"),
    "mirror": ("mirror: another record tells the same, this one is not published", "yellow"),
    "noop": ("noop: it says nothing, and is not published", "yellow"),
    "dead": ("dead letter: kept with its bytes until somebody redrives it", "red"),
}
_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


class Explained(Struct):
    """One record of a file (`-` is stdin): in which of its bodies it stands, and what would become of it."""

    file: str
    body: int
    record: Explanation

    def line(self) -> bytes:
        """Write the line of `--json`: what stands in the record, with file and body before it."""
        return _encode(
            {"file": self.file.encode("utf-8", "replace").decode(), "body": self.body}
            | msgspec.to_builtins(self.record)
        )


@click.command("explain")
@click.option("-p", "--provider", type=arguments.provider, required=True, help="Who sent it.")
@click.option(
    "-t", "--tenant", metavar="NAME", help="Decide as for this tenant, with its overlay; else by the built-in table."
)
@click.option("-r", "--resource", metavar="NAME", help="What it is, where the shape does not tell.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a record, for other programs.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=arguments.FILE)
@click.pass_context
def command(
    ctx: click.Context,
    provider: Provider,
    tenant: str | None,
    resource: str | None,
    as_json: bool,  # noqa: FBT001  (click passes options by name)
    files: tuple[str, ...],
) -> None:
    """Say what would become of a FILE, record by record, and why. Nothing is published; no Kafka is needed.

    A FILE is an API page, a row or a webhook body, or one of these a line (NDJSON); - reads standard input. Each record
    is told with its identity, the row of the table that decided, its fate and the whole event; or with the problem
    and where it lies. The exit code is 1 if any record has a problem.

    \b
      headrace explain -p PROVIDER page.json
      curl … | headrace explain -p PROVIDER -t acme -
      headrace explain -p PROVIDER --json *.json | jq -r .event.type
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    arguments.check_resource(provider, resource)
    mapping = _mapping(ctx, provider, tenant)
    fates: Counter[str] = Counter()
    for explained in _explained(provider, tenant or _NOBODY, mapping, resource, files):
        fates[explained.record.fate] += 1
        click.echo(explained.line()) if as_json else _tell(explained)
    if not as_json:
        told = ", ".join(f"{number:,} {fate}" for fate, number in fates.items())
        click.secho(f"{count(fates.total(), 'record')}{': ' if told else ''}{told}", bold=True)
    ctx.exit(1 if fates["dead"] else 0)


def _mapping(ctx: click.Context, provider: Provider, tenant: str | None) -> Mapping:
    """Give a tenant's mapping; the built-in one where no tenant is asked for, or nothing is configured."""
    if tenant is None or find(ctx.find_root().obj, os.environ) is None:
        return build(builtin(provider.name))
    return arguments.account(arguments.configuration(ctx), provider, tenant).mapping


def _explained(
    provider: Provider, tenant: str, mapping: Mapping, resource: str | None, files: Iterable[str]
) -> Iterator[Explained]:
    now = time.time_ns() // 1_000_000
    for file in files:
        with opened(file) as stream:
            for number, body in enumerate(bodies(stream), 1):
                for told in explain(provider, tenant, mapping, body, resource=resource, now=now):
                    yield Explained(file, number, told)


def _tell(explained: Explained) -> None:
    """Write one record for people."""
    told = explained.record
    named = f"{told.identity.resource}/{told.identity.id}" if told.identity else "no identity"
    click.echo(click.style(named, bold=True) + click.style(f"  {explained.file}, {_place(explained)}", dim=True))
    _fact("shape", f"{told.shape}, {count(told.size, 'byte')}")
    if told.identity:
        _fact("version", _version(told.identity))
    if told.row:
        _fact("row", _row(told))
    sentence, color = _FATES[told.fate]
    _fact("fate", click.style(sentence, fg=color))
    if told.problem:
        _fact("problem", click.style(str(told.problem), fg="red"))
    if told.event:
        click.echo(msgspec.json.format(_encode(told.event), indent=2).decode())
    click.echo()


def _place(explained: Explained) -> str:
    body = f"body {explained.body}, " if explained.body > 1 else ""
    return f"{body}record {explained.record.number}"


def _fact(name: str, text: str) -> None:
    click.echo(f"  {name:<8} {text}")


def _version(identity: Identity) -> str:
    match identity.version:
        case None:
            return "none: it never changes"
        case "unknown":
            return "unknown: this shape does not tell it"
        case number:
            return str(number)


def _row(told: Explanation) -> str:
    if told.row == UNMAPPED and told.event:
        native = told.event.data.native
        named = f' "{native.name}"' if native.name not in (None, native.code) else ""
        return click.style(f"unmapped: no row for code {native.code}{named}; an overlay can add one", fg="yellow")
    word = f" → {told.event.word}" if told.event else ""
    waits = ", under polling only a nudge" if told.reach == "nudge" else ""
    return f"{told.row}{word}{waits}"
