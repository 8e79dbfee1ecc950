"""Faults on demand: what the next answers of a simulated platform are, instead of good ones or done to good ones.

    platform.faults.next(3, "429")                                       # the next three calls
    platform.faults.during(60.0, "json_404")                             # all calls of a minute
    platform.faults.always("500", path="/detail", id="ev_1")             # one detail, for good
    platform.faults.always("html_504", rows_over=50)                     # pages of more than 50 rows
    platform.faults.during(150.0, "unavailable")                         # an outage, told in the platform's own form
    platform.faults.next(1, "500", path="/Retrieve", name="MXServiceUnavailableException")   # or under any name
    platform.faults.next(1, "401")                                       # a blip: the same token is good afterwards
    platform.faults.next(1, "307", location="/elsewhere")                # a redirect; without location: to itself

What lasts is conduct, not a fault: `date_off` (a `Date` header a second ahead or behind), `unknown_path` (what stands
behind a wrong segment of base_url: the platform's own 404, or a gateway's), `heaviest` where a platform has it.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, Final, Literal, get_args

from msgspec import Struct

from headrace_demo.simulators.quota import Form

Kind = Literal[
    "400", "401", "403", "404", "429", "500", "502", "503", "504", "permanent", "unavailable",
    "json_404", "html_404", "html_500", "html_502", "html_503", "html_504", "301", "302", "307", "308",
    "status_error", "html", "truncated", "cut_off", "slow", "reset", "lost", "unanswered", "bad_item",
]  # fmt: skip
"""What goes wrong.

- a number from 400: that status, with the platform's own kind of body. 429 and 503 say when to come back, see `form`;
- `permanent`: an input error that no repetition mends (LeadSquared says so with HTTP 500 and an MX…Exception);
- `unavailable`: 503 in the platform's own form, with its own name for an outage, without Retry-After;
- `json_404`, `html_404`, `html_5…`: the answer of a gateway that does not reach the platform, which counts no call;
- 301 to 308: a redirect to `location`, or to the same URL again. It counts as a call;
- `status_error`: HTTP 200 whose body says that it is an error;
- `html`: HTTP 200 and a page for people;
- `truncated`: half a document, complete as far as HTTP is concerned; `cut_off`: the connection ends within it;
- `slow`: the answer comes after `seconds`;
- `reset`: the connection goes without an answer, nothing was done; `lost`: it goes when all was done;
- `unanswered`: all was done, and nothing comes: after `seconds` the connection goes, unless the caller left before;
- `bad_item`: one row of the next page cannot be decoded; its id stands in `Simulator.spoiled`.
"""

KINDS: Final[frozenset[str]] = frozenset(get_args(Kind))
REDIRECTS: Final = frozenset({"301", "302", "307", "308"})
STATUSES: Final = frozenset(kind for kind in KINDS if kind.isdigit()) - REDIRECTS
FOREVER: Final = -1


class Question(Struct, frozen=True):
    """What faults look at in a call: its path, what it names in path or query, and how many rows (0: it is no list)."""

    path: str
    names: Collection[str] = ()
    rows: int = 0


class Fault(Struct, kw_only=True, omit_defaults=True):
    """One thing that goes wrong with the next `times` calls that it is about, after `after` good ones.

    It is about calls whose path has `path` in it, that name `id` (of a lead, an event or a call, in path or query), and
    that ask for more than `rows_over` rows; each where it is set.
    """

    kind: Kind
    times: int = 1
    path: str = ""
    id: str = ""
    rows_over: int = 0
    after: int = 0
    lasts: float = 0.0
    """Seconds of real time after which it is over; 0 is no limit. It begins when it is added."""
    ends: float = 0.0
    """Set when it is added."""
    seconds: float = 1.0
    """How long a slow answer or none takes; what a 429 or 503 says to wait."""
    form: Form | None = None
    """How Retry-After is written; None is the way of the quota."""
    name: str = ""
    """What the platform's own form calls the error; "": what it calls that status."""
    location: str = ""
    """Where a redirect leads: a URL, or a path."""

    def is_about(self, question: Question, *, page: bool) -> bool:
        """Return whether it may happen to a call (for a `page` of rows or not)."""
        if self.path not in question.path or (self.kind == "bad_item" and not page):
            return False
        if self.rows_over and question.rows <= self.rows_over:
            return False
        return not self.id or self.id.lower() in {name.lower() for name in question.names}


class Faults:
    """The faults to come, in the order in which they were added, and how many have come."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self.coming: Final[list[Fault]] = []
        self.come: Final[Counter[str]] = Counter()
        self._wall: Final = wall

    def next(self, times: int, kind: Kind, **options: Any) -> Fault:
        """Let the next `times` calls go wrong (`FOREVER`: all, until `clear`); the options are fields of `Fault`."""
        fault = Fault(kind=kind, times=times, **options)
        self.add(fault)
        return fault

    def during(self, seconds: float, kind: Kind, **options: Any) -> Fault:
        """Let all calls of the next `seconds` go wrong; the options are fields of `Fault`."""
        return self.next(FOREVER, kind, lasts=seconds, **options)

    def always(self, kind: Kind, **options: Any) -> Fault:
        """Let all calls go wrong, until `clear` or `stop`; the options are fields of `Fault`."""
        return self.next(FOREVER, kind, **options)

    def add(self, fault: Fault) -> None:
        """Let something go wrong."""
        fault.ends = self._wall() + fault.lasts if fault.lasts else 0.0
        self.coming.append(fault)

    def stop(self, fault: Fault) -> None:
        """Let one thing go wrong no more."""
        self.coming[:] = [one for one in self.coming if one is not fault]

    def clear(self) -> None:
        """Let nothing more go wrong."""
        self.coming.clear()

    def take(self, question: Question, *, page: bool) -> Fault | None:
        """Return the fault of a call (for a `page` of rows or not), the oldest that fits, and count it."""
        now = self._wall()
        self.coming[:] = [fault for fault in self.coming if not fault.ends or now < fault.ends]
        for fault in self.coming:
            if not fault.is_about(question, page=page):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            if fault.times > 0:
                fault.times -= 1
                if fault.times == 0:
                    self.stop(fault)
            self.come[fault.kind] += 1
            return fault
        return None
