"""Count native codes without a row of their own in the events of a time, within bounds."""

import contextlib
import time
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct, field

from headrace.cli._event_lines import PROVISIONAL
from headrace.cli._output import progress
from headrace.cli._topic_reader import read_events
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.core.mapping import UNMAPPED
from headrace.core.overlay_draft import LONGEST_CODE, example
from headrace.core.proposals import Named
from headrace.sdk.provider import Provider
from headrace_events import Event, RawPosition

MOST_CODES: Final = 5_000
"""Codes, each under each name and status word, that are counted one by one; of others only the events are."""
_MOST_NAMED: Final = 2_000
_MOST_FIELDS: Final = 24
_MOST_SAMPLES: Final = 3
_PROGRESS_SECONDS: Final = 0.5


class EventFilter(Struct, frozen=True, kw_only=True):
    """Which events are wanted: of whom, and when they were published. None means all."""

    provider: Provider | None = None
    tenant: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def wants(self, event: Event) -> bool:
        """Return whether an event's source is wanted; its time was seen to by the reader."""
        native = event.data.native
        return (self.provider is None or native.provider == self.provider.name) and self.tenant in (None, native.tenant)


class UseKey(Struct, frozen=True):
    """A native code under one name and one status word, and what its events were published as."""

    source: str
    resource: str
    code: str
    name: str
    status: str | None
    published_as: str


class Sample(Struct, frozen=True):
    """One event of a code: its native id, its raw record, and the mapping it was read with."""

    id: str
    mapping: str
    raw: RawPosition


class CodeUse(Struct):
    """How many events there are, when the first and the last were recorded, and the newest of them.

    `fields` has an example of each native field, as it may be shown.
    """

    first: str
    last: str = ""
    events: int = 0
    samples: list[Sample] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Count an event."""
        self.events += 1
        self.first = min(self.first, event.recordedtime)
        for name, value in (event.data.fields or {}).items():
            if isinstance(value, str | int | float) and (name in self.fields or len(self.fields) < _MOST_FIELDS):
                add_example(self.fields, cut(name), example(value))
        if event.recordedtime < self.last:
            return
        self.last = event.recordedtime
        provenance = event.data.provenance
        del self.samples[: len(self.samples) - _MOST_SAMPLES + 1]
        self.samples.append(Sample(event.data.native.id, provenance.mapping, provenance.raw))


class Counted(Struct):
    """What was counted: the open codes, the names of others by source, and how much found no room."""

    uses: dict[UseKey, CodeUse] = field(default_factory=dict)
    named: dict[tuple[str, str], Named | None] = field(default_factory=dict)
    events: int = 0
    left_out: int = 0

    def names_of(self, source: str) -> list[Named]:
        """Return the codes of a source that have one row of their own, and a name."""
        return [one for (of, _), one in self.named.items() if of == source and one is not None]

    def add(self, event: Event) -> None:
        """Count an event that is wanted."""
        self.events += 1
        if _is_open(event):
            self._add_open(event)
        elif event.data.native.name and event.data.native.name != event.data.native.code:
            self._add_named(event)

    def _add_open(self, event: Event) -> None:
        key = _key(event)
        use = self.uses.get(key)
        if use is None:
            if len(self.uses) >= MOST_CODES:
                self.left_out += 1
                return
            use = self.uses[key] = CodeUse(event.recordedtime)
        use.add(event)

    def _add_named(self, event: Event) -> None:
        """Note what a named code is; one that is this and that, by its status, is no example for others."""
        native = event.data.native
        key = event.source, cut(native.name or "")
        one = Named(cut(native.code or ""), key[1], event.word)
        if key in self.named or len(self.named) < _MOST_NAMED:
            self.named[key] = one if self.named.get(key, one) == one else None


async def count_codes(config: Config, wanted: EventFilter) -> Counted:
    """Count the codes of all events that are wanted, with progress on standard error."""
    counted, shown = Counted(), _ReadingProgress()
    since, until = (None if at is None else int(at.timestamp() * 1000) for at in (wanted.since, wanted.until))
    async with contextlib.aclosing(read_events(config, since=since, until=until)) as events:
        async for record, event in events:
            shown.show(record.timestamp)
            if wanted.wants(event):
                counted.add(as_today(event, config.tenants.by_source.get(event.source)))
    shown.clear()
    return counted


def as_today(event: Event, account: Account | None) -> Event:
    """Return an event that may be older than its tenant's redaction as it would be published today; it is changed."""
    if account is None or account.redactor is None or event.data.provenance.mapping == account.mapping_id:
        return event
    return account.redactor.redact(event)


def add_example(fields: dict[str, str], name: str, value: str) -> None:
    """Take an example of a field where there is none, or a longer one: the same one, whatever comes first."""
    before = fields.get(name)
    if before is None or (len(value), value) < (len(before), before):
        fields[name] = value


def cut(text: str) -> str:
    """Return what of a code, name or word from outside is looked at."""
    return text if len(text) <= LONGEST_CODE else text[:LONGEST_CODE]


def _is_open(event: Event) -> bool:
    """Return whether an event had no row of its own: unmapped, or mapped by a provisional row."""
    return event.word == UNMAPPED or event.data.provenance.row.endswith(PROVISIONAL)


def _key(event: Event) -> UseKey:
    native = event.data.native
    return UseKey(
        source=event.source,
        resource=cut(native.resource),
        code=cut(native.code or ""),
        name=cut(native.name or ""),
        status=None if native.status is None else cut(native.status),
        published_as=f"{event.word} (provisional)" if event.word != UNMAPPED else UNMAPPED,
    )


class _ReadingProgress:
    """A line on a terminal that counts events, shown once the work takes longer than half a second."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _PROGRESS_SECONDS
        self._events = 0

    def show(self, published: int) -> None:
        self._events += 1
        if self._events % 500 == 0 and time.monotonic() > self._next:
            self._next = time.monotonic() + _PROGRESS_SECONDS
            at = datetime.fromtimestamp(published / 1000, UTC)
            progress(f"{self._events:,} events read, those of {at:%Y-%m-%d %H:%M} UTC…")

    def clear(self) -> None:
        progress("")
