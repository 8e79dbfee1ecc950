"""`headrace ingest`: take in files through the same door as webhooks and polls."""

import sys
import time
from collections.abc import Iterator
from typing import BinaryIO, Final

import click
from msgspec import Struct

from headrace.cli import _arguments as arguments
from headrace.cli._append import Appending
from headrace.cli._formatting import count
from headrace.cli._input_files import bodies, opened
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.config import Config
from headrace.core.record import Out
from headrace.records.raw import admit, read_envelope
from headrace.sdk.provider import Provider, RawEvent
from headrace_events import Via

_PROGRESS_AFTER: Final = 1.0


class Told(Struct):
    """What became of one file."""

    appended: int = 0
    unreadable: int = 0
    too_large: int = 0


class Asked(Struct, frozen=True):
    """What the command line asks for."""

    provider: Provider
    tenant: str
    resource: str | None


@click.command("ingest")
@click.option("-p", "--provider", type=arguments.provider, required=True, help="Who sent it.")
@click.option("-t", "--tenant", metavar="NAME", required=True, help="Which of its configured tenants it is about.")
@click.option("-r", "--resource", metavar="NAME", help="What it is, where the shape does not tell.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=arguments.FILE)
@click.pass_context
def command(ctx: click.Context, provider: Provider, tenant: str, resource: str | None, files: tuple[str, ...]) -> None:
    """Take in FILEs: API pages, rows or webhook bodies, or one of these a line (NDJSON); - reads standard input.

    Each record is cut out, named and appended to raw, as if a poll had brought it; the normalizer does the rest. To
    ingest a file twice does no harm: what was seen before is a duplicate. What cannot be read goes in all the same,
    and becomes a dead letter that says where it breaks.

    \b
      headrace ingest -p PROVIDER -t acme export/*.json
      zcat history.ndjson.gz | headrace ingest -p PROVIDER -t acme -
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    arguments.check_resource(provider, resource)
    config = arguments.configuration(ctx)
    arguments.account(config, provider, tenant)
    if not run_with_kafka(config, _ingest(config, Asked(provider, tenant, resource), files)):
        ctx.exit(1)


async def _ingest(config: Config, asked: Asked, files: tuple[str, ...]) -> bool:
    """Append every record of the files in their order; False where one was larger than raw takes."""
    (raw,) = await existing_topics(config, "raw")
    total = Told()
    async with Appending(config, raw) as raw_log:
        for file in files:
            told = await _ingest_file(asked, file, raw_log)
            _sum_up(told, raw.name, file)
            total.appended += told.appended
            total.unreadable += told.unreadable
            total.too_large += told.too_large
    if len(files) > 1:
        _sum_up(total, raw.name, f"{len(files)} files")
    if total.unreadable:
        click.echo("What is unreadable becomes a dead letter: headrace tail --dead-letters --from-start")
    return not total.too_large


async def _ingest_file(asked: Asked, file: str, raw_log: Appending) -> Told:
    told, progress, before = Told(), _Progress(), raw_log.appended
    with opened(file) as stream:
        for out in _records(asked, stream):
            if out.size > raw_log.limit:
                told.too_large += 1
                size = f"{out.size:,} bytes, more than the {raw_log.limit:,} that raw takes"
                click.echo(f"{file}: left out a record of {size}", err=True)
            else:
                told.unreadable += read_envelope(out.headers).identity is None
                await raw_log.add(out)
                progress.show(raw_log.appended - before)
    await raw_log.flush()
    progress.clear()
    told.appended = raw_log.appended - before
    return told


def _records(asked: Asked, stream: BinaryIO) -> Iterator[Out]:
    """Cut a file and take each record through the door; all of one body came in at one time."""
    for body in bodies(stream):
        now = time.time_ns() // 1_000_000
        for piece in asked.provider.cut(body, asked.resource):
            named = asked.provider.name, asked.tenant, piece.shape
            yield admit(asked.provider, RawEvent(*named, piece.value, Via.INGEST, now, piece.hint))


class _Progress:
    """A line on a terminal that counts, once it takes longer than one would wait in silence."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _PROGRESS_AFTER
        self._wide = 0

    def show(self, appended: int) -> None:
        if sys.stderr.isatty() and time.monotonic() > self._next:
            self._next = time.monotonic() + _PROGRESS_AFTER
            text = f"{appended:,} records…"
            self._wide = len(text)
            click.echo(f"\r{text}", nl=False, err=True)

    def clear(self) -> None:
        if self._wide:
            click.echo("\r" + " " * self._wide + "\r", nl=False, err=True)


def _sum_up(told: Told, topic: str, file: str) -> None:
    name = "standard input" if file == "-" else file
    unreadable = f", {told.unreadable:,} of them unreadable" if told.unreadable else ""
    too_large = f"; {told.too_large:,} too large and left out" if told.too_large else ""
    click.echo(f"{count(told.appended, 'record')} into {topic} ({name}){unreadable}{too_large}")
