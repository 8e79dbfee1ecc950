"""Calls that a command makes to a tenant's platform, so that its poller counts them in the budget."""

from headrace.config import Config
from headrace.config.tenants import Account


async def count_calls(config: Config, account: Account, calls: int) -> None:
    """Let the budget of a tenant that is polled count calls that are made beside its poller."""
