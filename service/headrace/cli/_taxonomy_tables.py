"""`headrace taxonomy show` and `docs`: a provider's table with a tenant's overlay before it, as text or Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

import click
import msgspec

from headrace.cli import _arguments as arguments
from headrace.cli._formatting import footnote, table_blocks
from headrace.cli._mapping_parts import parts
from headrace.cli._markdown import markdown_table, table_of_texts
from headrace.cli._output import echo, echo_json
from headrace.cli._table_rows import TableRow, table_rows
from headrace.config.tenants import Account
from headrace.providers.discover import discover
from headrace.sdk.provider import Provider

_PAGE: Final = """\
# The taxonomy, and the tables of {names}

<!-- Made by `headrace taxonomy docs`. -->

Each table says which word of Headrace a native code stands for. Rows stand in the order in which they are tried: a code
that a row lists comes before all ranges that it lies in. What no row lists is `unmapped`.
"""


@click.command("show", short_help="print a provider's table with a tenant's rows, and which row applies")
@click.argument("code", required=False)
@click.option("-p", "--provider", type=arguments.PROVIDER, required=True, help="Provider name.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="With this tenant's mapping before it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
@click.pass_context
def show(ctx: click.Context, code: str | None, provider: Provider, tenant: str | None, *, as_json: bool) -> None:
    """Print the rows of a provider's table in the order in which they are tried, or those that list CODE.

    `applies` says whether a row is what its codes become (or CODE): no where an earlier row has them all, else but for
    which codes and names. Rows of a status word stand below the row of its code. Of CODE, what its rows lift and the
    fields they add stand below.

    \b
      headrace taxonomy show -p P 203
      headrace taxonomy show -p P -t acme
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    account = None if tenant is None else arguments.account(arguments.sound_tenants(ctx), provider, tenant)
    rows = table_rows(provider, account, code)
    if as_json:
        for row in rows:
            echo_json(msgspec.json.encode(row))
    elif rows:
        _print(rows, provider)
        if code is not None:
            _print_moves(rows)
    else:
        echo(f'No row of {account.source[1:] if account else provider.name} lists "{code}": it is unmapped.')


@click.command("docs", short_help="write words, tables and a tenant's rows as Markdown")
@click.option("-p", "--provider", type=arguments.PROVIDER, help="Only this provider's table.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="With the mappings of this tenant.")
@click.pass_context
def docs(ctx: click.Context, provider: Provider | None, tenant: str | None) -> None:
    """Write the tables, the words that rows choose from, and what else a row may say, as one page of Markdown.

    \b
      headrace taxonomy docs -t acme > taxonomy.md
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    wanted = [provider] if provider else list(discover().values())
    accounts = _accounts(ctx, wanted, tenant) if tenant is not None else {}
    for line in _page(wanted, accounts):
        echo(line)


def _accounts(ctx: click.Context, wanted: Sequence[Provider], tenant: str) -> dict[str, Account]:
    config = arguments.sound_tenants(ctx)
    found = {each.provider.name: each for each in config.tenants if each.name == tenant and each.provider in wanted}
    if not found:
        arguments.account(config, wanted[0], tenant)  # ends the command with those that there are
    return found


def _page(wanted: Sequence[Provider], accounts: dict[str, Account]) -> Iterator[str]:
    yield from _PAGE.format(names=", ".join(each.name for each in wanted)).split("\n")
    for provider in wanted:
        account = accounts.get(provider.name)
        yield f"## {provider.name}" + (f", with the mapping of {account.name}" if account else "")
        yield ""
        titles = ("code", "name", "becomes", "moves", "row of", "applies")
        several = len(provider.tables) > 1
        cells = [_markdown_cells(row, several=several) for row in table_rows(provider, account)]
        yield from table_of_texts(("table", *titles) if several else titles, cells, code=("table", "code"))
        yield ""
    for part in parts():
        yield from (f"## {part.title}", "", part.note, "", *markdown_table(part.columns, part.rows), "")


def _markdown_cells(row: TableRow, *, several: bool) -> tuple[str, ...]:
    cells = (
        _code(row),
        row.name or "",
        _becomes(row),
        _moves(row),
        row.owner,
        row.applies if row.word is None else "",
    )
    return (row.table, *cells) if several else cells


def _print_moves(rows: Iterable[TableRow]) -> None:
    """Print what rows lift and add; a status word's only where it is not as its row has it."""
    before = ""
    for row in rows:
        moves = _moves(row)
        if moves and (row.word is None or moves != before):
            footnote(f"{row.code if row.word is None else row.word}: {moves}")
        before = moves if row.word is None else before


def _moves(row: TableRow) -> str:
    lifted = [f"{native} → {target}" for native, target in row.lift.items()]
    return ", ".join([*lifted, *(f'{name} = "{value}"' for name, value in row.fields.items())])


def _print(rows: Iterable[TableRow], provider: Provider) -> None:
    several = len(provider.tables) > 1
    cells = [
        (
            *((row.table,) if several else ()),
            _code(row),
            *((row.name or "-",) if any(each.name for each in rows) else ()),
            _becomes(row),
            row.owner,
            row.applies if row.word is None else "",
        )
        for row in rows
    ]
    name = ("name",) if any(row.name for row in rows) else ()
    titles = (*(("table",) if several else ()), "code", *name, "becomes", "row of", "applies")
    for line in chain.from_iterable(table_blocks(titles, cells, free=("code", "becomes"))):
        echo(line)


def _code(row: TableRow) -> str:
    return row.code if row.word is None else f"  {row.word}"


def _becomes(row: TableRow) -> str:
    words = [row.type, *row.words.values(), *(("provisional",) if row.provisional else ())]
    return " ".join(words)
