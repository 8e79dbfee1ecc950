"""Part policy of one tenant: what is believed where a part of a row (its detail, its call) does not come. Pure.

That it does not come says something about this part only where others come: so the last good ones are remembered as
controls. A part that fails alone is asked for in further turns; then its row goes on without it.
"""

from collections import OrderedDict
from typing import Final

from msgspec import Struct

from headrace.sdk.feed import Call

TURNS: Final = 3
"""In so many turns a part was asked for in vain, and its row goes on without it."""
UNPROVEN_SECONDS: Final = 900.0
"""So long it is asked for in any case while no control shows that others come: it is most of all a restart, after which
none is known, that meets an outage."""
CONTROLS: Final = 3
FEW: Final = 3
"""So many different parts that fail, with no good one in between, fail for one reason."""
MOST_SUSPECTS: Final = 1_000
FORGOTTEN_SECONDS: Final = 86_400.0
"""After so long a suspect that was not asked for again makes room for another one."""


class Suspect(Struct):
    """A part that did not come in so many turns, from `since` to `last` (seconds since the epoch).

    `given_up`: its row went on without it.
    """

    since: float
    last: float
    turns: int = 0
    given_up: bool = False


class _Kind(Struct):
    """What is remembered of one kind of parts: controls by id, and the ids that came to nothing since the last good."""

    first: int = 0
    controls: OrderedDict[str, Call] = OrderedDict()
    failed: OrderedDict[str, None] = OrderedDict()
    missed: OrderedDict[str, None] = OrderedDict()


class PartPolicy:
    """What is remembered of the parts of a tenant. Kinds are words of its provider; ids are those of parts."""

    def __init__(self) -> None:
        self._kinds: Final[dict[str, _Kind]] = {}
        self._suspects: Final[OrderedDict[tuple[str, str], Suspect]] = OrderedDict()

    def first(self, kind: str) -> int:
        """Return which of the calls for a part brought the last one."""
        return self._of(kind).first

    def good(self, kind: str, part: str, call: Call, index: int) -> None:
        """Note a part that came, with its call, which was the one at `index`."""
        known = self._of(kind)
        known.first = index
        known.controls[part] = call
        known.controls.move_to_end(part)
        if len(known.controls) > CONTROLS:
            known.controls.popitem(last=False)
        known.failed.clear()
        known.missed.clear()
        self._suspects.pop((kind, part), None)

    def controls(self, kind: str, part: str) -> list[tuple[str, Call]]:
        """Return the ids and calls of other parts that came, the last first."""
        return [(each, call) for each, call in reversed(self._of(kind).controls.items()) if each != part]

    def drop(self, kind: str, part: str) -> None:
        """Forget a control that fails where another one comes."""
        self._of(kind).controls.pop(part, None)

    def settle(self, kind: str, part: str) -> None:
        """Note that it is known what becomes of a part: there is none."""
        self._suspects.pop((kind, part), None)

    def has_none(self, kind: str) -> bool:
        """Return whether this account has no such parts, for all that can be told."""
        return len(self._of(kind).missed) >= FEW

    def fails_alone(self, kind: str, part: str) -> bool:
        """Note a failure of which no control is known; return whether it may be this part's own."""
        failed = self._of(kind).failed
        failed[part] = None
        return len(failed) < FEW

    def turn(self, kind: str, part: str, now: float) -> None:
        """Count a turn in which a part did not come; where too many did not, new ones wait until there is room."""
        if (kind, part) not in self._suspects and not self._has_room(now):
            return
        suspect = self._suspects.setdefault((kind, part), Suspect(now, now))
        suspect.turns += 1
        suspect.last = now
        self._suspects.move_to_end((kind, part))

    def gives_up(self, kind: str, part: str, now: float, *, proven: bool) -> bool:
        """Return whether a row goes on without a part; `proven`: others come. One is asked for no more often then."""
        suspect = self._suspects.get((kind, part))
        if suspect is None or suspect.turns < TURNS:
            return False
        if not proven:
            if now - suspect.since < UNPROVEN_SECONDS:
                return False
            self._of(kind).missed[part] = None
        suspect.given_up = True
        self._suspects.move_to_end((kind, part), last=False)
        return True

    def _has_room(self, now: float) -> bool:
        """Make room for a suspect where one of the others is done with; return whether there is."""
        if len(self._suspects) < MOST_SUSPECTS:
            return True
        key, first = next(iter(self._suspects.items()))
        if first.given_up or now - first.last >= FORGOTTEN_SECONDS:
            del self._suspects[key]
        return len(self._suspects) < MOST_SUSPECTS

    def _of(self, kind: str) -> _Kind:
        if kind not in self._kinds:
            self._kinds[kind] = _Kind(controls=OrderedDict(), failed=OrderedDict(), missed=OrderedDict())
        return self._kinds[kind]
