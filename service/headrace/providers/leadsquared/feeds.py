"""The feed `lead-activities`: all activities of one lead, those that are new or changed.

A turn reads all pages of its lead. Retrieve takes neither a window nor an order, an edit changes a row wherever it
stands, and only the whole list can be counted against RecordCount. It costs a call for every `page_size` rows; what is
not new is known by its digest and not appended. https://apidocs.leadsquared.com/get-activities-of-a-lead/
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from itertools import chain, repeat
from typing import Final, Literal

import msgspec
from msgspec import Struct

from headrace.core.problems import Undecodable
from headrace.providers.leadsquared import wire
from headrace.providers.leadsquared.offset_detection import Offsets
from headrace.providers.leadsquared.pager import LeadSquaredPager, Shortfall
from headrace.providers.leadsquared.settings import LeadActivitiesSettings, LeadSquaredSettings
from headrace.providers.leadsquared.times import micros
from headrace.sdk.faults import Incomplete
from headrace.sdk.feed import Api, Cursor, Feed, Skipped, Turn, Yield
from headrace.sdk.provider import RawEvent, Tenant
from headrace.sdk.row_digests import Digests
from headrace.sdk.settings import settings_of
from headrace_events import Via


class LeadActivitiesCursor(Struct, omit_defaults=True):
    """The cursor: when the last whole reading began, in milliseconds by the platform's clock (0: never).

    `known` are the rows that the next reading may take for news; of a reading that was not whole, all of them. `short`
    is what it lacked, of each code.
    """

    read: int = 0
    known: bytes = b""
    short: tuple[Shortfall | None, ...] = ()


class _RowTimes(Struct, rename="pascal", gc=False):
    created_on: str | None = None
    modified_on: str | None = None


_decode: Final = msgspec.json.Decoder(LeadActivitiesCursor).decode
_times: Final = msgspec.json.Decoder(_RowTimes).decode
_encode: Final = msgspec.json.Encoder().encode


def feeds(settings: Tenant) -> Sequence[Feed]:
    """Return the one feed there is: it is read for every lead that is watched."""
    return (LeadActivitiesFeed(settings_of(settings, LeadSquaredSettings).lead_activities),)


class LeadActivitiesFeed:
    """Reads the activities of one lead from the first to the last."""

    name: str = wire.FEED
    by_lead: bool = True

    def __init__(self, settings: LeadActivitiesSettings) -> None:
        self.every = settings.every
        self._settings: Final = settings
        self._look_back: Final = settings.look_back * 1000

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read a lead; a turn without one has nothing to read.

        Raises `Fault`, `Incomplete` behind the cursor of a reading that is not whole.
        """
        if turn.lead is None:
            return
        before = _decode(cursor) if cursor else LeadActivitiesCursor()
        known, fresh = Digests(before.known), Digests()
        begun, offsets = 0, Offsets(api)
        shortfall, short = "", list[Shortfall | None]()
        for code, lacked in zip(self._settings.codes or (None,), chain(before.short, repeat(None)), strict=False):
            pager = LeadSquaredPager(api, turn.lead, code, self._settings, offsets)
            await pager.read(lacked)
            short.append(pager.short)
            begun, shortfall = begun or pager.begun, shortfall or ("" if pager.whole else pager.shortfall)
            skipped: defaultdict[Literal["outside", "unchanged"], list[bytes]] = defaultdict(list)
            while pager.rows:
                row, _ = pager.rows.popitem()  # the last first, and what was passed on is not held any longer
                at = changed(row)
                if row in known:
                    skipped["unchanged"].append(row)
                elif at is not None and at < before.read - self._look_back:
                    skipped["outside"].append(row)
                    continue
                else:
                    yield _raw(api, row)
                if at is None or at >= begun - self._look_back or not pager.whole:
                    fresh.add(row)
            for reason, rows in skipped.items():
                yield Skipped(reason, wire.LEAD_ACTIVITY, rows)
        read = before.read if shortfall else begun
        lacks = tuple(short) if any(short) else ()
        yield Cursor(_encode(LeadActivitiesCursor(read, fresh.packed(), lacks)), whole=not shortfall)
        if shortfall:
            raise Incomplete(shortfall)


def changed(row: bytes) -> int | None:
    """Return the later of CreatedOn and ModifiedOn in milliseconds (either may be it), None where there is neither."""
    try:
        found = _times(row)
        times = [micros(found.created_on, "$.CreatedOn"), micros(found.modified_on, "$.ModifiedOn")]
    except (Undecodable, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    known = [at for at in times if at is not None]
    return max(known) // 1000 if known else None


def _raw(api: Api, row: bytes) -> RawEvent:
    return RawEvent(
        provider=wire.NAME, tenant=api.tenant, shape=wire.LEAD_ACTIVITY, value=row, via=Via.POLL, received=api.now
    )
