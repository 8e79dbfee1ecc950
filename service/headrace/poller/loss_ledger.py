"""The loss ledger of one tenant: the hours that the normalizers of all raw partitions report, put together. Pure.

Where the two ways share no id, the normalizer counts a fact twice, as one of webhooks alone and one of polling alone:
here it is known which row said the same as which webhook, so that pair is taken off both and counted as told both ways.
Each raw partition reports an hour once, and hours in their order; a report that comes again changes nothing. So the
report of an hour says as well that earlier ones have no more to say, even where it never reported them.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from headrace.poller.state import TenantState
from headrace.records.cursors import CursorEntry, entry, removed
from headrace.records.facts import HOUR_MS
from headrace.records.hour_report import HourReport, sum_of, with_lateness
from headrace.records.ledger_hour import LedgerHour, WebhookKinds

JUDGED_SECONDS: Final = 3_600.0
"""An hour that was closed longer ago was looked at by whoever polled then."""
MOST_UNTOLD: Final = 200
"""Kinds of an hour that polling alone told and no webhook yet; facts of further ones are uncounted."""
MOST_KINDS: Final = 500
"""Kinds of facts of a tenant that are remembered as told by webhooks: beyond it, those told longest ago are not."""


class LossLedger:
    """Changes are to be stored with `take_unstored`. `partitions` is the number of raw partitions.

    `settle` and `window` are in seconds: how long an hour stays open, and for how long it is kept.
    """

    def __init__(
        self, source: str, state: TenantState, *, partitions: int, settle: float, window: float, now: float
    ) -> None:
        self._source: Final = source
        self._partitions: Final = partitions
        self._settle: Final = settle
        self._window: Final = window
        self._hours: Final[dict[int, LedgerHour]] = dict(state.hours)
        self._webhook_kinds: Final[dict[str, int]] = dict(state.webhook_kinds.kinds)
        self._unstored: Final[dict[str, CursorEntry]] = {}
        self._reported: Final[dict[int, int]] = {}
        """The last hour that each partition has reported."""
        for hour, found in self._hours.items():
            self._note_reported(hour, found.partitions)
        self._unjudged: Final = {
            hour for hour, found in self._hours.items() if found.closed and found.closed / 1000 > now - JUDGED_SECONDS
        }

    @property
    def hours(self) -> Mapping[int, LedgerHour]:
        """The hours by their numbers."""
        return self._hours

    @property
    def last_closed(self) -> tuple[int, LedgerHour] | None:
        """The last hour that is closed in all partitions."""
        closed = [hour for hour, found in self._hours.items() if found.closed]
        return (max(closed), self._hours[max(closed)]) if closed else None

    def add(self, report: HourReport, now: float) -> None:
        """Take the report of one raw partition, unless it was taken before or is older than what is kept."""
        if report.partition in self._hours.get(report.hour, LedgerHour()).partitions or report.hour < self._oldest(now):
            return
        self._note_kinds(report)
        before = self._hours.get(report.hour, LedgerHour())
        untold = dict(before.untold)
        for kind, count in report.poll.items():
            untold[kind] = untold.get(kind, 0) + count
        self._note_reported(report.hour, (report.partition,))
        after = replace(
            before,
            both=before.both + report.both,
            webhook=before.webhook + report.webhook,
            untold=untold,
            poll_later=sum_of(before.poll_later, report.poll_later),
            webhook_later=sum_of(before.webhook_later, report.webhook_later),
            missed=before.missed + report.missed,
            uncounted=before.uncounted + report.uncounted,
            partitions=(*before.partitions, report.partition),
        )
        self._close(report.hour, after, now)
        for hour in [hour for hour, found in self._hours.items() if hour < report.hour and not found.closed]:
            self._close(hour, self._hours[hour], now)

    def pair(self, counted: int, row: int | None, later: float | None, now: float) -> None:
        """Note that a row said what a webhook told, which was counted to the hour `counted`.

        `row` is the time (ms) of the row's fact; the row was `later` by so many seconds, or earlier by nobody knows how
        many. Each way's fact has an hour of its own: what was not counted because that was closed is not taken off.
        """
        if not counted:
            return
        of_row = int(now * 1000 if row is None else min(row, now * 1000)) // HOUR_MS
        if self._is_open(counted, now):
            found = self._hours.get(counted, LedgerHour())
            late = found.poll_later if later is None else with_lateness(found.poll_later, max(0.0, later))
            self._store(counted, replace(found, both=found.both + 1, webhook=found.webhook - 1, poll_later=late))
        if self._is_open(of_row, now):
            found = self._hours.get(of_row, LedgerHour())
            self._store(of_row, replace(found, poll=found.poll - 1))

    def _is_open(self, hour: int, now: float) -> bool:
        """Return whether what comes now still belongs to an hour."""
        return now < (hour + 1) * HOUR_MS / 1000 + self._settle

    def take_unjudged(self) -> list[int]:
        """Return the hours that were closed since the last call, and those of which a crash may have kept the rest."""
        unjudged = [hour for hour in sorted(self._unjudged) if hour in self._hours and not self._hours[hour].hole]
        self._unjudged.clear()
        return unjudged

    def note(self, hour: int, found: LedgerHour) -> None:
        """Remember what became of an hour after it was closed."""
        self._store(hour, found)

    def expire(self, now: float) -> None:
        """Forget what is older than the dedupe window."""
        oldest = self._oldest(now)
        for hour in [hour for hour in self._hours if hour < oldest]:
            del self._hours[hour]
            self._unstored[str(hour)] = removed(self._source, LedgerHour, str(hour))
        for kind in [kind for kind, hour in self._webhook_kinds.items() if hour < oldest]:
            self._forget(kind)

    def take_unstored(self) -> list[CursorEntry]:
        """Return what has changed since the last call, to be stored."""
        unstored = list(self._unstored.values())
        self._unstored.clear()
        return unstored

    def _settled(self, hour: LedgerHour) -> LedgerHour:
        """Return an hour with what polling alone told counted, of the kinds that webhooks tell."""
        lost = {kind: count for kind, count in hour.untold.items() if self._webhooks_tell(kind)}
        untold = {kind: count for kind, count in hour.untold.items() if kind not in lost}
        open_kinds = {} if hour.closed else dict(list(untold.items())[:MOST_UNTOLD])
        left = sum(untold.values()) - sum(open_kinds.values())
        if hour.closed:  # no report comes that could tell them
            open_kinds, left = ({"": left} if left else {}), 0
        counted = hour.poll + sum(lost.values())
        return replace(hour, poll=counted, untold=open_kinds, uncounted=hour.uncounted + left)

    def _webhooks_tell(self, kind: str) -> bool:
        """Return whether webhooks tell facts of a kind: by what both ways call it, or by a type that polling gives."""
        type_, _, name = kind.partition(" ")
        return type_ in self._webhook_kinds or name in self._webhook_kinds

    def _note_kinds(self, report: HourReport) -> None:
        """Remember what webhooks tell; hours that are open may hold facts of a kind that is new."""
        new = [kind for kind in report.webhook_kinds if kind not in self._webhook_kinds]
        for kind in report.webhook_kinds:
            self._webhook_kinds[kind] = max(report.hour, self._webhook_kinds.get(kind, 0))
        for kind in sorted(self._webhook_kinds, key=self._webhook_kinds.__getitem__)[
            : max(0, len(self._webhook_kinds) - MOST_KINDS)
        ]:
            del self._webhook_kinds[kind]
        if report.webhook_kinds:
            self._unstored[""] = entry(self._source, WebhookKinds(dict(self._webhook_kinds)))

        for hour, found in list(self._hours.items()) if new else ():
            if found.untold and not found.closed:
                self._store(hour, self._settled(found))

    def _forget(self, kind: str) -> None:
        del self._webhook_kinds[kind]
        self._unstored[""] = entry(self._source, WebhookKinds(dict(self._webhook_kinds)))

    def _note_reported(self, hour: int, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._reported[partition] = max(hour, self._reported.get(partition, 0))

    def _close(self, hour: int, found: LedgerHour, now: float) -> None:
        """Note who has no more to say of an hour; close it where all have not."""
        through = {partition for partition, last in self._reported.items() if last > hour}
        partitions = (*found.partitions, *sorted(through.difference(found.partitions)))
        closed = int(now * 1000) if len(partitions) >= self._partitions else 0
        self._store(hour, self._settled(replace(found, partitions=partitions, closed=closed)))
        if closed:
            self._unjudged.add(hour)

    def _oldest(self, now: float) -> int:
        return int((now - self._window) * 1000) // HOUR_MS

    def _store(self, hour: int, found: LedgerHour) -> None:
        self._hours[hour] = found
        self._unstored[str(hour)] = entry(self._source, found, str(hour))
