"""The feed `lead-activities`: all activities of one lead, those that are new or changed.

A turn reads all pages of its lead. Retrieve can be asked neither for a window nor for an order, an edit changes a row
wherever it stands, and only the whole list can be counted against RecordCount. It costs a call for every `page_size`
rows; what is not new is known by its digest and not appended.
"""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Final, Literal

import msgspec
from msgspec import Struct

from headrace.core.problems import Undecodable
from headrace.providers.leadsquared import wire
from headrace.providers.leadsquared.pager import Trail
from headrace.providers.leadsquared.settings import LeadActivities
from headrace.providers.leadsquared.times import micros
from headrace.providers.leadsquared.translate.activity import FEED
from headrace.sdk.feed import Api, Cursor, Skipped, Turn, Yield
from headrace.sdk.provider import RawEvent
from headrace.sdk.row_digests import Digests
from headrace_events import Via


class Progress(Struct, omit_defaults=True):
    """The cursor: when the last whole reading began, in milliseconds by the platform's clock (0: never).

    `known` are the rows that the next reading may take for news; of a reading that was not whole, all of them.
    """

    read: int = 0
    known: bytes = b""


class _Stamp(Struct, rename="pascal", gc=False):
    created_on: str | None = None
    modified_on: str | None = None


_decode: Final = msgspec.json.Decoder(Progress).decode
_stamp: Final = msgspec.json.Decoder(_Stamp).decode
_encode: Final = msgspec.json.Encoder().encode


class LeadActivitiesFeed:
    """Reads the activities of one lead from the first to the last."""

    name: str = FEED
    by_lead: bool = True

    def __init__(self, provider: str, settings: LeadActivities) -> None:
        self.every = settings.every
        self._provider: Final = provider
        self._settings: Final = settings
        self._look_back: Final = settings.look_back * 1000

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read a lead; a turn without one has nothing to read. Raises `Fault`."""
        if turn.lead is None:
            return
        before = _decode(cursor) if cursor else Progress()
        known, fresh = Digests(before.known), Digests()
        begun, whole = 0, True
        for code in self._settings.codes or (None,):
            trail = Trail(api, turn.lead, code, self._settings)
            await trail.read()
            begun, whole = begun or trail.begun, whole and trail.whole
            skipped: Counter[Literal["outside", "unchanged"]] = Counter()
            for row in reversed(trail.rows):
                at = changed(row)
                if row in known:
                    skipped["unchanged"] += 1
                elif at is not None and at < before.read - self._look_back:
                    skipped["outside"] += 1
                    continue
                else:
                    yield RawEvent(
                        provider=self._provider,
                        tenant=api.tenant,
                        shape=wire.LEAD_ACTIVITY,
                        value=row,
                        via=Via.POLL,
                        received=api.now,
                    )
                if at is None or at >= begun - self._look_back or not trail.whole:
                    fresh.add(row)
            for reason, count in skipped.items():
                yield Skipped(reason, count)
        yield Cursor(_encode(Progress(begun if whole else before.read, fresh.packed())))


def changed(row: bytes) -> int | None:
    """Give the later of CreatedOn and ModifiedOn in milliseconds, for either may be it; None where none is told."""
    try:
        stamp = _stamp(row)
        times = [micros(stamp.created_on, "$.CreatedOn"), micros(stamp.modified_on, "$.ModifiedOn")]
    except (Undecodable, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    said = [at for at in times if at is not None]
    return max(said) // 1000 if said else None
