"""What orders of people left behind in `cursors`: of feeds, of leads that are being read again, of back-fills. Pure.

Times are milliseconds since the epoch.
"""

from typing import Literal

from msgspec import Struct


class EarlierRewind(Struct, frozen=True, omit_defaults=True):
    """Of the rewinds before the last one, which was taken at `rewound`, the moment that reaches furthest back."""

    since: int
    rewound: int
    beyond: bool = False


class FeedOrders(Struct, frozen=True, omit_defaults=True):
    """kind `orders` (feed, "" for the whole tenant): since when it is `paused`, 0 where it is not.

    An order taken at `rewound` reads it again from `since` on, if need be `beyond` the dedupe window; what had not
    begun with the `earlier` ones then, from theirs. One taken at `woken` wakes it, until it is read.
    """

    paused: int = 0
    since: int = 0
    rewound: int = 0
    woken: int = 0
    earlier: EarlierRewind | None = None
    beyond: bool = False


class RewoundPosition(Struct, frozen=True):
    """kind `rewound` (feed, lead): its cursor is one behind the order taken `at` then, whose end it has not reached."""

    at: int


class Backfill(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """kind `backfill` (id): a feed is read once more, rows of `since` until before `until`, at a `share` of the budget.

    It was `ordered` then, `began`, and `ended` (0: not yet). All before `covered` is read; of a feed by lead, `lead` is
    the last one that was read, `done` of them of a `total`. `cursor` is where the reading that goes on has got to. It
    made so many `calls` and brought so many `events`. The platform does not know `gone` leads (any more); `left_out`
    could not be read, `code` and `sentence` say why, or why the last turn failed: so many `failures` in a row. So many
    rows, parts of rows or whole codes were `given_up`; `unread` says what these settings do not show. Where it is not
    to go `beyond` the dedupe window, what is older than `forgotten` is read no more.
    """

    feed: str
    since: int
    until: int
    share: float
    ordered: int
    began: int = 0
    ended: int = 0
    outcome: Literal["", "done", "partial", "cancelled"] = ""
    covered: int = 0
    lead: str = ""
    cursor: bytes = b""
    done: int = 0
    total: int = 0
    calls: int = 0
    events: int = 0
    gone: int = 0
    left_out: int = 0
    given_up: int = 0
    unread: str = ""
    failures: int = 0
    code: str = ""
    sentence: str = ""
    beyond: bool = False
    forgotten: int = 0
