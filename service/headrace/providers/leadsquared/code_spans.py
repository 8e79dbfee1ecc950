"""Read all codes of the account in a span: what was modified in it, then what was created in it, code after code."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from msgspec import Struct, field

from headrace.providers.leadsquared import wire
from headrace.providers.leadsquared.activity_lists import Column, asking, catalogue
from headrace.providers.leadsquared.code_streams import CodeStreams
from headrace.providers.leadsquared.rows import RowFacts, facts_of
from headrace.providers.leadsquared.settings import ActivitiesByCodeSettings
from headrace.providers.leadsquared.windows import Place, WindowReader
from headrace.sdk.faults import Fault, Incomplete, Rejected, Throttled
from headrace.sdk.feed import Api, Cursor, Sighting, Yield
from headrace.sdk.provider import RawEvent
from headrace.sdk.row_digests import Digests
from headrace_events import Via

_PAGES: Final = 5
_TRIES: Final = 3
"""Turns in which a code does not come while others do: then it is left out."""


class CodeSpanCursor(Struct, omit_defaults=True):
    """The cursor of a span: the codes that are `left`, the first being read, by `column`, at `place`; `known` its rows.

    Codes that did not come are the last ones, each with how often it was tried (`tries`); `well` is one that came.
    """

    left: list[int] | None = None
    column: Column = "ModifiedOn"
    place: Place = field(default_factory=Place)
    known: bytes = b""
    tries: dict[int, int] = {}
    well: int | None = None


_decode: Final = msgspec.json.Decoder(CodeSpanCursor).decode
_encode: Final = msgspec.json.Encoder().encode


class CodeSpan:
    """One turn of a span (ms, from the first until before the second)."""

    def __init__(self, api: Api, cursor: bytes, settings: ActivitiesByCodeSettings, span: tuple[int, int]) -> None:
        self._api: Final = api
        self._settings: Final = settings
        self._at: Final = _decode(cursor) if cursor else CodeSpanCursor()
        self._span: Final = span
        self._known = Digests(self._at.known)
        self._failed: Final[dict[int, Fault]] = {}

    async def things(self, *, whole: bool) -> AsyncIterator[Yield]:
        """Yield what is in the span: some pages of it, all where it is to be read as a `whole`. Raises `Fault`."""
        pages = 0
        left = await self._codes()
        while left and left[0] not in self._failed and (whole or pages < _PAGES):
            try:
                async for thing in self._page(left[0]):
                    yield thing
            except Throttled:
                raise
            except Fault as fault:
                self._put_last(fault)
                if not pages and not await self._others_come():
                    raise
                continue
            pages += 1
            yield self._cursor()
        waits = self._failed.get(left[0]) if left else None
        if waits is not None:
            self._leave_out()
        yield self._cursor()
        if waits is not None and left:
            raise Incomplete(f"activities of code {left[0]} did not come: {waits}")

    async def _others_come(self) -> bool:
        """Return whether a code comes that did not fail: else it is the platform. Raises `Fault`."""
        others = [code for code in (self._at.well, *(self._at.left or ())) if code not in (None, *self._failed)]
        if not others:
            return all(isinstance(fault, Rejected) for fault in self._failed.values())
        reader = WindowReader(
            Place(*self._span),
            asking(self._api, str(others[0])),
            size=self._settings.page_size,
            time_of=lambda _: None,
            name_of=lambda row: row,
        )
        return await reader.comes(self._span[0])

    async def _codes(self) -> list[int]:
        """Return the codes that are left. Raises `Fault`."""
        if self._at.left is None:
            names = CodeStreams(self._api, self._settings).names()
            known = [int(name) for name in names]
            only_extra = not self._settings.codes and set(known) <= set(self._settings.extra_codes)
            self._at.left = sorted({*known, *(await catalogue(self._api))}) if only_extra else known
        return self._at.left

    async def _page(self, code: int) -> AsyncIterator[Yield]:
        at = self._at
        if not at.place.until:
            at.place.at, at.place.until = self._span
        reader = WindowReader(
            at.place,
            asking(self._api, str(code), at.column),
            size=self._settings.page_size,
            time_of=lambda row: _time(facts_of(row), at.column),
            name_of=lambda row: facts_of(row).name,
        )
        for row in await reader.page():
            found = facts_of(row)
            if found.is_in(self._span) and self._known.add(row):
                yield RawEvent(
                    provider=wire.NAME,
                    tenant=self._api.tenant,
                    shape=wire.CODE_ACTIVITY,
                    value=row,
                    via=Via.POLL,
                    received=self._api.now,
                )
                if found.lead:
                    yield Sighting(found.lead, at=found.newest, brought=True)
        if reader.done:
            self._go_on()

    def _go_on(self) -> None:
        """Go on behind a code that was read by one of its times."""
        at = self._at
        at.place = Place()
        if at.column == "ModifiedOn":
            at.column = "CreatedOn"
            return
        at.column, self._known = "ModifiedOn", Digests()
        if at.left:
            at.well = at.left.pop(0)
            at.tries.pop(at.well, None)

    def _put_last(self, fault: Fault) -> None:
        at = self._at
        assert at.left  # noqa: S101  (one of them is being read)
        code = at.left.pop(0)
        at.left.append(code)
        at.place, at.column, self._known = Place(), "ModifiedOn", Digests()
        self._failed[code] = fault

    def _leave_out(self) -> None:
        """Count that codes did not come; leave those out that did not for several turns, or that are not served."""
        at, left = self._at, self._at.left or []
        for code, fault in self._failed.items():
            at.tries[code] = at.tries.get(code, 0) + 1
            unknown = isinstance(fault, Rejected) and code in self._settings.extra_codes
            if unknown or at.tries[code] >= _TRIES:
                left.remove(code)
                del at.tries[code]
                if not unknown:
                    self._api.leave_out("code", str(code))

    def _cursor(self) -> Cursor:
        self._at.known = self._known.packed()
        return Cursor(_encode(self._at), more=bool(self._at.left))


def _time(found: RowFacts, column: Column) -> int | None:
    return found.modified if column == "ModifiedOn" else found.created
