"""Three accounts that are polled, in time as it goes: what happens on them, and what must be published of it."""

import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from headrace_demo import senders
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.history import History, Shape
from headrace_demo.simulators.ledger import Plan
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.server import Simulator

TENANT: Final = "polled"
SHARES: Final = {"outreach": 0.2, "leadsquared": 0.02, "leadping": 0.03}
"""Parts of all events; the rest comes by webhook alone. LeadSquared's come by webhook as well.

Of LeadSquared each reading reads five minutes again: with more rows in these than a stream remembers, most are appended
once more, and duplicates would be the load. Of Outreach, too: so it is read once a minute, and of its 60,000 rows of
five minutes most come five times.
"""
LATE_BY: Final = 10.0
_MODULES: Final[dict[str, Any]] = {"outreach": outreach, "leadsquared": leadsquared, "leadping": leadping}
_LEADS: Final = 2_000
_CODES: Final = [22, 21, 203, 12000, 2, 3002]
_BUDGET: Final = {"budget.per_window": 2_000, "budget.window": "1s"}
_KEYS: Final[dict[str, dict[str, object]]] = {
    "outreach": {"events.every": "60s", "events.page_size": 1000},
    "leadsquared": {
        "feeds": ["activities-by-code"],
        "activities_by_code.every": "5s",
        "activities_by_code.codes": _CODES,
        "budget.per_day": 100_000_000,
    },
    "leadping": {"feeds": ["tenant-events"], "tenant_events.every": "5s", "organization": "org_1"},
}
_OVERLAYS: Final = {
    "leadsquared": '[[row]]\ncode = "203"\ntype = "custom.logged"\n',
    "leadping": '[[row]]\ntable = "automation"\ncode = "lead.hot"\ntype = "custom.logged"\nreach = "only"\n',
}
"""Rows for the codes that no built-in table can have: without them alerts tell of them, which no kill provoked."""


class Punctual(leadsquared.History):
    """Activities that are never modified before they are created, as on the platform one in fifty is.

    Such a row counts as an hour late. A webhook tells some; the others come with the look-back, which an account of
    so many rows reads every half an hour: no end of a soak waits for that.
    """

    def modified(self, plan: Plan, version: int) -> float:
        """Return ModifiedOn."""
        return plan.moves[version].at


class Span(NamedTuple):
    """What happens: so many events a second in all, for `seconds` from `start` on (seconds since the epoch)."""

    seed: int
    rate: float
    start: int
    seconds: float


def history(provider: str, span: Span) -> History:
    """Return what happens at a platform; every row has one version, one in twenty is shown late."""
    shape = Shape(start=float(span.start), span=span.seconds, late=0.05, late_by=LATE_BY, edits=0)
    count = max(1, int(span.rate * span.seconds * SHARES[provider]))
    kind = Punctual if provider == "leadsquared" else _MODULES[provider].History
    made: History = kind(span.seed, count, leads=_LEADS, shape=shape)
    return made


def simulator(provider: str, span: Span) -> Simulator:
    """Return a platform whose clock is ours."""
    made: Simulator = _MODULES[provider].Simulator(
        history(provider, span), clock=Clock(time.time(), speed=1.0), allowance=Allowance()
    )
    if isinstance(made, leadsquared.Simulator):
        made.conduct.system_codes = "served"
    return made


def sender(provider: str) -> senders.Sender:
    """Return the account as a sender of webhooks."""
    return senders.make(provider, tenant=TENANT)


def mapped(provider: str, home: Path) -> dict[str, str]:
    """Write the overlay of a provider's accounts, if it has one; return the key that names it."""
    if provider not in _OVERLAYS:
        return {}
    file = home / f"{provider}.overlay.toml"
    file.write_text(_OVERLAYS[provider])
    return {"mapping": str(file)}


def tenants(urls: dict[str, str], home: Path) -> str:
    """Return the configuration of the accounts, whose platforms are served at these URLs."""
    tables = []
    for provider, url in urls.items():
        keys: dict[str, object] = {"base_url": url, "polling": True} | _credentials(provider) | _BUDGET
        keys |= _KEYS[provider] | mapped(provider, home)
        tables.append(senders.toml(sender(provider), **keys))
    return "\n".join(tables)


def _credentials(provider: str) -> dict[str, object]:
    empty: Simulator = _MODULES[provider].Simulator(_MODULES[provider].History(0, 1, leads=1))
    return empty.credentials()
