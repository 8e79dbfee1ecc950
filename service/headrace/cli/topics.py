"""`headrace topics`: create the Kafka topics, show them, or print the ACLs on them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import click

from headrace.cli._acl_rows import Granted, commands, kafka_users, rows as acl_rows
from headrace.cli._arguments import configuration
from headrace.cli._formatting import table
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.cli._output import echo, echo_json
from headrace.config import Config
from headrace.core.suggestions import did_you_mean
from headrace.kafka import topics
from headrace.kafka.acls import END_HANGING, ROLES, Acl, acls
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
    """Create the Kafka topics, show them, or print the ACLs on them.

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


@command.command("acls", short_help="print the ACLs that each role needs")
@click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    multiple=True,
    help="Only for these roles, repeatable. viewer: commands that read; operator: all of daily work; creator: apply.",
)
@click.option(
    "--principal",
    "principals",
    metavar="[ROLE=]PRINCIPAL",
    multiple=True,
    help="Who has a role, as the authorizer names it; without ROLE: who has all. Default: User:headrace-ROLE.",
)
@click.option("--end-hanging", is_flag=True, help="Alter on the cluster too: see below.")
@click.option("--json", "as_json", is_flag=True, help="An ACL a line, for programs.")
@click.option("--strimzi", "cluster", metavar="CLUSTER", help="KafkaUser of a cluster that Strimzi runs, as YAML.")
@click.pass_context
def print_acls(  # noqa: PLR0917  (click calls it by names)
    ctx: click.Context,
    roles: Sequence[str],
    principals: Sequence[str],
    end_hanging: bool,  # noqa: FBT001  (click calls it by name)
    as_json: bool,  # noqa: FBT001  (as above)
    cluster: str | None,
) -> None:
    """Print the ACLs that each role needs, and no more, as commands of kafka-acls.sh. Kafka is not called.

    --end-hanging adds Alter on the cluster for normalizer and poller: with it they end transactions that Kafka left
    open after an outage of all brokers; without it they say so, and wait for somebody who may. Whoever may alter the
    cluster may change ACLs.

    \b
      headrace topics acls > acls.sh
      headrace topics acls --role receiver --principal User:CN=receiver,O=acme
      headrace topics acls --principal receiver=User:in --principal operator=User:ann
      headrace topics acls --strimzi my-cluster | kubectl apply -f -
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    if as_json and cluster is not None:
        raise click.UsageError("--json and --strimzi are two forms: choose one")
    config = configuration(ctx)
    roles = roles or ROLES
    granted = _granted(config.topic_prefix, roles, _principals(config.topic_prefix, roles, principals), end_hanging)
    if as_json:
        for row in acl_rows(granted):
            echo_json(row)
        return
    for line in kafka_users(granted, cluster) if cluster else commands(granted, config.kafka.bootstrap_servers):
        echo(line)


def _principals(prefix: str, roles: Iterable[str], named: Iterable[str]) -> dict[str, str]:
    """Return who has each role. A distinguished name has "=" in it, too."""
    stem = prefix.strip("._-").translate(str.maketrans("._", "--")).lower() or "headrace"
    found = {role: f"User:{stem}-{role}" for role in roles}
    for each in sorted(named, key=lambda each: each.partition("=")[0] in ROLES):  # who has all roles comes first
        role, _, principal = each.partition("=")
        if ":" not in role and ":" in principal and role not in ROLES:
            raise click.UsageError(f'--principal {each}: there is no role "{role}"{did_you_mean(role, ROLES)}')
        if role not in ROLES:
            found |= dict.fromkeys(found, each)
        elif role not in found:
            raise click.UsageError(f"--principal {each}: {role} is not among the roles that are asked for")
        else:
            found[role] = principal
    for principal in found.values():
        if ":" not in principal:
            raise click.UsageError(f'"{principal}" is no principal: write User:NAME, as the authorizer does')
    return found


def _granted(prefix: str, roles: Iterable[str], principals: Mapping[str, str], end_hanging: bool) -> list[Granted]:  # noqa: FBT001  (as above)
    """Return what each principal needs, by the order of the roles."""
    of: dict[str, list[str]] = {}
    for role in dict.fromkeys(roles):
        of.setdefault(principals[role], []).append(role)
    found: list[Granted] = []
    for principal, theirs in of.items():
        needed = [acl for role in theirs for acl in acls(role, prefix)]
        needed += [END_HANGING] if end_hanging and {"normalizer", "poller"} & set(theirs) else []
        found.append(Granted(principal, theirs, list({_key(acl): acl for acl in needed}.values())))
    return found


def _key(acl: Acl) -> tuple[object, ...]:
    return acl.kind, acl.name, acl.operation, acl.prefixed


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
