"""`headrace explain`: what would become of a file, record by record."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

import click
import msgspec
from msgspec import Struct

from headrace.cli import _arguments as arguments
from headrace.cli._formatting import count, definitions
from headrace.cli._input_files import bodies, opened
from headrace.cli._output import echo, echo_json, is_read, styled
from headrace.config.load import find
from headrace.core.mapping import UNMAPPED, Mapping
from headrace.core.mapping_file import build
from headrace.core.redactor import Redactor
from headrace.explain import Explanation, explain
from headrace.providers.discover import builtin
from headrace.sdk.provider import Identity, Provider
from headrace_events import Event

_EXAMPLE_TENANT: Final = "example"
"""Tenant's name in explained events where the command line names none."""

_FATES: Final = {
    "published": ("published, unless it was seen before", "green"),
    "mirror": ("mirror: another record has the same content, this one is not published", "yellow"),
    "noop": ("noop: it holds no information, and is not published", "yellow"),
    "dead": ("dead letter: kept with its bytes until somebody redrives it", "red"),
}
_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


class Explained(Struct):
    """One record of a file (`-` is stdin): the number of its body, and what would become of it."""

    file: str
    body: int
    record: Explanation

    def line(self) -> bytes:
        """Return the line of `--json`: file and body, then the fields of the explanation."""
        return _encode(
            {"file": self.file.encode("utf-8", "replace").decode(), "body": self.body}
            | msgspec.to_builtins(self.record)
        )


@click.command("explain")
@click.option("-p", "--provider", type=arguments.PROVIDER, required=True, help="Provider name.")
@click.option(
    "-t",
    "--tenant",
    type=arguments.TENANT,
    metavar="NAME",
    help="Use the table and redaction of this tenant; default: the built-in table.",
)
@click.option("-r", "--resource", metavar="NAME", help="Resource name, where the shape alone does not identify it.")
@click.option("--brief", is_flag=True, help="Without the events: what becomes of each record, and why.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a record, for other programs.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=arguments.FILE)
@click.pass_context
def command(  # noqa: PLR0917  (click passes options by name)
    ctx: click.Context,
    provider: Provider,
    tenant: str | None,
    resource: str | None,
    brief: bool,  # noqa: FBT001  (click passes options by name)
    as_json: bool,  # noqa: FBT001  (click passes options by name)
    files: tuple[str, ...],
) -> None:
    """Explain what would become of a FILE, record by record, and why. Nothing is published; no Kafka is needed.

    A FILE is an API page, a row or a webhook body, or one of these a line (NDJSON); - reads standard input. For
    each record the command shows its identity, the row of the table that applied, its fate and the whole event; or the
    problem and where it is. The exit code is 1 if any record has a problem.

    \b
      headrace explain -p PROVIDER page.json
      curl … | headrace explain -p PROVIDER -t acme -
      headrace explain -p PROVIDER -t acme --brief many.ndjson
      headrace explain -p PROVIDER --json *.json | jq -r .event.type
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    arguments.check_resource(provider, resource)
    mapping, redactor = _made_with(ctx, provider, tenant)
    fates: Counter[str] = Counter()
    now = time.time_ns() // 1_000_000
    of_body = partial(
        explain, provider, tenant or _EXAMPLE_TENANT, mapping, resource=resource, now=now, redactor=redactor
    )
    for explained in _explained(of_body, files):
        fates[explained.record.fate] += 1
        echo_json(explained.line()) if as_json else _show(explained, brief=brief)
        if not is_read():
            break
    if not as_json:
        totals = ", ".join(f"{number:,} {fate}" for fate, number in fates.items())
        echo(styled(f"{count(fates.total(), 'record')}{': ' if totals else ''}{totals}", bold=True))
    ctx.exit(1 if fates["dead"] else 0)


def _made_with(ctx: click.Context, provider: Provider, tenant: str | None) -> tuple[Mapping, Redactor | None]:
    """Return a tenant's mapping and redaction; the built-in table where none is named, or there is no configuration."""
    if tenant is None or find(ctx.find_root().obj, os.environ) is None:
        return build(builtin(provider.name)), None
    account = arguments.account(arguments.sound_tenants(ctx), provider, tenant)
    return account.mapping, account.redactor


def _explained(of_body: Callable[[bytes], Iterator[Explanation]], files: Iterable[str]) -> Iterator[Explained]:
    for file in files:
        with opened(file) as stream:
            for number, body in enumerate(bodies(stream), 1):
                for record in of_body(body):
                    yield Explained(file, number, record)


def _show(explained: Explained, *, brief: bool) -> None:
    """Print one record for people, with the event that it becomes unless that is to be brief."""
    record = explained.record
    named = f"{record.identity.resource}/{record.identity.id}" if record.identity else "no identity"
    echo(styled(named, bold=True) + styled(f"  {explained.file}, {_place(explained)}", dim=True))
    _fact("shape", f"{record.shape}, {count(record.size, 'byte')}")
    if record.identity:
        _fact("version", _version(record.identity))
    if record.row:
        _fact("row", _row(record))
    for misfit in record.misfits:
        _fact("lift", styled(misfit, fg="yellow"))
    sentence, color = _FATES[record.fate]
    _fact("fate", styled(sentence, fg=color))
    if record.problem:
        _fact("problem", styled(str(record.problem), fg="red"))
    if record.event and not brief:
        echo_json(_event(record.event))
    echo()


def _event(event: Event) -> str:
    """Return an event as people read it: there is no raw record that it could name."""
    fields = msgspec.json.decode(_encode(event))
    fields["data"]["provenance"].pop("raw", None)
    return msgspec.json.format(_encode(fields), indent=2).decode()


def _place(explained: Explained) -> str:
    body = f"body {explained.body}, " if explained.body > 1 else ""
    return f"{body}record {explained.record.number}"


def _fact(name: str, text: str) -> None:
    definitions([(f"{name:<7}", text)])


def _version(identity: Identity) -> str:
    match identity.version:
        case None:
            return "none: it never changes"
        case "unknown":
            return "unknown: this shape does not tell it"
        case number:
            return str(number)


def _row(record: Explanation) -> str:
    if record.row == UNMAPPED and record.event:
        native = record.event.data.native
        named = f' "{native.name}"' if native.name not in (None, native.code) else ""
        return styled(f"unmapped: no row for code {native.code}{named}; an overlay can add one", fg="yellow")
    word = f" → {record.event.word}" if record.event else ""
    waits = ", under polling only a nudge" if record.reach == "nudge" else ""
    return f"{record.row}{word}{waits}"
