"""`headrace run`: the service itself."""

from typing import Final

import click

from headrace import app
from headrace.cli._arguments import whole_configuration
from headrace.roles import Role

CONSOLE: Final = "console"


@click.command("run")
@click.option(
    "--role",
    "roles",
    type=click.Choice((*app.ROLES, CONSOLE, "all")),
    default=("all",),
    multiple=True,
    help="Role to run, repeatable; default: all but console.",
)
@click.pass_context
def command(ctx: click.Context, roles: tuple[str, ...]) -> None:
    """Run the service until SIGTERM or Ctrl-C.

    All roles in one process suit one machine; as separate processes they scale: any number of each, with the
    partitions spread over them. SIGTERM (or Ctrl-C) stops it in order; SIGKILL loses nothing either.

    \b
      headrace run                           everything in one process
      headrace run --role receiver           one role, as Kubernetes runs it
      headrace run --role all --role console everything, and the page
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config = whole_configuration(ctx)
    names = list(dict.fromkeys(name for role in roles for name in (app.ROLES if role == "all" else (role,))))
    more: dict[str, type[Role]] = {}
    if CONSOLE in names:
        from headrace.console.role import ConsoleRole  # noqa: PLC0415  (no other role loads templates)

        more[CONSOLE] = ConsoleRole
    ctx.exit(app.run(config, names, more=more))
