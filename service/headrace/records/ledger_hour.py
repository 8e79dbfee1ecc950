"""What `cursors` holds of the loss ledger of a tenant: its hours, and what its webhooks tell. Pure."""

from typing import Final

from msgspec import Struct

HOUR_SECONDS: Final = 3_600


class LedgerHour(Struct, frozen=True, omit_defaults=True):
    """kind `ledger` (hour, in whole hours since the epoch): facts that both ways told, and each way alone.

    `partitions` are those of raw that have reported it; it is `closed` (ms) when all have. `untold` are facts that
    polling alone told, of kinds that no webhook told until then. Latenesses are as in `HourReport`. `hole` is when (ms)
    it was found that one way lost too many; `backfill` names the back-fill that was started for it.
    """

    both: int = 0
    webhook: int = 0
    poll: int = 0
    untold: dict[str, int] = {}
    poll_later: tuple[int, ...] = ()
    webhook_later: tuple[int, ...] = ()
    missed: int = 0
    uncounted: int = 0
    partitions: tuple[int, ...] = ()
    closed: int = 0
    hole: int = 0
    backfill: str = ""

    @property
    def facts(self) -> int:
        """How many facts at least one way told."""
        return self.both + self.webhook + self.poll

    @property
    def webhooks_lost(self) -> float:
        """The share of all facts that webhooks did not tell."""
        return max(0, self.poll) / self.facts if self.facts > 0 else 0.0

    @property
    def polling_lost(self) -> float:
        """The share of all facts that polling did not bring."""
        return max(0, self.webhook) / self.facts if self.facts > 0 else 0.0


class WebhookKinds(Struct, frozen=True):
    """kind `kinds`: the kinds of facts that webhooks tell, each with the last hour in which one did."""

    kinds: dict[str, int]
