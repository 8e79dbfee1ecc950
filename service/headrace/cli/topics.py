"""`headrace topics`: create the Kafka topics, or show them."""

import asyncio
from typing import Final

import click

from headrace.cli._arguments import configuration
from headrace.cli._formatting import table
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.cli._output import echo
from headrace.config import Config
from headrace.kafka import topics
from headrace.kafka.admin import Topic
from headrace.kafka.client import KafkaError
from headrace.kafka.topic_rules import DAY_MS, retention_ms

_PROFILES: Final = {"production": "", "dev": "dev"}
_APPLY_SECONDS: Final = 60.0
_TITLES: Final = ("topic", "partitions", "replicas", "kept", "largest record", "")
_RIGHT: Final = ("partitions", "replicas", "kept", "largest record")
_TEN_YEARS_DAYS: Final = 3_650


@click.group("topics")
def command() -> None:
    """Create the Kafka topics, or show them.

    The service itself creates no topic: it checks them when it starts, and refuses to run on settings that would break
    its guarantees.
    """


@command.command("apply", short_help="create the topics that are missing")
@click.option(
    "--profile",
    type=click.Choice(tuple(_PROFILES)),
    default="production",
    show_default=True,
    help="production keeps three copies of everything, dev keeps one: for one broker on one machine.",
)
@click.option(
    "--partitions", metavar="N", type=click.IntRange(1, 10_000), help="Partitions of each topic; default: 12."
)
@click.pass_context
def apply(ctx: click.Context, profile: str, partitions: int | None) -> None:
    """Create the topics that are missing; existing ones are never changed.

    \b
      headrace topics apply --profile dev
      headrace topics apply --partitions 24
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config = configuration(ctx)
    run_with_kafka(config, _apply(config, _PROFILES[profile], partitions))


@command.command("show", short_help="show the topics, and what the service would refuse to run on")
@click.pass_context
def show(ctx: click.Context) -> None:
    """Show the topics as Kafka has them, and what the service would refuse to run on (exit code 1)."""
    config = configuration(ctx)
    if not run_with_kafka(config, _show(config)):
        ctx.exit(1)


async def _apply(config: Config, profile: str, partitions: int | None) -> None:
    await existing_topics(config)
    try:
        async with asyncio.timeout(_APPLY_SECONDS):
            done = await topics.apply(config, profile, partitions)
            present = await topics.describe(config)
    except KafkaError as error:
        hint = "; for a single broker: --profile dev" if "ReplicationFactor" in type(error).__name__ else ""
        raise click.ClickException(f"Kafka refuses: {error}{hint}") from None
    notes = [(wanted.name, "created" if new else "was there") for wanted, new in done]
    table(_TITLES, [_row(present[name], note) for name, note in notes if name in present], right=_RIGHT)


async def _show(config: Config) -> bool:
    """Print the topics; return False where the service would refuse to run on them."""
    await existing_topics(config)
    present = await topics.describe(config)
    names = [config.topic_prefix + name for name in topics.ALL]
    rows = [_row(present[name]) if name in present else (name, "", "", "", "", "missing") for name in names]
    table(_TITLES, rows, right=_RIGHT)
    try:
        await topics.verify(config)
    except topics.UnfitTopics as refused:
        echo(err=True)
        echo(refused, err=True)
        return False
    return True


def _row(topic: Topic, note: str = "") -> tuple[object, ...]:
    days = retention_ms(topic) / DAY_MS
    retention = (
        "for ever" if days > _TEN_YEARS_DAYS or topic.config.get("cleanup.policy") == "compact" else f"{days:g} d"
    )
    size = int(topic.config.get("max.message.bytes") or 0)
    return topic.name, topic.partitions, topic.replicas, retention, f"{size / 2**20:g} MiB", note
