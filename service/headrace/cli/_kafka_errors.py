"""Kafka from the command line: a deadline to answer, and one sentence for each error."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final, TextIO, TypeVar, cast

import click
import structlog

from headrace.cli._output import StandardError
from headrace.config import Config
from headrace.kafka.admin import Topic
from headrace.kafka.client import KafkaError, refusal, why
from headrace.kafka.role_rights import REFUSED
from headrace.kafka.topics import UnfitTopics, describe
from headrace.records.newer_format import NewerFormat

T = TypeVar("T")

_ACLS: Final = (
    "`headrace topics acls` prints the ACLs that are needed: --role viewer for commands that read, operator for those "
    "that write, creator for `topics apply`"
)
ANSWER_SECONDS: Final = 7.0
"""Time within which Kafka must answer; with the time to give up, about ten seconds."""


def run_with_kafka(config: Config, work: Coroutine[Any, Any, T]) -> T:
    """Run work that talks to Kafka and return its result; errors of Kafka end the command with one sentence."""
    silence_client()
    try:
        return asyncio.run(work)
    except (NewerFormat, UnfitTopics) as refused:
        raise click.ClickException(str(refused)) from None
    except REFUSED as error:
        raise click.ClickException(
            f"Kafka refuses what this command does ({type(error).__name__}: {error}); {_ACLS}"
        ) from None
    except (KafkaError, TimeoutError, OSError) as error:
        servers = config.kafka.bootstrap_servers
        raise click.ClickException(
            f"Kafka at {servers} failed in between ({why(error)}): run the command again"
        ) from None


async def existing_topics(config: Config, *names: str) -> list[Topic]:
    """Return topics by their short names, or end the command where Kafka does not answer or one is missing."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            present = await describe(config)
    except REFUSED:
        raise
    except (KafkaError, TimeoutError, OSError) as error:
        raise unreachable(config, error) from None
    full = [config.topic_prefix + name for name in names]
    missing = [name for name in full if name not in present]
    if missing:
        hint = (
            ""
            if config.kafka.security_protocol == "PLAINTEXT"
            else f"; where it exists, this user may not see it: {_ACLS}"
        )
        raise click.ClickException(f"there is no topic {', '.join(missing)}: run `headrace topics apply`{hint}")
    return [present[name] for name in full]


def unreachable(config: Config, error: BaseException) -> click.ClickException:
    """Return the error that Kafka does not answer: at which address, and what to do."""
    return click.ClickException(
        refusal()
        or f"Kafka does not answer at {config.kafka.bootstrap_servers} ({type(error).__name__}): start it, or mend "
        "bootstrap_servers and security_protocol in [kafka] (HEADRACE_KAFKA__BOOTSTRAP_SERVERS and so on)"
    )


def silence_client() -> None:
    """Keep the client's own log out of the command's output: errors are shown as one sentence."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(cast("TextIO", StandardError())))
