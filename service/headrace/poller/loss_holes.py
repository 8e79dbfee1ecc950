"""What follows from an hour in which one way lost too many facts: it is said, and read once more where that is wished.

Each closed hour is looked at once. Pure: what is to be stored is handed over together, so that an hour and its
back-fill are remembered both or neither.
"""

from datetime import UTC, datetime
from typing import Final

import structlog
from msgspec.structs import replace

from headrace.poller.backfills import DEFAULT_SHARE, Backfills
from headrace.poller.loss_ledger import LossLedger
from headrace.records.cursors import CursorEntry
from headrace.records.facts import HOUR_MS
from headrace.records.ledger_hour import LedgerHour
from headrace.records.order import StartBackfill
from headrace.sdk.feed import Feed, RowsApart
from headrace.sdk.settings import HoleSettings

_log = structlog.get_logger()


class LossHoles:
    """Looks for holes in the closed hours of a `ledger`. `feed` is the one that is read once more, None of none.

    The hour of a fact is that of its time, and rows are read by when they were created: of the time around an hour so
    much is read as they lie apart. What was published is a duplicate.
    """

    def __init__(
        self, source: str, settings: HoleSettings, *, feed: Feed | None, ledger: LossLedger, backfills: Backfills
    ) -> None:
        self._source: Final = source
        self._settings: Final = settings
        self._feed: Final = feed.name if feed is not None and settings.backfill else None
        self._before, self._after = _apart(feed)
        self._ledger: Final = ledger
        self._backfills: Final = backfills

    def take_unstored(self, now: float) -> list[CursorEntry]:
        """Return what is to be stored of the ledger, and of the back-fills that holes in it have started."""
        started: list[CursorEntry] = []
        for number in self._ledger.take_unjudged():
            hour = self._ledger.hours[number]
            if max(hour.webhooks_lost, hour.polling_lost) > self._settings.holes_over:
                started += self._note(number, hour, int(now * 1000))
        return [*started, *self._ledger.take_unstored()]

    def _note(self, number: int, hour: LedgerHour, now: int) -> list[CursorEntry]:
        """Remember a hole, and start its back-fill; return what is to be stored of that."""
        name, entries = f"hole-{datetime.fromtimestamp(number * HOUR_MS / 1000, UTC):%Y%m%dt%H}", []
        if self._feed is not None:
            begin, end = number * HOUR_MS - self._before, (number + 1) * HOUR_MS + self._after
            order = StartBackfill(name, self._feed, begin, min(end, now), DEFAULT_SHARE)
            entries = self._backfills.start(order, now)
        started = name if self._backfills.get(name) is not None else ""
        self._ledger.note(number, replace(hour, hole=now, backfill=started))
        _log.warning(
            "facts_lost",
            source=self._source,
            hour=number,
            webhooks_lost=round(hour.webhooks_lost, 4),
            polling_lost=round(hour.polling_lost, 4),
            backfill=started or None,
        )
        return entries


def _apart(feed: object) -> tuple[int, int]:
    """Return how long (ms) before and after their facts the rows of a feed may be created."""
    return feed.apart if isinstance(feed, RowsApart) else (0, 0)
