"""What a replay would change: counts by type, fields, samples; as tables and as JSON."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import asdict

from headrace.normalizer.replay_change import bare, paths

SAMPLES: Final = 3
_MOST_PATHS: Final = 500
"""Paths of one kind that are counted; what a platform sends names many."""
_MOST_LISTED: Final = 20
"""Ids of what cannot be published that stand in the output; `--diff` has all."""
NOT_REMEMBERED: Final = "not_remembered"
PAUSED: Final = "paused"
TOO_LARGE: Final = "too_large"
HINDRANCES: Final = {
    NOT_REMEMBERED: "the id is not remembered any more",
    PAUSED: "the tenant is paused: let it go on first",
    TOO_LARGE: "the record has grown over what raw takes: raise max.message.bytes of raw first",
}
"""Why an event that would be another cannot be published."""

_Json = dict[str, Any]


class ChangeKind(Struct):
    """All changes from one type to another: how many, the paths that each field came, went or changed at, samples."""

    events: int = 0
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    samples: list[str] = []

    def add(self, old: _Json, new: _Json) -> None:
        """Count one change."""
        self.events += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(str(old["id"]))
        before, after = paths(bare(old)), paths(bare(new))
        _count(self.gained, after.keys() - before.keys())
        _count(self.lost, before.keys() - after.keys())
        _count(self.changed, (path for path in before.keys() & after.keys() if before[path] != after[path]))


class Unsendable(Struct):
    """Events that would be others, and cannot be published: how many, and some of their ids."""

    events: int = 0
    ids: list[str] = []


class Findings(Struct):
    """What was found of all events that were compared.

    `changes` are by old and new type, `unsendable` by what hinders. What is in `dead` (by problem) and `dropped` (by
    fate) would be no event any more. `gone` has no raw record left, `foreign` belongs to no tenant that is configured.
    """

    same: int = 0
    changes: dict[tuple[str, str], ChangeKind] = {}
    unsendable: dict[str, Unsendable] = {}
    dead: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    gone: int = 0
    foreign: int = 0

    @property
    def changed(self) -> int:
        """Events that would be others, whether they can be published or not."""
        return sum(kind.events for kind in self.changes.values())

    @property
    def compared(self) -> int:
        """Events whose raw record was read again."""
        return self.same + self.changed + self.dead.total() + self.dropped.total()

    def change(self, old: _Json, new: _Json, hindrance: str = "") -> None:
        """Count an event that would be another, and what hinders its publication: one of `HINDRANCES`, or nothing."""
        self.changes.setdefault((word(old), word(new)), ChangeKind()).add(old, new)
        if hindrance:
            found = self.unsendable.setdefault(hindrance, Unsendable())
            found.events += 1
            if len(found.ids) < _MOST_LISTED:
                found.ids.append(str(old["id"]))

    def by_count(self) -> Iterator[tuple[str, str, ChangeKind]]:
        """Yield the kinds of changes, the most frequent first."""
        for (old, new), kind in sorted(self.changes.items(), key=lambda one: (-one[1].events, one[0])):
            yield old, new, kind

    def as_json(self) -> _Json:
        """Return all of it for other programs."""
        kinds = [
            {
                "old": old,
                "new": new,
                "events": kind.events,
                "gained": dict(kind.gained.most_common()),
                "lost": dict(kind.lost.most_common()),
                "changed": dict(kind.changed.most_common()),
                "samples": kind.samples,
            }
            for old, new, kind in self.by_count()
        ]
        return {
            "compared": self.compared,
            "same": self.same,
            "changed": self.changed,
            "publishable": self.changed - sum(found.events for found in self.unsendable.values()),
            "changes": kinds,
            **{name: asdict(self.unsendable.get(name, Unsendable())) for name in HINDRANCES},
            "dead": dict(self.dead),
            "dropped": dict(self.dropped),
            "gone": self.gone,
            "not_configured": self.foreign,
        }


def word(event: _Json) -> str:
    """Return the word of an event's type."""
    return str(event.get("type", "-")).removeprefix("headrace.").removesuffix(".v1")


def _count(counts: Counter[str], found: Any) -> None:
    for path in found:
        if path in counts or len(counts) < _MOST_PATHS:
            counts[path] += 1
