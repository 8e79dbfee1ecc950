"""The feed `activities-by-code`: all activities of the account, as one stream for each code, or one of all codes.

A turn reads one stream on, a few pages of it. Where nothing happens that is one call in `every` for all streams
together; more where there is more to bring. https://apidocs.leadsquared.com/get-activities-by-activity-event/
"""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from msgspec import Struct

from headrace.providers.leadsquared import wire
from headrace.providers.leadsquared.activity_lists import ALL, asking
from headrace.providers.leadsquared.code_spans import CodeSpan
from headrace.providers.leadsquared.code_streams import FACT, CodeStreams
from headrace.providers.leadsquared.nudge import APART_MS
from headrace.providers.leadsquared.recent_leads import NOTE, RecentLeads
from headrace.providers.leadsquared.rows import facts_of
from headrace.providers.leadsquared.settings import ActivitiesByCodeSettings
from headrace.providers.leadsquared.stream import Stream, encode
from headrace.providers.leadsquared.stream_schedule import StreamSchedule
from headrace.sdk.faults import Fault, Gone, Incomplete, Rejected, Throttled
from headrace.sdk.feed import AROUND_MS, Api, Cursor, Note, Sighting, Skipped, Turn, Yield
from headrace.sdk.provider import RawEvent
from headrace_events import Via

_PAGES: Final = 5
"""Of one stream in one turn: then others have theirs."""
_UNCLEAR: Final = 2
_MOST_FAILED: Final = 10
"""So many streams fail in a row, and it is the platform that does; a refusal is its own word on one code."""
_EARLY_MS: Final = 1_000


class ByCodeCursor(Struct, omit_defaults=True):
    """The cursor: when a stream was last asked for in its turn (ms), and from when on all are to be read again.

    `oldest` says whose turn is next: that of the stream which was read longest ago.
    """

    turned: int = 0
    oldest: bool = False
    rewind: int = 0


_decode: Final = msgspec.json.Decoder(ByCodeCursor).decode


class ActivitiesByCodeFeed:
    """Reads the activities of the account, stream by stream."""

    name: str = wire.BY_CODE
    by_lead: bool = False

    def __init__(self, settings: ActivitiesByCodeSettings) -> None:
        self.every = settings.every
        self.apart = APART_MS
        self._settings: Final = settings

    def rewound(self, since: int, before: bytes) -> bytes:  # noqa: ARG002  (where each stream stands is in its note)
        """See Feed."""
        return encode(ByCodeCursor(rewind=max(since, 1)))

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read one stream on, or all of them in a span, or around a fact.

        Raises `Fault`; `Incomplete` where a stream does not come while others do.
        """
        span = turn.span
        if turn.around is not None:
            back = self._settings.look_back * 1000
            span = max(turn.around - back, 0), turn.around + AROUND_MS + back
        if span is None:
            things = _CodeTurn(api, cursor, self._settings).things()
        else:
            things = CodeSpan(api, cursor, self._settings, span).things(whole=turn.around is not None)
        async for thing in things:
            yield thing


class _CodeTurn:
    """One turn that reads on."""

    def __init__(self, api: Api, cursor: bytes, settings: ActivitiesByCodeSettings) -> None:
        self._api: Final = api
        self._at: Final = _decode(cursor) if cursor else ByCodeCursor()
        self._every: Final = settings.every * 1000
        self._settings: Final = settings
        self._streams: Final = CodeStreams(api, settings)
        self._schedule: Final = StreamSchedule(self._streams.states, self._every)
        self._leads: Final = RecentLeads(api.note(wire.BY_CODE, NOTE))
        self._failed: Final[dict[str, Fault]] = {}
        self._since = 0

    async def things(self) -> AsyncIterator[Yield]:
        """Yield what the turn brings."""
        if self._at.rewind:
            self._streams.rewind(self._at.rewind)
            for rewound, state in self._streams.states.items():
                yield Note(rewound, encode(state))
            yield Cursor(encode(ByCodeCursor()), more=True, whole=False)
            return
        await self._streams.find()
        while (name := self._choose()) is not None:
            try:
                async for thing in self._read(name):
                    yield thing
                break
            except Throttled:
                raise
            except Fault as fault:
                self._note_failure(name, fault)
        async for thing in self._ending(has_read=name is not None):
            yield thing

    def _choose(self) -> str | None:
        """Return the stream to read, None where none has its turn."""
        now = self._api.now
        if self._failed:
            control = self._schedule.control(now, but=self._failed)
            if control is None:
                raise next(iter(self._failed.values()))
            return control
        if now - self._at.turned >= self._every - _EARLY_MS:  # before busy streams, or quiet ones would wait for ever
            name = self._schedule.next(now, oldest=self._at.oldest)
            if name is not None:
                self._at.turned, self._at.oldest = now, not self._at.oldest
                return name
        return self._schedule.due(now)

    def _note_failure(self, name: str, fault: Fault) -> None:
        """Note that a stream does not come. Raises the fault where it is the platform's."""
        if name == ALL:
            self._streams.fall_back()
        elif isinstance(fault, Rejected) and self._streams.is_extra(name):
            self._streams.learn(name, served=False)
        self._failed[name] = fault
        unclear = sum(not isinstance(each, Gone | Rejected) for code, each in self._failed.items() if code != ALL)
        if unclear >= _UNCLEAR or len(self._failed) >= _MOST_FAILED:
            raise fault

    async def _read(self, name: str) -> AsyncIterator[Yield]:
        stream = Stream(self._streams.states[name], asking(self._api, name), self._settings)
        stream.begin(self._api.now, self._streams.head)
        self._since = stream.state.place.at if self._streams.one else self._api.now
        for _ in range(_PAGES):
            rows = await stream.page()
            if stream.cut:
                self._api.leave_out("activity", f"{name}/{stream.cut}")
            if rows or stream.repeated:
                self._learn(name)
            for row in rows:
                yield self._raw(name, row)
                if lead := self._sighted(row):
                    yield lead
            if stream.repeated:
                yield Skipped("repeated", _shape(name), stream.repeated)
            if stream.done:
                stream.finish(self._api.now)
            for note in self._notes(name, news=bool(rows)):
                yield note
            yield self._cursor(more=True)
            if stream.done:
                return

    async def _ending(self, *, has_read: bool) -> AsyncIterator[Yield]:
        """Yield what is to be remembered of streams that failed, and the last cursor. Raises `Incomplete`."""
        for failed, fault in self._failed.items():
            if failed in self._streams.states and not self._is_refused(failed, fault):
                yield await self._rest(failed, fault)
        for note in self._streams.notes():
            yield note
        lack = self._lack()
        more = self._schedule.due(self._api.now) is not None
        yield self._cursor(more=more, whole=has_read and not lack)
        if lack and not more:
            raise Incomplete(lack)

    async def _rest(self, name: str, fault: Fault) -> Note:
        """Let a stream rest that does not come while others do."""
        stream = Stream(self._streams.states[name], asking(self._api, name), self._settings)
        passed = await stream.failed(str(fault), self._api.now)
        if passed:
            self._api.leave_out("activity", f"{name}/{passed}")
        return Note(name, encode(stream.state))

    def _is_refused(self, name: str, fault: Fault) -> bool:
        """Return whether a code is refused of which nobody knew whether it is served: that is an answer."""
        return isinstance(fault, Rejected) and self._streams.is_extra(name)

    def _lack(self) -> str:
        """Return what did not come, "" where all did."""
        lacking = sorted((int(name), at) for name, at in self._streams.states.items() if at.reason and name != ALL)
        if ALL in self._streams.states and self._streams.states[ALL].reason:
            return f"the list of all codes {self._streams.states[ALL].reason}"
        if not lacking:
            return self._streams.lack
        code, at = lacking[0]
        rest = f", and of {len(lacking) - 1} more," if len(lacking) > 1 else ""
        return f"activities of code {code}{rest} did not come: {at.reason}"

    def _learn(self, name: str) -> None:
        if name == ALL:
            self._api.remember(FACT, "yes")
        else:
            self._streams.learn(name, served=True)

    def _sighted(self, row: bytes) -> Sighting | None:
        found = facts_of(row)
        if not found.lead:
            return None
        self._leads.add(found.lead, found.newest)
        return Sighting(found.lead, at=found.newest, brought=True)

    def _notes(self, name: str, *, news: bool) -> list[Note]:
        notes = [Note(name, encode(self._streams.states[name])), *self._streams.notes()]
        return [*notes, Note(NOTE, self._leads.packed())] if news else notes

    def _cursor(self, *, more: bool, whole: bool = False) -> Cursor:
        return Cursor(encode(self._at), more=more, whole=whole, since=self._since)

    def _raw(self, name: str, row: bytes) -> RawEvent:
        api = self._api
        return RawEvent(
            provider=wire.NAME, tenant=api.tenant, shape=_shape(name), value=row, via=Via.POLL, received=api.now
        )


def _shape(name: str) -> str:
    return wire.MODIFIED_ACTIVITY if name == ALL else wire.CODE_ACTIVITY
