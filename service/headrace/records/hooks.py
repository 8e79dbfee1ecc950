"""What `cursors` holds of a tenant's webhooks: those that were made for it, and what a poller found of them. Pure.

No URL here has a secret in it: those of the tenant's receiver have none.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

HookState: TypeAlias = Literal[
    "ok", "foreign", "missing", "gone", "disabled", "elsewhere", "differs", "unneeded", "other"
]
"""`foreign` does what is needed, but was made by somebody else; `other` is none of our business."""


class OwnHook(Struct, frozen=True):
    """kind `hook` (id at the platform): a webhook that we made, ordered to be about `tells` and to point to `url`."""

    tells: str
    url: str
    made: int


class HookOrder(Struct, frozen=True, omit_defaults=True):
    """kind `hook-order` (what it is about): one is being made since `at`; who finds it adopts it.

    `before` are the ids of those about the same that were there already.
    """

    url: str
    at: int
    before: tuple[str, ...] = ()


class HookFinding(Struct, frozen=True, omit_defaults=True):
    """A webhook that is not as it should be, `since` it was first found so."""

    state: HookState
    tells: str
    since: int
    reason: str = ""


class HookReport(Struct, frozen=True, omit_defaults=True):
    """kind `hooks`: what a poller found when it looked last, `at`; `counts` by state."""

    at: int
    counts: dict[str, int] = {}
    findings: tuple[HookFinding, ...] = ()
