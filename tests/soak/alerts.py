"""The alerts that fired against those that kills provoke."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple


class Kill(NamedTuple):
    """What was killed, and when (seconds since the epoch); `back` is how long it took until it was as before."""

    at: float
    victim: str
    back: float = 0.0


class Firing(NamedTuple):
    """An alert that fired: its name, the labels that tell it from others, and when it did (seconds since the epoch)."""

    name: str
    labels: tuple[tuple[str, str], ...]
    since: float
    until: float

    def __str__(self) -> str:
        about = ", ".join(f"{name} {value}" for name, value in self.labels)
        return f"{self.name} ({about})" if about else self.name


class Provocation(NamedTuple):
    """Which alert so many kills provoke, within so many seconds behind them; of its own instance, or of any."""

    alert: str
    kills: int
    within: float
    why: str
    own: bool = False


PROVOCATIONS: Final = (
    Provocation("HeadraceRestartLoop", 3, 1_830.0, "started again more than twice within half an hour", own=True),
    Provocation("HeadraceWebhooksLate1h", 1, 600.0, "what waited for a take-over or a broker came late"),
    Provocation("HeadraceWebhooksLate6h", 1, 2_700.0, "what waited for a take-over or a broker came late"),
    Provocation("HeadraceWebhooksLate1d", 1, 10_800.0, "what waited for a take-over or a broker came late"),
    Provocation("HeadraceWebhooksLate3d", 1, 25_200.0, "what waited for a take-over or a broker came late"),
)
_TOLD_ANYWAY: Final = {"alertname", "alertstate", "severity", "__name__", "job", "role"}


def reason(firing: Firing, kills: Sequence[Kill]) -> str | None:
    """Return which kills provoked an alert; None where none did."""
    instance = dict(firing.labels).get("instance")
    for each in PROVOCATIONS:
        if each.alert != firing.name:
            continue
        behind = [
            kill
            for kill in kills
            if 0 <= firing.since - kill.at <= each.within and (not each.own or kill.victim == instance)
        ]
        if len(behind) >= each.kills:
            return f"{each.why}: {', '.join(dict.fromkeys(kill.victim for kill in behind[-5:]))}"
    return None


def firings(series: Iterable[dict[str, Any]]) -> list[Firing]:
    """Read the answer of Prometheus to a query of ALERTS over a time."""
    found = []
    for one in series:
        labels = tuple(sorted((name, value) for name, value in one["metric"].items() if name not in _TOLD_ANYWAY))
        times = [float(at) for at, _ in one["values"]]
        found.append(Firing(one["metric"]["alertname"], labels, times[0], times[-1]))
    return sorted(found, key=lambda firing: firing.since)
