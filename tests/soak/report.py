"""What came of a run, as a page of Markdown."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from tests.soak.alerts import Firing, Kill
from tests.soak.sender import Sent
from tests.soak.vitals import LIMITS, Life

if TYPE_CHECKING:
    from tests.soak.watch import Watch


@dataclass
class Outcome:
    """What came of a run; `wrong` is what must not have happened, by kind."""

    title: str
    seed: int
    watch: "Watch | None" = None
    kills: Sequence[Kill] = ()
    wrong: dict[str, list[str]] = field(default_factory=dict)
    alerts: list[tuple[Firing, str | None]] = field(default_factory=list)
    """Each with the kills that provoked it, None where none did."""
    rows: list[tuple[str, str]] = field(default_factory=list)
    """What else was measured."""
    sent: list[Sent] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)
    settled: float = 0.0
    judged: int = 0
    judging: float = 0.0
    disk: int = 0

    def note(self, kind: str, found: Iterable[str]) -> None:
        """Add what must not have happened, if anything."""
        if some := list(found):
            self.wrong.setdefault(kind, []).extend(some)

    def note_vitals(self, *, flat: bool) -> None:
        """Note the breaches of memory and descriptors."""
        for life in self.lives():
            self.note("memory", life.breaches(flat=flat))

    def lives(self) -> list[Life]:
        """Return the processes of the service, in order."""
        return sorted(self.watch.lives.values(), key=lambda life: life.name) if self.watch else []


def page(outcome: Outcome) -> str:
    """Return the whole page."""
    verdict = "FAILED" if outcome.wrong else "all held"
    parts = [f"# {outcome.title}: {verdict}", f"Seed {outcome.seed}.", _table(("what", "measured"), _measured(outcome))]
    lives = list(_lives(outcome))
    parts += ["## Processes", _table(_LIFE, lives)]
    if outcome.kills:
        parts += ["## Kills", _table(("killed", "times", "back after, s: median, longest"), _kills(outcome.kills))]
    alerts = [
        (str(firing), f"{firing.until - firing.since:.0f}", why or "**nothing**") for firing, why in outcome.alerts
    ]
    parts += ["## Alerts", _table(("alert", "fired for, s", "provoked by"), alerts) if alerts else "None fired."]
    if outcome.wrong:
        parts += ["## What is wrong", *_wrong(outcome)]
    return "\n\n".join(parts) + "\n"


def _wrong(outcome: Outcome) -> Iterator[str]:
    for kind, found in outcome.wrong.items():
        yield "\n".join(f"- **{kind}**: {each}" for each in found)


_LIFE = ("process", "s", "MiB, highest", "limit", "MiB a minute", "fds, highest", "fds a minute")


def _measured(outcome: Outcome) -> Iterator[tuple[str, str]]:
    answers: Counter[str] = Counter()
    for sent in outcome.sent:
        answers.update(sent.answers)
    yield "facts offered by webhook", f"{sum(sent.offered for sent in outcome.sent):,}"
    yield "of these accepted", f"{sum(sent.accepted for sent in outcome.sent):,}"
    yield "answers", ", ".join(f"{word}: {count:,}" for word, count in sorted(answers.items()))
    yield "events published", f"{outcome.judged:,}"
    yield "fates of raw records", ", ".join(f"{fate} {count:,}" for fate, count in outcome.fates.items() if count)
    yield "most lag", f"{outcome.watch.most_lag if outcome.watch else 0:,.0f} raw records"
    yield "settled after the load, s", f"{outcome.settled:.0f}"
    yield "judged in, s", f"{outcome.judging:.0f} ({outcome.judged / max(outcome.judging, 0.001):,.0f} events a second)"
    yield (
        "disk, three replicas",
        f"{outcome.disk / 1e6:,.0f} MB ({outcome.disk / max(outcome.judged, 1):,.0f} bytes an event)",
    )
    yield from outcome.rows


def _lives(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    for life in outcome.lives():
        most = max((sample.descriptors for sample in life.samples), default=0)
        flat = (f"{life.slope:+.1f}", f"{life.descriptors:+.1f}") if life.seconds > 60 else ("", "")
        size, limit = f"{life.highest:.0f}", str(LIMITS[life.role])
        yield life.name, f"{life.seconds:.0f}", size, limit, flat[0], str(most), flat[1]


def _kills(kills: Sequence[Kill]) -> Iterator[tuple[str, ...]]:
    for victim in sorted({kill.victim for kill in kills}):
        back = [kill.back for kill in kills if kill.victim == victim]
        yield victim, str(len(back)), f"{median(back):.0f}, {max(back):.0f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
