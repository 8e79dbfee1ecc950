"""`headrace redrive`: send dead letters back to raw, to be read again after a fix."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click
from msgspec import Struct

from headrace.cli import reach
from headrace.cli.arguments import ProviderType, configuration
from headrace.cli.show import clock, count, table
from headrace.config import Config, seconds
from headrace.door import Envelope, admit, digest_of_bytes, place, read_envelope
from headrace.kafka.log import Appender, Record, read
from headrace.moments import parse
from headrace.providers.base import Provider
from headrace.publish import Out
from headrace_events import DeadLetter, decode_dead_letter

_AT_ONCE: Final = 200


class Moment(click.ParamType):
    """A time such as 2026-08-08T09:00Z, or how long ago, such as 2h."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read a time."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.now(UTC) - timedelta(seconds=seconds(value))
        except ValueError:
            pass
        try:
            return parse(value)
        except ValueError:
            self.fail(f'"{value}" is neither a time such as 2026-08-08T09:00Z nor how long ago, such as 2h', param, ctx)


class Letter(Struct, frozen=True):
    """One dead letter that can go back: what was wrong, how it came in, and its bytes."""

    told: DeadLetter
    envelope: Envelope
    value: bytes


class Asked(Struct, frozen=True, kw_only=True):
    """The options of the command: which letters. Empty means all."""

    reasons: tuple[str, ...]
    provider: Provider | None
    tenant: str | None
    since: datetime | None
    until: datetime | None
    yes: bool

    def wants(self, letter: DeadLetter) -> bool:
        """Say whether a letter is wanted."""
        provider, _, tenant = letter.source[1:].partition("/")
        written = parse(letter.recordedtime)
        return (
            (not self.reasons or letter.problem.code in self.reasons)
            and (self.provider is None or self.provider.name == provider)
            and self.tenant in (None, tenant)
            and (self.since is None or written >= self.since)
            and (self.until is None or written < self.until)
        )


class Found(Struct):
    """What stands on dead-letters: those wanted, by source and bytes; copies of them; what cannot go back."""

    letters: dict[bytes, Letter] = {}
    copies: Counter[tuple[str, str]] = Counter()
    foreign: int = 0
    unknown: Counter[str] = Counter()
    others: Counter[str] = Counter()
