"""Watches the rows of one feed run for what nudges stand for: whatever was read, appended or not."""

import asyncio
from typing import Final

from headrace.config.tenants import Account
from headrace.core.timestamps import micros
from headrace.poller.clock import Clock
from headrace.poller.loss_ledger import LossLedger
from headrace.poller.nudge_table import NudgeKey, ReadRow
from headrace.poller.open_nudges import OpenNudges
from headrace.poller.scheduler import Work
from headrace.records.cursors import CursorEntry, OpenNudge
from headrace.sdk.provider import Draft, RawEvent


class RowWatch:
    """What the rows of a run bring. It counts with `settle`, once they are durable in raw.

    Before `saw`, wait until it is `ready`: `stored` is not set while it is being stored what goes back to raw.
    """

    def __init__(
        self,
        nudges: OpenNudges,
        ledger: LossLedger,
        account: Account,
        work: Work,
        *,
        clock: Clock,
        stored: asyncio.Event,
    ) -> None:
        self._nudges: Final = nudges
        self._ledger: Final = ledger
        self._stored: Final = stored
        self._account: Final = account
        self._work: Final = work
        self._clock: Final = clock
        self._brought: Final[dict[NudgeKey, OpenNudge]] = {}
        self._rows: Final[dict[str, OpenNudge]] = {}
        self._facts: Final[dict[str, tuple[int | None, bool]]] = {}
        """By row of another id than its nudge: the time (ms) of its fact, and whether it was read before."""

    @property
    def waits(self) -> bool:
        """Whether any row could bring something."""
        return self._nudges.waits(self._work.feed, self._work.lead)

    @property
    def far(self) -> bool:
        """Whether the rows are from around a fact that the feed does not look back to."""
        return self._work.around is not None

    async def ready(self) -> None:
        """Return when it is stored of which records the rows are duplicates."""
        await self._stored.wait()

    def saw(self, raw: RawEvent, key: bytes, *, before: bool = False) -> bool:
        """Note a row that was read, by its key in raw; `before`: it was read and appended in a turn before.

        Return whether its fact is published as told under another id: where the id is the same, the normalizer knows.
        """
        feed, row = self._work.feed, key.hex()
        known = self._rows.get(row) or self._nudges.of_row(feed, row)
        if known is not None:
            return _is_twin(known, row)
        key_found = self._nudges.same_record(feed, row) or self._same_fact(raw, row, before=before)
        found = None if key_found is None else self._nudges.hold(key_found)
        if key_found is None or found is None:
            return False
        self._rows[row] = self._brought[key_found] = found
        return _is_twin(found, row)

    def wants(self, key: bytes) -> bool:
        """Return whether a row that was seen is to be appended.

        Around a fact only what brings one is: the rest was read when it was new, and its ids may be forgotten by now.
        """
        return not self.far or key.hex() in self._rows

    def settle(self) -> list[CursorEntry]:
        """Return the entries for what was brought since the last call: its rows are durable."""
        now, brought, facts = self._clock.now(), list(self._rows.items()), dict(self._facts)
        for settled in (self._rows, self._brought, self._facts):
            settled.clear()
        entries: list[CursorEntry] = []
        for row, found in brought:
            one = self._nudges.bring(found.nudge, row, now)
            if one is None:
                continue
            entries.append(one)
            if row in facts and not found.row:
                time, before = facts[row]
                later = None if before else now - (found.written or found.came) / 1000
                self._ledger.pair(found.nudge.counted, time, later, now)
        return [*entries, *self._ledger.take_unstored()]

    def release(self) -> None:
        """Forget what was not settled: the run failed before its rows were durable."""
        for key in self._brought:
            self._nudges.release(key)

    def _same_fact(self, raw: RawEvent, row: str, *, before: bool) -> NudgeKey | None:
        """Return the nudge without a shared id that a row says."""
        feed = self._work.feed
        if not self._nudges.compares(feed, self._work.lead) or (becomes := self._translated(raw)) is None:
            return None
        found = self._nudges.same_fact(feed, becomes, self._brought)
        if found is not None:
            self._facts[row] = becomes.time, before
        return found

    def _translated(self, raw: RawEvent) -> ReadRow | None:
        """Return what a row becomes, None where that is no event."""
        try:
            draft = self._account.provider.translate(raw, self._account.mapping)
            if not isinstance(draft, Draft):
                return None
            time = None if draft.time is None else micros(draft.time) // 1000
        except Exception:  # noqa: BLE001  (whatever it is: the normalizer says why the row becomes no event)
            return None
        fields = {name: value for name, value in (draft.data.fields or {}).items() if isinstance(value, str)}
        return ReadRow(draft.row.type, {**fields, **(draft.data.refs or {})}, time)


def _is_twin(found: OpenNudge, row: str) -> bool:
    return found.returned and row != found.nudge.record
