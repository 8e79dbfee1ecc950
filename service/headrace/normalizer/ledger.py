"""The loss ledger of one raw partition: which facts webhooks told, which polling did, and how much later. Pure.

It counts what is decided on, and changes only with a commit, as marks do: `apply` takes what stands in `seen`, so that
a restart at any commit comes to the same numbers. An hour is closed a settle time after its end by the append times of
raw: then it is reported, and what belongs to it and comes later is no fact of it any more.

What a fact is called, its kind: `<resource>#<code>` as a webhook tells it, `<type> <resource>#<code>` as polling does,
and the types that polling may give it, with | between them, where the two share no id.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from msgspec import Struct, field

from headrace.records.facts import BOTH, POLL, WEBHOOK, CommitFacts, FactSeen, unpack_facts
from headrace.records.hour_report import EDGES, HourReport

MOST_FACTS: Final = 100_000
"""Facts of a partition that one way told and not the other yet, and whose hour is not closed."""
MOST_KINDS: Final = 200
"""Kinds of one hour of a tenant that are reported; facts of further ones are uncounted."""
MOST_HOURS: Final = 48
"""Hours without any fact that are reported at a time."""
Hour = tuple[str, int]
"""Source, and hour."""


class OpenFact(Struct, gc=False):
    """A fact that one way told, at a time (ms)."""

    source: str
    kind: str
    hour: int
    way: int
    at: int


class HourCounts(Struct, gc=False):
    """What is counted of an hour already. `told` are the kinds that webhooks told."""

    both: int = 0
    poll_later: list[int] = field(default_factory=lambda: [0] * (len(EDGES) + 1))
    webhook_later: list[int] = field(default_factory=lambda: [0] * (len(EDGES) + 1))
    webhook_kinds: tuple[str, ...] = ()
    missed: int = 0
    uncounted: int = 0


class Ledger:
    """The hours of a partition that are not closed. `closed` is the last one that is, 0 where none was ever."""

    def __init__(self) -> None:
        self.closed = 0
        self._facts: Final[dict[bytes, OpenFact]] = {}
        self._hours: Final[dict[Hour, HourCounts]] = defaultdict(HourCounts)
        self._unread: list[CommitFacts] = []
        self._forgotten = 0
        """The last hour that was forgotten."""
        self._stale = False
        """Whether something was taken over that is not counted yet."""

    def __len__(self) -> int:
        """Return how many facts wait for the other way."""
        self._read()
        return len(self._facts)

    def apply(self, parts: Iterable[CommitFacts]) -> None:
        """Take over what commits added, oldest first. What closed meanwhile is never unpacked: a restore is fast."""
        self._unread += parts
        if self._unread:
            self.closed = max(self.closed, self._unread[-1].closed)
            self._unread = [part for part in self._unread if part.newest > self.closed]
            self._stale = True

    def find(self, key: bytes) -> OpenFact | None:
        """Return a fact that one way told."""
        if self._stale:
            self._read()
        return self._facts.get(key)

    def due(self, upto: int, sources: Collection[str]) -> bool:
        """Return whether there is anything to report of `sources`, or of others, when hours up to one are closed."""
        self._read()
        return upto > self.closed and bool(sources or any(hour <= upto for _, hour in self._hours))

    def reports(self, upto: int, partition: int, sources: Iterable[str]) -> list[tuple[str, HourReport]]:
        """Return the reports of the hours that close, up to one, each with its source: all hours of `sources`."""
        self._read()
        if upto <= self.closed:
            return []
        alone: dict[Hour, dict[int, dict[str, int]]] = defaultdict(lambda: {WEBHOOK: {}, POLL: {}})
        for fact in self._facts.values():
            if fact.hour <= upto:
                kinds = alone[fact.source, fact.hour][fact.way]
                kinds[fact.kind] = kinds.get(fact.kind, 0) + 1
        hours = dict.fromkeys(key for key in (*self._hours, *alone) if key[1] <= upto)
        if self.closed:
            quiet = range(max(self.closed + 1, upto + 1 - MOST_HOURS), upto + 1)
            hours.update(dict.fromkeys((source, hour) for hour in quiet for source in sources))
        return [
            (source, _report(hour, partition, self._hours.get((source, hour)) or HourCounts(), alone[source, hour]))
            for source, hour in sorted(hours)
        ]

    def _read(self) -> None:
        """Count what was taken over."""
        if not self._stale:
            return
        self._stale = False
        unread, self._unread = self._unread, []
        self._close()
        for part in unread:
            for fact in unpack_facts(part):
                if fact.hour > self.closed:
                    self._count(fact)
            for source, hour, count in part.uncounted:
                if hour > self.closed:
                    self._hours[source, hour].uncounted += count
            for source, hour, count in part.missed:
                if hour > self.closed:
                    self._hours[source, hour].missed += count

    def _close(self) -> None:
        """Forget the hours that are closed."""
        if self._forgotten == self.closed:
            return
        self._forgotten = self.closed
        for key in [key for key, fact in self._facts.items() if fact.hour <= self.closed]:
            del self._facts[key]
        for hour in [hour for hour in self._hours if hour[1] <= self.closed]:
            del self._hours[hour]

    def _count(self, seen: FactSeen) -> None:
        """Count that a way told a fact: the other one may have told it before."""
        hour = self._hours[seen.source, seen.hour]
        known = self._facts.get(seen.key)
        if seen.way == WEBHOOK:
            hour.webhook_kinds = _with(hour.webhook_kinds, seen.kind or (known.kind.partition(" ")[2] if known else ""))
        if known is None:
            self._facts[seen.key] = OpenFact(seen.source, seen.kind, seen.hour, seen.way, seen.at)
        elif known.way | seen.way == BOTH:
            del self._facts[seen.key]
            later = (seen.at - known.at) / 1000 * (1 if seen.way == POLL else -1)
            hour.both += 1
            counts = hour.poll_later if later >= 0 else hour.webhook_later
            counts[bisect_left(EDGES, abs(later))] += 1


def _report(hour: int, partition: int, counts: HourCounts, alone: dict[int, dict[str, int]]) -> HourReport:
    kinds = dict(list(alone[POLL].items())[:MOST_KINDS])
    over = sum(alone[POLL].values()) - sum(kinds.values())
    return HourReport(
        hour=hour,
        partition=partition,
        both=counts.both,
        webhook=sum(alone[WEBHOOK].values()),
        poll=kinds,
        webhook_kinds=counts.webhook_kinds,
        poll_later=_until_last(counts.poll_later),
        webhook_later=_until_last(counts.webhook_later),
        missed=counts.missed,
        uncounted=counts.uncounted + over,
    )


def _until_last(counts: list[int]) -> tuple[int, ...]:
    """Return latenesses without the zeros behind the last."""
    last = max((number for number, count in enumerate(counts) if count), default=-1)
    return tuple(counts[: last + 1])


def _with(known: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """Return the kinds that webhooks told with those of one more fact."""
    if kind in known:
        return known
    kinds = [kind] if "#" in kind else kind.split("|")
    new = tuple(one for one in kinds if one and one not in known)
    return (*known, *new)[:MOST_KINDS] if new else known
