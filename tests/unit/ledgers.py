"""Loss ledgers of tenants for tests that are about something else."""

from headrace.poller.loss_ledger import LossLedger
from headrace.poller.state import TenantState


def ledger_of(source: str, state: TenantState | None = None, *, partitions: int = 1, now: float = 0.0) -> LossLedger:
    """Return the ledger of a tenant: hours stay open for two hours, and are kept for 30 days."""
    lasting = {"settle": 7_200.0, "window": 30 * 86_400.0}
    return LossLedger(source, state or TenantState(), partitions=partitions, now=now, **lasting)
