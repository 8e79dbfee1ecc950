"""The loss ledger as it is shown: hours, what each way lost, and how much later it was. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

from msgspec import UNSET, Struct, UnsetType

from headrace.cli._formatting import span
from headrace.core.timestamps import from_millis
from headrace.records.facts import HOUR_MS
from headrace.records.hour_report import EDGES, at_most
from headrace.records.ledger_hour import LedgerHour

_SHARES: Final = {"p50": 0.5, "p95": 0.95}


class HourRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One hour of one tenant, as `--json` writes it. `state` is open until all partitions of raw have reported it.

    `webhooks_lost` and `polling_lost` are shares of all facts. Latenesses are seconds that a share of the facts that
    both ways told was late at most, -1 for more than is measured. `untold` are facts of kinds that no webhook tells.
    """

    source: str
    hour: str
    state: Literal["open", "closed"]
    both: int
    webhook: int
    poll: int
    webhooks_lost: float
    polling_lost: float
    poll_later: dict[str, int]
    webhook_later: dict[str, int]
    missed_by_discovery: int
    uncounted: int
    untold: int = 0
    hole: str | UnsetType = UNSET
    backfill: str = ""


class Cells(NamedTuple):
    """What the table shows of an hour."""

    hour: str
    both: str
    webhook: str
    poll: str
    lost: str
    poll_later: str
    webhook_later: str
    missed: str
    uncounted: str


def hour_rows(source: str, hours: Mapping[int, LedgerHour], since: float) -> Iterator[HourRow]:
    """Yield the hours that begin at a time (s) or later, in their order."""
    for number, hour in sorted(hours.items()):
        if number * HOUR_MS >= since * 1000:
            yield HourRow(
                source=source,
                hour=from_millis(number * HOUR_MS),
                state="closed" if hour.closed else "open",
                both=hour.both,
                webhook=max(0, hour.webhook),
                poll=max(0, hour.poll),
                webhooks_lost=round(hour.webhooks_lost, 5),
                polling_lost=round(hour.polling_lost, 5),
                poll_later=_shares(hour.poll_later),
                webhook_later=_shares(hour.webhook_later),
                missed_by_discovery=hour.missed,
                uncounted=hour.uncounted,
                untold=sum(hour.untold.values()),
                hole=from_millis(hour.hole) if hour.hole else UNSET,
                backfill=hour.backfill,
            )


def cells(row: HourRow) -> Cells:
    """Return what the table shows of an hour; one that is open is marked with an asterisk."""
    facts = row.both + row.webhook + row.poll
    return Cells(
        f"{row.hour[5:10]} {row.hour[11:16]}{'*' if row.state == 'open' else ' '}",
        f"{row.both:,}",
        f"{row.webhook:,}",
        f"{row.poll:,}",
        f"{row.webhooks_lost:.1%}" if facts else "-",
        _later(row.poll_later),
        _later(row.webhook_later),
        f"{row.missed_by_discovery:,}",
        f"{row.uncounted:,}",
    )


def _shares(counts: tuple[int, ...]) -> dict[str, int]:
    found = {name: at_most(counts, share) for name, share in _SHARES.items()}
    return {name: seconds for name, seconds in found.items() if seconds is not None}


def _later(shares: Mapping[str, int]) -> str:
    return " ".join(_edge(seconds) for seconds in shares.values()) or "-"


def _edge(seconds: int) -> str:
    return f">{span(EDGES[-1], 1)}".replace(" ", "") if seconds < 0 else span(seconds, 1).replace(" ", "")
