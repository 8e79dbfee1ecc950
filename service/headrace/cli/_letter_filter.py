"""Choose dead letters by their problem, their tenant and when they were written."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Final

import click
from msgspec import Struct

from headrace.config import seconds
from headrace.core.timestamps import parse
from headrace.sdk.provider import Provider
from headrace_events import DeadLetter


def moment(text: str) -> datetime:
    """Return a time in UTC, from text such as 2026-08-08T09:00Z, or 2h for two hours ago."""
    with contextlib.suppress(ValueError, OverflowError):
        return datetime.now(UTC) - timedelta(seconds=seconds(text))
    with contextlib.suppress(ValueError):
        return parse(text if ":" in text or "T" in text else f"{text}T00:00")  # a day begins at midnight here
    raise click.BadParameter(f'"{text}" is neither a time such as 2026-08-08T09:00Z nor how long ago, such as 2h')


class LetterFilter(Struct, frozen=True, kw_only=True):
    """Which dead letters are wanted. Empty or None means all."""

    reasons: tuple[str, ...]
    provider: Provider | None
    tenant: str | None
    since: datetime | None
    until: datetime | None

    def wants(self, letter: DeadLetter) -> bool:
        """Return whether a letter is wanted."""
        written = parse(letter.recordedtime)
        return (
            (not self.reasons or letter.problem.code in self.reasons)
            and self.wants_source(letter.source)
            and (self.since is None or written >= self.since)
            and (self.until is None or written < self.until)
        )

    def wants_source(self, source: str) -> bool:
        """Return whether a source is wanted."""
        provider, _, tenant = source[1:].partition("/")
        return (self.provider is None or self.provider.name == provider) and self.tenant in (None, tenant)


EVERY_LETTER: Final = LetterFilter(reasons=(), provider=None, tenant=None, since=None, until=None)
"""The filter that wants all letters."""
