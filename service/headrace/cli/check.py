"""`headrace check`: show everything that is wrong with the configuration and the tables."""

import os
from pathlib import Path
from typing import Final

import click

from headrace.cli import _arguments as arguments, use_configuration
from headrace.cli._formatting import count, cut, footnote, sentence, table, table_as_it_fits
from headrace.cli._online_check import check_online
from headrace.cli._output import echo, styled
from headrace.cli._table_rows import codes_of, own_entries
from headrace.config import Config, load
from headrace.config.tenants import Account
from headrace.core.lift import takes
from headrace.core.toml_lines import FileFault, FileFaults
from headrace.providers.discover import builtin, discover
from headrace.sdk.provider import Provider

_CODES: Final = 20
"""Characters of a row's codes that are shown."""


@click.command("check")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--online", is_flag=True, help="Look at Kafka, the platforms and the receiver as well.")
@click.option("-p", "--provider", type=arguments.PROVIDER, help="With --online: only tenants of this provider.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="With --online: only this tenant.")
@click.option("--json", "as_json", is_flag=True, help="With --online: write one JSON object a row.")
@click.pass_context
def command(
    ctx: click.Context,
    file: Path | None,
    *,
    online: bool,
    provider: Provider | None,
    tenant: str | None,
    as_json: bool,
) -> None:
    """Show everything that is wrong with the configuration, all at once.

    Reads FILE, else headrace.toml, tenants.d beside it, the environment variables over both, every provider's table
    and every tenant's overlay, without any connection. Each fault is shown with file and line, and with the word that
    was probably meant. Of a good one, each tenant's row counts the rows of its provider's table, those of its overlay,
    and the status words of these. The exit code is 1 where there is a fault.

    With --online it looks at all that they name, too, and changes nothing there: no token is renewed, nothing is
    stored, and the one or two calls to a tenant's platform count in its budget. What could not be looked at is unknown,
    and no fault.

    \b
      kafka        reach, versions, rights as far as Kafka tells them, topics
      platform     base_url, and the region behind it
      credentials  whether they are taken; where tokens rotate, the poller's is used
      scopes       whether they may read what the feeds read
      quota        calls that are left
      clock        the platform's beside ours
      leads        whether the budget is enough to read all of them in time
      feeds        what the poller has stored of them
      webhooks     whether those that are needed are registered
      receiver     whether it answers at public_url, as seen from here

    \b
      headrace check
      headrace check deploy/headrace.toml && echo good
      headrace check --online -p PROVIDER -t acme
      headrace check --online --json | jq 'select(.state == "fault")'
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    use_configuration(ctx, None, file)
    if online:
        check_online(ctx, provider, tenant, as_json=as_json)
        return
    if as_json or provider is not None or tenant is not None:
        raise click.UsageError("--provider, --tenant and --json are for --online")
    faults: set[FileFault] = set()
    config: Config | None = None
    try:
        config = load(ctx.find_root().obj, os.environ)
    except FileFaults as error:
        faults |= set(error.faults)
    for name in discover():
        try:
            builtin(name)
        except FileFaults as error:
            faults |= set(error.faults)
    if faults or config is None:
        for fault in sorted(faults):
            sentence(str(fault), hanging=True, err=True)
        echo(styled(f"{count(len(faults), 'thing')} to mend.", bold=True), err=True)
        ctx.exit(1)
    _summary(config)


def _summary(config: Config) -> None:
    where = str(config.file) if config.file else "No headrace.toml: the defaults and the environment hold. They"
    echo(styled(f"{where} {'is' if config.file else 'are'} good.", fg="green"))
    echo()
    days = config.dedupe.window / 86_400
    table(
        ("kafka", "topics", "dedupe window", "webhooks", "metrics", "spool", "up to"),
        [
            (
                config.kafka.bootstrap_servers,
                f"{config.topic_prefix}*",
                f"{days:g} d",
                f":{config.receiver.port}",
                f":{config.admin.port}",
                config.spool.path,
                f"{config.spool.max_bytes / 2**30:g} GiB",
            )
        ],
        free=("spool", "kafka"),
    )
    echo()
    if not config.tenants.by_source:
        footnote("No tenant yet: add [tenants.PROVIDER.NAME], where PROVIDER is " + ", ".join(discover()))
        return
    titles = ("provider", "tenant", "polling", "secrets", "overlay", "mapping", "built in")
    table_as_it_fits(titles, [_row(each) for each in config.tenants], right=("built in", "overlay", "secrets"))
    for each in config.tenants:
        _typed_places(each)


def _typed_places(account: Account) -> None:
    """Print what the places that an overlay fills take: whether a field fits shows only in its values."""
    rows = [(codes_of(entry), row) for entry in own_entries(account) for row in entry.rows()]
    typed = {(codes, *move) for codes, row in rows for move in row.lift.items() if takes(move[1])}
    if not typed:
        return
    echo()
    sentence(f"{account.provider.name}/{account.name}: what does not fit stays in fields, and explain says so.")
    for codes, native, target in sorted(typed):
        footnote(f"{cut(codes, _CODES)}: {native} → {target} takes {takes(target)}")


def _row(account: Account) -> tuple[object, ...]:
    built_in = sum(1 for entry in builtin(account.provider.name) for _ in entry.rows())
    own = own_entries(account)
    words = sum(len(entry.words) for entry in own)
    overlay = count(len(own), "row") + (f", {count(words, 'word')}" if words else "") if own else "-"
    polling = "on" if account.settings.polling else "off"
    polling = "paused" if account.settings.paused else polling
    secrets = len(account.settings.webhook_secrets)
    return account.provider.name, account.name, polling, secrets or "none", overlay, account.mapping_id, built_in
