"""`headrace taxonomy draft`: write the rows of an overlay for the codes that are open."""

from pathlib import Path
from typing import Any, Final

import click

from headrace.cli import _arguments as arguments
from headrace.cli._code_uses import EventFilter
from headrace.cli._formatting import count, sentence
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._letter_filter import moment
from headrace.cli._open_codes import open_codes
from headrace.cli._output import echo
from headrace.cli._overlay_file import OverlayDraft, drafted
from headrace.cli._whole_file import write_whole
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.core.suggestions import did_you_mean
from headrace.sdk.provider import Provider

_ALONE: Final = (
    "The tenant's mapping writes its rows as `row = [...]`, which TOML does not let go on: the new rows stand alone. "
    "Write the others as [[row]] above them."
)
_IN_USE: Final = (
    "is in use: until `headrace check` finds nothing more, what runs stays with what it had, and no process starts "
    "anew."
)


@click.command("draft", short_help="write a tenant's rows for the codes that are open")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", required=True, help="Whose codes.")
@click.option("-p", "--provider", type=arguments.PROVIDER, help="Needed where several have a tenant of that name.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write FILE.")
@click.option("--force", is_flag=True, help="Write FILE though there is one.")
@click.option("--since", type=moment, metavar="TIME", help="Only events published since: 2026-08-08T09:00Z, or 2h.")
@click.option("--until", type=moment, metavar="TIME", help="Only events published before.")
@click.pass_context
def draft(ctx: click.Context, /, force: bool, output: Path | None, **options: Any) -> None:  # noqa: FBT001  (click passes flags so)
    """Write a mapping with a row for each code that is unmapped or provisional, the most frequent first.

    What the tenant's mapping has stands above them. A row holds the code, its name, a guess at its type where the name
    is like something known, and as comments its fields with an example, and its status words. Nothing is decided: until
    you have taken the # before a row's type away, `headrace check` refuses the file and names the row.

    \b
      headrace taxonomy draft -t acme -o acme.toml
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config = arguments.configuration(ctx)
    account = _account(config, options.pop("provider"), options.pop("tenant"))
    if output is not None and output.exists() and not force:
        forced = "to add what is new below its rows" if _is_used(output, account) else "to write it anew"
        raise click.ClickException(f"{output} exists: name another file, or add --force {forced}")
    overlay = _overlay(account)
    wanted = EventFilter(provider=account.provider, tenant=account.name, **options)
    found = run_with_kafka(config, open_codes(config, wanted, places=True))
    result = drafted(account, overlay, found, str(output or f"{account.name}.toml"))
    if found.remark:
        echo(found.remark, err=True)
    if not result.codes:
        sentence(f"Every code of {account.source[1:]} on Kafka has a row of its own: nothing to draft.", err=True)
    elif output is None:
        for line in result.text.expandtabs().rstrip().split("\n"):
            echo(line)
    elif result.alone and _is_used(output, account):
        raise click.ClickException(f"{_ALONE} Name another file: {output} is in use")
    else:
        _write(output, result)
        if _is_used(output, account):
            echo(f"{output} {_IN_USE}", err=True)
    if result.alone and result.codes:
        echo(_ALONE, err=True)


def _account(config: Config, provider: Provider | None, tenant: str) -> Account:
    """Return the tenant, or end the command with what to name."""
    if provider is not None:
        return arguments.account(config, provider, tenant)
    arguments.check_left_out(config, None, tenant)
    found = [account for account in config.tenants if account.name == tenant]
    if len(found) == 1:
        return found[0]
    if found:
        having = ", ".join(account.provider.name for account in found)
        raise click.UsageError(f'{having} have a tenant "{tenant}": name one with --provider')
    names = sorted({account.name for account in config.tenants})
    rest = f"there is {', '.join(names)}" if names else "nor is any other"
    raise click.ClickException(f'tenant "{tenant}" is not configured, {rest}{did_you_mean(tenant, names)}')


def _overlay(account: Account) -> str:
    try:
        return "" if account.overlay is None else account.overlay.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{account.overlay} cannot be read: {error}") from None


def _is_used(file: Path, account: Account) -> bool:
    """Return whether a file, by whatever name, is the tenant's mapping."""
    used = account.overlay
    return used is not None and used.exists() and file.exists() and used.samefile(file)


def _write(file: Path, result: OverlayDraft) -> None:
    """Write the file, and what to do next."""
    try:
        write_whole(file, result.text)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
    sentence(
        f"{file}: {count(result.codes, 'code')}, {result.guesses} with a guess. Decide each row, then `headrace check`."
    )
