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
from headrace.providers.leadsquared.stream import hides, state_of
from headrace.providers.leadsquared.windows import Place, WindowReader
from headrace.sdk.faults import Fault, Incomplete, Rejected, Throttled
from headrace.sdk.feed import Api, Cursor, Sighting, Yield
from headrace.sdk.provider import RawEvent
from headrace.sdk.row_digests import Digests
from headrace_events import Via

_PAGES: Final = 5
_TRIES: Final = 3
"""So often a code does not come while others do: then it is left out."""
_APART_MS: Final = 5 * 60_000
"""So long after a try a code is tried again: what fails for some minutes loses none."""


class CodeSpanCursor(Struct, omit_defaults=True):
    """The cursor of a span: the codes that are `left`, the first being read, by `column`, at `place`; `known` its rows.

    So many rows of it were `lacking`. Codes that did not come are the last ones: how often each was tried (`tries`) and
    when last (`tried`, ms), how many rows it lacked then (`short`), and why the last of them did not come (`reason`);
    `well` is one that came.
    """

    left: list[int] | None = None
    column: Column = "ModifiedOn"
    place: Place = field(default_factory=Place)
    known: bytes = b""
    lacking: int = 0
    tries: dict[int, int] = {}
    tried: dict[int, int] = {}
    short: dict[int, int] = {}
    reason: str = ""
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
        self._whole = False

    async def things(self, *, whole: bool) -> AsyncIterator[Yield]:
        """Yield what is in the span: some pages of it, all where it is to be read as a `whole`. Raises `Fault`."""
        pages, self._whole = 0, whole
        await self._find_codes()
        while (code := self._next()) is not None and (whole or pages < _PAGES):
            try:
                async for thing in self._page(code):
                    yield thing
            except Throttled:
                raise
            except Fault as fault:
                self._put_last(code, fault)
                if not pages and not await self._others_come():
                    raise
                continue
            pages += 1
            yield self._cursor()
        waits = code is None
        if waits:
            self._leave_out()
        yield self._cursor()
        if waits and self._at.left:
            raise Incomplete(f"activities of code {self._at.left[0]} did not come: {self._at.reason}")

    def _next(self) -> int | None:
        """Return the code that is to be read; None where none is left but those that failed not long ago."""
        code = next(iter(self._at.left or ()), None)
        waits = code in self._failed or self._api.now - self._at.tried.get(code or 0, 0) < _APART_MS
        return None if waits else code

    async def _others_come(self) -> bool:
        """Return whether a code comes that did not fail: else it is the platform. Raises `Fault`."""
        known = (self._at.well, *(self._at.left or ()))
        others = [code for code in known if code is not None and code not in self._failed]
        if not others:
            return all(isinstance(fault, Rejected) for fault in self._failed.values())
        reader = WindowReader(
            Place(*self._span),
            asking(self._api, str(min(others, key=lambda code: self._at.tries.get(code, 0)))),
            size=self._settings.page_size,
            time_of=lambda _: None,
            name_of=lambda row: row,
        )
        return await reader.comes(self._span[0])

    async def _find_codes(self) -> None:
        """Find out which codes there are, where that is not known. Raises `Fault`."""
        if self._at.left is None:
            names = CodeStreams(self._api, self._settings).names()
            known = [int(name) for name in names]
            only_extra = not self._settings.codes and set(known) <= set(self._settings.extra_codes)
            self._at.left = sorted({*known, *(await catalogue(self._api))}) if only_extra else known

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
        at.lacking += reader.short
        if reader.cut:
            self._api.leave_out("activity", f"{code}/{at.place.at}")
        if reader.done:
            self._go_on(code)

    def _go_on(self, code: int) -> None:
        """Go on behind a code that was read by one of its times; it is to be read again where it lacks rows."""
        at = self._at
        at.place = Place()
        if at.column == "ModifiedOn":
            at.column = "CreatedOn"
        elif at.lacking and not self._hides(code):
            at.short[code] = at.lacking
            self._put_last(code, Incomplete(f"it counts {at.lacking} rows more than it shows"))
        else:
            at.well = code
            self._forget(code)

    def _hides(self, code: int) -> bool:
        """Return whether it is believed that a code counts rows which these keys may not see.

        It lacked as many when it was tried before; around a fact, where that is not known, reading on has shown it.
        """
        on_its_own = state_of(self._api.note(wire.BY_CODE, str(code)))
        return self._at.lacking == self._at.short.get(code) or (self._whole and hides(on_its_own, self._api.now))

    def _forget(self, code: int) -> None:
        """Have done with a code."""
        at = self._at
        for of_codes in (at.tries, at.tried, at.short):
            of_codes.pop(code, None)
        at.left = [each for each in at.left or () if each != code]
        at.lacking, at.column, self._known = 0, "ModifiedOn", Digests()

    def _put_last(self, code: int, fault: Fault) -> None:
        """Note that a code does not come; it is read again from its begin, behind the others."""
        at = self._at
        at.left = [*(each for each in at.left or () if each != code), code]
        at.place, at.lacking, at.column, self._known = Place(), 0, "ModifiedOn", Digests()
        at.tries[code], at.tried[code], at.reason = at.tries.get(code, 0) + 1, self._api.now, str(fault)
        self._failed[code] = fault

    def _leave_out(self) -> None:
        """Leave codes out that did not come for several times, or that are not served."""
        for code, fault in self._failed.items():
            unknown = isinstance(fault, Rejected) and code in self._settings.extra_codes
            if unknown or self._at.tries[code] >= _TRIES:
                self._forget(code)
                if not unknown:
                    self._api.leave_out("code", str(code))

    def _cursor(self) -> Cursor:
        self._at.known = self._known.packed()
        return Cursor(_encode(self._at), more=bool(self._at.left))


def _time(found: RowFacts, column: Column) -> int | None:
    return found.modified if column == "ModifiedOn" else found.created
