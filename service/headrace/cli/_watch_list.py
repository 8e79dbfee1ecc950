"""What the commands of `headrace leads` share: the ids that they take, reading and writing."""

import contextlib
import sys
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import click

from headrace.cli._kafka_errors import existing_topics
from headrace.cli._lead_files import CannotRead, checked
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.poller.state import TenantState, read_all
from headrace.sdk.settings import PolledTenant

BAR_FROM_LEADS: Final = 2_000
"""Leads from which a progress bar is shown."""


async def read_state(config: Config, account: Account) -> TenantState:
    """Return what is remembered of a tenant."""
    await existing_topics(config, "cursors", "nudges")
    return (await read_all(config)).of(account.source)


async def write_counted(counts: AsyncIterator[int], length: int) -> None:
    """Write, with a progress bar on a terminal where it takes a while."""
    with _bar(length) as move:
        before = 0
        async for done in counts:
            move(done - before)
            before = done


@contextlib.contextmanager
def _bar(length: int) -> Any:
    """Yield what moves a progress bar on."""
    hidden = length < BAR_FROM_LEADS or not sys.stderr.isatty()
    with click.progressbar(length=length, label="leads", file=sys.stderr, show_pos=True, hidden=hidden) as bar:
        yield bar.update


def checked_leads(leads: Iterable[str]) -> list[str]:
    """Return arguments that are ids of leads, each once. Raises `ClickException`."""
    try:
        return list(dict.fromkeys(checked(lead, "LEAD") for lead in leads))
    except CannotRead as reason:
        raise click.ClickException(str(reason)) from None


def canonical(settings: PolledTenant, leads: Iterable[str]) -> list[str]:
    """Return leads as the provider's subjects have them, each once: ids that differ in case are one lead."""
    return list(dict.fromkeys(filter(None, map(settings.canonical_lead, leads))))
