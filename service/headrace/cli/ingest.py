"""`headrace ingest`: append the records of files to raw, the same way as webhooks and polls."""

import time
from collections.abc import Iterator
from typing import BinaryIO, Final

import click
from msgspec import Struct

from headrace.cli import _arguments as arguments
from headrace.cli._formatting import count, sentence
from headrace.cli._input_files import bodies, opened
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.cli._output import progress
from headrace.config import Config
from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.kafka.raw_writer import RawWriter
from headrace.records.raw import from_raw_record, to_raw_record
from headrace.sdk.provider import Provider, RawEvent
from headrace_events import Via

_PROGRESS_SECONDS: Final = 1.0


class IngestCounts(Struct):
    """Records of one file, or of all: how many were appended, how many of these unreadable, how many left out."""

    appended: int = 0
    unreadable: int = 0
    too_large: int = 0


class IngestTarget(Struct, frozen=True):
    """The tenant whose records the files hold, and the resource where the shape alone does not identify it."""

    provider: Provider
    tenant: str
    resource: str | None


@click.command("ingest")
@click.option("-p", "--provider", type=arguments.PROVIDER, required=True, help="Provider name.")
@click.option(
    "-t",
    "--tenant",
    type=arguments.TENANT,
    metavar="NAME",
    required=True,
    help="Name of a configured tenant of this provider.",
)
@click.option("-r", "--resource", metavar="NAME", help="Resource name, where the shape alone does not identify it.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=arguments.FILE)
@click.pass_context
def command(ctx: click.Context, provider: Provider, tenant: str, resource: str | None, files: tuple[str, ...]) -> None:
    """Ingest FILEs: API pages, rows or webhook bodies, or one of these a line (NDJSON); - reads standard input.

    Each record is cut out, identified and appended to raw, as if it had been polled; the normalizer does the rest.
    Ingesting a file twice does no harm: records that were seen before are duplicates. Unreadable records are appended
    as well, and become dead letters that show where they break.

    \b
      headrace ingest -p PROVIDER -t acme export/*.json
      zcat history.ndjson.gz | headrace ingest -p PROVIDER -t acme -
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    arguments.check_resource(provider, resource)
    config = arguments.configuration(ctx)
    arguments.account(config, provider, tenant)
    if not run_with_kafka(config, _ingest(config, IngestTarget(provider, tenant, resource), files)):
        ctx.exit(1)


async def _ingest(config: Config, target: IngestTarget, files: tuple[str, ...]) -> bool:
    """Append every record of the files in their order; False where one was larger than raw takes."""
    (raw,) = await existing_topics(config, "raw")
    total = IngestCounts()
    async with Appender(config.kafka) as appender:
        writer = RawWriter(appender, raw)
        for file in files:
            counts = await _ingest_file(target, file, writer)
            _sum_up(counts, raw.name, file)
            total.appended += counts.appended
            total.unreadable += counts.unreadable
            total.too_large += counts.too_large
    if len(files) > 1:
        _sum_up(total, raw.name, f"{len(files)} files")
    if total.unreadable:
        sentence("What is unreadable becomes a dead letter: headrace tail --dead-letters --from-start")
    return not total.too_large


async def _ingest_file(target: IngestTarget, file: str, writer: RawWriter) -> IngestCounts:
    counts, progress, before = IngestCounts(), _Progress(), writer.appended
    with opened(file) as stream:
        for out in _records(target, stream):
            if out.size > writer.limit:
                counts.too_large += 1
                size = f"{out.size:,} bytes, more than the {writer.limit:,} that raw takes"
                sentence(f"{file}: left out a record of {size}", err=True)
            else:
                counts.unreadable += from_raw_record(out.headers, out.value).identity is None
                await writer.add(out)
                progress.show(writer.appended - before)
    await writer.flush()
    progress.clear()
    counts.appended = writer.appended - before
    return counts


def _records(target: IngestTarget, stream: BinaryIO) -> Iterator[ProducerRecord]:
    """Yield each record of a file as a raw record; all of one body have the same time of receipt."""
    for body in bodies(stream):
        now = time.time_ns() // 1_000_000
        for piece in target.provider.cut(body, target.resource):
            raw = RawEvent(
                provider=target.provider.name,
                tenant=target.tenant,
                shape=piece.shape,
                value=piece.value,
                via=Via.INGEST,
                received=now,
                hint=piece.hint,
            )
            yield to_raw_record(target.provider, raw)


class _Progress:
    """A line on a terminal that counts records, shown once the work takes longer than a second."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _PROGRESS_SECONDS
        self._shown = False

    def show(self, appended: int) -> None:
        if time.monotonic() > self._next:
            self._next = time.monotonic() + _PROGRESS_SECONDS
            self._shown = True
            progress(f"{appended:,} records…")

    def clear(self) -> None:
        if self._shown:
            progress("")


def _sum_up(counts: IngestCounts, topic: str, file: str) -> None:
    name = "standard input" if file == "-" else file
    unreadable = f", {counts.unreadable:,} of them unreadable" if counts.unreadable else ""
    too_large = f"; {counts.too_large:,} too large and left out" if counts.too_large else ""
    sentence(f"{count(counts.appended, 'record')} into {topic} ({name}){unreadable}{too_large}")
