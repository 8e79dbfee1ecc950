"""`headrace replay`: read what was published under today's tables, and publish what differs."""

from datetime import datetime
from pathlib import Path
from typing import Final

import click
import msgspec
from msgspec import Struct

from headrace.cli import _arguments as arguments
from headrace.cli._diff_file import DiffFile
from headrace.cli._file_tables import FileTables, tables_of
from headrace.cli._formatting import count, sentence
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._letter_filter import moment
from headrace.cli._output import echo_json
from headrace.cli._replay_comparing import compare
from headrace.cli._replay_files import BodyTenant, FilesDiffer, compare_files
from headrace.cli._replay_findings import PAUSED, TOO_LARGE, Findings
from headrace.cli._replay_outbox import Outbox
from headrace.cli._replay_page import show_changes, show_fates, show_rest
from headrace.cli._replay_reading import ReplayFilter
from headrace.cli._replay_sending import Sending
from headrace.config import Config
from headrace.sdk.provider import Provider

_STOPPED: Final = 130
_DIFFERS: Final = 3
_HINDERED: Final = 1


class _Wish(Struct, frozen=True):
    """What the command line asks for."""

    wanted: ReplayFilter
    diff: Path | None
    yes: bool
    as_json: bool


@click.command("replay")
@click.option("-p", "--provider", type=arguments.PROVIDER, help="Only this provider's.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="Only this tenant's.")
@click.option("--code", "codes", multiple=True, metavar="CODE", help="Only this native code; repeatable.")
@click.option(
    "--since",
    type=moment,
    metavar="TIME",
    help="Only what was received since: 2026-08-08T09:00Z, or 2h for two hours ago.",
)
@click.option("--until", type=moment, metavar="TIME", help="Only what was received before.")
@click.option("--diff", type=click.Path(dir_okay=False, path_type=Path), help="Write each difference, one JSON a line.")
@click.option("-y", "--yes", is_flag=True, help="Publish what differs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for other programs.")
@click.option("--from", "files", multiple=True, type=arguments.FILE, help="Read this file, not Kafka; repeatable.")
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --from: compare with the tables of this other configuration.",
)
@click.option("-r", "--resource", metavar="NAME", help="With --from: the resource, where the shape does not tell it.")
@click.argument("more", metavar="[FILE...]", nargs=-1, type=arguments.FILE)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    provider: Provider | None,
    tenant: str | None,
    codes: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    diff: Path | None,
    yes: bool,
    as_json: bool,
    files: tuple[str, ...],
    against: Path | None,
    resource: str | None,
    more: tuple[str, ...],
) -> None:
    """Show which published events would be others under the tables of today, and publish these with --yes.

    Reads the events, and the raw record of each last version once more. Nothing is published before the difference is
    shown, and nothing without --yes. Then the records that differ go to raw again, no faster than normalizers (with
    these same tables) decide on them: each comes out once, with an id that ends in ~<mapping>. Where not all of them
    do, it says why, and ends with 1. Ctrl-C stops it; the same command goes on with the rest. It takes the disk that
    the events fill (in TMPDIR), and memory for the ids of one partition: about 150 bytes an event.

    With --from, files are read in place of Kafka: API pages, rows or webhook bodies of -p and -t, or raw records as
    `kcat -J` writes them; tenants need no secrets for that. The exit code is 1 where nothing was compared, and with
    --against 3 where the two tables make other events of them.

    \b
      headrace replay -p PROVIDER -t acme --code 203 --diff changes.ndjson
      headrace replay -p PROVIDER -t acme --code 203 --yes
      headrace replay -p PROVIDER -t acme --from samples.ndjson --against main/headrace.toml
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    name = provider.name if provider is not None else None
    wish = _Wish(ReplayFilter(name, tenant, frozenset(codes), since, until), diff, yes, as_json)
    if files:
        if yes or since or until:
            raise click.UsageError("--from reads files alone: it knows no --yes, --since and --until")
        of = BodyTenant(provider, tenant, resource)
        ctx.exit(_files(ctx, wish, of, files + more, against))
    if more or against or resource:
        raise click.UsageError("files, --against and --resource need --from FILE")
    config = arguments.configuration(ctx)
    if tenant is not None:
        arguments.check_left_out(config, provider, tenant)
    if provider is not None and tenant is not None:
        arguments.account(config, provider, tenant)
    ctx.exit(_replay(config, wish))


def _replay(config: Config, wish: _Wish) -> int:
    """Compare, show, and send where that is wished; return the exit code."""
    outbox = Outbox()
    try:
        diff = DiffFile(wish.diff)
        with diff.whole():
            findings = run_with_kafka(config, compare(config, wish.wanted, outbox, diff))
    except KeyboardInterrupt:
        sentence("Stopped while it compared: nothing was sent.", err=True)
        return _STOPPED
    _show(findings, wish)
    hindered = findings.unsendable.keys() & {PAUSED, TOO_LARGE}  # what is not remembered never can be published
    if not wish.yes or not len(outbox):
        if len(outbox) and not wish.as_json:
            sentence(f"Nothing was published: with --yes, {count(len(outbox), 'record')} go back to raw.")
        return _HINDERED if wish.yes and hindered else 0
    sending = Sending(config, outbox)
    try:
        run_with_kafka(config, sending.run())
    except KeyboardInterrupt:
        left = len(outbox) - sending.sent
        sentence(
            f"Stopped: {count(sending.sent, 'record')} back in raw, {sending.decided:,} of them decided, {left:,} left."
            " The same command goes on with the rest.",
            err=True,
        )
        return _STOPPED
    show_fates(sending.fates, f"{config.topic_prefix}raw", as_json=wish.as_json)
    return _HINDERED if hindered or sending.fates.unpublished else 0


def _files(ctx: click.Context, wish: _Wish, of: BodyTenant, files: tuple[str, ...], against: Path | None) -> int:
    """Compare what files hold; return the exit code."""
    tables, others = FileTables(arguments.sound_part(ctx)), None if against is None else tables_of(against)
    diff = DiffFile(wish.diff)
    with diff.whole():
        found: FilesDiffer = compare_files(tables, of, wish.wanted, files, against=others, diff=diff)
    if wish.as_json:
        echo_json(msgspec.json.encode(found.findings.as_json()))
    else:
        show_changes(found.findings)
        show_rest(found.findings)
    if not found.findings.compared:
        sentence("Nothing was compared: no record in these files is of what was asked for.", err=True)
        return 1
    return _DIFFERS if against is not None and found.differs else 0


def _show(findings: Findings, wish: _Wish) -> None:
    if wish.as_json:
        echo_json(msgspec.json.encode(findings.as_json()))
        return
    show_changes(findings)
    show_rest(findings)
    sentence("What was a dead letter is not replayed: `headrace redrive` sends back what can be read now.")
