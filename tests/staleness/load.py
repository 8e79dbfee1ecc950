"""What happens at the modelled platforms: rows of leads, and what becomes of them later. Made of a seed.

Times are seconds; 0 is the midnight in which the model begins.
"""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

DAY: Final = 86_400.0
HOURS: Final = (2, 1, 1, 1, 2, 4, 10, 25, 55, 85, 100, 95, 70, 80, 100, 100, 85, 60, 40, 28, 18, 12, 7, 4)
"""Weight of each hour of a day: office hours of one country, a dip at noon."""
CAMPAIGNS: Final = ((9.5, 0.03), (14.0, 0.03))
"""Rows that people send to many leads at once: the hour at which that begins, its share of a day's rows."""
CAMPAIGN_SECONDS: Final = 900.0
LEAD_SIGMA: Final = 1.6
"""Of the log-normal weights of leads: one in a hundred has a quarter of all events, one in ten two thirds."""
CODES: Final = 40
"""Kinds of rows; the share of the n-th is as 1/n."""

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


class Kind(NamedTuple):
    """A kind of row: its share, whether it moves on once and how much later (log-normal, s), and its own calls."""

    name: str
    share: float
    median: float = 0.0
    sigma: float = 0.0
    calls: int = 0


KINDS: Final = (
    Kind("message", 0.55, 10.0, 1.5),
    Kind("call", 0.15, 90.0, 1.2, calls=1),
    Kind("other", 0.30),
)
"""A message is delivered, 95 % of them within two minutes; a call ends, half of them within a minute and a half."""


class Load(NamedTuple):
    """Rows by when they were created, and their events: the row itself, then what became of it, beside each other.

    Events of a row are `first[row]` to `first[row + 1]`. `by_lead` has the events of lead n from `lead_at[n]` on.
    """

    created: Floats
    first: Ints
    lead: Ints
    code: Ints
    calls: Ints
    at: Floats
    row: Ints
    by_lead: Ints
    lead_at: Ints
    rows_a_day: Floats
    """Of each lead, on the average."""

    @property
    def leads(self) -> int:
        """How many leads there are."""
        return len(self.rows_a_day)


def a_load(seed: int, *, leads: int, events_a_day: int, begin: float, end: float) -> Load:
    """Return what happens from `begin` to `end`."""
    dice = np.random.default_rng(seed)
    weights = dice.lognormal(0.0, LEAD_SIGMA, leads)
    weights /= weights.sum()
    events_a_row = 1.0 + sum(kind.share for kind in KINDS if kind.median)
    a_day = events_a_day / events_a_row
    created = np.sort(_times(dice, a_day, begin, end))
    count = len(created)
    lead = dice.choice(leads, size=count, p=weights)
    kind = dice.choice(len(KINDS), size=count, p=[kind.share for kind in KINDS])
    moves = np.array([bool(each.median) for each in KINDS])[kind]
    median, sigma = (np.array([getattr(each, name) for each in KINDS])[kind] for name in ("median", "sigma"))
    later = created + np.where(moves, median * np.exp(sigma * dice.standard_normal(count)), 0.0)
    first = np.concatenate(([0], np.cumsum(1 + moves)))
    row = np.repeat(np.arange(count), 1 + moves)
    at = np.where(np.arange(len(row)) == first[row], created[row], later[row])
    by_lead = np.lexsort((at, lead[row]))
    lead_at = np.searchsorted(lead[row][by_lead], np.arange(leads + 1))
    codes = 1.0 / np.arange(1, CODES + 1)
    return Load(
        created=created,
        first=first,
        lead=lead,
        code=dice.choice(CODES, size=count, p=codes / codes.sum()),
        calls=np.array([each.calls for each in KINDS])[kind],
        at=at,
        row=row,
        by_lead=by_lead,
        lead_at=lead_at,
        rows_a_day=weights * a_day,
    )


def _times(dice: np.random.Generator, a_day: float, begin: float, end: float) -> Floats:
    """Return when rows are created, in no order."""
    usual = 1.0 - sum(share for _, share in CAMPAIGNS)
    hours = np.array(HOURS) / sum(HOURS)
    found: list[Floats] = []
    for day in range(int(begin // DAY), int(-(-end // DAY))):
        for hour, share in enumerate(hours):
            found.append(day * DAY + (hour + dice.random(dice.poisson(a_day * usual * share))) * 3600.0)
        for at, share in CAMPAIGNS:
            found.append(day * DAY + at * 3600.0 + dice.random(dice.poisson(a_day * share)) * CAMPAIGN_SECONDS)
    times = np.concatenate(found)
    return times[(times >= begin) & (times < end)]
