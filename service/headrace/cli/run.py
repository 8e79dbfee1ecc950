"""`headrace run`: the service itself."""

import click

from headrace import app
from headrace.cli._arguments import configuration


@click.command("run")
@click.option(
    "--role",
    "roles",
    type=click.Choice((*app.ROLES, "all")),
    default=("all",),
    multiple=True,
    help="What to run, repeatable; else all of it.",
)
@click.pass_context
def command(ctx: click.Context, roles: tuple[str, ...]) -> None:
    """Run the service until it is told to stop.

    All roles together suit one machine; apart, they scale: as many processes of each as you like, the partitions
    spread over them. SIGTERM (or Ctrl-C) ends it in order; SIGKILL loses nothing either.

    \b
      headrace run                           everything in one process
      headrace run --role receiver           one role, as Kubernetes runs it
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config = configuration(ctx)
    ctx.exit(app.run(config, app.ROLES if "all" in roles else dict.fromkeys(roles)))
