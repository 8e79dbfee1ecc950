"""The access token that a poller stored, for commands that call a platform beside it.

They mint none: only the poller that owns the tenant does, for each mint makes the refresh token before it void.
"""

import time
from typing import Final

from headrace.poller.oauth_tokens import CannotOpen, TokenSealer
from headrace.poller.platform_client import PlatformClient
from headrace.poller.state import TenantState
from headrace.sdk.faults import Denied

SOON_SECONDS: Final = 30.0
"""An access token that expires within that is not used any more."""


def current_token(state: TenantState, client: PlatformClient) -> str | None:
    """Return the stored access token, None where none is needed. Raises `Denied` where there is none that holds."""
    if client.api.tokens is None:
        return None
    stored = state.token
    if stored is None or stored.expires / 1000 < time.time() + SOON_SECONDS:
        raise Denied("there is no access token that holds: the poller mints them, is it running?")
    try:
        return TokenSealer(client.settings.token_key or "").open(stored.sealed).access
    except CannotOpen as error:
        raise Denied(f"{error}: give the key that sealed them as a further line of token_key") from None
