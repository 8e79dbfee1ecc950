"""What a poller remembers, as the records of its partition of `cursors` say. Memory follows the log."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final, NamedTuple

from headrace.config import Config
from headrace.kafka.consumer import read
from headrace.poller.budget import LEASE_SECONDS
from headrace.poller.held_leads import SharedNames
from headrace.poller.mass_drop import DropBound
from headrace.poller.positions import Positions
from headrace.poller.watched_leads import WatchedLeads
from headrace.records.cursors import (
    CursorEntry,
    CursorValue,
    DroppedLead,
    FeedNote,
    FeedState,
    NudgeGap,
    NudgePosition,
    OpenNudge,
    PlatformFact,
    Resting,
    SealedTokens,
    SearchPosition,
    Spending,
    Standing,
    TopicId,
    decode,
)
from headrace.records.hooks import HookOrder, HookReport, OwnHook
from headrace.records.ledger_hour import LedgerHour, WebhookKinds
from headrace.records.ordered import Backfill, FeedOrders, RewoundPosition


class TenantState:
    """What is remembered of one tenant. Positions are by feed and lead, "" where the feed is not read by lead."""

    def __init__(self) -> None:
        names = SharedNames()
        self.positions: Final = Positions(names)
        self.leads: Final = WatchedLeads(names)
        self.dropped: Final[dict[str, DroppedLead]] = {}
        """May hold leads that are watched again, until somebody tidies up."""
        self.drops: Final = DropBound()
        self.facts: Final[dict[str, PlatformFact]] = {}
        self.notes: Final[dict[tuple[str, str], FeedNote]] = {}
        """By feed and key."""
        self.feeds: Final[dict[str, FeedState]] = {}
        self.resting: Final[dict[str, Resting]] = {}
        """By feed."""
        self.nudges: Final[dict[tuple[str, str], OpenNudge]] = {}
        self.orders: Final[dict[str, FeedOrders]] = {}
        self.rewound: Final[dict[tuple[str, str], RewoundPosition]] = {}
        self.backfills: Final[dict[str, Backfill]] = {}
        """By id."""
        self.hooks: Final[dict[str, OwnHook]] = {}
        """By id at the platform."""
        self.hook_orders: Final[dict[str, HookOrder]] = {}
        self.hook_report: HookReport | None = None
        self._named: Final[Mapping[str, MutableMapping[str, Any]]] = {
            "lead": self.leads,
            "dropped": self.dropped,
            "fact": self.facts,
            "state": self.feeds,
            "resting": self.resting,
            "orders": self.orders,
            "backfill": self.backfills,
            "hook": self.hooks,
            "hook-order": self.hook_orders,
        }
        self._named_twice: Final[Mapping[str, MutableMapping[tuple[str, str], Any]]] = {
            "cursor": self.positions,
            "note": self.notes,
            "nudge": self.nudges,
            "rewound": self.rewound,
        }
        self.token: SealedTokens | None = None
        self.minted: SealedTokens | None = None
        """New tokens that `cursors` did not take yet: nobody else has them."""
        self.spending: Spending | None = None
        self.standing = Standing()
        self.hours: Final[dict[int, LedgerHour]] = {}
        """The loss ledger, by hours since the epoch."""
        self.webhook_kinds = WebhookKinds({})

    @property
    def newest(self) -> float:
        """The newest time (seconds) that pollers have stored of it as theirs, 0 where they have stored none."""
        token = self.token or SealedTokens("")
        stored = [token.minted, token.intent, self.positions.newest]
        stored += [feed.tried for feed in self.feeds.values()]
        stored += [moment for nudge in self.nudges.values() for moment in (nudge.came, nudge.looked, nudge.ended)]
        stored += [moment for one in self.orders.values() for moment in (one.paused, one.rewound, one.woken)]
        leased = self.spending.until - LEASE_SECONDS if self.spending else 0.0
        return max(leased, *(moment / 1000 for moment in stored))

    def longest_unread(self, feed: str, leads: Iterable[str], unnamed: int = 0) -> int:
        """Return when (ms) the lead was read that was read longest ago; 0 where there is no lead.

        A lead that was never read counts from when it was named, or from `unnamed` where nobody knows that.
        """
        return min(filter(None, (self.unread_since(feed, lead, unnamed) for lead in leads)), default=0)

    def read_at(self, feed: str, lead: str) -> int:
        """Return when (ms) the last turn of a lead began that read it to its end, 0 where there was none."""
        return self.positions.read_at(feed, lead)

    def unread_since(self, feed: str, lead: str, unnamed: int = 0) -> int:
        """Return when (ms) a lead was last read, or from when it counts as `longest_unread` says."""
        return self.positions.read_at(feed, lead) or self.leads.added(lead) or unnamed

    def apply(self, one: CursorEntry) -> None:
        """Take over one entry."""
        value = one.value
        match one.kind:
            case "ledger":
                _put(self.hours, int(one.names[0]), value)
            case "kinds":
                self.webhook_kinds = value if isinstance(value, WebhookKinds) else WebhookKinds({})
            case "token":
                self.token = value if isinstance(value, SealedTokens) else None
            case "spent":
                self.spending = value if isinstance(value, Spending) else None
            case "hooks":
                self.hook_report = value if isinstance(value, HookReport) else None
            case "standing":
                self.standing = value if isinstance(value, Standing) else Standing()
            case kind if kind in self._named:
                _put(self._named[kind], one.names[0], value)
                self.drops.take(one)
            case kind if kind in self._named_twice:
                _put(self._named_twice[kind], (one.names[0], one.names[1]), value)


class WrittenRecord(NamedTuple):
    """A record of `cursors` and where it stands."""

    offset: int
    key: bytes
    value: bytes


class PartitionState:
    """What is remembered in one partition of `cursors`.

    `searched` is the next offset to search for leads, by partition of `events`, `nudged` the next one to read, by
    partition of `nudges`; `topics` holds the ids of the topics that these belong to, `gaps` what was gone of `nudges`,
    by partition and offset. `read_to` is how far the log was read, `known_at` (monotonic seconds) when all of it was
    known, `last` the newest record in it that we wrote since, `written` how many records we wrote in all.
    """

    def __init__(self) -> None:
        self.tenants: Final[dict[str, TenantState]] = {}
        self.searched: Final[dict[int, int]] = {}
        self.nudged: Final[dict[int, int]] = {}
        self.topics: Final[dict[str, str]] = {}
        self.gaps: Final[dict[tuple[int, int], NudgeGap]] = {}
        self.read_to = 0
        self.known_at = float("-inf")
        self.written = 0
        self.last: WrittenRecord | None = None

    def forget(self) -> None:
        """Begin without memory: what it was made of does not stand in the log."""
        for remembered in (self.tenants, self.searched, self.nudged, self.topics, self.gaps):
            remembered.clear()
        self.read_to, self.last = 0, None

    def of(self, source: str) -> TenantState:
        """Return what is remembered of a tenant."""
        return self.tenants.setdefault(source, TenantState())

    def apply(self, entries: Iterable[CursorEntry]) -> None:
        """Take over entries, in their order in the log."""
        for one in entries:
            match one.value:
                case SearchPosition(offset=offset):
                    self.searched[int(one.names[0])] = offset
                case NudgePosition(offset=offset):
                    self.nudged[int(one.names[0])] = offset
                case TopicId(id=found):
                    self.topics[one.names[0]] = found
                case NudgeGap() as gap:
                    self.gaps[int(one.names[0]), int(one.names[1])] = gap
                case _ if one.source:  # a barrier belongs to nobody
                    self.of(one.source).apply(one)


async def read_all(config: Config) -> PartitionState:
    """Return what is remembered of all tenants, read from outside a poller. Tokens stay sealed.

    Raises `KafkaError`, `TimeoutError`, and `NewerFormat` where a newer Headrace wrote.
    """
    state = PartitionState()
    async for record in read(config.kafka, f"{config.topic_prefix}cursors"):
        state.apply([decode(record.key or b"", record.value or b"")])
    return state


def _put(values: MutableMapping[Any, Any], key: object, value: CursorValue | None) -> None:
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value
