"""The command line: one module a command, imported only when it is called, so that help is fast."""

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from headrace import __version__

__all__ = ["main", "takes_color"]

_SECTIONS: Final = {
    "Run it": {
        "run": "run the service: everything, or the roles you name",
        "init": "write a configuration to begin with, for the platforms that you name",
        "check": "show what is wrong with the configuration; --online: with all that it names",
        "topics": "create the Kafka topics, show what is there, or print their ACLs",
        "schemas": "register the schemas of the topics at a schema registry",
        "demo": "play a scenario of three platforms through an embedded broker",
    },
    "Feed it": {
        "leads": "choose the leads to poll, where a platform is read lead by lead",
        "backfill": "read a bounded time of a platform once more",
        "fetch": "fetch one record from its platform, by its id",
        "ingest": "ingest files: API pages, rows, webhook bodies",
        "redrive": "send dead letters back to be read again",
        "replay": "show what other tables would make of published events, and publish it",
        "hooks": "register webhooks at the platforms, and show what is registered",
        "spool": "show the deliveries that wait for Kafka, or drain them by hand",
    },
    "Look into it": {
        "console": "serve a page: what flows, what is wrong, one event with all that made it",
        "status": "show how things stand with every tenant, and what needs somebody",
        "feeds": "show how far each feed has been read, and what is wrong with it",
        "ledger": "show what webhooks or polling lost, hour by hour",
        "explain": "explain what would become of a file, without publishing",
        "tail": "follow events, or dead letters, as they are published",
        "find": "show what became of one event, or of a lead's events",
        "dead-letters": "list the dead letters that are still open, or show one",
        "taxonomy": "list the words of events, and the native codes without one",
    },
}
_COMMANDS: Final = [name for section in _SECTIONS.values() for name in section]


class _Commands(click.Group):
    """The commands by section; each is the `command` of the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Return the names in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; an unknown name ends the program with a suggestion."""
        if cmd_name in _COMMANDS:
            command: click.Command = importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}").command
            _take_configuration(command)
            return command
        if not cmd_name.startswith("-"):
            near = difflib.get_close_matches(cmd_name, _COMMANDS, n=1)
            ctx.fail(f'there is no command "{cmd_name}"' + (f'; did you mean "{near[0]}"?' if near else ""))
        return None

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the program. Where nobody reads a help page, click puts another stdout in its place and ends with 1."""
        _open_closed_streams()
        stdout = sys.stdout
        try:
            return super().main(*args, **options)
        except OSError as error:
            sys.exit(_unwritten(error))
        except SystemExit:
            if sys.stdout is not stdout:
                sys.exit(0)
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what an error quotes from outside is escaped, its lines end between words."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            from headrace.cli._formatting import error_text  # noqa: PLC0415  (help imports nothing)
            from headrace.observe.escapes import escaped_lines  # noqa: PLC0415  (as above)

            begins = len("Error: ") + len(error.format_message()) - len(error.message)
            error.message = error_text(escaped_lines(error.message), begins)  # type: ignore[misc]  # the same error, made safe
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  (as above)
        """Write the sections without importing their commands."""
        for section, commands in _SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(list(commands.items()))


def _open_closed_streams() -> None:
    """Open /dev/null for streams that are closed (`headrace run >&-`), before a file of ours takes their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  (open as long as we are)


def _unwritten(error: OSError) -> int:
    """Return the exit code where click could not print a page of its own. Raises `error` where it was not that."""
    from headrace.cli._output import failed  # noqa: PLC0415  (help imports nothing)

    *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
    if frame.f_globals["__name__"] != click.utils.__name__:
        raise error
    try:
        failed(error)
    except click.ClickException as refused:
        refused.show()
        return 1
    return 0


def use_configuration(ctx: click.Context, _: click.Parameter | None, file: Path | None) -> Path | None:
    """Take the configuration file that is named, wherever it stands on the command line; a second one is an error."""
    root = ctx.find_root()
    if file is not None and root.obj not in (None, file):
        raise click.UsageError(f"two configuration files are named, {root.obj} and {file}: name one")
    root.obj = file or root.obj
    return file


def _use_each(ctx: click.Context, parameter: click.Parameter, files: Sequence[Path]) -> None:
    for file in files:
        use_configuration(ctx, parameter, file)


def _take_configuration(command: click.Command) -> None:
    """Let a command and those below it take -c as the program does: people write it behind the command, too."""
    if not any(parameter.name == "config" for parameter in command.params):
        command.params.append(
            click.Option(
                ["-c", "--config"],
                type=click.Path(path_type=Path),
                metavar="FILE",
                expose_value=False,
                multiple=True,
                callback=_use_each,
                help="The configuration file.",
            )
        )
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        _take_configuration(below)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Help for a command: headrace COMMAND --help",
)
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    expose_value=False,
    multiple=True,
    callback=_use_each,
    help="The configuration file; default: the one named by HEADRACE_CONFIG, else ./headrace.toml, else none.",
)
@click.version_option(__version__, message="headrace %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """One stream of all that happens to leads on sales platforms: each event once, in one vocabulary.

    \b
    Nothing is needed to try it, not even Kafka:
      headrace explain -p P page.json      what would become of each record
    With Kafka:
      headrace topics apply --profile dev  once
      headrace run                         in one terminal
      headrace tail                        in another
      headrace ingest --provider P --tenant T *.json
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    ctx.color = takes_color()


def takes_color() -> bool | None:
    """Return whether what is printed is coloured; None leaves it to each stream, which is where it is a terminal.

    By https://no-color.org and https://force-color.org: the latter for `headrace status | less -R`.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return None if sys.stdout.isatty() and os.environ.get("TERM") != "dumb" else False
