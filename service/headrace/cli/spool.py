"""`headrace spool`: show what waits in the spool, or drain it by hand."""

import asyncio
import time
from pathlib import Path
from typing import Final

import click
import msgspec

from headrace import __version__
from headrace.cli._arguments import configuration
from headrace.cli._formatting import count, sentence, span, table
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.cli._output import echo, echo_json, progress, styled
from headrace.config import Config
from headrace.kafka.raw_topic import RawTopic
from headrace.observe.health import ReceiverHealth
from headrace.observe.registry import Registry
from headrace.receiver.ingress import Ingress
from headrace.receiver.metrics import ReceiverMetrics
from headrace.spool import CannotSpool, Spool, SpoolFacts
from headrace.spool.report import SpoolGroup, SpoolReport, report

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
PATIENCE_SECONDS: Final = 30.0
"""Time without a drained record after which the command gives up."""
_STEP: Final = 1024


@click.group("spool")
def command() -> None:
    """Show the deliveries that wait for Kafka, or drain them by hand.

    While Kafka does not answer, the receiver puts acknowledged deliveries into the spool, and drains it by itself as
    soon as Kafka answers. Normally there is nothing to do here.
    """


@command.command("show", short_help="show what waits, for how long, and what was set aside")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:  # noqa: FBT001  (click passes flags so)
    """Show what waits, for how long, and what was set aside and why. Read-only: the receiver may run.

    \b
    Records that are set aside, and not tried again by the receiver:
      refused    Kafka does not accept them, for instance because they are too large for their topic
      too_old    they are older than [spool] max_age: their ids may be forgotten, they could be published twice
      damaged    their bytes have changed on disk
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config = configuration(ctx)
    try:
        found = report(Path(config.spool.path))
    except CannotSpool as reason:
        raise click.ClickException(str(reason)) from None
    if as_json:
        echo_json(msgspec.json.encode(found))
    else:
        _write(config, found)


@command.command("drain", short_help="send what waits to Kafka, without a receiver")
@click.option("--set-aside", "again", is_flag=True, help="Try once more what was set aside.")
@click.pass_context
def drain(ctx: click.Context, again: bool) -> None:  # noqa: FBT001  (as above)
    """Send what waits to Kafka, oldest first, when no receiver does: for instance after one was taken out of service.

    A running receiver owns its spool and drains it itself; this command then reports that and does nothing.

    \b
      headrace spool drain                   what waits
      headrace spool drain --set-aside       and what was set aside, after the cause was fixed
    \b
    Records that are too old are set aside again, unless [spool] max_age was raised.
    """  # noqa: D301  (as above)
    config = configuration(ctx)
    path = Path(config.spool.path)
    try:
        report(path)  # raises where there is no spool, which must not be created
        left = run_with_kafka(config, _drain(config, path, again=again))
    except CannotSpool as reason:
        raise click.ClickException(str(reason)) from None
    if left:
        ctx.exit(1)


def _write(config: Config, found: SpoolReport) -> None:
    now = time.time() * 1000
    if found.waiting:
        rows = [_row(group, now) for group in found.waiting]
        table(("source", "topic", "records", "size", "waits"), rows, right=("records", "size", "waits"))
    else:
        echo(styled("Nothing waits.", fg="green"))
    if found.set_aside:
        echo()
        echo(styled("Set aside; try again with `headrace spool drain --set-aside`:", fg="yellow"))
        aside = [(*_row(group, now), group.reason) for group in found.set_aside]
        titles = ("source", "topic", "records", "size", "age", "reason")
        table(titles, aside, right=("records", "size", "age"))
    used = sum(group.bytes for group in (*found.waiting, *found.set_aside))
    echo()
    sentence(
        f"{found.path}: {_size(used)} of {_size(config.spool.max_bytes)}; since it was made "
        f"{count(found.put, 'record')} came in and {count(found.drained, 'record')} went on to Kafka."
    )


def _row(group: SpoolGroup, now: float) -> tuple[str, str, str, str, str]:
    age = span(max(0, int(now - group.oldest) // 1000))
    return group.source, group.topic, f"{group.records:,}", _size(group.bytes), age


def _size(number: float) -> str:
    """Return a size in the largest unit that it fills."""
    for unit in _UNITS:
        if number < _STEP or unit == _UNITS[-1]:
            break
        number /= _STEP
    return f"{number:.1f} {unit}" if number % 1 else f"{number:.0f} {unit}"


async def _drain(config: Config, path: Path, *, again: bool) -> int:
    """Drain the spool; return how many records still wait."""
    async with Spool(path, config.spool.max_bytes) as spool:
        await existing_topics(config, "raw")
        await RawTopic(config).look()
        before = spool.facts()
        if again:
            sentence(f"{count(await spool.take_back(), 'record')} that had been set aside will be tried again.")
        ingress = Ingress(
            config, spool, ReceiverMetrics(Registry(__version__), config.tenants), ReceiverHealth(time.monotonic)
        )
        await _until_empty(spool, ingress)
        return _summary(before, spool.facts())


async def _until_empty(spool: Spool, ingress: Ingress) -> None:
    """Run the ingress until nothing waits, or nothing was drained for a while. Raises what ends it."""
    running = asyncio.create_task(ingress.run())
    moved_at, left = time.monotonic(), spool.facts().waiting
    while spool.facts().waiting and not running.done() and time.monotonic() - moved_at < PATIENCE_SECONDS:
        await asyncio.wait([running], timeout=0.2)
        if spool.facts().waiting < left:
            moved_at, left = time.monotonic(), spool.facts().waiting
            progress(f"{count(left, 'record')} to go ")
    if not running.done():
        running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        await spool.settled()


def _summary(before: SpoolFacts, after: SpoolFacts) -> int:
    sentence(f"{count(after.drained - before.drained, 'record')} went on to Kafka.")
    if after.set_aside:
        sentence(f"{count(after.set_aside, 'record')} set aside: `headrace spool show` says why.")
    if after.waiting:
        sentence(f"{count(after.waiting, 'record')} to go: Kafka does not take more now; try again later.", err=True)
    return after.waiting
