"""`headrace run`: the service itself."""

import click

from headrace import app
from headrace.cli._arguments import whole_configuration


@click.command("run")
@click.option(
    "--role",
    "roles",
    type=click.Choice((*app.ROLES, "all")),
    default=("all",),
    multiple=True,
    help="Role to run, repeatable; default: all.",
)
@click.pass_context
def command(ctx: click.Context, roles: tuple[str, ...]) -> None:
    """Run the service until SIGTERM or Ctrl-C.

    All roles in one process suit one machine; as separate processes they scale: any number of each, with the
    partitions spread over them. SIGTERM (or Ctrl-C) stops it in order; SIGKILL loses nothing either.

    \b
      headrace run                           everything in one process
      headrace run --role receiver           one role, as Kubernetes runs it
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config = whole_configuration(ctx)
    ctx.exit(app.run(config, app.ROLES if "all" in roles else dict.fromkeys(roles)))
