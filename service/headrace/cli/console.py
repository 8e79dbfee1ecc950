"""`headrace console`: the page on which people see what flows, and what is wrong."""

import os
from typing import Any, Final

import click
from msgspec.structs import replace

from headrace import app
from headrace.cli import _arguments as arguments
from headrace.cli.run import CONSOLE
from headrace.config import Config
from headrace.config.raw_config import PREFIX
from headrace.console.role import ConsoleRole

_OPEN_TO_ALL: Final = (
    'others can reach this address: set [console] token_file, or auth = "proxy" where what stands in front lets nobody '
    "else through"
)


@click.command("console")
@click.option("--host", metavar="ADDRESS", help="Listen here, not at [console] host.")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="N", help="Not at [console] port; 0: any that is free.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Serve a page that shows what flows, what needs somebody, and each event with what made it, until Ctrl-C.

    It reads the topics alone, so it shows all processes wherever they run, and only while somebody looks; it writes
    nothing. On this machine alone it is open; elsewhere [console] token logs in. In Kubernetes it is a role of its own:
    `headrace run --role console`.

    \b
      headrace console
      headrace console --port 0
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    named = {name: value for name, value in options.items() if value is not None}
    config = _with(arguments.configuration(ctx), named)
    # Files that change are read under the environment: what was named here is no change then.
    os.environ.update({f"{PREFIX}CONSOLE__{name.upper()}": str(value) for name, value in named.items()})
    ctx.exit(app.run(config, (CONSOLE,), more={CONSOLE: ConsoleRole}, admin=False))


def _with(config: Config, named: dict[str, Any]) -> Config:
    """Return a configuration with what the command line says. Raises `UsageError` where all could look at it."""
    console = replace(config.console, **named)
    if any(console.faults()):
        raise click.UsageError(_OPEN_TO_ALL)
    return replace(config, console=console)
