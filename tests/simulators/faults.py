"""Faults on demand: what the next answers of a simulated platform are, instead of good ones or done to good ones."""

from collections import Counter
from typing import Final, Literal, get_args

from msgspec import Struct

from tests.simulators.quota import Form

Kind = Literal[
    "400", "401", "403", "404", "429", "500", "502", "503",
    "permanent", "status_error", "html", "truncated", "cut_off", "slow", "reset", "lost", "bad_item",
]  # fmt: skip
"""What goes wrong.

- a number: that status, with the platform's own kind of body. 429 and 503 say when to come back, see `form`;
- `permanent`: an input error that no repetition mends (LeadSquared says so with HTTP 500 and an MX…Exception);
- `status_error`: HTTP 200 whose body says that it is an error;
- `html`: HTTP 200 and a page for people;
- `truncated`: half a document, complete as far as HTTP is concerned; `cut_off`: the connection ends within it;
- `slow`: the answer comes after `seconds`;
- `reset`: the connection goes without an answer, nothing was done; `lost`: it goes when all was done;
- `bad_item`: one row of the next page cannot be decoded; its id stands in `Simulator.spoiled`.
"""

KINDS: Final[frozenset[str]] = frozenset(get_args(Kind))
STATUSES: Final = frozenset(kind for kind in KINDS if kind.isdigit())
FOREVER: Final = -1


class Fault(Struct, kw_only=True, omit_defaults=True):
    """One thing that goes wrong with the next `times` calls whose path has `path` in it, after `after` good ones."""

    kind: Kind
    times: int = 1
    path: str = ""
    after: int = 0
    seconds: float = 1.0
    """How long a slow answer takes; what a 429 or 503 says to wait."""
    form: Form | None = None
    """How Retry-After is written; None is the way of the quota."""


class Faults:
    """The faults to come, in the order in which they were added, and how many have come."""

    def __init__(self) -> None:
        self.coming: Final[list[Fault]] = []
        self.come: Final[Counter[str]] = Counter()

    def next(
        self,
        times: int,
        kind: Kind,
        *,
        path: str = "",
        after: int = 0,
        seconds: float = 1.0,
        form: Form | None = None,
    ) -> Fault:
        """Let the next `times` calls go wrong (`FOREVER`: all, until `clear`)."""
        fault = Fault(kind=kind, times=times, path=path, after=after, seconds=seconds, form=form)
        self.add(fault)
        return fault

    def add(self, fault: Fault) -> None:
        """Let something go wrong."""
        self.coming.append(fault)

    def clear(self) -> None:
        """Let nothing more go wrong."""
        self.coming.clear()

    def take(self, path: str, *, page: bool) -> Fault | None:
        """Return the fault of a call (for a `page` of rows or not), the oldest that fits, and count it."""
        for fault in self.coming:
            if fault.path not in path or (fault.kind == "bad_item" and not page):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            if fault.times > 0:
                fault.times -= 1
                if fault.times == 0:
                    self.coming.remove(fault)
            self.come[fault.kind] += 1
            return fault
        return None
