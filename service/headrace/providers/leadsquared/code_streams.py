"""Which streams an account has: those of its codes, or one of all of them. What is known of it is kept in notes."""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headrace.providers.leadsquared import wire
from headrace.providers.leadsquared.activity_lists import ALL, asking, catalogue
from headrace.providers.leadsquared.settings import ActivitiesByCodeSettings
from headrace.providers.leadsquared.stream import StreamState, encode, state_of
from headrace.providers.leadsquared.windows import Place
from headrace.sdk.faults import Fault, Gone, NoRoute, Rejected, Throttled, TooHeavy
from headrace.sdk.feed import Api, Note

FACT: Final = "recently-modified"
"""Whether the account has RetrieveRecentlyModified: `yes` where it brought rows, `no` where it was refused."""
CODES: Final = "codes"
"""The key of the note with the catalogue."""
NAMES: Final = "names"
"""The key of the note with what the account calls its codes: nothing here needs them, people do."""
_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_FEW: Final = 25


class Catalogue(Struct, omit_defaults=True):
    """The codes of the account, when they were asked for (ms), and when RetrieveRecentlyModified was last tried."""

    codes: tuple[int, ...] = ()
    listed: int = 0
    tried: int = 0


_decode: Final = msgspec.json.Decoder(Catalogue).decode
code_names: Final = msgspec.json.Decoder(dict[str, str]).decode
"""What a note of `NAMES` holds: the name of each code that has one."""


class CodeStreams:
    """The streams of one turn: `states` by name. `lack` says what is not known of them."""

    def __init__(self, api: Api, settings: ActivitiesByCodeSettings) -> None:
        self.states: Final[dict[str, StreamState]] = {}
        self.lack = ""
        self._api: Final = api
        self._settings: Final = settings
        note = api.note(wire.BY_CODE, CODES)
        self._catalogue: Final = _decode(note) if note else Catalogue()
        self._all: Final = state_of(api.note(wire.BY_CODE, ALL))
        self._before: Final = encode(self._catalogue)
        self._gone: list[str] = []
        self._names: dict[int, str] = {}
        self._new: dict[str, StreamState] = {}

    @property
    def one(self) -> bool:
        """Whether there is one stream of all codes."""
        return ALL in self.states

    @property
    def head(self) -> int:
        """Up to where the stream of all codes has read what those of codes need not read."""
        return 0 if self.one else self._all.head

    async def find(self) -> None:
        """Find out which streams there are. Raises `Fault`."""
        await self._list()
        if self._settings.recently_modified:
            await self._try_all()
        elif self._api.recall(FACT) is not None:
            self._api.remember(FACT, None)
        if self._settings.recently_modified and self._api.recall(FACT) == "yes":
            self.states[ALL] = self._all
            if not self._all.head:
                begin = self._api.now - self._settings.history * 1000
                self._all.head = min((at.head or begin for at in self._of_codes().values()), default=0)
        else:
            self.states.update(self._of_codes())
        if self._settings.codes and not any(at.touched for at in self.states.values()):
            await catalogue(self._api)  # where nothing was asked yet, the platform's clock is not known

    def fall_back(self) -> None:
        """Read code by code: the list of all does not come."""
        self._api.remember(FACT, None)
        self.states.clear()
        self.states.update(self._of_codes())

    def learn(self, name: str, *, served: bool) -> None:
        """Note whether a code that no catalogue has is served."""
        if name != ALL and int(name) in self._settings.extra_codes:
            self._api.remember(_fact(name), "served" if served else "refused")

    def is_extra(self, name: str) -> bool:
        """Return whether nobody knows if a code is served."""
        extra = name != ALL and int(name) in self._settings.extra_codes
        return extra and self._api.recall(_fact(name)) != "served"

    def notes(self) -> Iterator[Note]:
        """Yield what is to be remembered of the catalogue, and of codes that it has no more, or did not have before."""
        if (after := encode(self._catalogue)) != self._before:
            yield Note(CODES, after)
        if self._names:
            yield Note(NAMES, encode(self._names))
        yield from (Note(name, b"") for name in self._gone)
        yield from (Note(name, encode(state)) for name, state in self._new.items())

    def rewind(self, since: int) -> None:
        """Let all streams begin again at a time in ms."""
        for name in (*map(str, self._catalogue.codes), *map(str, self._settings.codes), *self._extra(), ALL):
            before = state_of(self._api.note(wire.BY_CODE, name))
            if before.head > since:
                self.states[name] = StreamState(head=since, touched=before.touched, rate=before.rate)
            elif before.head:  # it goes back no further than from where it stands
                self.states[name] = replace(
                    before, place=Place(), begun=0, known=b"", failures=0, rests=0, reason="", short=(0, 0), hides=0
                )

    def names(self) -> list[str]:
        """Return the streams of codes."""
        return [str(code) for code in self._settings.codes or self._catalogue.codes] + self._extra()

    async def _list(self) -> None:
        """Ask for the catalogue once a day, where no codes are set. Raises `Fault` where there never was one."""
        known, now = self._catalogue, self._api.now
        if self._settings.codes or now - known.listed < _DAY_MS:
            return
        try:
            listed = await catalogue(self._api)
        except Throttled:
            raise
        except Fault as fault:
            if not known.codes:
                raise
            self.lack = f"the list of activity types did not come: {fault}"
            return
        self._gone = [str(code) for code in known.codes if code not in listed]
        self._names = {code: name for code, name in listed.items() if name}
        self._new = self._begun([str(code) for code in listed if code not in known.codes]) if known.codes else {}
        known.codes, known.listed = tuple(listed), now

    def _begun(self, names: list[str]) -> dict[str, StreamState]:
        """Return the streams of codes that are new: they may have rows since the catalogue did not have them."""
        last, now = self._catalogue.listed - self._settings.look_back * 1000, self._api.now
        head = min(last, now - self._settings.history * 1000)
        return {name: StreamState(head=head) for name in names if not self._api.note(wire.BY_CODE, name)}

    async def _try_all(self) -> None:
        """Find out whether the account has RetrieveRecentlyModified, in two turns; hourly where nothing shows it."""
        now = self._api.now
        if self._api.recall(FACT) is not None or now - self._catalogue.tried < _HOUR_MS:
            return
        try:
            listed = await asking(self._api, ALL)(now - _DAY_MS // 12, now, 1, _FEW)
        except (Gone, NoRoute, Rejected, TooHeavy):
            self._api.remember(FACT, "no")
        except Throttled:
            raise
        except Fault:
            self._catalogue.tried = now
        else:
            if listed.rows:
                self._api.remember(FACT, "yes")
            else:
                self._catalogue.tried = now

    def _of_codes(self) -> dict[str, StreamState]:
        return {name: self._new.get(name) or state_of(self._api.note(wire.BY_CODE, name)) for name in self.names()}

    def _extra(self) -> list[str]:
        known = {*self._catalogue.codes, *self._settings.codes}
        names = (str(code) for code in self._settings.extra_codes if code not in known)
        return [name for name in names if self._api.recall(_fact(name)) != "refused"]


def _fact(name: str) -> str:
    return f"by-code-{name}"
