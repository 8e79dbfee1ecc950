"""`headrace demo`: play a scenario of three platforms through an embedded broker."""

from typing import Final

import click

from headrace_demo.embedded_broker import BrokerMissing
from headrace_demo.failure import Failed
from headrace_demo.play import play

_INTERRUPTED: Final = 130


@click.command("demo")
@click.option("--seconds", type=click.FloatRange(0), metavar="S", help="End by itself after about so many seconds.")
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed, another crowd.")
@click.pass_context
def command(ctx: click.Context, seconds: float | None, seed: int) -> None:
    """Play traffic of three platforms through Headrace, which publishes each event once.

    Starts a broker and simulated platforms, all on this machine and gone at the end, and the program with all roles
    under a configuration of its own. Signed webhooks, files and polled pages come in, with duplicates, edits, unknown
    codes and broken payloads among them; Kafka goes away for a while. The exit code is 0 only where exactly the events
    were published that should have been. Without --seconds it goes on until Ctrl-C, to be looked at.

    The broker comes with the extra `demo`.

    \b
      headrace demo --seconds 20
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    try:
        if not play(seconds, seed):
            ctx.exit(1)
    except BrokerMissing as error:
        raise click.ClickException(f"{error}: the extra brings it, pip install 'headrace[demo]'") from None
    except (Failed, TimeoutError) as error:
        raise click.ClickException(f"the demo could not be played: {error}") from None
    except KeyboardInterrupt:
        ctx.exit(_INTERRUPTED)
